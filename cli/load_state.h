/* SPDX-License-Identifier: Apache-2.0 */
/* load_state.h: how far a load has come, as it stands in the store while it is locked.
 *
 * One system key holds it, written in the same transactions as the rows, so that it always says what is stored. As JSON, for
 * people who find a locked store.
 */
#ifndef VD_CLI_LOAD_STATE_H
#define VD_CLI_LOAD_STATE_H

#include "cli/dump.h"

#include <verdict/verdict.h>

#define VD_LOAD_KEY VD_BYTES("\xff/load")

enum vd_load_phase {
	VD_LOAD_CLEARING, /* what was there before is being removed */
	VD_LOAD_LOADING,
	VD_LOAD_UNDOING, /* given up: what was loaded is being removed */
};

struct vd_load_state {
	enum vd_load_phase phase;
	uint8_t file[VD_DIGEST_BYTES]; /* the identity of the dump */
	uint8_t lock[VD_STORE_LOCK_BYTES];
	struct vd_buffer begin; /* what is being replaced: [begin, end) */
	struct vd_buffer end;
	bool has_counters;               /* and the counters */
	uint64_t rows;                   /* how many of the file's are stored */
	uint8_t digest[VD_DIGEST_BYTES]; /* of those */
};

void vd_load_state_fini(struct vd_load_state *state);
/* Appended. */
void vd_load_state_encode(const struct vd_load_state *state, struct vd_buffer *out);
/* False if it is none: of another version, perhaps. */
VD_MUST_USE bool vd_load_state_decode(struct vd_load_state *state, struct vd_bytes text);

#endif
