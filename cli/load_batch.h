/* SPDX-License-Identifier: Apache-2.0 */
/* load_batch.h: rows that go together in one transaction, kept until it is committed. */
#ifndef VD_CLI_LOAD_BATCH_H
#define VD_CLI_LOAD_BATCH_H

#include "common/base/buffer.h"
#include "common/base/vector.h"

#include <verdict/verdict.h>

struct vd_load_place {
	size_t at; /* of the key; the value stands behind it */
	size_t key_size;
	size_t value_size;
};

struct vd_load_batch {
	struct vd_buffer bytes;
	struct {
		struct vd_load_place *items;
		size_t count;
		size_t capacity;
	} rows;
};

void vd_load_batch_fini(struct vd_load_batch *batch);
void vd_load_batch_clear(struct vd_load_batch *batch);
/* False without memory. */
VD_MUST_USE bool vd_load_batch_add(struct vd_load_batch *batch, struct vd_bytes key, struct vd_bytes value);
bool vd_load_batch_is_full(const struct vd_load_batch *batch);
/* Writes them in the transaction. They are all that there is between the first and the last one, and conflict as that range: one
 * for all. 0, or an error number. */
VD_MUST_USE int vd_load_batch_write(const struct vd_load_batch *batch, struct vd_transaction *transaction);

#endif
