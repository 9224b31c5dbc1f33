/* SPDX-License-Identifier: Apache-2.0 */
/* witness.h: what the server says of the event loop's connections, over the keeper's own.
 *
 * Who waits for an answer cannot tell a slow server from a dead wire. The server can: a backend that works for us, or waits for a
 * lock, a disk or a standby, is active and says for what; one that waits for its client while we wait for it, or that does not exist any
 * more, will never answer. While the event loop has a doubt (stall.h), each renewal of the lease takes this question along, in a
 * segment of its own: whatever becomes of it, the renewal stands. Thread: the keeper's.
 */
#ifndef VD_RESOLVER_WITNESS_H
#define VD_RESOLVER_WITNESS_H

struct vd_keeper;
struct vd_pg;

/* Asks if there is a doubt; the answer goes to the hinge. */
void vd_witness_ask(struct vd_keeper *keeper, struct vd_pg *pg);

#endif
