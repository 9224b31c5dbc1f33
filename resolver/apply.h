/* SPDX-License-Identifier: Apache-2.0 */
/* apply.h: a resolved batch becomes committed state: one transaction, one flush, one round trip.
 *
 * The statements are those of docs/protocol.md; their number does not depend on what is in the batch. With synchronous
 * standbys, replies are sent only after COMMIT ended without a warning. Where the fence finds none, COMMIT waits for none,
 * and the replies stand behind it in its own segment; they look once more, for by now there may be some (rule 16). What PostgreSQL answered is judged in one place, as a table of
 * consequences. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_APPLY_H
#define VD_RESOLVER_APPLY_H

#include "common/pg/pipeline.h"
#include "resolver/batch.h"

/* How it ended, by what has to be done about it. */
enum vd_apply_end {
	VD_APPLY_UNDER_WAY,
	VD_APPLY_COMMITTED,
	VD_APPLY_FENCED,   /* the watermark is elsewhere: settle */
	VD_APPLY_REFUSED,  /* a client was purged, told or cancelled: read its rows, resolve again */
	VD_APPLY_STANDBYS, /* synchronous standbys were switched on or off: take note, resolve again */
	VD_APPLY_CLEAR,    /* content: a clear of a range deletes too many rows */
	VD_APPLY_CONTENT,  /* content: PostgreSQL does not take a key or a value */
	VD_APPLY_WORLD,    /* certainly not committed, and nobody's fault here: try again */
	VD_APPLY_LOST,     /* nobody knows: settle */
};

/* Which statements of the segment are data: an error elsewhere is never content. */
struct vd_apply_judge {
	size_t data_begin;
	size_t data_end;
	bool committed; /* COMMIT's tag said so */
};

enum vd_apply_end vd_apply_end_of(const struct vd_apply_judge *judge, const struct vd_pg_outcome *outcome);

/* For the log: "the fence refused it: the watermark is elsewhere". */
const char *vd_apply_end_text(enum vd_apply_end end);

struct vd_apply {
	struct vd_arena arena; /* params, until the segment was sent */
	struct vd_apply_judge judge;
	enum vd_apply_end end;
	bool is_clean;     /* committed, and the server did not warn */
	char message[256]; /* of an error */
	const char *hint;  /* what a person has to do about it; NULL: nothing */
	/* while the answer is outstanding */
	struct vd_pg *pg;
	const struct vd_batch *batch;
	const struct vd_apply_order *order;
	void (*callback)(void *arg);
	void *arg;
};

struct vd_apply_order {
	const char *schema;
	uint8_t term[16];
	bool is_synchronous;
	int64_t clear_max_rows;
};

void vd_apply_init(struct vd_apply *apply);
void vd_apply_fini(struct vd_apply *apply);

/* Sends the batch; the callback comes once, later, with `end` set. Batch and order are borrowed until then. */
void vd_apply_send(struct vd_apply *apply, struct vd_pg *pg, const struct vd_batch *batch,
	const struct vd_apply_order *order, void (*callback)(void *arg), void *arg);

/* Replies and lines in a segment of their own: of a batch that is known to be committed. is_confirmed: by a standby as well, or
 * they go out only if there is none. Nobody waits for its end: a reply that is lost is found by a look. */
void vd_apply_send_replies(struct vd_apply *apply, struct vd_pg *pg, const struct vd_batch *batch,
	const char *schema, bool is_confirmed);

/* While fault points are armed, a batch goes out in two flushes with the point apply.middle between them, and batches do
 * not overlap. */
bool vd_apply_is_split(void);

#endif
