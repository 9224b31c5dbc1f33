/* SPDX-License-Identifier: Apache-2.0 */
/* status_view.c: see status_view.h. */
#include "cli/status_view.h"

#include "cli/admin_call.h"

#include <inttypes.h>
#include <stdio.h>

#define LABEL "%-11s "

/* What is above and below the nodes; they get the rest of the rows. */
#define OTHER_ROWS 13

const char *vd_view_rate(double rate, char to[VD_VIEW_RATE_BYTES])
{
	long long whole = (long long)(rate + 0.5);
	if (rate <= 0)
		snprintf(to, VD_VIEW_RATE_BYTES, "0");
	else if (rate < 100)
		snprintf(to, VD_VIEW_RATE_BYTES, "%.1f", rate);
	else if (whole < 1000)
		snprintf(to, VD_VIEW_RATE_BYTES, "%lld", whole);
	else if (whole < 1000000)
		snprintf(to, VD_VIEW_RATE_BYTES, "%lld,%03lld", whole / 1000, whole % 1000);
	else
		snprintf(to, VD_VIEW_RATE_BYTES, "%.2f M", rate / 1e6);
	return to;
}

/* ---- who ---- */

static void add_leader(const struct vd_admin_status *s, struct vd_buffer *out)
{
	char span[VD_CLI_SPAN_BYTES];
	vd_buffer_add_format(out, LABEL, "leader");
	if (s->leader[0] == '\0')
		vd_buffer_add_text(out, "none yet");
	else if (s->serves)
		vd_buffer_add_format(out, "%s, for %s", s->leader, vd_cli_span(s->led_ms, span));
	else if (s->released)
		vd_buffer_add_format(out, "NONE (%s has stepped down)", s->leader);
	else if (s->lease_left_ms < 0)
		vd_buffer_add_format(out, "NONE (the lease of %s has expired)", s->leader);
	else
		vd_buffer_add_format(out, "%s, not serving yet", s->leader);
	vd_buffer_add_format(out, "\n" LABEL "%s, epoch %" PRId64 "\n" LABEL "%+.1f s, %" PRId64 " renewals\n",
		"term", s->term, s->epoch, "lease", (double)s->lease_left_ms / 1e3, s->renewals);
}

static void add_nodes(const struct vd_admin_status *s, size_t room, struct vd_buffer *out)
{
	char span[VD_CLI_SPAN_BYTES];
	size_t shown = s->node_count > room ? room - 1 : s->node_count;
	if (s->node_count == 0)
		vd_buffer_add_format(out, LABEL "none is connected\n", "nodes");
	for (size_t i = 0; i < shown; i++)
		vd_buffer_add_format(out, LABEL "%-20s up %s%s\n", i == 0 ? "nodes" : "", s->nodes[i].name,
			vd_cli_span(s->nodes[i].up_ms, span), s->nodes[i].leads ? ", leads" : "");
	if (shown < s->node_count)
		vd_buffer_add_format(out, LABEL "and %zu more\n", shown == 0 ? "nodes" : "", s->node_count - shown);
}

/* ---- how fast ---- */

static void add_rates(const struct vd_rates *rates, struct vd_buffer *out)
{
	char text[5][VD_VIEW_RATE_BYTES];
	vd_buffer_add_format(out, LABEL, "a second");
	if (!rates->is_known) {
		vd_buffer_add_text(out, "not known yet\n");
		return;
	}
	vd_buffer_add_format(out, "%s committed, %s conflict, %s too old, %s rejected; %s batches",
		vd_view_rate(rates->committed_s, text[0]), vd_view_rate(rates->conflicts_s, text[1]),
		vd_view_rate(rates->too_old_s, text[2]), vd_view_rate(rates->rejected_s, text[3]),
		vd_view_rate(rates->batches_s, text[4]));
	double requests = rates->committed_s + rates->conflicts_s + rates->too_old_s + rates->rejected_s;
	if (rates->batches_s > 0)
		vd_buffer_add_format(out, " of %s requests", vd_view_rate(requests / rates->batches_s, text[0]));
	vd_buffer_add_text(out, "\n");
}

/* Eight heights, and none for nothing: what is above 0 is never shown as that. */
static void add_bar(double rate, double peak, bool is_utf8, struct vd_buffer *out)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const letters[] = { " ", "_", ".", ":", "-", "=", "+", "*", "#" };
	size_t height = rate <= 0 || peak <= 0 ? 0 : 1 + (size_t)(rate / peak * 7 + 0.5);
	vd_buffer_add_text(out, is_utf8 ? blocks[height] : letters[height]);
}

static void add_line_of_bars(const struct vd_view *view, struct vd_buffer *out)
{
	char text[VD_VIEW_RATE_BYTES];
	size_t width = view->columns > 14 ? view->columns - 13 : 1;
	double peak = 0;
	width = width > VD_RATES_HISTORY ? VD_RATES_HISTORY : width;
	for (size_t i = 0; i < width; i++)
		peak = vd_rates_ago(view->rates, i) > peak ? vd_rates_ago(view->rates, i) : peak;
	vd_buffer_add_format(out, LABEL, "commits/s");
	for (size_t i = width; i-- > 0;)
		add_bar(vd_rates_ago(view->rates, i), peak, view->is_utf8, out);
	vd_buffer_add_format(out, "\n" LABEL "%s at most\n", "", vd_view_rate(peak, text));
}

/* ---- what waits ---- */

static void add_figures(const struct vd_view *view, struct vd_buffer *out)
{
	const struct vd_admin_status *s = view->status;
	char text[VD_VIEW_RATE_BYTES];
	char span[VD_CLI_SPAN_BYTES];
	vd_buffer_add_format(out, LABEL "%" PRId64 "\n", "watermark", s->watermark_version);
	vd_buffer_add_format(
		out, LABEL "%" PRId64 "%s requests wait\n", "queue", s->queue, s->queue >= 100000 ? " or more" : "");
	if (s->oldest_snapshot_ms < 0)
		vd_buffer_add_format(out, LABEL "none open\n", "snapshots");
	else
		vd_buffer_add_format(
			out, LABEL "the oldest is %s old\n", "snapshots", vd_cli_span(s->oldest_snapshot_ms, span));
	vd_buffer_add_format(out, LABEL "notify queue %.1f %% full", "server", s->notify_queue * 100);
	if (view->rates->wal_is_known)
		vd_buffer_add_format(
			out, ", %s kB of WAL a second", vd_view_rate(view->rates->wal_bytes_s / 1024, text));
	vd_buffer_add_text(out, "\n");
}

void vd_view_draw(const struct vd_view *view, struct vd_buffer *lines)
{
	vd_buffer_add_format(lines, "verdict status, schema %s, at %s; q ends\n", view->schema, view->clock);
	if (view->trouble != NULL)
		vd_buffer_add_format(lines, LABEL "%s\n", "TROUBLE", view->trouble);
	else
		vd_buffer_add_text(lines, "\n");
	if (view->status == NULL)
		return;
	add_leader(view->status, lines);
	add_nodes(view->status, view->rows > OTHER_ROWS + 2 ? view->rows - OTHER_ROWS : 2, lines);
	add_figures(view, lines);
	add_rates(view->rates, lines);
	add_line_of_bars(view, lines);
}
