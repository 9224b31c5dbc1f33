/* SPDX-License-Identifier: Apache-2.0 */
/* reply.h: verdicts packed as the payloads of NOTIFY.
 *
 * The grammar is in docs/protocol.md. One client's replies go together, in as few payloads as they fit into; a
 * verdict of another batch goes under its own version. Keys never appear. Everything lives in batch->work; false
 * means that it is at its limit. One thread.
 */
#ifndef VD_RESOLVER_REPLY_H
#define VD_RESOLVER_REPLY_H

#include "resolver/batch.h"

/* PostgreSQL takes 7,999. */
#define VD_REPLY_PAYLOAD_BYTES 7900
/* The first numbers of further counters that a reply tells; who drew on more is told to look. */
#define VD_REPLY_NUMBERS_MAX 63
/* Payloads that list verdicts for observers, a batch. */
#define VD_REPLY_LISTS_MAX 16

/* Sets batch->replies and batch->lines; the verdicts one by one only if they are asked for. */
VD_MUST_USE bool vd_reply_pack(struct vd_batch *batch, bool list_verdicts);

#endif
