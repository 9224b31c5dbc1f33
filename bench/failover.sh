#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How long commits pause when the leader goes under load: killed with kill -9, or asked to go (a planned hand-over).
#
#   bench/failover.sh [--planned] [TIMES] [BUILD]     TIMES: 20; BUILD: a release build (build/release)
#   --planned    SIGTERM, and beside the word count 128 one-key commits in flight, which are checked at the end
#
# A private cluster of three nodes, four word-count workers. Each figure is the longest time without a commit, among all
# workers, in the 1.5 s after the signal (a commit whose answer was on its way when the leader died does not end the pause).
# Prints all figures, then median and worst, in milliseconds, and how all transactions ended. The next leader has to go once
# commits go on again and the one before is back. Ends with 1 if a transaction ended otherwise than it may: after a kill also
# with commit_unknown_result (1021), after a hand-over as committed, conflict (1020) or too old (1007) only.
set -euo pipefail
cd "$(dirname "$0")/.."
signal=KILL ends='0 1007 1020 1021'
if [ "${1:-}" = --planned ]; then
    shift
    signal=TERM ends='0 1007 1020'
fi
times=${1:-20} build=$PWD/${2:-build/release}
dir=$(mktemp -d "${TMPDIR:-/tmp}/verdict-failover.XXXXXX")
chmod 755 "$dir"
workers=() load=''
finish() {
    local status=$?
    trap - EXIT
    for pid in "${workers[@]}"; do kill "$pid" 2>/dev/null || true; done
    [ -z "$load" ] || kill -9 "$load" 2>/dev/null || true
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
if [ $signal = TERM ]; then
    "$build/cli/verdict" bench blind --json --processes 2 --in-flight 64 --seconds 3600 --warmup 0 >"$dir/load.json" &
    load=$!
fi
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }
sleep 1
# A node that ends often is started again after a longer wait: with two of three in it, there would be nobody to go on.
all_there() { [ "$("$build/cli/verdict" status --json | grep -o '"node":' | wc -l)" -eq 3 ]; }
for n in $(seq "$times"); do
    for _ in $(seq 150); do all_there && break; sleep 0.1; done
    leader=$("$build/cli/verdict" status --json | field leader)
    pid=$(cat "$dir/cluster/$leader.pid")
    asked=$(date +%s%3N)
    kill -$signal "$pid"
    sleep 1.6
    gap=$(sort -n "$dir"/trace.* | awk -v from="$asked" -v to=$((asked + 1500)) \
        '$2 != 0 { next } $1 <= from { last = $1 } $1 > from && $1 <= to { if (last && $1 - last > gap) gap = $1 - last; last = $1 }
         END { print (last > from ? gap + 0 : 1500) }')
    echo "SIG$signal $n: $leader, $gap ms"
    echo "$gap" >>"$dir/gaps"
    sleep 0.4
done
sort -n "$dir/gaps" | awk '{ a[NR] = $1 } END { printf "%d times: median %d ms, worst %d ms\n", NR, a[int((NR + 1) / 2)], a[NR] }'
if [ -n "$load" ]; then
    kill "$load"
    wait "$load" || true
    load=''
    grep -q '"checked": *true' "$dir/load.json" && grep -q '"unknown": *0' "$dir/load.json" ||
        { echo "the one-key commits are not what they were told:" && cat "$dir/load.json"; exit 1; }
fi
awk -v may="$ends" 'BEGIN { split(may, m, " "); for (i in m) ok[m[i]] = 1 }
    { count[$2]++ } END { printf "ended with"; for (code in count) { printf " %s: %d", code, count[code]; bad = bad || !ok[code] }
    print bad ? " (which may not be)" : ""; exit bad }' "$dir"/trace.*
