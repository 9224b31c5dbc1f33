/* SPDX-License-Identifier: Apache-2.0 */
/* life.h: the states of a node, as a table: the log says their sentences, --print-life draws them. */
#ifndef VD_RESOLVER_LIFE_H
#define VD_RESOLVER_LIFE_H

#include "common/base/machine.h"

enum vd_life {
	VD_LIFE_STANDBY,
	VD_LIFE_CAMPAIGNING,
	VD_LIFE_LEADING,
	VD_LIFE_RESIGNING,
	VD_LIFE_STOPPED,
};

extern const struct vd_machine vd_life;

#endif
