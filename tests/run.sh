#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All tests, from nothing: brings the packages, builds with AddressSanitizer and UndefinedBehaviorSanitizer, runs ctest.
#
#   tests/run.sh [--full] [CTEST-ARGUMENT...]
#
#   --full             the tests with the label `long` as well
#   CTEST-ARGUMENT...  passed on, as in: tests/run.sh -R window
#
# The last lines are ctest's own summary, and the exit status is ctest's; 2 if it did not come to the tests. A skipped test
# is named above the summary with its reason. Tests that need a PostgreSQL start their own; nothing needs to run before.
# VERDICT_WERROR=ON makes warnings errors, as in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/prepare.sh

long=(-LE '^long$')
arguments=()
for argument in "$@"; do
    case $argument in
        --full) long=() ;;
        -h | --help) sed -n '3,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) arguments+=("$argument") ;;
    esac
done

prepare_packages deploy/packages.txt tests/packages.txt
prepare_known tests/packages-known.txt || echo "what needs these will be skipped" >&2

build=build/asan
mkdir -p build
quietly() { # what a step says is of interest only if it fails
    "$@" >"$build.log" 2>&1 || { tail -n 60 "$build.log" >&2; echo "failed: $*" >&2; exit 2; }
}
echo "building with sanitizers in $build" >&2
if command -v ccache >/dev/null 2>&1; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache
fi
quietly cmake --preset asan -DVERDICT_TESTS=ON "-DCMAKE_COMPILE_WARNING_AS_ERROR=${VERDICT_WERROR:-OFF}"
quietly cmake --build "$build" --parallel "$(nproc)"

export ASAN_OPTIONS=${ASAN_OPTIONS:-strict_string_checks=1:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# One more test than there are processors: many of them wait most of the time.
jobs=$(($(nproc) + 1))
# ctest's output passes through as it comes; its summary is held back until the skipped tests have been explained.
summary=$(mktemp)
trap 'rm -f "$summary"' EXIT
status=0
ctest --test-dir "$build" --output-on-failure -j"$jobs" "${long[@]}" "${arguments[@]}" 2>&1 |
    awk -v summary="$summary" '
        /^[0-9]+% tests passed/ { held = 1 }
        held { print >summary; next }
        { print; fflush() }' || status=${PIPESTATUS[0]}

# The reason is what a skipped test says about skipping, or else its last words.
awk '
    FNR == NR { if (match($0, /[0-9]+ - .* \(Skipped\)/)) { name = $3; skipped[name] = 1 } next }
    /^[0-9]+\/[0-9]+ Test: / { name = $3; reason = "" }
    /^<end of output>/ { inside = 0; if (name in skipped) { why = reason ? reason : last; sub(/^skipped: /, "", why); print "skipped: " name ": " why } }
    inside && NF { last = $0; if (tolower($0) ~ /skip/ && !reason) reason = $0 }
    /^Output:/ { inside = 1; last = "no reason given" }
' "$summary" "$build/Testing/Temporary/LastTest.log" 2>/dev/null || true
cat "$summary"
exit "$status"
