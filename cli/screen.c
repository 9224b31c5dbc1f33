/* SPDX-License-Identifier: Apache-2.0 */
/* screen.c: see screen.h. What the handlers call is safe in them: write, tcsetattr, sigaction, kill. */
#include "cli/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define TAKE   "\033[?1049h\033[?25l\033[2J\033[H" /* the alternate screen, no cursor, empty */
#define GIVE   "\033[?25h\033[?1049l"
#define HOME   "\033[H"
#define END    "\033[J"     /* nothing below */
#define NEXT   "\033[K\r\n" /* nothing right of it */
#define NARROW 80
#define LOW    24

static struct {
	_Atomic bool is_taken;
	bool is_open;
	bool has_keys; /* standard input is a terminal as well, and before is how it was */
	struct termios before;
	int wake;
} screen = { .wake = -1 };

/* What ends a process, and what it did before the screen was there. */
static struct {
	int number;
	struct sigaction before;
} deadly[] = {
	{ .number = SIGHUP },
	{ .number = SIGQUIT },
	{ .number = SIGSEGV },
	{ .number = SIGBUS },
	{ .number = SIGFPE },
	{ .number = SIGILL },
	{ .number = SIGABRT },
};

static bool write_all(const char *text, size_t size)
{
	while (size > 0) {
		ssize_t done = write(STDOUT_FILENO, text, size);
		if (done <= 0)
			return false;
		text += done;
		size -= (size_t)done;
	}
	return true;
}

/* ---- taking and giving back ---- */

static bool take(void)
{
	if (screen.has_keys) {
		struct termios keys = screen.before;
		keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		keys.c_cc[VMIN] = 1;
		keys.c_cc[VTIME] = 0;
		if (tcsetattr(STDIN_FILENO, TCSANOW, &keys) != 0)
			return false;
	}
	atomic_store(&screen.is_taken, true);
	return write_all(TAKE, sizeof TAKE - 1);
}

void vd_screen_restore(void)
{
	if (!atomic_exchange(&screen.is_taken, false))
		return;
	(void)write_all(GIVE, sizeof GIVE - 1);
	if (screen.has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
}

static void draw_again(void)
{
	const uint64_t one = 1;
	ssize_t written = write(screen.wake, &one, sizeof one);
	(void)written; /* full: then it is awake already */
}

/* ---- signals ---- */

static void on_size(int number)
{
	(void)number;
	draw_again();
}

static void on_stop(int number)
{
	(void)number;
	vd_screen_restore();
	kill(getpid(), SIGSTOP); /* here it rests until SIGCONT */
	(void)take();
	draw_again();
}

static void give_back_deaths(void)
{
	for (size_t i = 0; i < VD_COUNT(deadly); i++)
		sigaction(deadly[i].number, &deadly[i].before, NULL);
}

/* Raised again, it does what it did before. */
static void on_death(int number)
{
	vd_screen_restore();
	give_back_deaths();
	raise(number);
}

static void handle(int number, void (*handler)(int), struct sigaction *before)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	sigemptyset(&action.sa_mask);
	sigaction(number, &action, before);
}

/* A SIGHUP that nohup has set aside stays so. */
static void take_deaths(void)
{
	for (size_t i = 0; i < VD_COUNT(deadly); i++) {
		handle(deadly[i].number, on_death, &deadly[i].before);
		if (deadly[i].before.sa_handler == SIG_IGN)
			sigaction(deadly[i].number, &deadly[i].before, NULL);
	}
}

/* ---- the screen ---- */

bool vd_screen_is_possible(void)
{
	const char *kind = getenv("TERM");
	return isatty(STDOUT_FILENO) && kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0;
}

bool vd_screen_open(int wake)
{
	static bool is_registered;
	setlocale(LC_CTYPE, "");
	screen.wake = wake;
	screen.has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen.before) == 0 &&
					  tcgetpgrp(STDIN_FILENO) == getpgrp();
	if (!is_registered && atexit(vd_screen_restore) != 0)
		return false;
	is_registered = true;
	screen.is_open = true;
	take_deaths();
	handle(SIGTSTP, on_stop, NULL);
	handle(SIGWINCH, on_size, NULL);
	if (take())
		return true;
	vd_screen_close();
	return false;
}

void vd_screen_close(void)
{
	vd_screen_restore();
	if (!screen.is_open)
		return;
	screen.is_open = false;
	handle(SIGTSTP, SIG_DFL, NULL);
	handle(SIGWINCH, SIG_DFL, NULL);
	give_back_deaths();
}

int vd_screen_keys(void)
{
	return screen.has_keys ? STDIN_FILENO : -1;
}

struct vd_screen_size vd_screen_size(void)
{
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
		return (struct vd_screen_size){ LOW, NARROW };
	return (struct vd_screen_size){ size.ws_row, size.ws_col };
}

bool vd_screen_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* One that commands the terminal: of one byte, or (U+0080 to U+009F) of two. */
static size_t command_size(const char *at, size_t left)
{
	unsigned char first = (unsigned char)at[0];
	if (first < 0x20 || first == 0x7f)
		return 1;
	return first == 0xc2 && left > 1 && (unsigned char)at[1] < 0xa0 ? 2 : 0;
}

/* One line, cut at so many columns: a byte that continues a character takes none. */
static void add_line(struct vd_buffer *out, const char *line, size_t size, size_t columns)
{
	size_t used = 0;
	for (size_t i = 0; i < size; i++) {
		size_t command = command_size(line + i, size - i);
		used += ((unsigned char)line[i] & 0xc0) != 0x80;
		if (used > columns)
			break;
		vd_buffer_add_byte(out, command > 0 ? '?' : (uint8_t)line[i]);
		i += command > 1;
	}
}

bool vd_screen_show(const struct vd_buffer *lines)
{
	struct vd_screen_size size = vd_screen_size();
	struct vd_buffer out = { 0 };
	const char *at = (const char *)lines->data;
	const char *end = at + lines->size;
	vd_buffer_add_text(&out, HOME);
	for (size_t row = 0; row < size.rows && at < end; row++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop == NULL ? end : stop;
		if (row > 0)
			vd_buffer_add_text(&out, NEXT);
		add_line(&out, at, (size_t)(stop - at), size.columns);
		at = stop + 1;
	}
	vd_buffer_add_text(&out, "\033[K" END);
	bool shown = !atomic_load(&screen.is_taken) || write_all((const char *)out.data, out.size);
	vd_buffer_fini(&out);
	return shown;
}
