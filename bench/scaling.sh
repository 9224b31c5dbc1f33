#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Curves on a private PostgreSQL: throughput and latency against operations in flight (1 to 4,096), processes (1 to 64), size of
# values (16 bytes to 100 kB), keys (10,000 to 10,000,000), skew; and how large batches are. Each point takes a few seconds and is
# checked; all of them about 15 minutes, most of it for filling 10,000,000 keys (--keys-most 1000000 leaves those out).
#
#   bench/scaling.sh [--curve NAME]... [--seconds S] [--keys-most N] [--short] [--to FOLDER]
#
# Writes scaling.jsonl (an object a point, as `verdict bench --json` tells, with `curve` and `x`) and scaling-*.svg into docs/benchmarks/.
# VERDICT_BUILD names the release build (build/release).
exec /usr/bin/python3 "$(dirname "$0")/curves.py" "$@"
