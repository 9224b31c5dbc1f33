#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How long commits pause when the leader is killed with kill -9 under load.
#
#   bench/failover.sh [KILLS] [BUILD]     KILLS: 20; BUILD: a release build (build/release)
#
# A private cluster of three nodes, four word-count workers. Each kill's figure is the longest time without any verdict,
# among all workers, in the 1.5 s after it (a verdict that was on its way when the leader died does not end the pause).
# Prints all figures, then median and worst, in milliseconds. The next leader is killed once commits go on again and the
# killed node is back.
set -euo pipefail
cd "$(dirname "$0")/.."
kills=${1:-20} build=$PWD/${2:-build/release}
dir=$(mktemp -d "${TMPDIR:-/tmp}/verdict-failover.XXXXXX")
chmod 755 "$dir"
workers=()
finish() {
    local status=$?
    trap - EXIT
    for pid in "${workers[@]}"; do kill "$pid" 2>/dev/null || true; done
    "$build/cli/verdict" down --dir "$dir/cluster" >/dev/null 2>&1 || true
    rm -rf "$dir"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

gcc -std=gnu17 -O2 -Ifollower/include -o "$dir/wordcount" follower/examples/wordcount.c -L"$build/follower" -lverdict \
    -Wl,-rpath,"$build/follower"
VERDICT_DSN=$("$build/cli/verdict" up --nodes 3 --dir "$dir/cluster" --detach)
export VERDICT_DSN
for i in 1 2 3 4; do
    "$dir/wordcount" work --worker "$i" --rounds 100000 --trace "$dir/trace.$i" /usr/share/common-licenses/* >/dev/null &
    workers+=($!)
done
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }
sleep 1
# A node that dies often is started again after a longer wait: with two of three in it, there would be nobody to fail over to.
all_there() { [ "$("$build/cli/verdict" status --json | grep -o '"node":' | wc -l)" -eq 3 ]; }
for n in $(seq "$kills"); do
    for _ in $(seq 150); do all_there && break; sleep 0.1; done
    leader=$("$build/cli/verdict" status --json | field leader)
    kill -9 "$(cat "$dir/cluster/$leader.pid")"
    killed=$(date +%s%3N)
    sleep 1.6
    gap=$(sort -n "$dir"/trace.* | awk -v from="$killed" -v to=$((killed + 1500)) \
        '$1 <= from { last = $1 } $1 > from && $1 <= to { if (last && $1 - last > gap) gap = $1 - last; last = $1 }
         END { print (last > from ? gap + 0 : 1500) }')
    echo "kill $n: $leader, $gap ms"
    echo "$gap" >>"$dir/gaps"
    sleep 0.4
done
sort -n "$dir/gaps" | awk '{ a[NR] = $1 } END { printf "%d kills: median %d ms, worst %d ms\n", NR, a[int((NR + 1) / 2)], a[NR] }'
