/* SPDX-License-Identifier: Apache-2.0 */
/* life.c: the table. A term that is lost leads back to standby from everywhere; only a node that leads can
 * resign, any other just stops; who resigned because it was asked to hand over stands by afterwards. */
#include "resolver/life.h"

static const struct vd_state states[] = {
	[VD_LIFE_STANDBY] = { "standby", "looks at the lease, and waits for it to become free",
		VD_MAY(VD_LIFE_CAMPAIGNING) | VD_MAY(VD_LIFE_STOPPED), NULL },
	[VD_LIFE_CAMPAIGNING] = { "campaigning", "the lease is free; tries to take office",
		VD_MAY(VD_LIFE_STANDBY) | VD_MAY(VD_LIFE_LEADING) | VD_MAY(VD_LIFE_STOPPED), NULL },
	[VD_LIFE_LEADING] = { "leading", "gives every request its verdict, and renews the lease",
		VD_MAY(VD_LIFE_STANDBY) | VD_MAY(VD_LIFE_RESIGNING), NULL },
	[VD_LIFE_RESIGNING] = { "resigning", "finishes what is queued, then releases the lease",
		VD_MAY(VD_LIFE_STANDBY) | VD_MAY(VD_LIFE_STOPPED), NULL },
	[VD_LIFE_STOPPED] = { "stopped", "has closed its connections, and ends", 0, NULL },
};

const struct vd_machine vd_life = VD_MACHINE("life", states);
