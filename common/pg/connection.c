/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one connection: attempts, the session, the socket's events, the one exit.
 *
 * While connecting libpq may close its socket and open another with the same number, so nothing is watched while
 * PQconnectPoll runs, and the watch is set anew after each step.
 */
#include "common/pg/connection.h"

#include "common/base/fault.h"
#include "common/pg/attempts.h"
#include "common/pg/internal.h"
#include "common/pg/names.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

static void try_next(struct vd_pg *pg);

bool vd_pg_settings_copy(struct vd_pg_settings *to, const struct vd_pg_settings *from)
{
	const char *const *theirs[] = { &from->dsn, &from->application_name, &from->schema,
		&from->synchronous_commit, &from->plan_cache_mode, &from->target_session_attrs };
	const char **ours[] = { &to->dsn, &to->application_name, &to->schema, &to->synchronous_commit,
		&to->plan_cache_mode, &to->target_session_attrs };
	bool copied = true;
	*to = *from;
	for (size_t i = 0; i < VD_COUNT(ours); i++) {
		*ours[i] = *theirs[i] == NULL ? NULL : strdup(*theirs[i]);
		copied = copied && (*theirs[i] == NULL || *ours[i] != NULL);
	}
	return copied;
}

void vd_pg_settings_fini(struct vd_pg_settings *settings)
{
	const char *ours[] = { settings->dsn, settings->application_name, settings->schema,
		settings->synchronous_commit, settings->plan_cache_mode, settings->target_session_attrs };
	for (size_t i = 0; i < VD_COUNT(ours); i++)
		free((char *)(uintptr_t)ours[i]);
}

static void pg_free(struct vd_pg *pg)
{
	pg_pipeline_fini(pg);
	pg_attempts_free(pg->attempts);
	vd_pg_settings_fini(&pg->settings);
	vd_socket_fini(&pg->socket);
	vd_timer_fini(&pg->timer);
	vd_later_fini(&pg->turn);
	vd_buffer_fini(&pg->reasons);
	vd_buffer_fini(&pg->place);
	vd_buffer_fini(&pg->fatal);
	free(pg->reason);
	free(pg);
}

void pg_watch(struct vd_pg *pg, bool write)
{
	if (!vd_socket_set(
			&pg->socket, PQsocket(pg->conn), VD_SOCKET_READ | (write ? VD_SOCKET_WRITE : VD_SOCKET_NONE)))
		pg_disconnect(pg, "out of memory");
}

void pg_turn(struct vd_pg *pg)
{
	vd_later_run(&pg->turn);
}

void pg_disconnect(struct vd_pg *pg, const char *reason)
{
	if (pg->state == VD_PG_CLOSED)
		return;
	pg->state = VD_PG_CLOSED;
	pg->ready = false;
	pg->reason = strdup(reason);
	/* the descriptor must be forgotten before it is closed */
	if (!vd_socket_set(&pg->socket, -1, VD_SOCKET_NONE))
		VD_UNREACHABLE("forgetting takes no memory");
	vd_timer_cancel(&pg->timer);
	if (pg->conn != NULL)
		PQfinish(pg->conn);
	pg->conn = NULL;
	pg_turn(pg);
}

void vd_pg_disconnect(struct vd_pg *pg, const char *format, ...)
{
	struct vd_buffer reason = { 0 };
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	pg_one_line(&reason, text);
	pg_disconnect(pg, vd_buffer_string(&reason));
	vd_buffer_fini(&reason);
}

void vd_pg_close(struct vd_pg *pg)
{
	pg_disconnect(pg, "closed");
}

/* A turn after the end: tell the segments, then the owner, then go. A segment that is still being collected keeps the
 * memory until its caller has let go of it. */
static void turn_closed(struct vd_pg *pg)
{
	pg_pipeline_tell(pg);
	if (!pg->closed_told) {
		pg->closed_told = true;
		if (pg->events.on_closed != NULL)
			pg->events.on_closed(pg->events.arg, pg, pg->reason == NULL ? "out of memory" : pg->reason);
	}
	if (pg->collecting == 0 && TAILQ_EMPTY(&pg->broken))
		pg_free(pg);
}

static void on_turn(void *arg)
{
	struct vd_pg *pg = arg;
	if (pg->state != VD_PG_CLOSED) {
		pg_pipeline_tell(pg);
		if (pg->state != VD_PG_CLOSED && pg->conn != NULL && PQpipelineStatus(pg->conn) != PQ_PIPELINE_OFF)
			pg_pipeline_pump(pg);
		return;
	}
	turn_closed(pg);
}

static void note_failure(struct vd_pg *pg, const char *text)
{
	if (pg->reasons.size > 0)
		vd_buffer_add_text(&pg->reasons, "; ");
	pg_one_line(&pg->reasons, text);
}

/* Where we are connected to, for the log. */
static void note_place(struct vd_pg *pg)
{
	const char *host = PQhost(pg->conn);
	bool socket = host != NULL && host[0] == '/';
	vd_buffer_clear(&pg->place);
	vd_buffer_add_format(&pg->place, "%s%s%s%s/%s", socket ? "socket " : "", host == NULL ? "" : host,
		socket ? "/.s.PGSQL." : ":", PQport(pg->conn), PQdb(pg->conn));
}

static void connected(struct vd_pg *pg)
{
	PGconn *conn = pg->conn;
	note_place(pg);
	pg->server.backend_pid = PQbackendPID(conn);
	pg->server.version_num = PQserverVersion(conn);
	if (pg->server.version_num < 140000) {
		vd_pg_disconnect(pg, "%s is PostgreSQL %d: 14 or newer is needed", vd_buffer_string(&pg->place),
			pg->server.version_num / 10000);
		return;
	}
	PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
	if (pg_call_set_nonblocking(conn) != 0 || pg_call_enter_pipeline_mode(conn) != 1) {
		vd_pg_disconnect(pg, "pipeline mode cannot be entered: %s", PQerrorMessage(conn));
		return;
	}
	pg_session_start(pg);
}

/* ---- why an attempt failed ----
 *
 * What a server refuses a session with has a number, which libpq shows in words only, and only if it is asked to be verbose:
 * "… FATAL:  28P01: password …" and, on a line of its own, "LOCATION:  auth_failed, auth.c:326". The words are in the language of
 * the server, the labels in ours. */

#define CODE_LETTERS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Where the five letters are; NULL: there are none. */
static const char *sqlstate_in(const char *line, size_t size)
{
	for (const char *at = line; at + 9 <= line + size; at++)
		if (memcmp(at, ":  ", 3) == 0 && strspn(at + 3, CODE_LETTERS) == 5 && at[8] == ':')
			return at + 3;
	return NULL;
}

/* A place in the server's source. */
static bool is_location(const char *line, size_t size)
{
	size_t digits = 0;
	while (digits < size && line[size - 1 - digits] >= '0' && line[size - 1 - digits] <= '9')
		digits++;
	return digits > 0 && size > digits + 3 && memcmp(line + size - digits - 3, ".c:", 3) == 0;
}

/* Keeps the number, and puts the words together without it. */
static void note_words(struct vd_pg *pg, const char *why)
{
	struct vd_buffer text = { 0 };
	size_t size;
	for (const char *line = why; *line != '\0'; line += size + (line[size] == '\n')) {
		size = strcspn(line, "\n");
		const char *code = sqlstate_in(line, size);
		if (is_location(line, size))
			continue;
		if (code != NULL) {
			snprintf(pg->sqlstate, sizeof pg->sqlstate, "%.5s", code);
			vd_buffer_add(&text, vd_bytes_of(line, (size_t)(code - line)));
			vd_buffer_add(&text, vd_bytes_of(code + 7, size - (size_t)(code + 7 - line)));
		} else {
			vd_buffer_add(&text, vd_bytes_of(line, size));
		}
		vd_buffer_add_byte(&text, '\n');
	}
	note_failure(pg, vd_buffer_string(&text));
	vd_buffer_fini(&text);
}

static void attempt_failed(struct vd_pg *pg, const char *why)
{
	note_words(pg, why);
	if (PQconnectionNeedsPassword(pg->conn))
		snprintf(pg->sqlstate, sizeof pg->sqlstate, "28P01");
	if (!vd_socket_set(&pg->socket, -1, VD_SOCKET_NONE))
		VD_UNREACHABLE("forgetting takes no memory");
	PQfinish(pg->conn);
	pg->conn = NULL;
	try_next(pg);
}

static void poll_connect(struct vd_pg *pg)
{
	unsigned interest = VD_SOCKET_READ;
	if (!vd_socket_set(&pg->socket, -1, VD_SOCKET_NONE))
		VD_UNREACHABLE("forgetting takes no memory");
	switch (pg_call_connect_poll(pg->conn)) {
	case PGRES_POLLING_OK:
		connected(pg);
		return;
	case PGRES_POLLING_FAILED:
		attempt_failed(pg, PQerrorMessage(pg->conn));
		return;
	case PGRES_POLLING_WRITING:
		interest = VD_SOCKET_WRITE;
		break;
	default:
		break;
	}
	if (!vd_socket_set(&pg->socket, PQsocket(pg->conn), interest))
		pg_disconnect(pg, "out of memory");
}

static void try_next(struct vd_pg *pg)
{
	pg->conn = pg_attempts_next(pg->attempts, &pg->settings);
	if (pg->conn == NULL) {
		char *reasons = strdup(vd_buffer_string(&pg->reasons));
		pg_disconnect(pg, reasons == NULL || reasons[0] == 0 ? "out of memory" : reasons);
		free(reasons);
		return;
	}
	int64_t timeout_ms = pg_attempts_timeout_ms(pg->attempts);
	vd_timer_cancel(&pg->timer);
	if (timeout_ms > 0)
		vd_timer_arm_ms(&pg->timer, timeout_ms);
	PQsetNoticeReceiver(pg->conn, pg_notice, pg);
	PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE);
	if (PQstatus(pg->conn) == CONNECTION_BAD || VD_FAULT("pg.connect")) {
		attempt_failed(pg, PQerrorMessage(pg->conn)[0] == 0 ? "connecting failed" : PQerrorMessage(pg->conn));
		return;
	}
	if (!vd_socket_set(&pg->socket, PQsocket(pg->conn), VD_SOCKET_WRITE))
		pg_disconnect(pg, "out of memory");
}

static void on_ready_socket(unsigned ready, void *arg)
{
	struct vd_pg *pg = arg;
	(void)ready;
	if (PQpipelineStatus(pg->conn) == PQ_PIPELINE_OFF)
		poll_connect(pg);
	else
		pg_pipeline_pump(pg);
}

void pg_expect_answer(struct vd_pg *pg)
{
	if (pg->state == VD_PG_UP && pg->settings.answer_timeout_ms > 0 && !vd_timer_is_armed(&pg->timer))
		vd_timer_arm_ms(&pg->timer, pg->settings.answer_timeout_ms);
}

void vd_pg_set_answer_timeout(struct vd_pg *pg, int64_t answer_timeout_ms)
{
	pg->settings.answer_timeout_ms = answer_timeout_ms;
}

int64_t vd_pg_silent_ms(const struct vd_pg *pg)
{
	return TAILQ_EMPTY(&pg->sent) ? 0 : vd_clock_ms() - pg->heard_ms;
}

int64_t vd_pg_stalled_ms(struct vd_pg *pg)
{
	int untaken;
	if (TAILQ_EMPTY(&pg->sent))
		return 0;
	int64_t now_ms = vd_clock_ms();
	if (pg->conn != NULL && ioctl(PQsocket(pg->conn), SIOCOUTQ, &untaken) == 0 && untaken != pg->untaken) {
		pg->untaken = untaken;
		pg->moved_ms = now_ms;
	}
	return now_ms - pg->moved_ms;
}

static void check_answer(struct vd_pg *pg)
{
	int64_t silent_ms = vd_pg_silent_ms(pg);
	if (TAILQ_EMPTY(&pg->sent) || pg->settings.answer_timeout_ms == 0)
		return;
	if (silent_ms >= pg->settings.answer_timeout_ms)
		vd_pg_disconnect(pg, "the server has not answered for %lld ms", (long long)silent_ms);
	else
		vd_timer_arm_ms(&pg->timer, pg->settings.answer_timeout_ms - silent_ms);
}

static void on_timer(void *arg)
{
	struct vd_pg *pg = arg;
	if (pg->state == VD_PG_UP) {
		check_answer(pg);
	} else if (pg->state == VD_PG_CONNECTING && PQpipelineStatus(pg->conn) == PQ_PIPELINE_OFF) {
		char text[300];
		const char *host = PQhost(pg->conn);
		snprintf(text, sizeof text, "%.200s:%.10s did not answer within %lld ms", host == NULL ? "" : host,
			PQport(pg->conn), (long long)pg_attempts_timeout_ms(pg->attempts));
		attempt_failed(pg, text);
	} else if (pg->state == VD_PG_CONNECTING) {
		pg_disconnect(pg, "the session was not set up in time");
	}
}

struct vd_pg *vd_pg_open(
	struct vd_loop *loop, const struct vd_pg_settings *settings, const struct vd_pg_events *events)
{
	VD_ASSERT(settings->application_name != NULL);
	VD_ASSERT(settings->schema == NULL || vd_pg_schema_is_legal(settings->schema));
	struct vd_pg *pg = calloc(1, sizeof *pg);
	if (pg == NULL)
		return NULL;
	pg->loop = loop;
	pg->events = *events;
	pg->state = VD_PG_CONNECTING;
	TAILQ_INIT(&pg->held);
	TAILQ_INIT(&pg->sent);
	TAILQ_INIT(&pg->broken);
	TAILQ_INIT(&pg->spare);
	if (!vd_pg_settings_copy(&pg->settings, settings) || !pg_segments_reserve(pg) ||
		!vd_socket_init(&pg->socket, loop, on_ready_socket, pg) ||
		!vd_timer_init(&pg->timer, loop, on_timer, pg) || !vd_later_init(&pg->turn, loop, on_turn, pg)) {
		pg_free(pg);
		return NULL;
	}
	struct vd_error error = { 0 };
	pg->attempts = pg_attempts_new(&pg->settings, &error);
	if (pg->attempts == NULL)
		pg_disconnect(pg, error.message);
	else
		try_next(pg);
	return pg;
}

bool vd_pg_is_refused(const struct vd_pg *pg)
{
	static const char *const refusals[] = { "28", "3D000", "42501" };
	for (size_t i = 0; i < VD_COUNT(refusals); i++)
		if (strncmp(pg->sqlstate, refusals[i], strlen(refusals[i])) == 0)
			return true;
	return false;
}

bool vd_pg_is_crowded_out(const struct vd_pg *pg)
{
	return strcmp(pg->sqlstate, "53300") == 0;
}

enum vd_pg_state vd_pg_state(const struct vd_pg *pg)
{
	return pg->state;
}

const struct vd_pg_server *vd_pg_server(const struct vd_pg *pg)
{
	return &pg->server;
}

const char *vd_pg_place(const struct vd_pg *pg)
{
	return vd_buffer_string(&pg->place);
}

struct vd_loop *vd_pg_loop(const struct vd_pg *pg)
{
	return pg->loop;
}

struct vd_pg_wire vd_pg_wire_of(const struct vd_pg *pg)
{
	const char *host = pg->conn == NULL ? NULL : PQhost(pg->conn);
	const char *address = pg->conn == NULL ? NULL : PQhostaddr(pg->conn);
	if (host == NULL)
		return (struct vd_pg_wire){ 0 };
	bool is_loopback = address != NULL && (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0);
	return (struct vd_pg_wire){ .is_local = host[0] == '/' || host[0] == '@' || is_loopback,
		.is_encrypted = PQsslInUse(pg->conn) || PQgssEncInUse(pg->conn),
		.used_password = PQconnectionUsedPassword(pg->conn) };
}

const char *vd_pg_parameter(const struct vd_pg *pg, const char *name)
{
	return pg->conn == NULL ? NULL : PQparameterStatus(pg->conn, name);
}

size_t vd_pg_in_flight(const struct vd_pg *pg)
{
	return pg->in_flight;
}

const struct vd_pg_counts *vd_pg_counts(const struct vd_pg *pg)
{
	return &pg->counts;
}
