#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Verdict beside what does the same work without it, in one run on one private PostgreSQL (fsync on): the ratios count.
#
#   bench/compare/run.sh [WORKLOAD...]
#
#   blind      one-key commits, beside the bare pipeline: the same statements, and nothing of what makes them right
#   read       point reads in one process, beside `= ANY` on one connection
#   rmw        two reads and two writes, beside PostgreSQL's SERIALIZABLE, a connection for each in flight
#
# Without a workload: all of them. VERDICT_BUILD names the release build (build/release).
#
# Each measurement is made three times, by turns; a line each, then the medians and their ratio. VERDICT_SECONDS says how
# long each lasts (5).
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${VERDICT_BUILD:-build/release}
what=("$@")
[ $# -gt 0 ] || what=(blind read rmw)
for workload in "${what[@]}"; do
    case $workload in
        blind | read | rmw) ;;
        *) sed -n '3,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
seconds=${VERDICT_SECONDS:-5}

if [ -z "${VERDICT_TEST_DSN:-}" ]; then
    for program in cli/verdict resolver/verdict-resolver bench/bench_bare bench/bench_any bench/bench_serializable; do
        [ -x "$build/$program" ] || { echo "no $build/$program: cmake --preset release && cmake --build --preset release" >&2; exit 2; }
    done
    exec /usr/bin/python3 tests/support/private_pg.py -- "$0" "${what[@]}"
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
# compare WORKLOAD COMPARISON PROCESSES IN-FLIGHT FIELD: the comparison is bench_COMPARISON
compare() {
    local ours=() theirs=() line turn with=(--processes "$3" --in-flight "$4" --seconds "$seconds")
    for turn in 1 2 3; do
        line=$("$build/bench/bench_$2" "$VERDICT_DSN" "${with[@]}")
        echo "$line"
        theirs+=("$(number "$5" <<<"$line")")
        line=$("$build/cli/verdict" bench "$1" "${with[@]}" --json)
        echo "$line"
        ours+=("$(number "$5" <<<"$line")")
    done
    awk -v what="$5 of $1, $3 x $4 in flight" -v ours="$(printf '%s\n' "${ours[@]}" | median)" -v theirs="$(printf '%s\n' "${theirs[@]}" | median)" -v name="$2" \
        'BEGIN { printf "%s: verdict %s, %s %s, ratio %.2f\n", what, ours, name, theirs, ours / theirs }'
}
for workload in "${what[@]}"; do
    case $workload in
        blind) compare blind bare 4 256 throughput_per_s && compare blind bare 1 1 p50 ;;
        read) compare read any 1 64 throughput_per_s && compare read any 1 1 throughput_per_s ;;
        rmw) compare rmw serializable 1 64 throughput_per_s ;;
    esac
done
