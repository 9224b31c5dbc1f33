/* SPDX-License-Identifier: Apache-2.0 */
/* record.h: an event as bytes. Pure.
 *
 *   format 1 · stamp 10 · index 4 · time 8 · id 16 · type · content type · tags · metadata · payload
 *
 * Numbers are big-endian. A name is its size (one byte), its bytes and a NUL, so that a reader may point into the record; tags are
 * a count and that many names; the metadata have their size (4 bytes) before them; the payload is the rest.
 */
#ifndef VD_EVENTS_RECORD_H
#define VD_EVENTS_RECORD_H

#include "common/base/buffer.h"
#include "events/keys.h"

enum { VD_EVENTS_RECORD_STAMP_AT = 1 };

/* True if no event may be like that: VD_EVENTS_ERROR_EVENT_INVALID. */
bool vd_events_data_is_invalid(const struct vd_event_data *data);

/* Adds a record; the stamp is left to the commit. data is valid, with an id and a time. */
void vd_events_record_add(struct vd_buffer *buffer, const struct vd_event_data *data, uint32_t index);

/* False if the bytes are no record. What is found points into them; *event has no stream, version and tags yet.
 * tags: VD_EVENTS_TAGS_MAX places, which the event points to; NULL: tags are left out. */
bool vd_events_record_read(struct vd_bytes record, struct vd_event *event, const char **tags);

#endif
