#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What has threads, under ThreadSanitizer: builds a second tree with the preset tsan and runs its tests.
#
#   tests/sanitize/tsan.sh FOLDER [--full]
#
#   FOLDER    where the second tree is built; it is kept, so that the next time is short
#   --full    all tests that run a program of ours, instead of those that were written for threads
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1

targets=(verdict-resolver pg_migrate worker hammer planted loop_test base_fault_test base_log_test follower_future_test
    follower_guard_test follower_life_test database_test)
tests='^(loop|base_fault|base_log|follower_future|follower_guard|follower_life|database|reports|threads)_test$'
without='^$'
if [ "${2:-}" = --full ]; then
    targets=(all)
    tests='.'
    # these look at sources or at an installation, have one thread and a great deal to compute, or hold bounds of memory, of which
    # ThreadSanitizer takes several times as much
    without='^(house|install|package|compose|upgrade|model|protocol|kv_|text_|overload)|_(fuzz|property|corpus)'
    export VERDICT_ROUNDS=${VERDICT_ROUNDS:-10} VERDICT_RUNS=${VERDICT_RUNS:-10}
fi

if command -v ccache >/dev/null 2>&1; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache
fi
cmake --preset tsan -B "$folder" -DVERDICT_TESTS=ON
cmake --build "$folder" --parallel 2 --target "${targets[@]}"
# a child of fork with threads of its own is beyond ThreadSanitizer
export PYTEST_ADDOPTS='--deselect fault/test_quiet.py::test_a_child_of_fork'
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
ctest --test-dir "$folder" --output-on-failure --no-tests=error -LE '^long$' -R "$tests" -E "$without" -j2
