#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Verdict beside what does the same work without it, in one run on one private PostgreSQL (fsync on): the ratios count.
# Writes docs/benchmarks/compare.md with its curves.
#
#   bench/compare/run.sh [--seconds S] [--rounds N] [--quick] [--to FOLDER]
#
# VERDICT_BUILD names the release build (build/release).
exec /usr/bin/python3 "$(dirname "$0")/run.py" "$@"
