/* SPDX-License-Identifier: Apache-2.0 */
/* status_live.h: `verdict status --watch` on a terminal: a screen that is redrawn after each look, until `q` or Ctrl-C. */
#ifndef VD_CLI_STATUS_LIVE_H
#define VD_CLI_STATUS_LIVE_H

#include "cli/cli.h"

struct vd_live {
	const char *schema;
	int64_t interval_ms;
	struct vd_admin *admin;
	int woken; /* an eventfd that an interrupt writes to as well */
};

/* Returns what to end with: as the last look did, or VD_EXIT_INTERRUPTED. A first look that fails is told as every verb tells it, and
 * no screen is made; later ones are told on the screen, and looking goes on. */
VD_MUST_USE int vd_live_run(const struct vd_live *live);

#endif
