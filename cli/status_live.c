/* SPDX-License-Identifier: Apache-2.0 */
/* status_live.c: see status_live.h.
 *
 *   look ─▶ draw ─▶ rest until the next look is due, a key, another size ─▶ look or draw … */
#include "cli/status_live.h"

#include "cli/screen.h"
#include "cli/status_view.h"
#include "common/base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct screenful {
	const struct vd_live *live;
	struct vd_admin_status status; /* the last one; its nodes are ours */
	struct vd_rates rates;
	struct vd_admin_error error;
	bool has_status;
	bool failed; /* the last look */
};

enum rest { REST_LOOK, REST_DRAW, REST_END };

/* The handle's nodes live until its next call, which may fail; ours are shown until the next look that goes well. */
static void keep_nodes(struct screenful *screenful)
{
	struct vd_admin_status *status = &screenful->status;
	struct vd_admin_node *nodes = calloc(status->node_count + 1, sizeof *nodes);
	if (nodes != NULL && status->node_count > 0)
		memcpy(nodes, status->nodes, status->node_count * sizeof *nodes);
	status->node_count = nodes == NULL ? 0 : status->node_count;
	status->nodes = nodes;
}

static void look(struct screenful *screenful)
{
	struct vd_admin_status status;
	screenful->failed = vd_admin_status(screenful->live->admin, &status, &screenful->error) != 0;
	if (screenful->failed)
		return;
	free((void *)(uintptr_t)screenful->status.nodes);
	screenful->status = status;
	screenful->has_status = true;
	keep_nodes(screenful);
	vd_rates_add(&screenful->rates, &status, vd_clock_ms());
}

static bool draw(const struct screenful *screenful)
{
	struct vd_screen_size size = vd_screen_size();
	struct vd_buffer lines = { 0 };
	char clock[16] = "";
	time_t now = time(NULL);
	struct tm local;
	if (localtime_r(&now, &local) != NULL)
		strftime(clock, sizeof clock, "%H:%M:%S", &local);
	struct vd_view view = { .schema = screenful->live->schema,
		.clock = clock,
		.status = screenful->has_status ? &screenful->status : NULL,
		.rates = &screenful->rates,
		.trouble = screenful->failed ? screenful->error.message : NULL,
		.rows = size.rows,
		.columns = size.columns,
		.is_utf8 = vd_screen_is_utf8() };
	vd_view_draw(&view, &lines);
	bool shown = vd_screen_show(&lines);
	vd_buffer_fini(&lines);
	return shown;
}

/* A key that ends it, or a terminal that is gone. */
static bool is_the_end(const struct pollfd *keys)
{
	char key = 0;
	if (keys->fd < 0 || keys->revents == 0)
		return false;
	return read(keys->fd, &key, 1) != 1 || key == 'q' || key == 'Q';
}

static enum rest rest(const struct vd_live *live, int64_t until_ms)
{
	struct pollfd sources[] = { { .fd = live->woken, .events = POLLIN },
		{ .fd = vd_screen_keys(), .events = POLLIN } };
	int64_t left_ms = until_ms - vd_clock_ms();
	eventfd_t times;
	if (left_ms <= 0 || poll(sources, VD_COUNT(sources), (int)left_ms) == 0)
		return vd_interrupted() ? REST_END : REST_LOOK;
	(void)eventfd_read(live->woken, &times);
	return vd_interrupted() || is_the_end(&sources[1]) ? REST_END : REST_DRAW;
}

static bool watch(struct screenful *screenful)
{
	const struct vd_live *live = screenful->live;
	enum rest next = REST_DRAW;
	int64_t due_ms = vd_clock_ms() + live->interval_ms;
	while (next != REST_END) {
		if (next == REST_LOOK) {
			due_ms = vd_clock_ms() + live->interval_ms;
			look(screenful);
		}
		if (!draw(screenful))
			return false;
		next = rest(live, due_ms);
	}
	return true;
}

int vd_live_run(const struct vd_live *live)
{
	struct screenful *screenful = calloc(1, sizeof *screenful);
	int code = VD_EXIT_DONE;
	if (screenful == NULL)
		return vd_cli_wrong(NULL, "out of memory");
	screenful->live = live;
	look(screenful);
	bool has_begun = !screenful->failed;
	bool shown = has_begun && vd_screen_open(live->woken) && watch(screenful);
	vd_screen_close(); /* before anything is told */
	if (!has_begun)
		code = vd_cli_fail_admin(&screenful->error);
	else if (!shown)
		code = vd_cli_output_failed();
	else if (vd_interrupted())
		code = VD_EXIT_INTERRUPTED;
	else if (screenful->failed || !screenful->status.serves)
		code = VD_EXIT_FAILED;
	free((void *)(uintptr_t)screenful->status.nodes);
	free(screenful);
	return code;
}
