/* SPDX-License-Identifier: Apache-2.0 */
/* store.h: a store's database and prefix, shared by what was begun on it. */
#ifndef VD_EVENTS_STORE_H
#define VD_EVENTS_STORE_H

#include "common/base/bytes.h"

#include <stdatomic.h>
#include <verdict/events.h>

enum { VD_EVENTS_PREFIX_MAX = 72 };

struct vd_events {
	struct vd_database *database;
	atomic_uint references;
	size_t prefix_size;
	char prefix[VD_EVENTS_PREFIX_MAX]; /* of all its keys */
};

struct vd_events *vd_events_ref(struct vd_events *events);

static inline struct vd_bytes vd_events_prefix(const struct vd_events *events)
{
	return vd_bytes_of(events->prefix, events->prefix_size);
}

#endif
