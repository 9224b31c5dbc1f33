/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/history/dump.h"
#include "tests/history/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_rows(struct vd_iterator *iterator, FILE *out, uint64_t *written)
{
	static struct line line;
	const struct vd_row *rows = NULL;
	size_t count = 0;
	bool more = true;
	while (more) {
		struct vd_future *chunk = vd_iterator_next(iterator);
		vd_future_wait(chunk);
		int code = vd_future_get_rows(chunk, &rows, &count, &more);
		for (size_t i = 0; code == 0 && i < count; i++) {
			line_clear(&line);
			line_add_bytes(&line, rows[i].key, rows[i].key_size);
			line_add_bytes(
				&line, rows[i].value_size == 0 ? (const uint8_t *)"" : rows[i].value, rows[i].value_size);
			fprintf(out, "%.*s\n", (int)line.size - 1, line.text + 1);
		}
		vd_future_free(chunk);
		if (code != 0)
			return code;
		*written += count;
	}
	line_free(&line);
	return 0;
}

static int dump_to(struct vd_transaction *transaction, FILE *out)
{
	struct vd_selector begin = vd_first_greater_or_equal(HISTORY_BEGIN, strlen(HISTORY_BEGIN));
	struct vd_selector end = vd_first_greater_or_equal(HISTORY_END, strlen(HISTORY_END));
	struct vd_iterator *iterator = NULL;
	int64_t version = 0;
	uint64_t written = 0;
	struct vd_future *future = vd_transaction_get_read_version(transaction);
	vd_future_wait(future);
	int code = vd_future_get_version(future, &version);
	vd_future_free(future);
	if (code != 0)
		return code;
	fprintf(out, "verdict-final 1 %" PRId64 " %s %s\n", version, HISTORY_BEGIN, HISTORY_END);
	code = vd_iterator_new(transaction, &begin, &end, NULL, &iterator);
	if (code != 0)
		return code;
	code = write_rows(iterator, out, &written);
	vd_iterator_free(iterator);
	fprintf(out, "end %" PRIu64 "\n", written);
	return code;
}

int dump(struct vd_database *database, const char *path)
{
	struct vd_transaction *transaction = NULL;
	int code = vd_transaction_new(database, &transaction);
	if (code == 0)
		code = vd_transaction_set_option(transaction, "long_snapshot", NULL);
	while (code == 0) {
		FILE *out = fopen(path, "w");
		if (out == NULL) {
			code = VD_ERROR_PLATFORM;
			break;
		}
		int ended = dump_to(transaction, out);
		if (fclose(out) != 0)
			ended = VD_ERROR_PLATFORM;
		if (ended == 0)
			break;
		if (truncate(path, 0) != 0)
			code = VD_ERROR_PLATFORM;
		struct vd_future *pause = vd_transaction_on_error(transaction, ended);
		if (vd_future_wait(pause) != 0)
			code = ended;
		vd_future_free(pause);
		if (code == 0)
			code = vd_transaction_set_option(transaction, "long_snapshot", NULL);
	}
	vd_transaction_free(transaction);
	return code;
}
