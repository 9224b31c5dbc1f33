#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Minutes of load on a private PostgreSQL, first without and then with a snapshot of up to 5 s always open: is the last minute as the
# first, and do tables and memory grow? Pieces of ours and of the bare pipeline by turns, so that what the machine does meanwhile is in both.
#
#   bench/endurance.sh [--minutes M] [--piece SECONDS] [--processes P] [--in-flight N] [--alone] [--bound SHARE]
#
# A JSON object for each piece, then a line for each half; ends with 1 if the last minute is below the bound (0.95). VERDICT_BUILD names the
# release build (build/release).
exec /usr/bin/python3 "$(dirname "$0")/endurance.py" "$@"
