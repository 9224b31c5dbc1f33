/* SPDX-License-Identifier: Apache-2.0 */
/* usage.h: what processes of this machine have used, from /proc. What cannot be seen is told as not known, never guessed. */
#ifndef VD_BENCH_USAGE_H
#define VD_BENCH_USAGE_H

#include <stdbool.h>
#include <sys/types.h>

struct vd_usage {
	double cpu_s;        /* since it began; with children: also of those that have ended */
	double memory_bytes; /* anonymous: without files and shared memory */
};

/* Of one process; false: it cannot be seen. */
bool vd_usage_of(pid_t pid, struct vd_usage *usage);
/* Of one with all its children, also those that have ended. */
bool vd_usage_of_family(pid_t parent, struct vd_usage *usage);
/* The postmaster of a backend; 0 if the backend is no process of this machine. */
pid_t vd_usage_postmaster(pid_t backend);

enum { VD_USAGE_RESOLVERS = 16 };
/* The resolvers of this machine that are connected to the same server as this process; how many. */
int vd_usage_resolvers(pid_t resolvers[VD_USAGE_RESOLVERS]);

#endif
