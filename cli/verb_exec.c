/* SPDX-License-Identifier: Apache-2.0 */
/* verb_exec.c: runs one script. */
#include "cli/cli.h"
#include "cli/session.h"

#include "common/base/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT_BYTES_MAX ((size_t)64 << 20)
#define READ_BYTES       ((size_t)64 << 10)

struct exec_settings {
	char *dsn;
	char *schema;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct exec_settings),
	VD_SETTING_DURATION("timeout", struct exec_settings, timeout_ms, "60s", 0, 86400000,
		"after which a transaction is given up; 0: never"),
};

static const struct vd_settings settings = {
	.program = "verdict exec",
	.usage = "[settings] SCRIPT|-",
	.about = "Runs a script, for instance 'set a 1; get a; add n 5; getrange a z limit 10; clear a': one "
			 "transaction, unless\n"
			 "the script says begin and commit. Commands end with ; and words with blanks or ; stand in "
			 "double quotes.\n"
			 "The last line is the verdict. verdict shell lists the commands (help).",
	.rows = rows,
	.count = VD_COUNT(rows),
	.takes_operands = true,
};

/* All of standard input: a script may be longer than an argument can be. */
static bool read_script(struct vd_buffer *text)
{
	vd_buffer_init(text, SCRIPT_BYTES_MAX);
	for (;;) {
		uint8_t *to = vd_buffer_extend(text, READ_BYTES);
		if (to == NULL) {
			vd_cli_wrong(NULL, "the script is larger than 64 MB");
			return false;
		}
		ssize_t got = read(STDIN_FILENO, to, READ_BYTES);
		vd_buffer_truncate(text, text->size - READ_BYTES + (got > 0 ? (size_t)got : 0));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			vd_cli_wrong(NULL, "cannot read standard input: %s", strerror(errno));
		if (got <= 0)
			return got == 0;
	}
}

static int exec(const struct exec_settings *given, struct vd_bytes text)
{
	struct vd_script script;
	struct vd_error error = { 0 };
	int code = VD_EXIT_WRONG;
	if (vd_script_parse(&script, text, VD_SCRIPT_WHOLE, &error) != 0) {
		vd_script_free(&script);
		return vd_cli_fail(&error);
	}
	struct vd_database *database =
		vd_interrupt_start() ? vd_cli_database(given->dsn, given->schema, &code) : NULL;
	if (database != NULL) {
		struct vd_session session;
		vd_session_init(&session, database, given->timeout_ms, stdout);
		code = vd_session_run(&session, &script);
		vd_session_end(&session);
		vd_database_close(database, NULL, NULL);
	}
	vd_script_free(&script);
	return code;
}

static int run(int argc, char **argv)
{
	struct exec_settings given = { 0 };
	struct vd_buffer text = { 0 };
	int operands;
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, &operands, &code))
		return code;
	if (operands != 1)
		code = vd_cli_wrong("verdict exec 'set a 1; get a'",
			operands == 0 ? "a script is missing" : "one script at a time, in quotes");
	else if (strcmp(argv[1], "-") != 0)
		code = exec(&given, vd_bytes_of_string(argv[1]));
	else
		code = read_script(&text) ? exec(&given, vd_buffer_bytes(&text)) : VD_EXIT_WRONG;
	vd_buffer_fini(&text);
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_exec = { "exec", "run a script of reads and writes, as a transaction", run,
	&settings };
