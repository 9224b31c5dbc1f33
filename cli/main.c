/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: the program `verdict`: finds the verb in the table and runs it. */
#include "cli/cli.h"

#include "common/base/redact.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct vd_verb *const verbs[] = {
	&vd_verb_up,
	&vd_verb_down,
	&vd_verb_migrate,
	&vd_verb_status,
	&vd_verb_observe,
	&vd_verb_doctor,
	&vd_verb_clients,
	&vd_verb_purge,
	&vd_verb_elect,
	&vd_verb_exec,
	&vd_verb_shell,
	&vd_verb_submit,
	&vd_verb_dump,
	&vd_verb_load,
	&vd_verb_bench,
};

static void print_help(FILE *file)
{
	fputs("usage: verdict VERB [settings] [arguments]\n"
		  "       verdict VERB --help\n"
		  "       verdict --help | --version\n\n"
		  "A strictly serializable, ordered key-value store on one PostgreSQL.\n\n",
		file);
	for (size_t i = 0; i < VD_COUNT(verbs); i++)
		fprintf(file, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
	fputs("\nEach setting may also come from the environment (--dsn from VERDICT_DSN, and so on).\n"
		  "Exit status: 0 done; 1 a verdict that is not committed, or a check that failed; 2 wrong use, a "
		  "malformed\n"
		  "line, or an unreachable database; 130 after Ctrl-C.\n",
		file);
}

static const struct vd_verb *verb_of(const char *name)
{
	for (size_t i = 0; i < VD_COUNT(verbs); i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static int unknown(const char *name)
{
	struct vd_error error = { 0 };
	const char *names[VD_COUNT(verbs)];
	for (size_t i = 0; i < VD_COUNT(verbs); i++)
		names[i] = verbs[i]->name;
	const char *closest = vd_closest(name, names, VD_COUNT(names));
	vd_error_set(&error, VD_ERROR_INVALID_OPTION, "unknown verb \"%s\"", VD_REDACT_WORD(name));
	if (closest != NULL)
		vd_error_hint(&error, "did you mean %s? verdict --help lists all", closest);
	else
		vd_error_hint(&error, "verdict --help lists all verbs");
	return vd_cli_fail(&error);
}

/* A standard descriptor that is closed would be given to the next thing opened, such as a connection, into which results would
 * then be printed. One that can only be used the other way fails as a closed one does. */
static bool open_standard_descriptors(void)
{
	static const int useless[] = { O_WRONLY, O_RDONLY, O_RDONLY };
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", useless[fd]) != fd)
			return false;
	return true;
}

static int run(int argc, char **argv)
{
	if (argc < 2)
		return vd_cli_wrong("verdict --help lists all verbs", "a verb is missing");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return VD_EXIT_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("verdict %s (schema version %u)\n", vd_version(), vd_admin_schema_version());
		return VD_EXIT_DONE;
	}
	const struct vd_verb *verb = verb_of(argv[1]);
	if (verb == NULL)
		return unknown(argv[1]);
	return verb->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	if (!open_standard_descriptors())
		return VD_EXIT_WRONG;
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of the write, told like any other */
	int code = run(argc, argv);
	/* What was printed must have arrived: a full disk or a closed pipe is not "done". */
	bool printed = fflush(stdout) == 0 && ferror(stdout) == 0;
	return printed || code == VD_EXIT_WRONG || code == VD_EXIT_INTERRUPTED ? code : vd_cli_output_failed();
}
