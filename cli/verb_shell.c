/* SPDX-License-Identifier: Apache-2.0 */
/* verb_shell.c: the language of exec, line by line: with editing and a history on a terminal, plainly otherwise.
 *
 * On a terminal Ctrl-C drops the line that is typed, or gives up what runs; Ctrl-D ends. Elsewhere Ctrl-C ends, and the exit
 * status is that of the first line that did not do well.
 */
#include "cli/cli.h"
#include "cli/session.h"

#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define HISTORY_LINES 1000

struct shell_settings {
	char *dsn;
	char *schema;
	int64_t timeout_ms;
	char *history;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct shell_settings),
	VD_SETTING_DURATION("timeout", struct shell_settings, timeout_ms, "60s", 0, 86400000,
		"after which a transaction is given up; 0: never"),
	VD_SETTING_STRING("history", struct shell_settings, history, "",
		"the file of the history; without it ~/.verdict_history"),
};

static const struct vd_settings settings = {
	.program = "verdict shell",
	.usage = "[settings]",
	.about = "Reads commands as verdict exec knows them, each line a transaction of its own, or several "
			 "lines from begin to\n"
			 "commit. help lists the commands.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

struct shell {
	struct vd_session session;
	EditLine *edit; /* NULL: not on a terminal */
	History *history;
	char *history_file;
	int worst;
};

static void print_help(void)
{
	const struct vd_command *command;
	for (size_t i = 0; (command = vd_command_at(i)) != NULL; i++)
		printf("  %s %s\n        %s\n", command->name, command->words, command->help);
	fputs("  help, quit\n"
		  "Commands end with ; or the line. Words with blanks or ; stand in double quotes; \\xNN is any "
		  "byte, \\\\ a backslash.\n"
		  "Each line is a transaction, unless begin and commit say otherwise.\n",
		stdout);
}

/* The line without blanks around it is this word. */
static bool line_is(const char *line, const char *word)
{
	line += strspn(line, " \t");
	size_t size = strlen(word);
	return strncmp(line, word, size) == 0 && line[size + strspn(line + size, " \t\r\n;")] == '\0';
}

/* False: the end. */
static bool run_line(struct shell *shell, const char *line, size_t size)
{
	struct vd_script script;
	struct vd_error error = { 0 };
	int code;
	if (line_is(line, "quit") || line_is(line, "exit"))
		return false;
	if (line_is(line, "help") || line_is(line, "?")) {
		print_help();
		return true;
	}
	enum vd_script_form form = shell->session.begun ? VD_SCRIPT_LINE_IN_OPEN : VD_SCRIPT_LINE;
	size -= size > 0 && line[size - 1] == '\n' ? 1 : 0;
	if (vd_script_parse(&script, vd_bytes_of(line, size), form, &error) != 0)
		code = vd_cli_fail(&error);
	else
		code = vd_session_run(&shell->session, &script);
	vd_script_free(&script);
	fflush(stdout);
	if (shell->worst == VD_EXIT_DONE)
		shell->worst = code;
	return shell->edit != NULL || code != VD_EXIT_INTERRUPTED;
}

/* ---- on a terminal ---- */

static struct shell *current; /* libedit's prompt function has no room for it */

static char *prompt(EditLine *edit)
{
	static char fresh[] = "verdict> ";
	static char open[] = "verdict*> ";
	(void)edit;
	return current->session.begun ? open : fresh;
}

static void load_history(struct shell *shell, const char *given)
{
	HistEvent event;
	const char *home = getenv("HOME");
	shell->history = history_init();
	if (shell->history == NULL)
		return;
	history(shell->history, &event, H_SETSIZE, HISTORY_LINES);
	history(shell->history, &event, H_SETUNIQUE, 1);
	el_set(shell->edit, EL_HIST, history, shell->history);
	if (given[0] != '\0')
		shell->history_file = strdup(given);
	else if (home == NULL || asprintf(&shell->history_file, "%s/.verdict_history", home) < 0)
		shell->history_file = NULL;
	if (shell->history_file != NULL)
		history(shell->history, &event, H_LOAD, shell->history_file); /* the first time there is none */
}

static void save_history(struct shell *shell)
{
	HistEvent event;
	if (shell->history == NULL)
		return;
	if (shell->history_file != NULL)
		history(shell->history, &event, H_SAVE, shell->history_file);
	history_end(shell->history);
	free(shell->history_file);
}

static struct termios terminal; /* as it was found */

/* While a line is typed Ctrl-C is a key; who asks us to end from elsewhere finds the terminal as it was. */
static void leave_terminal(void *unused)
{
	(void)unused;
	if (vd_interrupt_signal() != SIGTERM)
		return;
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	_exit(VD_EXIT_INTERRUPTED);
}

static const char *edit_line(struct shell *shell)
{
	int count;
	vd_interrupt_set(leave_terminal, NULL);
	const char *line = el_gets(shell->edit, &count);
	vd_interrupt_set(NULL, NULL);
	vd_interrupt_clear();
	return count > 0 ? line : NULL;
}

static void edit_lines(struct shell *shell)
{
	HistEvent event;
	for (const char *line; (line = edit_line(shell)) != NULL;) {
		if (line[strspn(line, " \t\n")] == '\0')
			continue;
		if (shell->history != NULL)
			history(shell->history, &event, H_ENTER, line);
		if (!run_line(shell, line, strlen(line)))
			return;
	}
	fputc('\n', stdout);
}

static int interactive(struct shell *shell, const struct shell_settings *given)
{
	if (tcgetattr(STDIN_FILENO, &terminal) == 0)
		shell->edit = el_init("verdict", stdin, stdout, stderr);
	if (shell->edit == NULL)
		return vd_cli_wrong("without a terminal it reads plain lines", "the terminal cannot be used");
	current = shell;
	el_set(shell->edit, EL_EDITOR, "emacs");
	el_set(shell->edit, EL_PROMPT, prompt);
	el_set(shell->edit, EL_SIGNAL, 0);
	/* While a line is typed, Ctrl-C comes as a key, and drops the line. */
	el_set(shell->edit, EL_BIND, "^C", "em-kill-line", NULL);
	el_set(shell->edit, EL_SETTY, "-d", "-isig", NULL);
	load_history(shell, given->history);
	puts("help lists the commands, quit or Ctrl-D ends");
	edit_lines(shell);
	save_history(shell);
	el_end(shell->edit);
	shell->edit = NULL;
	return VD_EXIT_DONE;
}

/* ---- elsewhere ---- */

/* Between two lines nothing is in flight. */
static void leave(void *unused)
{
	(void)unused;
	_exit(VD_EXIT_INTERRUPTED);
}

static ssize_t read_line(char **line, size_t *capacity)
{
	vd_interrupt_set(leave, NULL);
	ssize_t size = getline(line, capacity, stdin);
	vd_interrupt_set(NULL, NULL);
	return size;
}

static int plain(struct shell *shell)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;
	while ((size = read_line(&line, &capacity)) >= 0)
		if (!run_line(shell, line, (size_t)size))
			break;
	free(line);
	if (size < 0 && ferror(stdin) != 0)
		return vd_cli_wrong(NULL, "cannot read standard input: %s", strerror(errno));
	return vd_interrupted() ? VD_EXIT_INTERRUPTED : shell->worst;
}

static int shell(const struct shell_settings *given)
{
	struct shell shell = { .edit = NULL };
	int code = VD_EXIT_WRONG;
	struct vd_database *database =
		vd_interrupt_start() ? vd_cli_database(given->dsn, given->schema, &code) : NULL;
	if (database == NULL)
		return code;
	vd_session_init(&shell.session, database, given->timeout_ms, stdout);
	code = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? interactive(&shell, given) : plain(&shell);
	vd_session_end(&shell.session);
	vd_database_close(database, NULL, NULL);
	return code;
}

static int run(int argc, char **argv)
{
	struct shell_settings given = { 0 };
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	code = shell(&given);
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_shell = { "shell", "the same, line by line, with editing and history", run,
	&settings };
