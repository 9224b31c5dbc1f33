# SPDX-License-Identifier: Apache-2.0
verdict_unit_test(bench_draw_test bench_draw_test.c ${PROJECT_SOURCE_DIR}/bench/draw.c ${PROJECT_SOURCE_DIR}/bench/histogram.c LINK m)
