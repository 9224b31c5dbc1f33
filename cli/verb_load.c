/* SPDX-License-Identifier: Apache-2.0 */
/* verb_load.c: brings a dump back into a store, which is locked until all of it is there.
 *
 * A file is read whole before anything is written, so that one that was cut short or altered is found out first; a pipe is undone
 * when it turns out to be. What was interrupted goes on with the same file where it stopped.
 */
#include "cli/cli.h"
#include "cli/dump_progress.h"
#include "cli/dump_range.h"
#include "cli/dump_reader.h"
#include "cli/load_steps.h"
#include "common/text/escape.h"
#include "common/text/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

struct load_settings {
	char *dsn;
	char *schema;
	char *begin;
	char *end;
	char *prefix;
	bool replace;
	bool abort;
	bool json;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct load_settings),
	VD_DUMP_RANGE_ROWS(struct load_settings, "loads keys"),
	VD_SETTING_BOOL("replace", struct load_settings, replace, "false", "removes what is there before"),
	VD_SETTING_BOOL("abort", struct load_settings, abort, "false",
		"gives up a load that was interrupted: removes what it has loaded, and unlocks the store"),
	VD_SETTING_BOOL("json", struct load_settings, json, "false", "the summary as a JSON object"),
};

static const struct vd_settings settings = {
	.program = "verdict load",
	.usage = "FILE|- [settings]",
	.about =
		"Brings a dump back into an empty store. Until all of it is there, the store is locked: everybody "
		"else gets\n"
		"1038 database_locked, and goes on afterwards. A load that was interrupted goes on with the same "
		"command.",
	.rows = rows,
	.count = VD_COUNT(rows),
	.takes_operands = true,
};

struct job {
	const struct load_settings *given;
	const char *name;
	FILE *file;
	struct vd_dump_range range;
	struct vd_dump_reader reader;
	struct vd_load_batch batch;
	struct vd_load load;
	struct vd_progress progress;
	uint64_t resumed_at;
};

/* ---- what went wrong ---- */

static const char goes_on[] =
	"the store stays locked: load the same file again to go on, or verdict load --abort";

/* The state is another one; or it is the same, and the lock is gone: then others may have written what they read. */
static int fail_overtaken(struct job *job)
{
	struct vd_load *load = &job->load;
	char text[2 * VD_STORE_LOCK_BYTES + 1], hint[200];
	if (vd_load_look(load) != 0 || load->stored.size == 0)
		return vd_cli_wrong(
			"only one process at a time loads", "somebody else goes on with this load, or has given it up");
	vd_hex(load->state.lock, sizeof load->state.lock, text);
	snprintf(hint, sizeof hint,
		"verdict exec 'lock %s' locks it again; then load that file again, or verdict "
		"load --abort",
		text);
	return vd_cli_wrong(hint, "the store was unlocked in the middle of a load");
}

/* A step ended with this. */
static int fail_step(struct job *job, int code)
{
	const struct vd_load *load = &job->load;
	bool is_locked = load->stored.size > 0;
	if (vd_interrupted()) {
		if (is_locked)
			fprintf(stderr, "%s: interrupted at row %" PRIu64 "\nhint: %s\n", vd_cli_name(), load->state.rows,
				goes_on);
		return VD_EXIT_INTERRUPTED;
	}
	if (code == VD_ERROR_DATABASE_LOCKED)
		return vd_cli_wrong("whoever has locked it has to unlock it", "the store is locked by somebody else");
	if (vd_load_is_overtaken(code) && is_locked)
		return fail_overtaken(job);
	return vd_cli_wrong(is_locked ? goes_on : vd_cli_hint, "%s", load->message);
}

/* What was loaded cannot stay: it is removed, and then told why. What this process has not begun is left as it was. */
static int give_up(struct job *job, struct vd_error *error)
{
	if (!job->load.has_written) {
		if (job->load.stored.size > 0)
			vd_error_hint(error, "%s", goes_on);
	} else if (vd_load_undo(&job->load) == 0) {
		vd_error_hint(error, "nothing of it is loaded, %sand the store is unlocked",
			job->given->replace ? "what was there before is removed as well (--replace), " : "");
	} else {
		vd_error_hint(error, "it could not be removed, and the store stays locked: verdict load --abort");
	}
	return vd_cli_fail(error);
}

/* The store refuses what the file holds, now and ever. */
static bool is_refused(int code)
{
	return code == VD_ERROR_TRANSACTION_TOO_LARGE || code == VD_ERROR_KEY_TOO_LARGE ||
		   code == VD_ERROR_VALUE_TOO_LARGE || code == VD_ERROR_SQL;
}

static int fail_write(struct job *job, int code)
{
	struct vd_error error = { 0 };
	if (!is_refused(code) || vd_interrupted())
		return fail_step(job, code);
	vd_error_set(&error, code, "the store does not take a row: %s", job->load.message);
	return give_up(job, &error);
}

/* ---- the file ---- */

static int open_reader(struct job *job)
{
	struct vd_error error = { 0 };
	if (vd_dump_reader_open(&job->reader, job->file, job->name, &error))
		return VD_EXIT_DONE;
	return vd_cli_fail(&error);
}

static int check_range(const struct job *job)
{
	const struct vd_dump_header *header = &job->reader.header;
	struct vd_bytes begin = vd_dump_range_begin(&job->range), end = vd_dump_range_end(&job->range);
	if (job->range.is_whole ||
		(!vd_bytes_less(header->begin, begin) && !vd_bytes_less(end, header->end) && !header->has_counters))
		return VD_EXIT_DONE;
	return vd_cli_wrong(header->has_counters ? "it is of a whole store, and goes into an empty one"
											 : "say the same as verdict dump was told",
		"%s holds keys from \"%s\" to \"%s\", which are more than it was to be", job->name,
		VD_ESCAPE_SHORT(header->begin), VD_ESCAPE_SHORT(header->end));
}

/* All of it, before anything is written. */
static int verify(struct job *job, off_t begin)
{
	struct vd_error error = { 0 };
	struct vd_bytes key, value;
	enum vd_dump_next next = VD_DUMP_ROW;
	vd_progress_begin(&job->progress, "verified");
	while (next == VD_DUMP_ROW && !vd_interrupted()) {
		next = vd_dump_reader_next(&job->reader, &key, &value, &error);
		vd_progress_show(&job->progress, job->reader.trailer.rows, job->reader.trailer.bytes);
	}
	(void)vd_progress_end(&job->progress);
	if (next == VD_DUMP_WRONG)
		return vd_cli_fail(&error);
	uint64_t bytes = job->reader.trailer.bytes;
	if (vd_interrupted())
		return VD_EXIT_INTERRUPTED;
	if (fseeko(job->file, begin, SEEK_SET) != 0)
		return vd_cli_wrong(NULL, "%s cannot be read twice: %s", job->name, strerror(errno));
	vd_dump_reader_close(&job->reader);
	int exit_code = open_reader(job);
	vd_progress_begin(&job->progress, "loaded");
	job->progress.total_bytes = bytes;
	return exit_code;
}

static int open_file(struct job *job, const char *name)
{
	struct stat status;
	bool is_input = strcmp(name, "-") == 0;
	job->name = is_input ? "standard input" : name;
	job->file = is_input ? stdin : fopen(name, "re");
	if (job->file == NULL || fstat(fileno(job->file), &status) != 0)
		return vd_cli_wrong(NULL, "%s cannot be read: %s", job->name, strerror(errno));
	off_t begin = S_ISREG(status.st_mode) ? ftello(job->file) : -1;
	int exit_code = open_reader(job);
	if (exit_code == VD_EXIT_DONE)
		exit_code = check_range(job);
	if (exit_code == VD_EXIT_DONE && begin >= 0)
		return verify(job, begin);
	vd_progress_begin(&job->progress, "loaded");
	return exit_code;
}

/* ---- the store ---- */

static int begin_load(struct job *job)
{
	struct vd_load *load = &job->load;
	struct vd_load_state *state = &load->state;
	const struct vd_dump_header *header = &job->reader.header;
	state->phase = job->given->replace ? VD_LOAD_CLEARING : VD_LOAD_LOADING;
	memcpy(state->file, job->reader.identity, sizeof state->file);
	memcpy(state->lock, header->id, sizeof state->lock);
	vd_buffer_add(&state->begin, vd_dump_range_begin(&job->range));
	vd_buffer_add(&state->end, vd_dump_range_end(&job->range));
	state->has_counters = job->range.is_whole;
	vd_dump_reader_digest(&job->reader, state->digest);
	int code = vd_load_begin(load, header->version);
	if (code == VD_ERROR_PRECONDITION_FAILED)
		return vd_cli_wrong("--replace removes what is there; --prefix loads a part beside it",
			job->range.is_whole ? "the store is not empty" : "the store is not empty where the dump goes");
	return code == 0 ? VD_EXIT_DONE : fail_step(job, code);
}

/* A load that stands in the store: it has to be of this file. */
static int resume(struct job *job)
{
	struct vd_load *load = &job->load;
	const struct vd_load_state *state = &load->state;
	struct vd_error error = { 0 };
	struct vd_bytes key, value;
	uint8_t digest[VD_DIGEST_BYTES];
	if (state->phase == VD_LOAD_UNDOING)
		return vd_cli_wrong(
			"verdict load --abort ends that", "a load was given up here, and is not removed yet");
	bool is_same = memcmp(state->file, job->reader.identity, sizeof state->file) == 0;
	while (is_same && job->reader.trailer.rows < state->rows) {
		enum vd_dump_next next = vd_dump_reader_next(&job->reader, &key, &value, &error);
		if (next == VD_DUMP_WRONG)
			return give_up(job, &error);
		is_same = next == VD_DUMP_ROW;
		vd_progress_show(&job->progress, job->reader.trailer.rows, job->reader.trailer.bytes);
	}
	vd_dump_reader_digest(&job->reader, digest);
	if (!is_same || memcmp(digest, state->digest, sizeof digest) != 0)
		return vd_cli_wrong("load that file again to go on with it, or verdict load --abort",
			"the store is locked by the load of another file, of which %" PRIu64 " rows are there",
			state->rows);
	job->resumed_at = state->rows;
	return VD_EXIT_DONE;
}

static int write_batch(struct job *job, bool is_last)
{
	struct vd_load *load = &job->load;
	load->state.rows = job->reader.trailer.rows;
	vd_dump_reader_digest(&job->reader, load->state.digest);
	int code = is_last ? vd_load_finish(load, &job->batch) : vd_load_write(load, &job->batch);
	vd_load_batch_clear(&job->batch);
	return code == 0 ? VD_EXIT_DONE : fail_write(job, code);
}

static int write_rows(struct job *job)
{
	struct vd_error error = { 0 };
	struct vd_bytes key, value;
	for (;;) {
		enum vd_dump_next next = vd_dump_reader_next(&job->reader, &key, &value, &error);
		if (vd_interrupted())
			return fail_step(job, VD_ERROR_OPERATION_CANCELLED);
		if (next == VD_DUMP_WRONG)
			return give_up(job, &error);
		if (next == VD_DUMP_END)
			return write_batch(job, true);
		if (!vd_load_batch_add(&job->batch, key, value))
			return vd_cli_wrong(goes_on, "no memory");
		int exit_code = vd_load_batch_is_full(&job->batch) ? write_batch(job, false) : VD_EXIT_DONE;
		if (exit_code != VD_EXIT_DONE)
			return exit_code;
		vd_progress_show(&job->progress, job->reader.trailer.rows, job->reader.trailer.bytes);
	}
}

static int load_all(struct job *job)
{
	int code = vd_load_look(&job->load);
	if (code != 0)
		return fail_step(job, code);
	int exit_code = job->load.stored.size > 0 ? resume(job) : begin_load(job);
	if (exit_code == VD_EXIT_DONE && job->load.state.phase == VD_LOAD_CLEARING) {
		code = vd_load_clear(&job->load);
		exit_code = code == 0 ? VD_EXIT_DONE : fail_step(job, code);
	}
	return exit_code == VD_EXIT_DONE ? write_rows(job) : exit_code;
}

static int abort_load(struct job *job)
{
	int code = vd_load_look(&job->load);
	if (code != 0)
		return fail_step(job, code);
	if (job->load.stored.size == 0)
		return vd_cli_wrong(NULL, "no load is under way");
	code = vd_load_undo(&job->load);
	return code == 0 ? VD_EXIT_DONE : fail_step(job, code);
}

/* ---- the verb ---- */

static void print_summary(const struct job *job, double seconds)
{
	const struct vd_dump_reader *reader = &job->reader;
	char digest[VD_DIGEST_TEXT], id[2 * VD_DUMP_ID_BYTES + 1];
	vd_hex(reader->trailer.digest, sizeof reader->trailer.digest, digest);
	vd_hex(reader->header.id, sizeof reader->header.id, id);
	if (job->given->json) {
		(void)!vd_json_print_line(
			stdout, json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:s, s:f}", "file", vd_json_text(job->name),
						"id", id, "version", (json_int_t)reader->header.version, "rows",
						(json_int_t)reader->trailer.rows, "bytes", (json_int_t)reader->trailer.bytes,
						"resumed_at", (json_int_t)job->resumed_at, "digest", digest, "seconds", seconds));
		return;
	}
	printf("loaded %" PRIu64 " rows, %" PRIu64 " bytes, of version %" PRIu64 " in %.2f s, digest %s\n",
		reader->trailer.rows, reader->trailer.bytes, reader->header.version, seconds, digest);
	if (job->resumed_at > 0)
		printf("%" PRIu64 " rows of them were there from before\n", job->resumed_at);
}

static int with_store(struct job *job, int (*work)(struct job *job))
{
	int exit_code;
	job->load.database = vd_cli_database_wide(job->given->dsn, job->given->schema, &exit_code);
	if (job->load.database == NULL)
		return exit_code;
	exit_code = work(job);
	vd_database_close(job->load.database, NULL, NULL);
	return exit_code;
}

static int load_file(struct job *job, const char *name)
{
	int exit_code = open_file(job, name);
	if (exit_code == VD_EXIT_DONE)
		exit_code = with_store(job, load_all);
	double seconds = vd_progress_end(&job->progress);
	if (exit_code == VD_EXIT_DONE)
		print_summary(job, seconds);
	vd_dump_reader_close(&job->reader);
	if (job->file != NULL && job->file != stdin)
		(void)fclose(job->file);
	return exit_code;
}

static int run(int argc, char **argv)
{
	struct load_settings given = { 0 };
	struct job job = { .given = &given };
	int operands, exit_code;
	if (!vd_cli_load(&settings, argc, argv, &given, &operands, &exit_code))
		return exit_code;
	exit_code = vd_dump_range_init(&job.range, given.begin, given.end, given.prefix);
	if (exit_code == VD_EXIT_DONE && operands != (given.abort ? 0 : 1))
		exit_code =
			vd_cli_wrong("verdict load FILE, or - for standard input; verdict load --abort takes none", "%s",
				given.abort ? "a load is given up without a file" : "the name of one file is missing");
	if (exit_code == VD_EXIT_DONE && !given.abort)
		exit_code = vd_cli_check_file(argv[1]);
	if (exit_code == VD_EXIT_DONE && !vd_interrupt_start())
		exit_code = VD_EXIT_WRONG;
	if (exit_code == VD_EXIT_DONE)
		exit_code = given.abort ? with_store(&job, abort_load) : load_file(&job, argv[1]);
	vd_load_batch_fini(&job.batch);
	vd_load_fini(&job.load);
	vd_dump_range_fini(&job.range);
	vd_settings_free(&settings, &given);
	return exit_code;
}

const struct vd_verb vd_verb_load = { "load", "a dump back into an empty store", run, &settings };
