/* SPDX-License-Identifier: Apache-2.0 */
/* store.c: see store.h. */
#include "events/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

int vd_events_open(struct vd_database *database, const char *name, struct vd_events **out)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	if (name == NULL)
		name = "main";
	size_t size = strlen(name);
	if (size == 0 || size > NAME_MAX_BYTES || strspn(name, allowed) != size)
		return VD_ERROR_INVALID_OPTION_VALUE;
	struct vd_events *events = calloc(1, sizeof *events);
	if (events == NULL)
		return VD_ERROR_OUT_OF_MEMORY;
	events->database = database;
	atomic_init(&events->references, 1);
	events->prefix_size = (size_t)snprintf(events->prefix, sizeof events->prefix, "ev/%s/", name);
	*out = events;
	return 0;
}

struct vd_events *vd_events_ref(struct vd_events *events)
{
	atomic_fetch_add(&events->references, 1);
	return events;
}

void vd_events_close(struct vd_events *events)
{
	if (events != NULL && atomic_fetch_sub(&events->references, 1) == 1)
		free(events);
}
