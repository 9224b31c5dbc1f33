/* SPDX-License-Identifier: Apache-2.0 */
/* Iterator: a range of any size, chunk by chunk.
 *
 *   next ─▶ read ─▶ handed over ─▶ the next chunk is read ahead
 *    ▲                                   │
 *    └──── next: it is handed over ◀─────┘        or read anew, if the transaction has written since
 *
 * 1. One read at a time, and one chunk ahead at most.
 * 2. Reading ahead adds no conflict: a chunk's conflict range is added when it is handed over.
 * 3. The selectors are resolved by the first chunk; from there on the rest is a range between two keys.
 */
#ifndef VD_FOLLOWER_ITERATOR_H
#define VD_FOLLOWER_ITERATOR_H

#include "follower/transaction.h"

/* The transaction is reset or freed, and its reads have ended: its iterators are of no use any more. */
void vd_iterators_end(struct vd_transaction *transaction);

#endif
