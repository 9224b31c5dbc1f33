/* SPDX-License-Identifier: Apache-2.0 */
/* http.c: see http.h.
 *
 * evhttp bounds neither how many connections there are nor how long one may take, and does not tell when one ends. So
 * each is given a bufferevent of which a reference is kept: evhttp takes its callbacks off when it is done with the connection,
 * and that is seen at the next tick. The listener is off while there is no room, and for the rest of a tick in which enough came.
 */
#include "resolver/metrics/http.h"

#include "common/base/clock.h"
#include "common/base/codes.h"
#include "common/base/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Nothing from elsewhere, no script or style that is not a file of ours, and in nobody's frame. */
#define CONTENT_POLICY                                                                                       \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "    \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct vd_http {
	struct evhttp *server;
	struct evconnlistener *listener; /* the server's */
	struct vd_timer tick;
	struct {
		struct bufferevent *stream;
		int64_t until_ms;
	} open[VD_HTTP_CONNECTIONS];
	unsigned count;
	unsigned accepted; /* in this tick */
	vd_http_handler *handler;
	void *arg;
};

/* ---- connections ------------------------------------------------------------------------------------------- */

static void on_tick(void *arg)
{
	struct vd_http *http = arg;
	unsigned kept = 0;
	int64_t now_ms = vd_clock_ms();
	for (unsigned i = 0; i < http->count; i++) {
		struct bufferevent *stream = http->open[i].stream;
		bufferevent_event_cb is_served;
		bufferevent_getcb(stream, NULL, NULL, &is_served, NULL);
		if (is_served == NULL) {
			bufferevent_decref(stream);
			continue;
		}
		if (now_ms >= http->open[i].until_ms)
			shutdown(bufferevent_getfd(stream), SHUT_RDWR); /* evhttp sees its end */
		http->open[kept++] = http->open[i];
	}
	http->count = kept;
	http->accepted = 0;
	if (http->count < VD_HTTP_CONNECTIONS)
		evconnlistener_enable(http->listener);
	if (http->count > 0)
		vd_timer_arm_ms(&http->tick, VD_HTTP_TICK_MS);
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct vd_http *http = arg;
	VD_ASSERT(http->count < VD_HTTP_CONNECTIONS);
	struct bufferevent *stream = bufferevent_socket_new(base, -1, 0);
	VD_ASSERT(stream != NULL);
	bufferevent_incref(stream);
	http->open[http->count].stream = stream;
	http->open[http->count++].until_ms = vd_clock_ms() + VD_HTTP_DEADLINE_MS;
	if (http->count == VD_HTTP_CONNECTIONS || ++http->accepted == VD_HTTP_ACCEPTS)
		evconnlistener_disable(http->listener);
	if (!vd_timer_is_armed(&http->tick))
		vd_timer_arm_ms(&http->tick, VD_HTTP_TICK_MS);
	return stream;
}

/* No descriptors are left, say. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct vd_http *http = arg;
	evconnlistener_disable(listener);
	vd_timer_arm_ms(&http->tick, VD_HTTP_TICK_MS);
}

/* ---- answers ----------------------------------------------------------------------------------------------- */

static void add_headers(struct evhttp_request *request, const struct vd_http_answer *answer)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	evhttp_add_header(headers, "Content-Type", answer->type);
	evhttp_add_header(headers, "Content-Security-Policy", CONTENT_POLICY);
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
	evhttp_add_header(headers, "Connection", "close");
	evhttp_add_header(headers, "Cache-Control", answer->etag != NULL ? "no-cache" : "no-store");
	if (answer->etag != NULL)
		evhttp_add_header(headers, "ETag", answer->etag);
	if (answer->code == HTTP_BADMETHOD)
		evhttp_add_header(headers, "Allow", "GET, HEAD");
}

static bool is_known(struct evhttp_request *request, const char *etag)
{
	const char *known = evhttp_find_header(evhttp_request_get_input_headers(request), "If-None-Match");
	return etag != NULL && known != NULL && strcmp(known, etag) == 0;
}

static const char *phrase_of(int code)
{
	return code == 200   ? "OK"
		   : code == 304 ? "Not Modified"
		   : code == 404 ? "Not Found"
		   : code == 405 ? "Method Not Allowed"
		   : code == 503 ? "Service Unavailable"
						 : "Internal Server Error";
}

static void reply(struct evhttp_request *request, struct vd_http_answer *answer, bool is_head)
{
	char length[24];
	struct vd_bytes content = answer->file.data != NULL ? answer->file : vd_buffer_bytes(&answer->body);
	struct evbuffer *body = evbuffer_new();
	VD_ASSERT(body != NULL && vd_buffer_ok(&answer->body));
	if (answer->code == 200 && is_known(request, answer->etag)) {
		answer->code = HTTP_NOTMODIFIED;
		content.size = 0;
	}
	add_headers(request, answer);
	if (is_head) {
		snprintf(length, sizeof length, "%zu", content.size);
		evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Length", length);
	} else {
		VD_ASSERT(evbuffer_add(body, content.data, content.size) == 0);
	}
	evhttp_send_reply(request, answer->code, phrase_of(answer->code), body);
	evbuffer_free(body);
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct vd_http *http = arg;
	struct vd_http_answer answer = { .code = 200, .type = "text/plain; charset=utf-8" };
	enum evhttp_cmd_type method = evhttp_request_get_command(request);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		answer.code = HTTP_BADMETHOD;
		vd_buffer_add_text(&answer.body, "only GET and HEAD are answered here\n");
	} else {
		http->handler(http->arg, path == NULL || path[0] == '\0' ? "/" : path, &answer);
	}
	reply(request, &answer, method == EVHTTP_REQ_HEAD);
	vd_buffer_fini(&answer.body);
}

/* ---- open and close ---------------------------------------------------------------------------------------- */

static void on_libevent_says(int severity, const char *message)
{
	if (severity >= EVENT_LOG_WARN)
		vd_log_warning("libevent says something", VD_LOG_TEXT("warning", message));
}

struct vd_http *vd_http_open(struct vd_loop *loop, const struct vd_address *address, vd_http_handler *handler,
	void *arg, struct vd_error *error)
{
	struct event_base *base = vd_loop_base(loop);
	struct evconnlistener *listener = evconnlistener_new_bind(base, NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 64,
		(const struct sockaddr *)&address->socket, (int)address->size);
	if (listener == NULL) {
		int saved = errno;
		vd_error_set(error, VD_CODE_IO_ERROR, "http-listen: cannot listen on %s: %s",
			vd_address_text_of(&address->socket).text, strerror(saved));
		vd_error_hint(error, saved == EADDRINUSE
								 ? "another program has this port; choose another one"
								 : "an address of this machine, and a port that this user may take");
		return NULL;
	}
	struct vd_http *http = calloc(1, sizeof *http);
	VD_ASSERT(http != NULL);
	http->listener = listener;
	http->handler = handler;
	http->arg = arg;
	http->server = evhttp_new(base);
	VD_ASSERT(http->server != NULL);
	VD_ASSERT(vd_timer_init(&http->tick, loop, on_tick, http));
	event_set_log_callback(on_libevent_says);
	evhttp_set_max_headers_size(http->server, VD_HTTP_HEADERS_BYTES);
	evhttp_set_max_body_size(http->server, 0);
	evhttp_set_timeout(http->server, VD_HTTP_DEADLINE_MS / 1000);
	evhttp_set_allowed_methods(http->server, UINT16_MAX);
	evhttp_set_bevcb(http->server, on_connection, http);
	evhttp_set_gencb(http->server, on_request, http);
	VD_ASSERT(evhttp_bind_listener(http->server, listener) != NULL);
	evconnlistener_set_error_cb(listener, on_accept_error);
	return http;
}

void vd_http_close(struct vd_http *http)
{
	if (http == NULL)
		return;
	evhttp_free(http->server); /* with its listener and connections */
	for (unsigned i = 0; i < http->count; i++)
		bufferevent_decref(http->open[i].stream);
	vd_timer_fini(&http->tick);
	free(http);
}

struct vd_address_text vd_http_address(const struct vd_http *http)
{
	struct sockaddr_storage socket = { 0 };
	socklen_t size = sizeof socket;
	(void)getsockname(evconnlistener_get_fd(http->listener), (struct sockaddr *)&socket, &size);
	return vd_address_text_of(&socket);
}
