/* SPDX-License-Identifier: Apache-2.0 */
/* atomic.c: what the atomic operations make of a value (docs/semantics.md), written once more and apart from the product. */
#include "tests/history/check.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_LIMIT 100000

enum {
	ADD = 2,
	BIT_AND = 6,
	BIT_OR = 7,
	BIT_XOR = 8,
	APPEND_IF_FITS = 9,
	MAX = 12,
	MIN = 13,
	BYTE_MIN = 16,
	BYTE_MAX = 17,
	COMPARE_AND_CLEAR = 20
};

/* Of two numbers of the same length, little-endian. */
static int compare_numbers(const uint8_t *a, const uint8_t *b, size_t size)
{
	while (size-- > 0) {
		if (a[size] != b[size])
			return a[size] < b[size] ? -1 : 1;
	}
	return 0;
}

/* The operations whose result is as long as the operand; value was cut or extended to that. */
static void combine(uint8_t type, uint8_t *value, const uint8_t *operand, size_t size)
{
	unsigned carry = 0;
	int order = compare_numbers(value, operand, size);
	if ((type == MAX && order < 0) || (type == MIN && order > 0))
		memcpy(value, operand, size);
	for (size_t i = 0; i < size; i++) {
		if (type == ADD) {
			carry += (unsigned)value[i] + operand[i];
			value[i] = (uint8_t)carry;
			carry >>= 8;
		} else if (type == BIT_AND) {
			value[i] &= operand[i];
		} else if (type == BIT_OR) {
			value[i] |= operand[i];
		} else if (type == BIT_XOR) {
			value[i] ^= operand[i];
		}
	}
}

sid atomic_result(uint8_t type, sid value, sid operand)
{
	static uint8_t text[VALUE_LIMIT + 1];
	size_t value_size, size;
	const uint8_t *old = bytes_of(value, &value_size), *with = bytes_of(operand, &size);
	if (type == COMPARE_AND_CLEAR)
		return value == operand ? ABSENT : value;
	if (value == ABSENT)
		return operand;
	if (type == BYTE_MIN || type == BYTE_MAX)
		return (compare_bytes(value, operand) <= 0) == (type == BYTE_MIN) ? value : operand;
	if (type == APPEND_IF_FITS) {
		if (value_size + size > VALUE_LIMIT)
			return value;
		memcpy(text, old, value_size);
		memcpy(text + value_size, with, size);
		return intern(text, value_size + size);
	}
	memset(text, 0, size);
	memcpy(text, old, value_size < size ? value_size : size);
	combine(type, text, with, size);
	return intern(text, size);
}
