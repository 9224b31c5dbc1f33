/* SPDX-License-Identifier: Apache-2.0 */
/* readers DSN TRANSACTIONS EACH BEGIN END [long] [option=value]...: walks a range with very many iterators at once: so many
 * transactions with so many iterators each. long: of the transactions, the option long_snapshot.
 *
 * Prints one line: {"rows":R,"done":N,"failed":N,"code":C}: the rows of all together, how many iterators came to the end, how
 * many did not, and the error of the first of those.
 */
#include "verdict/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct vd_iterator *iterator;
	struct vd_future *future;
	uint64_t rows;
	int code;
	bool is_done;
};

static struct vd_database *database;

static void begin(struct reader *reader, struct vd_transaction *transaction, const char *from, const char *to)
{
	struct vd_selector first = vd_first_greater_or_equal(from, strlen(from));
	struct vd_selector last = vd_first_greater_or_equal(to, strlen(to));
	struct vd_range_options options = { .snapshot = true };
	reader->code = vd_iterator_new(transaction, &first, &last, &options, &reader->iterator);
	if (reader->code == 0 && (reader->future = vd_iterator_next(reader->iterator)) == NULL)
		reader->code = VD_ERROR_OUT_OF_MEMORY;
}

/* One chunk, and the next one is asked for. */
static int go_on(struct reader *reader)
{
	const struct vd_row *rows;
	size_t count = 0;
	bool more = false;
	int code = vd_future_wait(reader->future);
	if (code == 0)
		code = vd_future_get_rows(reader->future, &rows, &count, &more);
	vd_future_free(reader->future);
	reader->future = NULL;
	reader->rows += count;
	reader->is_done = code == 0 && !more;
	if (code == 0 && more && (reader->future = vd_iterator_next(reader->iterator)) == NULL)
		code = VD_ERROR_OUT_OF_MEMORY;
	return code;
}

/* All of them, a chunk each in turn, until none goes on. */
static void walk(struct reader *readers, size_t count)
{
	for (size_t open = count; open > 0;) {
		open = 0;
		for (size_t i = 0; i < count; i++) {
			struct reader *reader = &readers[i];
			if (reader->code == 0 && !reader->is_done)
				reader->code = go_on(reader);
			open += reader->code == 0 && !reader->is_done;
		}
	}
}

static void report(const struct reader *readers, size_t count)
{
	uint64_t rows = 0;
	size_t done = 0;
	int code = 0;
	for (size_t i = 0; i < count; i++) {
		rows += readers[i].rows;
		done += readers[i].is_done;
		if (code == 0)
			code = readers[i].code;
	}
	printf(
		"{\"rows\":%" PRIu64 ",\"done\":%zu,\"failed\":%zu,\"code\":%d}\n", rows, done, count - done, code);
}

static int opened(int argc, char **argv, bool *is_long)
{
	struct vd_option options[8];
	size_t count = 0;
	*is_long = false;
	for (int i = 6; i < argc && count < 8; i++) {
		char *equals = strchr(argv[i], '=');
		*is_long |= equals == NULL;
		if (equals == NULL)
			continue;
		*equals = '\0';
		options[count++] = (struct vd_option){ argv[i], equals + 1 };
	}
	return argc < 6 ? 2 : vd_database_open(NULL, argv[1], options, count, &database, NULL, 0);
}

int main(int argc, char **argv)
{
	bool is_long;
	if (opened(argc, argv, &is_long) != 0)
		return 2;
	size_t transaction_count = strtoul(argv[2], NULL, 10), each = strtoul(argv[3], NULL, 10),
		   count = transaction_count * each;
	struct vd_transaction **transactions = calloc(transaction_count, sizeof(struct vd_transaction *));
	struct reader *readers = calloc(count, sizeof *readers);
	if (transactions == NULL || readers == NULL)
		return 2;
	for (size_t i = 0; i < count; i++) {
		struct vd_transaction **transaction = &transactions[i / each];
		if (i % each == 0 &&
			(vd_transaction_new(database, transaction) != 0 ||
				(is_long && vd_transaction_set_option(*transaction, "long_snapshot", NULL) != 0)))
			return 2;
		begin(&readers[i], *transaction, argv[4], argv[5]);
	}
	walk(readers, count);
	report(readers, count);
	for (size_t i = 0; i < count; i++)
		vd_iterator_free(readers[i].iterator);
	for (size_t i = 0; i < transaction_count; i++)
		vd_transaction_free(transactions[i]);
	free(readers);
	free(transactions);
	vd_database_close(database, NULL, NULL);
	return 0;
}
