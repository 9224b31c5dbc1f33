/* SPDX-License-Identifier: Apache-2.0 */
/* Watch: a future that ends when what is stored under a key is no longer what a transaction saw there.
 *
 *   pending ── commit ──▶ armed ── proven ──▶ looked at ── differs ──▶ fired
 *
 * 1. Pending, a watch is its transaction's: the value is read as by get, and a cancel, reset or failed commit ends the watch.
 * 2. Armed, it is the database's, and outlives its transaction. First it is proven: one statement compares the value that the
 *    transaction saw with the one that is stored (which is not older than the commit) and brings back a digest, so that the
 *    value need not be kept. From then on one statement compares the digests of all watches whenever the watermark has moved.
 * 3. So there is no table of watches and no write; what changes and changes back between two looks is missed.
 * 4. Looks have a connection of their own, made with the first watch that is armed: 10,000 watched keys are not to stand in
 *    the way of replies. While nothing moves they become rarer; a look that takes long makes the next one later.
 *
 * Under the guard.
 */
#ifndef VD_FOLLOWER_WATCH_WATCH_H
#define VD_FOLLOWER_WATCH_WATCH_H

#include "follower/transaction.h"

struct vd_watcher;

/* On the loop, or before it runs. NULL without memory. */
VD_MUST_USE struct vd_watcher *vd_watcher_open(struct vd_database *database);
/* On the loop, when no transaction is left. All watches end with 1101. Holds the database until the connection is closed, then
 * frees itself. */
void vd_watcher_close(struct vd_watcher *watcher);
/* Before the loop ever ran. */
void vd_watcher_abort(struct vd_watcher *watcher);

/* The transaction has committed: its watches are armed. */
void vd_watches_arm(struct vd_transaction *transaction);
/* It has not, or begins anew: they end with the code. */
void vd_watches_end(struct vd_transaction *transaction, int code);

#endif
