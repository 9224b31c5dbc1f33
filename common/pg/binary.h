/* SPDX-License-Identifier: Apache-2.0 */
/* What params and rows must agree on about PostgreSQL's binary forms. Private to common/pg. */
#ifndef VD_COMMON_PG_BINARY_H
#define VD_COMMON_PG_BINARY_H

#include <stdint.h>

/* dimensions, has nulls, element type; then for each dimension count and first index; then each element's length (-1: null)
 * and bytes. All words have four bytes, big-endian. */
enum { BINARY_ARRAY_EMPTY_BYTES = 12, BINARY_ARRAY_HEADER_BYTES = 20 };

/* PostgreSQL counts microseconds from 2000-01-01; the extremes are its infinities, as they are ours. */
static const int64_t binary_epoch_us = INT64_C(946684800000000);

static inline int64_t binary_time_of_unix_us(int64_t unix_us)
{
	return unix_us == INT64_MAX || unix_us < INT64_MIN + binary_epoch_us ? unix_us
																		 : unix_us - binary_epoch_us;
}

static inline int64_t binary_time_to_unix_us(int64_t pg_us)
{
	return pg_us == INT64_MIN || pg_us > INT64_MAX - binary_epoch_us ? pg_us : pg_us + binary_epoch_us;
}

#endif
