/* SPDX-License-Identifier: Apache-2.0 */
/* status_view.h: the screen of `verdict status --watch`, as lines. Pure. */
#ifndef VD_CLI_STATUS_VIEW_H
#define VD_CLI_STATUS_VIEW_H

#include "cli/status_rates.h"
#include "common/base/buffer.h"

struct vd_view {
	const char *schema;
	const char *clock;                    /* the time of day */
	const struct vd_admin_status *status; /* NULL: there was no look that went well yet */
	const struct vd_rates *rates;
	const char *trouble; /* why the last look did not go well; NULL: it did */
	size_t rows;         /* room */
	size_t columns;
	bool is_utf8;
};

void vd_view_draw(const struct vd_view *view, struct vd_buffer *lines);

/* How fast, a second: "0", "0.4", "41.0", "12,345", "1.23 M". */
enum { VD_VIEW_RATE_BYTES = 32 };
const char *vd_view_rate(double rate, char to[VD_VIEW_RATE_BYTES]);

#endif
