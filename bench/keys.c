/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c: the keys and values of workloads, and a walk over them. */
#include "bench/run.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int vd_bench_draw_key(struct vd_bench_load *load)
{
	return (int)vd_draw_next(&load->draw, &load->random);
}

size_t vd_bench_key(const struct vd_bench_load *load, int key, char buffer[VD_BENCH_KEY_BYTES])
{
	return (size_t)snprintf(buffer, VD_BENCH_KEY_BYTES, "bench/%s/%010d", load->run->workload->name, key);
}

/* The other way; -1: not ours. */
static int key_of(const struct vd_bench_load *load, const struct vd_row *row)
{
	char text[VD_BENCH_KEY_BYTES], again[VD_BENCH_KEY_BYTES];
	if (row->key_size >= sizeof text)
		return -1;
	memcpy(text, row->key, row->key_size);
	text[row->key_size] = '\0';
	const char *digits = strrchr(text, '/');
	int key = digits == NULL ? -1 : (int)strtol(digits + 1, NULL, 10);
	return key >= 0 && vd_bench_key(load, key, again) == row->key_size && strcmp(again, text) == 0 ? key : -1;
}

const char *vd_bench_value(struct vd_bench_load *load, uint64_t number)
{
	number = htole64(number);
	memcpy(load->value, &number, sizeof number);
	return load->value;
}

void vd_bench_set(struct vd_bench_load *load, struct vd_transaction *transaction, int key, uint64_t number)
{
	char name[VD_BENCH_KEY_BYTES];
	vd_transaction_set(transaction, name, vd_bench_key(load, key, name), vd_bench_value(load, number),
		(size_t)load->settings->value_bytes);
}

bool vd_bench_number(
	const struct vd_bench_load *load, const uint8_t *value, size_t value_size, uint64_t *number)
{
	if (value_size != (size_t)load->settings->value_bytes ||
		memcmp(value + sizeof *number, load->value + sizeof *number, value_size - sizeof *number) != 0)
		return false;
	memcpy(number, value, sizeof *number);
	*number = le64toh(*number);
	return true;
}

int vd_bench_walk(struct vd_bench_load *load, int from, int to,
	void (*on_row)(void *arg, int key, const uint8_t *value, size_t value_size), void *arg)
{
	struct vd_transaction *transaction;
	char first[VD_BENCH_KEY_BYTES], last[VD_BENCH_KEY_BYTES];
	size_t first_size = vd_bench_key(load, from, first);
	const struct vd_selector end = vd_first_greater_or_equal(last, vd_bench_key(load, to, last));
	const struct vd_range_options options = { .mode = VD_STREAMING_WANT_ALL, .snapshot = true };
	int code = vd_transaction_new(load->database, &transaction);
	if (code != 0)
		return code;
	for (bool more = true; more && code == 0;) {
		const struct vd_selector begin = vd_first_greater_or_equal(first, first_size);
		const struct vd_row *rows = NULL;
		size_t count = 0;
		struct vd_future *read = vd_transaction_get_range(transaction, &begin, &end, &options);
		code = vd_future_wait(read);
		if (code == 0)
			code = vd_future_get_rows(read, &rows, &count, &more);
		for (size_t i = 0; code == 0 && i < count; i++) {
			int key = key_of(load, &rows[i]);
			on_row(arg, key, rows[i].value, rows[i].value_size);
		}
		if (code == 0 && count > 0) { /* from behind the last row on */
			const struct vd_row *row = &rows[count - 1];
			if (row->key_size < sizeof first) {
				memcpy(first, row->key, row->key_size);
				first[row->key_size] = '\0';
				first_size = row->key_size + 1;
			} else {
				code = VD_ERROR_KEY_TOO_LARGE; /* none of ours, and it would be met for ever */
			}
		}
		vd_future_free(read);
		if (code != 0) { /* a snapshot that grew too old, say: from here on in another one */
			struct vd_future *retry = vd_transaction_on_error(transaction, code);
			code = vd_future_wait(retry);
			vd_future_free(retry);
		}
	}
	vd_transaction_free(transaction);
	return code;
}
