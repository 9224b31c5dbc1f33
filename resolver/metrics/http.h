/* SPDX-License-Identifier: Apache-2.0 */
/* http.h: a small HTTP server on the resolver's own loop, that a slow or hostile client cannot make it wait for.
 *
 * It answers GET and HEAD, one request a connection, from memory, at once. Whatever a client does is bounded:
 *   - at most VD_HTTP_CONNECTIONS at a time, and VD_HTTP_ACCEPTS new ones each VD_HTTP_TICK_MS; more wait in the kernel, outside
 *   - request line and headers have VD_HTTP_HEADERS_BYTES at most, a body is not taken
 *   - a connection is cut VD_HTTP_DEADLINE_MS after it began, whatever it has sent or read by then
 * The only file that knows evhttp. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_METRICS_HTTP_H
#define VD_RESOLVER_METRICS_HTTP_H

#include "common/base/buffer.h"
#include "common/loop/loop.h"
#include "resolver/metrics/address.h"

#define VD_HTTP_CONNECTIONS   32
#define VD_HTTP_ACCEPTS       16
#define VD_HTTP_TICK_MS       50
#define VD_HTTP_HEADERS_BYTES 8192
#define VD_HTTP_DEADLINE_MS   5000

struct vd_http;

struct vd_http_answer {
	int code;         /* 200, 404, 503 … */
	const char *type; /* of the content; constant */
	const char *etag; /* NULL: changes with each answer, and is never kept; constant, with its quotes */
	struct vd_buffer body;
	struct vd_bytes file; /* instead of the body: constant */
};

/* Fills in the answer to a path, which has no query. */
typedef void vd_http_handler(void *arg, const char *path, struct vd_http_answer *answer);

/* Listens. NULL: it cannot, *error says why. Without memory it aborts. */
VD_MUST_USE struct vd_http *vd_http_open(struct vd_loop *loop, const struct vd_address *address,
	vd_http_handler *handler, void *arg, struct vd_error *error);
void vd_http_close(struct vd_http *http); /* NULL is fine */

/* Where it listens. */
struct vd_address_text vd_http_address(const struct vd_http *http);

#endif
