/* SPDX-License-Identifier: Apache-2.0 */
/* commit_driver [--base] DSN SCHEMA [option=value]...: the library's commit path under the orders of a test.
 *
 * Opens a database (with --base on an event_base of this program's own), prints "ready" or "failed <code> <message>", then
 * takes one order a line:
 *     submit ID HEX            a commit with these bytes as its payload
 *     submits FIRST COUNT SIZE the commits FIRST … FIRST+COUNT-1, of SIZE bytes, in one go
 *     stamps FIRST COUNT       real requests: each adds 1 to the key "count", and sets "s" + ID (4 bytes, big-endian) + its stamp
 *     give_up ID
 *     who                      prints "who <client> <generation> <reply>"
 *     counts                   prints "counts <state>=<n> … acknowledged=<n> last=<n>"
 *     statements               prints "statements desk=<n> inbox=<n>": since each was connected
 *     newest                   prints "newest <version>"
 *     ready                    asks again
 *     fork                     tries the open database in a child: "fork <code of ready> <code of wait>"
 *     close                    prints "closed" and ends; so does the end of input
 * A verdict is printed as "told ID <code> <version> <order> <range> <conflict version> <message>".
 */
#include "common/base/clock.h"
#include "common/base/endian.h"
#include "common/kv/codec.h"
#include "follower/commit/committer.h"

#include <event2/event.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDS 200000

static struct vd_database *database;
static struct event_base *base;
static struct vd_commit *commits[IDS];

static void on_told(void *arg, const struct vd_verdict *verdict)
{
	size_t id = (size_t)arg;
	commits[id] = NULL;
	printf("told %zu %d %" PRIu64 " %u %u %" PRIu64 " %s\n", id, verdict->code, verdict->version,
		verdict->order, verdict->conflict_range, verdict->conflict_version, verdict->message);
}

static void submit(size_t id, const uint8_t *bytes, size_t size)
{
	commits[id] = vd_commit_submit(database, vd_bytes_of(bytes, size), on_told, (void *)id);
}

static void order_submit(const char *arguments)
{
	static uint8_t bytes[1 << 20];
	size_t id, size = 0;
	int used = 0;
	if (sscanf(arguments, "%zu %n", &id, &used) != 1 || id >= IDS)
		return;
	unsigned byte;
	for (const char *at = arguments + used; size < sizeof bytes && sscanf(at, "%2x", &byte) == 1; at += 2)
		bytes[size++] = (uint8_t)byte;
	submit(id, bytes, size);
}

static void order_submits(const char *arguments)
{
	static uint8_t bytes[1 << 20];
	size_t first, count, size;
	if (sscanf(arguments, "%zu %zu %zu", &first, &count, &size) != 3 || size > sizeof bytes ||
		first + count > IDS)
		return;
	for (size_t id = first; id < first + count; id++) {
		memset(bytes, (int)id, size);
		submit(id, bytes, size);
	}
}

static bool submit_stamp(size_t id)
{
	uint8_t key[5 + VD_STAMP_BYTES + VD_STAMP_OFFSET_BYTES] = { 's' };
	uint8_t one[8] = { 1 };
	vd_store_be32(key + 1, (uint32_t)id);
	vd_store_le32(key + 5 + VD_STAMP_BYTES, 5);
	const struct vd_mutation mutations[] = {
		{ .op = VD_OP_ADD, .key = VD_BYTES("count"), .value = vd_bytes_of(one, sizeof one) },
		{ .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = vd_bytes_of(key, sizeof key) },
	};
	struct vd_request request = { .read_version = database->newest.version,
		.mutations = mutations,
		.mutation_count = VD_COUNT(mutations) };
	memcpy(request.read_term, database->newest.term, VD_TERM_BYTES);
	struct vd_arena arena;
	struct vd_bytes payload;
	vd_arena_init(&arena, SIZE_MAX);
	bool good = vd_request_encode(&arena, &request, &payload);
	if (good)
		submit(id, payload.data, payload.size);
	vd_arena_fini(&arena);
	return good;
}

static void order_stamps(const char *arguments)
{
	size_t first, count;
	if (sscanf(arguments, "%zu %zu", &first, &count) != 2 || first + count > IDS)
		return;
	for (size_t id = first; id < first + count; id++)
		if (!submit_stamp(id))
			exit(1);
}

static void order_who(void)
{
	const struct vd_committer *committer = database->committer;
	printf("who ");
	for (size_t i = 0; i < 16; i++)
		printf("%02x", committer->identity.client[i]);
	printf(" %" PRId64 " %016" PRIx64 "\n", committer->identity.generation, committer->reply);
}

static void order_counts(void)
{
	const struct vd_committer *committer = database->committer;
	printf("counts");
	for (unsigned state = 0; state < VD_COMMIT_STATES; state++)
		printf(" %s=%zu", vd_machine_name(&vd_commit_life, state), committer->commits.count[state]);
	printf(" acknowledged=%" PRIu64 " last=%" PRIu64 "\n", committer->acknowledged,
		committer->commits.last_sequence);
}

static void order_statements(void)
{
	const struct vd_pg *desk = vd_pg_link_up(database->committer->desk);
	const struct vd_pg *inbox = vd_pg_link_up(database->committer->inbox);
	printf("statements desk=%" PRIu64 " inbox=%" PRIu64 "\n",
		desk == NULL ? 0 : vd_pg_counts(desk)->statements,
		inbox == NULL ? 0 : vd_pg_counts(inbox)->statements);
}

static void order_fork(void)
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		struct vd_future *future = vd_database_ready(database);
		printf("fork %d %d\n", vd_future_error(future), vd_future_wait(vd_future_new(database)));
		vd_future_free(future);
		vd_database_close(database, NULL, NULL);
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

/* Entered. */
static void order_inside(const char *verb, const char *arguments)
{
	size_t id;
	if (strcmp(verb, "submit") == 0)
		order_submit(arguments);
	else if (strcmp(verb, "submits") == 0)
		order_submits(arguments);
	else if (strcmp(verb, "stamps") == 0)
		order_stamps(arguments);
	else if (strcmp(verb, "give_up") == 0 && sscanf(arguments, "%zu", &id) == 1 && commits[id] != NULL)
		vd_commit_give_up(commits[id]);
	else if (strcmp(verb, "who") == 0)
		order_who();
	else if (strcmp(verb, "counts") == 0)
		order_counts();
	else if (strcmp(verb, "statements") == 0)
		order_statements();
	else if (strcmp(verb, "newest") == 0)
		printf("newest %" PRIu64 "\n", database->newest.version);
}

static void on_ready(struct vd_future *future, void *arg)
{
	(void)arg;
	if (vd_future_error(future) == 0)
		printf("ready\n");
	else
		printf("failed %d %s\n", vd_future_error(future), vd_future_message(future));
	vd_future_free(future);
}

static void on_closed(void *arg)
{
	printf("closed\n");
	if (arg != NULL)
		event_base_loopbreak(arg);
}

/* False: the end. */
static bool order(char *line)
{
	static bool closing;
	if (closing)
		return true;
	char *arguments = line + strcspn(line, " \n");
	if (*arguments != '\0')
		*arguments++ = '\0';
	if (strcmp(line, "close") == 0) {
		closing = true;
		vd_database_close(database, base != NULL ? on_closed : NULL, base);
		return false;
	}
	if (strcmp(line, "ready") == 0) {
		vd_future_on_ready(vd_database_ready(database), on_ready, NULL);
	} else if (strcmp(line, "fork") == 0) {
		order_fork();
	} else if (vd_guard_enter(database->guard) == 0) {
		order_inside(line, arguments);
		vd_guard_leave(database->guard);
	}
	return true;
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	static char buffer[4 << 20];
	static size_t filled;
	(void)what;
	ssize_t got = read(fd, buffer + filled, sizeof buffer - filled - 1);
	if (got <= 0) {
		event_del(*(struct event **)arg);
		order((char[]){ "close" });
		return;
	}
	filled += (size_t)got;
	char *line = buffer, *end;
	while ((end = memchr(line, '\n', filled - (size_t)(line - buffer))) != NULL) {
		*end = '\0';
		order(line);
		line = end + 1;
	}
	filled -= (size_t)(line - buffer);
	memmove(buffer, line, filled);
}

static void run_on_base(void)
{
	struct event *input = NULL;
	input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, &input);
	event_add(input, NULL);
	event_base_dispatch(base);
	event_free(input);
	event_base_free(base);
}

static void run_on_thread(void)
{
	static char line[4 << 20];
	while (fgets(line, sizeof line, stdin) != NULL)
		if (!order(line))
			break;
	order((char[]){ "close" });
	printf("closed\n");
}

int main(int argc, char **argv)
{
	static struct vd_option options[16];
	size_t count = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && strcmp(argv[1], "--base") == 0) {
		base = event_base_new();
		argv++;
		argc--;
	}
	if (argc < 3)
		return 2;
	options[count++] = (struct vd_option){ "schema", argv[2] };
	for (int i = 3; i < argc && count < VD_COUNT(options); i++) {
		char *value = strchr(argv[i], '=');
		if (value == NULL)
			return 2;
		*value = '\0';
		options[count++] = (struct vd_option){ argv[i], value + 1 };
	}
	char message[512];
	int code = vd_database_open(base, argv[1], options, count, &database, message, sizeof message);
	if (code != 0) {
		printf("failed %d %s\n", code, message);
		return 2;
	}
	vd_future_on_ready(vd_database_ready(database), on_ready, NULL);
	if (base != NULL)
		run_on_base();
	else
		run_on_thread();
	return 0;
}
