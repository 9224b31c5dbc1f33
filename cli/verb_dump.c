/* SPDX-License-Identifier: Apache-2.0 */
/* verb_dump.c: a consistent snapshot of a store, or of a part of it, into a file. */
#include "cli/cli.h"
#include "cli/dump_file.h"
#include "cli/dump_progress.h"
#include "cli/dump_range.h"
#include "cli/dump_writer.h"
#include "common/base/random.h"
#include "common/text/json.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct dump_settings {
	char *dsn;
	char *schema;
	char *begin;
	char *end;
	char *prefix;
	char *format;
	bool force;
	bool json;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct dump_settings),
	VD_DUMP_RANGE_ROWS(struct dump_settings, "only keys"),
	VD_SETTING_CHOICE(
		"format", struct dump_settings, format, "binary", "binary|jsonl", "how rows are written"),
	VD_SETTING_BOOL("force", struct dump_settings, force, "false", "replaces a file that is there already"),
	VD_SETTING_BOOL("json", struct dump_settings, json, "false", "the summary as a JSON object"),
};

static const struct vd_settings settings = {
	.program = "verdict dump",
	.usage = "FILE|- [settings]",
	.about = "Writes a consistent snapshot of the store to FILE, or to standard output, while it is in use. "
			 "FILE is "
			 "there whole\n"
			 "or not at all: until then it is FILE.partial. A dump of the whole store has the counters of "
			 "sequenced keys as well.\n"
			 "verdict load brings it back.",
	.rows = rows,
	.count = VD_COUNT(rows),
	.takes_operands = true,
};

struct dump {
	const struct dump_settings *given;
	struct vd_dump_range range;
	struct vd_dump_file file;
	struct vd_dump_header header;
	struct vd_dump_writer writer;
	struct vd_progress progress;
	struct vd_transaction *transaction;
};

/* ---- reading ---- */

/* What a read of the snapshot ended with, told. */
static int fail_read(int code, const char *message)
{
	if (vd_interrupted())
		return VD_EXIT_INTERRUPTED;
	if (code == VD_ERROR_DATABASE_LOCKED)
		return vd_cli_wrong(
			"wait until it is loaded, or give that up: verdict load --abort", "the store is locked");
	if (code == VD_ERROR_TRANSACTION_TOO_OLD)
		return vd_cli_wrong("nothing was written; try again", "the snapshot was lost: %s", message);
	return vd_cli_wrong(vd_cli_hint, "%s", message);
}

/* Waits for a future, which goes; `get` takes what it holds. */
static int await_number(
	struct vd_future *future, int (*get)(const struct vd_future *future, int64_t *number), int64_t *number)
{
	int code = vd_cli_wait(future);
	int exit_code = code == 0 ? VD_EXIT_DONE : fail_read(code, vd_future_message(future));
	if (code == 0 && get(future, number) != 0)
		exit_code = fail_read(VD_ERROR_CLIENT_INVALID_OPERATION, "the answer cannot be used");
	vd_future_free(future);
	return exit_code;
}

static int write_rows(struct dump *dump, struct vd_future *future, bool *more)
{
	const struct vd_row *row;
	size_t count = 0;
	struct vd_error error = { 0 };
	int code = vd_cli_wait(future);
	if (code == 0)
		code = vd_future_get_rows(future, &row, &count, more);
	if (code != 0)
		return fail_read(code, vd_future_message(future));
	for (size_t i = 0; i < count; i++)
		vd_dump_writer_row(&dump->writer, vd_bytes_of(row[i].key, row[i].key_size),
			vd_bytes_of(row[i].value, row[i].value_size));
	if (ferror(dump->file.stream)) {
		vd_dump_file_failed(&dump->file, &error);
		return vd_cli_fail(&error);
	}
	if (!vd_dump_writer_ok(&dump->writer))
		return vd_cli_wrong(NULL, "no memory");
	vd_progress_show(&dump->progress, dump->writer.trailer.rows, dump->writer.trailer.bytes);
	return VD_EXIT_DONE;
}

static int write_range(struct dump *dump, struct vd_bytes begin, struct vd_bytes end)
{
	const struct vd_selector first = vd_first_greater_or_equal(begin.data, begin.size);
	const struct vd_selector last = vd_first_greater_or_equal(end.data, end.size);
	struct vd_iterator *iterator;
	bool more = true;
	int exit_code = VD_EXIT_DONE;
	int code = vd_iterator_new(dump->transaction, &first, &last, NULL, &iterator);
	if (code != 0)
		return fail_read(code, vd_error_text(code));
	while (exit_code == VD_EXIT_DONE && more) {
		struct vd_future *future = vd_iterator_next(iterator);
		exit_code = write_rows(dump, future, &more);
		vd_future_free(future);
	}
	vd_iterator_free(iterator);
	return exit_code;
}

/* ---- the dump ---- */

static int begin_snapshot(struct dump *dump)
{
	int64_t version = 0, size = 0;
	struct vd_dump_header *header = &dump->header;
	header->begin = vd_dump_range_begin(&dump->range);
	header->end = vd_dump_range_end(&dump->range);
	header->has_counters = vd_dump_is_whole(header);
	int code = vd_transaction_set_option(dump->transaction, "long_snapshot", NULL);
	if (code == 0)
		code = vd_transaction_set_option(dump->transaction, "read_system_keys", NULL);
	if (code != 0 || !vd_random_bytes(header->id, sizeof header->id))
		return vd_cli_wrong(NULL, "%s", vd_error_text(code != 0 ? code : VD_ERROR_PLATFORM));
	int exit_code =
		await_number(vd_transaction_get_read_version(dump->transaction), vd_future_get_version, &version);
	header->version = (uint64_t)version;
	if (exit_code != VD_EXIT_DONE || !dump->progress.shows)
		return exit_code;
	exit_code = await_number(vd_transaction_get_estimated_range_size(dump->transaction, header->begin.data,
								 header->begin.size, header->end.data, header->end.size),
		vd_future_get_size, &size);
	dump->progress.total_bytes = (uint64_t)size;
	dump->progress.is_estimate = true;
	return exit_code;
}

static int write_all(struct dump *dump)
{
	const struct vd_dump_header *header = &dump->header;
	bool is_jsonl = strcmp(dump->given->format, "jsonl") == 0;
	int exit_code = VD_EXIT_DONE;
	struct vd_error error = { 0 };
	if (!vd_dump_writer_init(&dump->writer, dump->file.stream, is_jsonl, header))
		exit_code = vd_cli_wrong(NULL, "no memory");
	if (exit_code == VD_EXIT_DONE)
		exit_code = write_range(dump, header->begin, header->end);
	if (exit_code == VD_EXIT_DONE && header->has_counters)
		exit_code = write_range(dump, VD_DUMP_COUNTERS_BEGIN, VD_DUMP_COUNTERS_END);
	if (exit_code == VD_EXIT_DONE)
		vd_dump_writer_end(&dump->writer);
	if (exit_code == VD_EXIT_DONE && vd_interrupted())
		exit_code = VD_EXIT_INTERRUPTED;
	if (exit_code == VD_EXIT_DONE && !vd_dump_file_finish(&dump->file, &error))
		exit_code = vd_cli_fail(&error);
	return exit_code;
}

/* Results go to standard output, unless that is the dump. */
static void print_summary(const struct dump *dump, const char *name, double seconds)
{
	const struct vd_dump_trailer *trailer = &dump->writer.trailer;
	FILE *out = strcmp(name, "-") == 0 ? stderr : stdout;
	char digest[VD_DIGEST_TEXT], id[2 * VD_DUMP_ID_BYTES + 1];
	vd_hex(trailer->digest, sizeof trailer->digest, digest);
	vd_hex(dump->header.id, sizeof dump->header.id, id);
	if (!dump->given->json) {
		fprintf(out,
			"dumped %" PRIu64 " rows, %" PRIu64 " bytes, at version %" PRIu64 " in %.2f s, digest %s\n",
			trailer->rows, trailer->bytes, dump->header.version, seconds, digest);
		return;
	}
	(void)!vd_json_print_line(
		out, json_pack("{s:o, s:s, s:I, s:I, s:I, s:o, s:o, s:b, s:s, s:f}", "file", vd_json_text(name), "id",
				 id, "version", (json_int_t)dump->header.version, "rows", (json_int_t)trailer->rows, "bytes",
				 (json_int_t)trailer->bytes, "begin", vd_json_bytes(dump->header.begin), "end",
				 vd_json_bytes(dump->header.end), "counters", dump->header.has_counters, "digest", digest,
				 "seconds", seconds));
}

static int dump_to(struct dump *dump, const char *name)
{
	struct vd_error error = { 0 };
	int exit_code;
	struct vd_database *database = NULL;
	if (!vd_dump_file_open(&dump->file, name, dump->given->force, &error))
		return vd_cli_fail(&error);
	if (!vd_interrupt_start())
		exit_code = VD_EXIT_WRONG;
	else
		database = vd_cli_database(dump->given->dsn, dump->given->schema, &exit_code);
	if (database != NULL && vd_transaction_new(database, &dump->transaction) != 0)
		exit_code = vd_cli_wrong(NULL, "no memory");
	if (database != NULL && dump->transaction != NULL) {
		vd_progress_begin(&dump->progress, "dumped");
		exit_code = begin_snapshot(dump);
		if (exit_code == VD_EXIT_DONE)
			exit_code = write_all(dump);
		double seconds = vd_progress_end(&dump->progress);
		if (exit_code == VD_EXIT_DONE)
			print_summary(dump, name, seconds);
		vd_transaction_free(dump->transaction);
		vd_dump_writer_fini(&dump->writer);
	}
	if (database != NULL)
		vd_database_close(database, NULL, NULL);
	vd_dump_file_drop(&dump->file);
	return exit_code;
}

static int run(int argc, char **argv)
{
	struct dump_settings given = { 0 };
	struct dump dump = { .given = &given };
	int operands, exit_code;
	if (!vd_cli_load(&settings, argc, argv, &given, &operands, &exit_code))
		return exit_code;
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of the write */
	exit_code = vd_dump_range_init(&dump.range, given.begin, given.end, given.prefix);
	if (exit_code == VD_EXIT_DONE && operands != 1)
		exit_code =
			vd_cli_wrong("verdict dump FILE, or - for standard output", "the name of one file is missing");
	if (exit_code == VD_EXIT_DONE)
		exit_code = vd_cli_check_file(argv[1]);
	if (exit_code == VD_EXIT_DONE && strcmp(argv[1], "-") == 0 && isatty(STDOUT_FILENO))
		exit_code = vd_cli_wrong("verdict dump - | …, or a name", "a dump is not for a terminal");
	if (exit_code == VD_EXIT_DONE)
		exit_code = dump_to(&dump, argv[1]);
	vd_dump_range_fini(&dump.range);
	vd_settings_free(&settings, &given);
	return exit_code;
}

const struct vd_verb vd_verb_dump = { "dump", "a consistent snapshot of the store to a file", run,
	&settings };
