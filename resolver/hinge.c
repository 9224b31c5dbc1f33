/* SPDX-License-Identifier: Apache-2.0 */
/* hinge.c: see hinge.h. */
#include "resolver/hinge.h"

#include "common/pg/connection.h"

#include <stdio.h>

void vd_hinge_set_backend(struct vd_hinge *hinge, enum vd_backend which, int32_t pid, int64_t start_us)
{
	atomic_store(&hinge->backends[which].pid, 0);
	atomic_store(&hinge->backends[which].start_us, start_us);
	atomic_store(&hinge->backends[which].pid, pid);
	atomic_fetch_add(&hinge->backends_wanted, 1);
	vd_wake_ring(&hinge->keeper_wake);
}

bool vd_hinge_backends_are_entered(const struct vd_hinge *hinge)
{
	return atomic_load(&hinge->backends_entered) == atomic_load(&hinge->backends_wanted);
}

struct vd_term_text vd_term_text_of(const uint8_t term[16])
{
	struct vd_term_text out;
	char *at = out.text;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		at += sprintf(at, "%02x", term[i]);
	}
	return out;
}

bool vd_takeover_is_of(const struct vd_takeover *takeover, const struct vd_pg_server *server)
{
	return takeover->system_identifier == server->system_identifier &&
		   takeover->timeline == server->timeline && takeover->database_oid == server->database_oid;
}
