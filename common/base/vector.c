/* SPDX-License-Identifier: Apache-2.0 */
/* vector.c: growth for vectors and buffers. */
#include "common/base/vector.h"

#include <stdint.h>

void *vd_vector_grow(void *items, size_t *capacity, size_t need, size_t size)
{
	if (items != NULL && need <= *capacity)
		return items;
	size_t grown = *capacity + *capacity / 2;
	if (grown < need)
		grown = need;
	if (grown < 64 / size)
		grown = 64 / size;
	if (grown == 0)
		grown = 1;
	size_t bytes;
	if (__builtin_mul_overflow(grown, size, &bytes))
		return NULL;
	void *moved = realloc(items, bytes);
	if (moved != NULL)
		*capacity = grown;
	return moved;
}
