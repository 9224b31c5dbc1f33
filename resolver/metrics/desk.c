/* SPDX-License-Identifier: Apache-2.0 */
/* desk.c: see desk.h. */
#include "resolver/metrics/desk.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "resolver/metrics/expose.h"
#include "resolver/metrics/report.h"
#include "resolver/page/page.h"

#include <string.h>

enum { TICK_MS = 1000, LOOK_SLACK_MS = 2000 };

/* ---- ready or not ------------------------------------------------------------------------------------------ */

int64_t vd_desk_lease_age_ms(const struct vd_desk *desk)
{
	return desk->office == NULL ? -1 : vd_clock_ms() - atomic_load(&desk->hinge->renewed_ms);
}

static const char *standby_unready(const struct vd_desk *desk)
{
	int64_t looked_ms = atomic_load(&desk->hinge->looked_ms);
	if (looked_ms == 0 || vd_clock_ms() - looked_ms > desk->settings->look_interval_ms * 2 + LOOK_SLACK_MS)
		return "stands by, and cannot look at the lease";
	return atomic_load(&desk->hinge->sees_leader) ? NULL : "stands by, and sees no leader that serves";
}

const char *vd_desk_unready(const struct vd_desk *desk)
{
	if (!atomic_load(&desk->hinge->is_ready))
		return "is not connected to the database";
	switch (desk->life) {
	case VD_LIFE_STANDBY:
		return standby_unready(desk);
	case VD_LIFE_LEADING:
		return vd_desk_lease_age_ms(desk) <= desk->settings->lease_ttl_ms
				   ? NULL
				   : "leads, and could not renew its lease in time";
	case VD_LIFE_CAMPAIGNING:
		return "sees no leader that serves, and tries to take office";
	case VD_LIFE_RESIGNING:
		return "hands over";
	case VD_LIFE_STOPPED:
		break;
	}
	return "stops";
}

/* ---- the answers ------------------------------------------------------------------------------------------- */

static void answer_health(struct vd_desk *desk, struct vd_http_answer *answer)
{
	(void)desk;
	vd_buffer_add_text(&answer->body, "the event loop turns\n");
}

static void answer_ready(struct vd_desk *desk, struct vd_http_answer *answer)
{
	const char *why = vd_desk_unready(desk);
	if (why != NULL)
		answer->code = 503;
	vd_buffer_add_format(&answer->body, "%s %s\n", desk->settings->node,
		why != NULL                     ? why
		: desk->life == VD_LIFE_LEADING ? "leads"
										: "stands by, and sees a leader that serves");
}

static void answer_status(struct vd_desk *desk, struct vd_http_answer *answer)
{
	answer->type = "application/json";
	vd_report_add(&answer->body, desk);
}

static void answer_metrics(struct vd_desk *desk, struct vd_http_answer *answer)
{
	answer->type = VD_EXPOSE_TYPE;
	vd_expose_add(&answer->body, desk);
}

static const struct {
	const char *path;
	void (*answer)(struct vd_desk *desk, struct vd_http_answer *answer);
} routes[] = {
	{ "/healthz", answer_health },
	{ "/readyz", answer_ready },
	{ "/status", answer_status },
	{ "/metrics", answer_metrics },
};

static void on_asked(void *arg, const char *path, struct vd_http_answer *answer)
{
	struct vd_desk *desk = arg;
	for (size_t i = 0; i < VD_COUNT(routes); i++)
		if (strcmp(path, routes[i].path) == 0) {
			routes[i].answer(desk, answer);
			return;
		}
	const struct vd_page_file *file = vd_page_find(path);
	if (file == NULL) {
		answer->code = 404;
		vd_buffer_add_text(
			&answer->body, "nothing is here; look at /, /status, /metrics, /readyz, /healthz\n");
		return;
	}
	answer->type = file->type;
	answer->etag = file->etag;
	answer->file = vd_bytes_of(file->data, file->size);
}

/* ---- open and close ---------------------------------------------------------------------------------------- */

static void on_tick(void *arg)
{
	struct vd_desk *desk = arg;
	vd_metrics_tick(&desk->metrics, vd_clock_us());
	vd_timer_arm_ms(&desk->tick, TICK_MS);
}

int vd_desk_open(struct vd_desk *desk, struct vd_loop *loop, const struct vd_resolver_settings *settings,
	const struct vd_hinge *hinge, struct vd_error *error)
{
	*desk = (struct vd_desk){ .settings = settings, .hinge = hinge, .loop = loop };
	vd_metrics_init(&desk->metrics, vd_clock_us());
	if (settings->http_listen[0] == '\0')
		return 0;
	struct vd_address address;
	int code = vd_address_parse(settings->http_listen, &address, error);
	if (code != 0)
		return code;
	desk->http = vd_http_open(loop, &address, on_asked, desk, error);
	if (desk->http == NULL)
		return error->code;
	VD_ASSERT(vd_timer_init(&desk->tick, loop, on_tick, desk));
	vd_timer_arm_ms(&desk->tick, TICK_MS);
	vd_log_info("answers HTTP", VD_LOG_TEXT("address", vd_http_address(desk->http).text));
	return 0;
}

void vd_desk_wires_open(struct vd_desk *desk, const struct vd_wires *wires)
{
	desk->has_probe = desk->http != NULL;
	if (desk->has_probe)
		vd_probe_begin(&desk->probe, desk->loop, wires, &desk->metrics);
}

void vd_desk_wires_close(struct vd_desk *desk)
{
	if (desk->has_probe)
		vd_probe_stop(&desk->probe);
}

void vd_desk_close(struct vd_desk *desk)
{
	vd_http_close(desk->http);
	vd_timer_fini(&desk->tick);
	if (desk->has_probe)
		vd_probe_fini(&desk->probe);
	vd_metrics_fini(&desk->metrics);
}
