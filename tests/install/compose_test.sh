#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The compose cluster, as its user would start it: brings it up with two workers, kills the leader's container half way,
# starts it again, and compares all counts with what coreutils count. Ends with 77 where no Docker daemon answers.
set -euo pipefail
cd "$(dirname "$0")/../.."

docker info >/dev/null 2>&1 || { echo 'skipped: no Docker daemon answers'; exit 77; }
if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
elif command -v docker-compose >/dev/null 2>&1; then
    compose=(docker-compose)
else
    echo 'skipped: neither docker compose nor docker-compose is installed'
    exit 77
fi
deploy/base-image.sh

project=verdict-test-$$
compose+=(-p "$project" -f deploy/compose.yml)
VERDICT_PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
VERDICT_ROUNDS=${VERDICT_ROUNDS:-4}
export VERDICT_PASSWORD VERDICT_ROUNDS
out=$(mktemp -d)
finish() {
    local status=$?
    trap - EXIT
    [ $status = 0 ] || "${compose[@]}" logs --tail 15 2>&1 || true
    "${compose[@]}" down -v --timeout 20 >/dev/null 2>&1 || true
    rm -rf "$out"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

"${compose[@]}" up --build -d --scale worker=2 >"$out/log" 2>&1 || { tail -n 40 "$out/log"; exit 1; }

inside() { "${compose[@]}" exec -T observer "$@"; }
texts='$(find /usr/share/common-licenses -type f)'
percent() { inside sh -c "wordcount progress --rounds $VERDICT_ROUNDS $texts" | awk '{ print int($1 * 100 / $2) }'; }
until_percent() { # until_percent N: waits, at most two minutes
    local now
    for _ in $(seq 240); do
        now=$(percent 2>/dev/null) || now=0
        [ "${now:-0}" -lt "$1" ] || { echo "$now"; return 0; }
        sleep 0.5
    done
    echo "the workers do not come to $1 %: ${now:-nothing}" >&2
    return 1
}

at=$(until_percent 40)
[ "$at" -lt 95 ] || { echo "the count was over ($at %) before the kill: raise VERDICT_ROUNDS" >&2; exit 1; }
leader=$(inside verdict status --json | sed -n 's/.*"leader": *"\([^"]*\)".*/\1/p')
[ -n "$leader" ]
"${compose[@]}" kill -s KILL "$leader" >/dev/null 2>&1
echo "at $at %: killed the leader's container, $leader"
"${compose[@]}" start "$leader" >/dev/null 2>&1
until_percent 100 >/dev/null
successor=$(inside verdict status --json | sed -n 's/.*"leader": *"\([^"]*\)".*/\1/p')
echo "led now by $successor"

inside wordcount report >"$out/ours"
inside sh -c "for f in $texts; do cat \"\$f\"; echo; done" | LC_ALL=C tr -cs 'A-Za-z' '\n' | LC_ALL=C tr 'A-Z' 'a-z' |
    sed '/^$/d' | LC_ALL=C sort | uniq -c | awk -v rounds="$VERDICT_ROUNDS" '{ printf "%d %s\n", $1 * rounds, $2 }' >"$out/theirs"
diff "$out/ours" "$out/theirs" | head -n 20
cmp "$out/ours" "$out/theirs"
echo "all $(wc -l <"$out/ours") counts are equal"
