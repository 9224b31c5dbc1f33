/* SPDX-License-Identifier: Apache-2.0 */
/* node.h: one resolver process, from its first connection to its end: its life, its two threads, its signals.
 *
 * SIGTERM and SIGINT hand over: a leader finishes what is queued and releases the lease, a standby just ends. A
 * second signal ends the process at once, which the fence makes safe. Main thread.
 */
#ifndef VD_RESOLVER_NODE_H
#define VD_RESOLVER_NODE_H

#include "resolver/settings.h"

/* Runs until the end; returns the exit code: 0, or 2 if the database is not one to serve (told on standard
 * error). */
int vd_node_run(const struct vd_resolver_settings *settings);

#endif
