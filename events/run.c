/* SPDX-License-Identifier: Apache-2.0 */
/* run.c: see run.h. */
#include "events/run.h"

#include "common/base/endian.h"
#include "events/take.h"

#include <string.h>

enum { FORMAT = 1 };

static bool is_small(const struct vd_events_run_part *parts, size_t count)
{
	size_t size = 0;
	for (size_t i = 0; i < count && size <= VD_EVENTS_RUN_INLINE_BYTES; i++)
		size += parts[i].record.size;
	return size <= VD_EVENTS_RUN_INLINE_BYTES;
}

void vd_events_run_add(
	struct vd_buffer *buffer, struct vd_bytes stream, const struct vd_events_run_part *parts, size_t count)
{
	vd_buffer_add_byte(buffer, FORMAT);
	vd_buffer_add_be64(buffer, 0);
	vd_buffer_add_be16(buffer, (uint16_t)stream.size);
	vd_buffer_add(buffer, stream);
	vd_buffer_add_byte(buffer, 0);
	vd_buffer_add_be32(buffer, (uint32_t)count);
	const char *before = "";
	for (size_t i = 0; i < count; i++) {
		bool is_same = strcmp(before, parts[i].type) == 0;
		vd_buffer_add_name(buffer, is_same ? "" : parts[i].type);
		before = parts[i].type;
	}
	for (size_t i = 0; is_small(parts, count) && i < count; i++) {
		vd_buffer_add_be32(buffer, (uint32_t)parts[i].record.size);
		vd_buffer_add(buffer, parts[i].record);
	}
}

bool vd_events_run_read(struct vd_bytes bytes, struct vd_events_run *run)
{
	const uint8_t *format = vd_take(&bytes, 1);
	const uint8_t *number = vd_take(&bytes, VD_EVENTS_NUMBER_BYTES);
	const uint8_t *stream_size = vd_take(&bytes, sizeof(uint16_t));
	if (format == NULL || *format != FORMAT || number == NULL || stream_size == NULL)
		return false;
	*run = (struct vd_events_run){ .stream_size = vd_load_be16(stream_size), .type = "" };
	run->first_number = vd_load_be64(number);
	run->stream = (const char *)vd_take(&bytes, run->stream_size + 1);
	const uint8_t *count = vd_take(&bytes, sizeof(uint32_t));
	if (run->stream == NULL || count == NULL ||
		memchr(run->stream, 0, run->stream_size + 1) != run->stream + run->stream_size)
		return false;
	run->count = vd_load_be32(count);
	run->types = bytes;
	for (uint32_t i = 0; i < run->count; i++)
		if (vd_take_name(&bytes) == NULL)
			return false;
	run->types.size -= bytes.size;
	run->records = bytes;
	run->is_inline = bytes.size > 0;
	return run->count > 0;
}

bool vd_events_run_next(struct vd_events_run *run, const char **type, struct vd_bytes *record)
{
	const char *own = vd_take_name(&run->types);
	if (own == NULL)
		return false;
	run->type = *own == '\0' ? run->type : own;
	*type = run->type;
	*record = vd_bytes_of(NULL, 0);
	if (!run->is_inline)
		return true;
	const uint8_t *size = vd_take(&run->records, sizeof(uint32_t));
	const uint8_t *data = size == NULL ? NULL : vd_take(&run->records, vd_load_be32(size));
	if (data != NULL)
		*record = vd_bytes_of(data, vd_load_be32(size));
	return data != NULL;
}
