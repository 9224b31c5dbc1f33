/* SPDX-License-Identifier: Apache-2.0 */
/* vector.h: a typed array that grows: `struct things VD_VECTOR(struct thing);` has items, count and capacity.
 *
 *     struct { VD_VECTOR(int); } numbers = { 0 };
 *     if (!vd_vector_push(&numbers, 7)) return VD_CODE_PLATFORM_ERROR;   // no memory: nothing changed
 *     for (size_t i = 0; i < numbers.count; i++) … numbers.items[i] …
 *     vd_vector_fini(&numbers);
 *
 * Owned by whoever declares it; pointers to items live until the next push. One thread at a time.
 */
#ifndef VD_COMMON_BASE_VECTOR_H
#define VD_COMMON_BASE_VECTOR_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* The members of a vector; all zero is an empty one. */
#define VD_VECTOR(type)                                                                                      \
	type *items;                                                                                             \
	size_t count;                                                                                            \
	size_t capacity

/* Room for `need` elements in all; false, and nothing changed, if there is no memory. */
#define vd_vector_reserve(vector, need)                                                                      \
	__extension__({                                                                                          \
		void *moved_ =                                                                                       \
			vd_vector_grow((vector)->items, &(vector)->capacity, (need), sizeof *(vector)->items);           \
		if (moved_ != NULL)                                                                                  \
			(vector)->items = moved_;                                                                        \
		moved_ != NULL;                                                                                      \
	})

/* Appends a value; true if there was memory for it. */
#define vd_vector_push(vector, ...)                                                                          \
	(vd_vector_reserve((vector), (vector)->count + 1) &&                                                     \
		((vector)->items[(vector)->count++] = (__VA_ARGS__), true))

#define vd_vector_fini(vector)                                                                               \
	do {                                                                                                     \
		free((vector)->items);                                                                               \
		(vector)->items = NULL;                                                                              \
		(vector)->count = (vector)->capacity = 0;                                                            \
	} while (0)

/* The array, moved if need be, with room for `need` elements of `size` bytes; NULL, and nothing changed, if
 * there is no memory. Grows at least by half as much again. */
VD_MUST_USE void *vd_vector_grow(void *items, size_t *capacity, size_t need, size_t size);

#endif
