/* SPDX-License-Identifier: Apache-2.0 */
/* dump_read_jsonl.c: an object a line. The last line is not parsed: it has to be, byte for byte, what the lines before it come to. */
#include "cli/dump_reader.h"

#include "common/base/codes.h"
#include "common/text/json.h"

#include <string.h>

/* Of a row as large as any: a byte takes five characters at most. */
enum { LINE_MAX_BYTES = 5 * (VD_DUMP_KEY_MAX + VD_DUMP_VALUE_MAX) + 64 };
static const char trailer_begins[] = "{\"rows\":";

/* With its line feed. */
static bool read_line(struct vd_dump_reader *reader, struct vd_error *error)
{
	struct vd_buffer *block = &reader->block;
	int character;
	vd_buffer_clear(block);
	while ((character = getc_unlocked(reader->file)) != EOF) {
		vd_buffer_add_byte(block, (uint8_t)character);
		if (character == '\n' && vd_buffer_ok(block))
			return true;
		if (block->size > LINE_MAX_BYTES || !vd_buffer_ok(block)) {
			(void)dump_altered(reader, "a line is longer than any may be", error);
			return false;
		}
	}
	(void)dump_cut_short(reader, error);
	return false;
}

static json_t *parse(const struct vd_buffer *line)
{
	return json_loadb((const char *)line->data, line->size, JSON_REJECT_DUPLICATES, NULL);
}

static bool header_of(struct vd_dump_reader *reader, json_t *line)
{
	struct vd_dump_header *header = &reader->header;
	int form, counters;
	const char *id;
	size_t id_size;
	json_int_t version;
	const json_t *bounds[2];
	if (json_unpack(line, "{s:i, s:s%, s:I, s:o, s:o, s:b !}", "verdict_dump", &form, "id", &id, &id_size,
			"version", &version, "begin", &bounds[0], "end", &bounds[1], "counters", &counters) != 0)
		return false;
	header->version = (uint64_t)version;
	header->has_counters = counters != 0;
	return form == VD_DUMP_FORM && version >= 0 &&
		   vd_unhex(vd_bytes_of(id, id_size), header->id, sizeof header->id) &&
		   vd_json_to_bytes(bounds[0], &reader->bounds[0], NULL) == 0 &&
		   vd_json_to_bytes(bounds[1], &reader->bounds[1], NULL) == 0;
}

bool dump_read_jsonl_header(struct vd_dump_reader *reader, struct vd_error *error)
{
	if (!read_line(reader, error))
		return false;
	vd_digest_add(&reader->all, vd_buffer_bytes(&reader->block));
	vd_digest_now(&reader->all, reader->identity);
	json_t *line = parse(&reader->block);
	bool good = line != NULL && header_of(reader, line);
	json_decref(line);
	reader->header.begin = vd_buffer_bytes(&reader->bounds[0]);
	reader->header.end = vd_buffer_bytes(&reader->bounds[1]);
	if (!good) {
		vd_error_set(error, VD_CODE_IO_ERROR, "%s is no dump of this form", reader->name);
		vd_error_hint(error, "its first line is that of verdict dump --format jsonl");
	}
	return good;
}

static enum vd_dump_next read_trailer(struct vd_dump_reader *reader, struct vd_error *error)
{
	uint8_t check[VD_DIGEST_BYTES];
	vd_dump_reader_digest(reader, reader->trailer.digest);
	vd_digest_now(&reader->all, check);
	vd_buffer_clear(&reader->row);
	vd_dump_add_trailer_line(&reader->row, &reader->trailer, check);
	if (vd_bytes_equal(vd_buffer_bytes(&reader->row), vd_buffer_bytes(&reader->block)))
		return VD_DUMP_END;
	return dump_altered(reader, "its last line speaks of other lines", error);
}

static bool row_of(struct vd_dump_reader *reader, json_t *line)
{
	const json_t *key, *value;
	vd_buffer_clear(&reader->key);
	vd_buffer_clear(&reader->value);
	return json_unpack(line, "{s:o, s:o !}", "key", &key, "value", &value) == 0 &&
		   vd_json_to_bytes(key, &reader->key, NULL) == 0 &&
		   vd_json_to_bytes(value, &reader->value, NULL) == 0;
}

enum vd_dump_next dump_read_jsonl(
	struct vd_dump_reader *reader, struct vd_bytes *key, struct vd_bytes *value, struct vd_error *error)
{
	if (!read_line(reader, error))
		return VD_DUMP_WRONG;
	if (vd_bytes_has_prefix(vd_buffer_bytes(&reader->block), vd_bytes_of_string(trailer_begins)))
		return read_trailer(reader, error);
	vd_digest_add(&reader->all, vd_buffer_bytes(&reader->block));
	json_t *line = parse(&reader->block);
	bool good = line != NULL && row_of(reader, line);
	json_decref(line);
	if (!good)
		return dump_altered(reader, "a line is no row", error);
	*key = vd_buffer_bytes(&reader->key);
	*value = vd_buffer_bytes(&reader->value);
	return VD_DUMP_ROW;
}
