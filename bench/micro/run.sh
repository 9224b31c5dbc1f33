#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the pure parts (window, overlay, codec) cost an operation: instructions, counted by callgrind, and nanoseconds.
#
#   bench/micro/run.sh [--base COMMIT]
#
# Instructions are the same on each run and on a busy machine, so two commits can be compared: with --base, the same programs are built
# from that commit's common/ (in a temporary work tree) and both are printed, with the ratio. Nanoseconds are those of the thread,
# and depend on the machine. Needs valgrind (tests/packages.txt). VERDICT_BUILD names the release build (build/release).
set -euo pipefail
cd "$(dirname "$0")/../.."
base=
case "${1:-}" in
    "") ;;
    --base) base=${2:?a commit} ;;
    *) sed -n '3,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
build=${VERDICT_BUILD:-build/release}
work=$(mktemp -d "${TMPDIR:-/tmp}/verdict-micro.XXXXXX")
finish() {
    [ -z "$base" ] || git worktree remove --force "$work/base" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

[ -x "$build/bench/micro/bench_parts" ] || { echo "no $build/bench/micro/bench_parts: cmake --preset release && cmake --build --preset release" >&2; exit 2; }
command -v valgrind >/dev/null || { echo "no valgrind: apt-get install valgrind" >&2; exit 2; }

# measure PROGRAM NAME: $work/NAME.ns and $work/NAME.counts, lines of "name<TAB>figure for each operation"
measure() {
    "$1" | sed -n 's/.*"name":"\([^"]*\)","operations":\([0-9]*\),"ns_each":\([0-9.]*\).*/\1\t\3\t\2/p' >"$work/$2.ns"
    valgrind --tool=callgrind --instr-atstart=no --callgrind-out-file="$work/$2.out" "$1" >/dev/null 2>"$work/$2.log" ||
        { cat "$work/$2.log" >&2; exit 1; }
    awk -F': ' -v OFS='\t' '/^desc: Trigger: Client Request/ { name = $4 } /^totals:/ && name != "" { print name, $2; name = "" }' \
        "$work/$2.out".* >"$work/$2.counts"
    [ -s "$work/$2.counts" ] || { echo "bench_parts was built without valgrind/callgrind.h: nothing was counted" >&2; exit 1; }
}

measure "$build/bench/micro/bench_parts" here
if [ -n "$base" ]; then
    git worktree add --quiet --detach "$work/base" "$base"
    rm -rf "$work/base/bench/micro" # the same measuring on both sides
    cp -r bench/micro "$work/base/bench/micro"
    (cd "$work/base" && cmake --preset release >"$work/build.log" 2>&1 && cmake --build build/release --target bench_parts >>"$work/build.log" 2>&1) ||
        { tail -20 "$work/build.log" >&2; exit 1; }
    measure "$work/base/build/release/bench/micro/bench_parts" base
else
    : >"$work/base.counts"
fi
awk -F'\t' -v base="$base" '
    FILENAME ~ /here.ns$/ { ns[$1] = $2; count[$1] = $3; order[++n] = $1 }
    FILENAME ~ /here.counts$/ { here[$1] = $2 }
    FILENAME ~ /base.counts$/ { before[$1] = $2 }
    END {
        printf "%-34s %14s %10s", "", "instructions", "ns"
        if (base != "") printf " %14s %8s", "at " base, "ratio"
        printf "\n"
        for (i = 1; i <= n; i++) {
            k = order[i]
            printf "%-34s %14.1f %10.1f", k, here[k] / count[k], ns[k]
            if (base != "" && before[k] > 0) printf " %14.1f %8.3f", before[k] / count[k], here[k] / before[k]
            printf "\n"
        }
    }' "$work/here.ns" "$work/here.counts" "$work/base.counts"
