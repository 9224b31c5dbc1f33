#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Unit tests under valgrind, in a second tree without sanitizers: no error, and nothing definitely lost.
#
#   tests/sanitize/valgrind.sh FOLDER [PATTERN]
#
#   FOLDER   where the second tree is built; it is kept, so that the next time is short
#   PATTERN  which tests/unit programs (an extended regular expression; all of them).
#
# It knows what a compiler's instrumentation does not: what libpq, libevent and libc read that was never written.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
pattern=${2:-.}
command -v valgrind >/dev/null || { echo "valgrind is not installed (tests/packages.txt)" >&2; exit 1; }

if command -v ccache >/dev/null 2>&1; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache
fi
cmake --preset dev -B "$build" -DVERDICT_TESTS=ON
cmake --build "$build" --parallel 2 --target tests/unit/all

tested=0
for program in "$build"/tests/unit/*_test; do
    name=$(basename "$program")
    [[ $name =~ $pattern ]] || continue
    echo "memcheck: $name"
    valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite \
        --trace-children=no "$program" >"$build/valgrind.log" 2>&1 || { cat "$build/valgrind.log"; exit 1; }
    tested=$((tested + 1))
done
[ "$tested" -gt 0 ] || { echo "no unit test matches $pattern" >&2; exit 1; }
echo "$tested unit tests under memcheck: no error, nothing definitely lost"
