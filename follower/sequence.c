/* SPDX-License-Identifier: Apache-2.0 */
/* sequence.c: sequenced writes, and the numbers that they got. */
#include "follower/sequence.h"

#include "common/base/arena.h"
#include "common/base/endian.h"
#include "follower/commit/commit.h"
#include "follower/transaction.h"

struct counter {
	struct vd_map_node at; /* first: the map's */
	size_t index;
};

/* ---- the set ---- */

void vd_sequences_init(struct vd_sequences *sequences, struct vd_arena *arena)
{
	*sequences = (struct vd_sequences){ .arena = arena };
	vd_map_init(&sequences->counters);
}

static struct counter *counter_of(const struct vd_sequences *sequences, struct vd_bytes key)
{
	return (struct counter *)vd_map_find(&sequences->counters, key); /* its first member; NULL stays NULL */
}

bool vd_sequences_has(const struct vd_sequences *sequences, struct vd_bytes counter)
{
	return counter_of(sequences, counter) != NULL;
}

bool vd_sequences_draw(struct vd_sequences *sequences, struct vd_bytes *key)
{
	struct counter *counter = counter_of(sequences, *key);
	if (counter == NULL) {
		counter = vd_map_node_new(sequences->arena, sizeof *counter, *key);
		if (counter == NULL)
			return false;
		counter->index = sequences->counters.count;
		vd_map_insert(&sequences->counters, &counter->at);
	}
	*key = counter->at.key;
	return true;
}

bool vd_verdict_number(const struct vd_verdict *verdict, size_t counter, int64_t *number)
{
	if (counter > verdict->further.size / VD_COMMIT_FURTHER_BYTES)
		return false;
	const uint8_t *further = verdict->further.data;
	*number = counter == 0 ? (int64_t)verdict->number
						   : (int64_t)vd_load_be64(further + (counter - 1) * VD_COMMIT_FURTHER_BYTES + 4);
	return true;
}

void vd_sequences_keep(struct vd_sequences *sequences, const struct vd_verdict *verdict)
{
	size_t count = sequences->counters.count;
	int64_t *numbers = count == 0 ? NULL : vd_arena_array(sequences->arena, count, sizeof *numbers);
	for (size_t i = 0; i < count && numbers != NULL; i++)
		if (!vd_verdict_number(verdict, i, &numbers[i]))
			return;
	sequences->numbers = numbers;
}

/* ---- the public calls ---- */

static void sequenced(struct vd_transaction *transaction, const struct vd_mutation *mutation)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return;
	vd_transaction_write(transaction, *mutation);
	vd_guard_leave(transaction->guard);
}

void vd_transaction_set_sequenced_key(struct vd_transaction *transaction, const void *counter,
	size_t counter_size, const void *prefix, size_t prefix_size, const void *value, size_t value_size,
	bool stamped)
{
	sequenced(transaction, &(struct vd_mutation){ .op = VD_OP_SET_SEQUENCED_KEY,
							   .counter = vd_bytes_of(counter, counter_size),
							   .key = vd_bytes_of(prefix, prefix_size),
							   .value = vd_bytes_of(value, value_size),
							   .is_stamped = stamped });
}

void vd_transaction_set_sequenced_value(struct vd_transaction *transaction, const void *counter,
	size_t counter_size, const void *key, size_t key_size, const void *value, size_t value_size, bool stamped)
{
	sequenced(transaction, &(struct vd_mutation){ .op = VD_OP_SET_SEQUENCED_VALUE,
							   .counter = vd_bytes_of(counter, counter_size),
							   .key = vd_bytes_of(key, key_size),
							   .value = vd_bytes_of(value, value_size),
							   .is_stamped = stamped });
}

static int first_number(const struct vd_transaction *transaction, struct vd_bytes key, int64_t *number)
{
	const struct vd_sequences *sequences = &transaction->sequences;
	const struct counter *counter = counter_of(sequences, key);
	if (!transaction->is_committed)
		return VD_CODE_TRANSACTION_INVALID_VERSION;
	if (counter == NULL)
		return VD_CODE_NO_COMMIT_VERSION;
	if (sequences->numbers == NULL)
		return VD_CODE_NO_MEMORY;
	*number = sequences->numbers[counter->index];
	return 0;
}

static struct vd_future *await_first_number(struct vd_transaction *transaction, struct vd_bytes key)
{
	struct vd_fault fault = { 0 };
	if (vd_transaction_check(transaction, &fault) != 0)
		return vd_transaction_failed(transaction, &fault);
	const struct counter *counter = counter_of(&transaction->sequences, key);
	if (counter == NULL)
		return vd_future_failed(transaction->guard, VD_CODE_NO_COMMIT_VERSION, NULL);
	return vd_promises_add(&transaction->promises, transaction->guard, counter->index);
}

struct vd_future *vd_transaction_await_first_number(
	struct vd_transaction *transaction, const void *counter, size_t counter_size)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = await_first_number(transaction, vd_bytes_of(counter, counter_size));
	vd_guard_leave(transaction->guard);
	return future;
}

int vd_transaction_get_first_number(
	const struct vd_transaction *transaction, const void *counter, size_t counter_size, int64_t *number)
{
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	code = first_number(transaction, vd_bytes_of(counter, counter_size), number);
	vd_guard_leave(transaction->guard);
	return code;
}
