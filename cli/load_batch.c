/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_batch.h"

#include <stdlib.h>

/* A commit is large enough that its round trip does not count, and small beside what others may have in flight. */
enum { BATCH_BYTES = 1 << 20, BATCH_ROWS = 4000 };

void vd_load_batch_fini(struct vd_load_batch *batch)
{
	vd_buffer_fini(&batch->bytes);
	free(batch->rows.items);
}

void vd_load_batch_clear(struct vd_load_batch *batch)
{
	vd_buffer_clear(&batch->bytes);
	batch->rows.count = 0;
}

bool vd_load_batch_add(struct vd_load_batch *batch, struct vd_bytes key, struct vd_bytes value)
{
	if (batch->rows.count == batch->rows.capacity) {
		size_t capacity = batch->rows.capacity == 0 ? 256 : 2 * batch->rows.capacity;
		void *items = reallocarray(batch->rows.items, capacity, sizeof *batch->rows.items);
		if (items == NULL)
			return false;
		batch->rows.items = items;
		batch->rows.capacity = capacity;
	}
	batch->rows.items[batch->rows.count++] =
		(struct vd_load_place){ batch->bytes.size, key.size, value.size };
	vd_buffer_add(&batch->bytes, key);
	vd_buffer_add(&batch->bytes, value);
	return vd_buffer_ok(&batch->bytes);
}

bool vd_load_batch_is_full(const struct vd_load_batch *batch)
{
	return batch->bytes.size >= BATCH_BYTES || batch->rows.count >= BATCH_ROWS;
}

/* [first, last\0): the value behind the last key begins with anything, so it takes a copy. */
static int conflict(const struct vd_load_batch *batch, struct vd_transaction *transaction)
{
	const struct vd_load_place *first = &batch->rows.items[0];
	const struct vd_load_place *last = &batch->rows.items[batch->rows.count - 1];
	struct vd_buffer end = { 0 };
	vd_buffer_add(&end, vd_bytes_of(batch->bytes.data + last->at, last->key_size));
	vd_buffer_add_byte(&end, 0);
	int code = VD_ERROR_OUT_OF_MEMORY;
	if (vd_buffer_ok(&end))
		code = vd_transaction_add_conflict_range(transaction, batch->bytes.data + first->at, first->key_size,
			end.data, end.size, VD_CONFLICT_RANGE_WRITE);
	vd_buffer_fini(&end);
	return code;
}

int vd_load_batch_write(const struct vd_load_batch *batch, struct vd_transaction *transaction)
{
	int code = 0;
	for (size_t i = 0; i < batch->rows.count && code == 0; i++) {
		const struct vd_load_place *row = &batch->rows.items[i];
		const uint8_t *key = batch->bytes.data + row->at;
		code = vd_transaction_set_option(transaction, "next_write_no_write_conflict_range", NULL);
		vd_transaction_set(transaction, key, row->key_size, key + row->key_size, row->value_size);
	}
	return code != 0 || batch->rows.count == 0 ? code : conflict(batch, transaction);
}
