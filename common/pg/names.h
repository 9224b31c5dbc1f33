/* SPDX-License-Identifier: Apache-2.0 */
/* Names that both ends must spell alike: channels, roles, applications. All follow from the schema's name.
 *
 * A schema's name is [a-z_][a-z0-9_]{0,39} and does not begin with pg_ (PostgreSQL keeps those for itself):
 * with the longest suffix it stays within the 63 bytes of an identifier, so nothing is ever cut, quoted or
 * escaped. Pure.
 */
#ifndef VD_COMMON_PG_NAMES_H
#define VD_COMMON_PG_NAMES_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stdint.h>

enum { VD_PG_SCHEMA_BYTES_MAX = 40, VD_PG_NAME_BYTES = 64 };

bool vd_pg_schema_is_legal(const char *schema);
/* What a schema's name must look like: for messages. */
extern const char vd_pg_schema_rule[];

/* Any name here, with its NUL. */
struct vd_pg_name {
	char text[VD_PG_NAME_BYTES];
};

/* The schema must be legal. */
struct vd_pg_name vd_pg_channel_doorbell(const char *schema); /* followers ring, the leader listens */
struct vd_pg_name vd_pg_channel_lease(const char *
		schema); /* news of the lease: it was released, or its leader is asked to hand over; all nodes listen */
#define VD_PG_HAND_OVER                                                                                      \
	"hand over" /* what is sent there to the leader; any other payload is the term of a lease that was released */
struct vd_pg_name vd_pg_channel_verdicts(const char *schema);              /* each batch, for observers */
struct vd_pg_name vd_pg_channel_reply(const char *schema, uint64_t reply); /* one follower's inbox */

struct vd_pg_name vd_pg_role_resolver(const char *schema);
struct vd_pg_name vd_pg_role_follower(const char *schema);
struct vd_pg_name vd_pg_role_observer(const char *schema);

/* application_name of our sessions; by its beginning a leader knows a laggard as ours. */
#define VD_PG_APPLICATION_PREFIX   "verdict-"
#define VD_PG_APPLICATION_RESOLVER "verdict-resolver"
#define VD_PG_APPLICATION_KEEPER   "verdict-keeper"
#define VD_PG_APPLICATION_FOLLOWER "verdict-follower"
#define VD_PG_APPLICATION_INBOX    "verdict-inbox"
#define VD_PG_APPLICATION_OBSERVER "verdict-observer"
#define VD_PG_APPLICATION_MIGRATE  "verdict-migrate"

/* "<program>/<schema>/<node>", without the node if it is NULL; cut at 63 bytes, as PostgreSQL would. */
struct vd_pg_name vd_pg_application(const char *program, const char *schema, const char *node);

#endif
