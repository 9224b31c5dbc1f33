/* SPDX-License-Identifier: Apache-2.0 */
/* naive.c: the plain store. */
#include "tests/property/naive.h"

#include <string.h>

static size_t find(const struct naive *store, struct vd_bytes key)
{
	size_t i = 0;
	while (i < store->count && vd_bytes_compare(store->rows[i].key, key) != 0) {
		i++;
	}
	return i;
}

const struct vd_bytes *naive_get(const struct naive *store, struct vd_bytes key)
{
	size_t i = find(store, key);
	return i < store->count ? &store->rows[i].value : NULL;
}

void naive_set(struct naive *store, struct vd_bytes key, struct vd_bytes value)
{
	size_t i = find(store, key);
	if (i == store->count) {
		VD_ASSERT(store->count < NAIVE_ROWS_MAX);
		store->count++;
	}
	store->rows[i] = (struct naive_row){ key, value };
}

void naive_clear(struct naive *store, struct vd_range range)
{
	for (size_t i = 0; i < store->count;) {
		struct vd_bytes key = store->rows[i].key;
		if (vd_bytes_compare(range.begin, key) <= 0 && vd_bytes_compare(key, range.end) < 0) {
			store->rows[i] = store->rows[--store->count];
		} else {
			i++;
		}
	}
}

static void clear_key(struct naive *store, struct vd_bytes key)
{
	size_t i = find(store, key);
	if (i < store->count) {
		store->rows[i] = store->rows[--store->count];
	}
}

/* Unsigned little-endian, padded to one length. */
static int compare_numbers(const uint8_t *a, const uint8_t *b, size_t size)
{
	while (size > 0) {
		size--;
		if (a[size] != b[size]) {
			return a[size] < b[size] ? -1 : 1;
		}
	}
	return 0;
}

static struct vd_bytes number_op(struct vd_arena *arena, uint32_t op, struct vd_bytes v, struct vd_bytes p)
{
	uint8_t *padded = vd_arena_zalloc(arena, p.size + 1);
	uint8_t *result = vd_arena_zalloc(arena, p.size + 1);
	VD_ASSERT(padded != NULL && result != NULL);
	for (size_t i = 0; i < v.size && i < p.size; i++) {
		padded[i] = v.data[i];
	}
	int order = compare_numbers(padded, p.data, p.size);
	for (size_t i = 0; i < p.size; i++) {
		if (op == VD_OP_ADD) {
			int sum = padded[i] + p.data[i] + result[i];
			result[i] = (uint8_t)(sum % 256);
			result[i + 1] = (uint8_t)(sum / 256);
		} else if (op == VD_OP_BIT_AND) {
			result[i] = padded[i] & p.data[i];
		} else if (op == VD_OP_BIT_OR) {
			result[i] = padded[i] | p.data[i];
		} else if (op == VD_OP_BIT_XOR) {
			result[i] = padded[i] ^ p.data[i];
		} else if (op == VD_OP_MAX) {
			result[i] = order > 0 ? padded[i] : p.data[i];
		} else {
			result[i] = order < 0 ? padded[i] : p.data[i];
		}
	}
	return vd_bytes_of(result, p.size);
}

static struct vd_bytes append(struct vd_arena *arena, struct vd_bytes v, struct vd_bytes p, size_t limit)
{
	struct vd_bytes both;
	VD_ASSERT(vd_bytes_concat(arena, v, p, &both));
	return both.size <= limit ? both : v;
}

void naive_apply(
	struct naive *store, struct vd_arena *arena, const struct vd_mutation *mutation, size_t value_limit_bytes)
{
	struct vd_bytes key = mutation->key;
	struct vd_bytes p = mutation->value;
	const struct vd_bytes *v = naive_get(store, key);
	switch (mutation->op) {
	case VD_OP_SET:
		naive_set(store, key, p);
		return;
	case VD_OP_CLEAR:
		clear_key(store, key);
		return;
	case VD_OP_CLEAR_RANGE:
		naive_clear(store, vd_range_of(key, p));
		return;
	case VD_OP_COMPARE_AND_CLEAR:
		if (v != NULL && vd_bytes_compare(*v, p) == 0) {
			clear_key(store, key);
		}
		return;
	default:
		break;
	}
	if (v == NULL) {
		naive_set(store, key, p);
	} else if (mutation->op == VD_OP_APPEND_IF_FITS) {
		naive_set(store, key, append(arena, *v, p, value_limit_bytes));
	} else if (mutation->op == VD_OP_BYTE_MIN) {
		naive_set(store, key, vd_bytes_compare(*v, p) < 0 ? *v : p);
	} else if (mutation->op == VD_OP_BYTE_MAX) {
		naive_set(store, key, vd_bytes_compare(*v, p) > 0 ? *v : p);
	} else {
		naive_set(store, key, number_op(arena, mutation->op, *v, p));
	}
}

bool naive_equal(const struct naive *a, const struct naive *b)
{
	if (a->count != b->count) {
		return false;
	}
	for (size_t i = 0; i < a->count; i++) {
		const struct vd_bytes *other = naive_get(b, a->rows[i].key);
		if (other == NULL || vd_bytes_compare(*other, a->rows[i].value) != 0) {
			return false;
		}
	}
	return true;
}
