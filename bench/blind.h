/* SPDX-License-Identifier: Apache-2.0 */
/* blind.h: blind one-key commits, so many in flight in each of several processes.
 *
 * Each process writes keys of its own and remembers the last value of each by (version, order); at the end it reads
 * them all and compares. Over the public header.
 */
#ifndef VD_BENCH_BLIND_H
#define VD_BENCH_BLIND_H

#include "bench/report.h"

/* 0: the report is filled (and may say that the check failed); 2: could not run, one line on standard error. */
int vd_bench_blind(const struct vd_bench_settings *settings, struct vd_bench_report *report);

#endif
