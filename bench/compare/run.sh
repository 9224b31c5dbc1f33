#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Blind one-key commits beside the bare pipeline, in one run on one private PostgreSQL (fsync on): the ratios count.
#
#   bench/compare/run.sh [BUILD]      BUILD: a release build (build/release)
#
# Each measurement is made three times, by turns; a line each, then the medians and their ratio. VERDICT_SECONDS says how
# long each lasts (5).
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
seconds=${VERDICT_SECONDS:-5}

if [ -z "${VERDICT_TEST_DSN:-}" ]; then
    for program in cli/verdict resolver/verdict-resolver bench/bench_bare; do
        [ -x "$build/$program" ] || { echo "no $build/$program: cmake --preset release && cmake --build --preset release" >&2; exit 2; }
    done
    exec /usr/bin/python3 tests/support/private_pg.py -- "$0" "$build"
fi

export VERDICT_DSN=$VERDICT_TEST_DSN
log=$(mktemp)
"$build/cli/verdict" migrate >/dev/null
"$build/resolver/verdict-resolver" --node bench >"$log" 2>&1 &
resolver=$!
trap 'kill $resolver 2>/dev/null; wait $resolver 2>/dev/null; rm -f "$log"' EXIT
for _ in $(seq 100); do
    "$build/cli/verdict" status >/dev/null 2>&1 && break
    sleep 0.1
done

number() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
median() { sort -n | sed -n 2p; }
compare() { # compare PROCESSES IN-FLIGHT FIELD
    local ours=() bare=() line turn
    for turn in 1 2 3; do
        line=$("$build/bench/bench_bare" "$VERDICT_DSN" --processes "$1" --in-flight "$2" --seconds "$seconds")
        echo "$line"
        bare+=("$(number "$3" <<<"$line")")
        line=$("$build/cli/verdict" bench blind --processes "$1" --in-flight "$2" --seconds "$seconds" --json)
        echo "$line"
        ours+=("$(number "$3" <<<"$line")")
    done
    awk -v what="$3, $1 x $2 in flight" -v ours="$(printf '%s\n' "${ours[@]}" | median)" -v bare="$(printf '%s\n' "${bare[@]}" | median)" \
        'BEGIN { printf "%s: verdict %s, bare pipeline %s, ratio %.2f\n", what, ours, bare, ours / bare }'
}
compare 4 256 throughput_per_s
compare 1 1 p50
