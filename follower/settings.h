/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: the options of vd_database_open, in one table. Pure. */
#ifndef VD_FOLLOWER_SETTINGS_H
#define VD_FOLLOWER_SETTINGS_H

#include "common/base/error.h"
#include "follower/database.h"

/* Defaults, then the options in order. 0, or 2104, 2007, 2006, 1501 with one line in *error; the settings are to be finished
 * in either case. */
VD_MUST_USE int vd_database_settings_init(struct vd_database_settings *settings, const char *dsn,
	const struct vd_option *options, size_t count, struct vd_error *error);
void vd_database_settings_fini(struct vd_database_settings *settings);

#endif
