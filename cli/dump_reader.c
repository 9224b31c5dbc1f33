/* SPDX-License-Identifier: Apache-2.0 */
/* dump_reader.c: what both forms have in common: which one it is, and what must hold of rows. */
#include "cli/dump_reader.h"

#include "common/base/codes.h"

#include <errno.h>
#include <string.h>

enum vd_dump_next dump_altered(const struct vd_dump_reader *reader, const char *how, struct vd_error *error)
{
	vd_error_set(error, VD_CODE_IO_ERROR, "%s is altered: %s", reader->name, how);
	vd_error_hint(error, "make the dump again, or fetch the file again from where it was written");
	return VD_DUMP_WRONG;
}

enum vd_dump_next dump_cut_short(const struct vd_dump_reader *reader, struct vd_error *error)
{
	if (ferror(reader->file)) {
		vd_error_set(error, VD_CODE_IO_ERROR, "%s cannot be read: %s", reader->name, strerror(errno));
		return VD_DUMP_WRONG;
	}
	vd_error_set(error, VD_CODE_IO_ERROR, "%s is cut short", reader->name);
	vd_error_hint(error, "make the dump again, or fetch the file again from where it was written");
	return VD_DUMP_WRONG;
}

static bool no_dump(const struct vd_dump_reader *reader, struct vd_error *error)
{
	vd_error_set(error, VD_CODE_IO_ERROR, "%s is no dump", reader->name);
	vd_error_hint(error, "verdict dump writes them");
	return false;
}

static bool header_is_legal(const struct vd_dump_header *header)
{
	return vd_bytes_compare(header->begin, header->end) <= 0 &&
		   vd_bytes_compare(header->end, VD_DUMP_KEYS_END) <= 0 && header->version <= VD_DUMP_VERSION_MAX &&
		   (!header->has_counters || vd_dump_is_whole(header));
}

bool vd_dump_reader_open(struct vd_dump_reader *reader, FILE *file, const char *name, struct vd_error *error)
{
	*reader = (struct vd_dump_reader){ .file = file, .name = name };
	if (!vd_digest_init(&reader->content) || !vd_digest_init(&reader->all)) {
		vd_error_set(error, VD_CODE_NO_MEMORY, "no memory");
		return false;
	}
	int first = getc(file);
	if (first == EOF && ferror(file)) {
		(void)dump_cut_short(reader, error);
		return false;
	}
	if (first != VD_DUMP_MAGIC[0] && first != '{')
		return no_dump(reader, error);
	(void)ungetc(first, file);
	reader->is_jsonl = first == '{';
	if (!(reader->is_jsonl ? dump_read_jsonl_header : dump_read_binary_header)(reader, error))
		return false;
	if (header_is_legal(&reader->header))
		return true;
	(void)dump_altered(reader, "its header says what no dump says", error);
	return false;
}

void vd_dump_reader_close(struct vd_dump_reader *reader)
{
	vd_digest_fini(&reader->content);
	vd_digest_fini(&reader->all);
	vd_buffer_fini(&reader->block);
	vd_buffer_fini(&reader->key);
	vd_buffer_fini(&reader->value);
	vd_buffer_fini(&reader->row);
	vd_buffer_fini(&reader->last);
	vd_buffer_fini(&reader->bounds[0]);
	vd_buffer_fini(&reader->bounds[1]);
}

/* In order, none twice, and only what the header says. */
static bool belongs(const struct vd_dump_reader *reader, struct vd_bytes key, struct vd_bytes value)
{
	const struct vd_dump_header *header = &reader->header;
	if (key.size > VD_DUMP_KEY_MAX || value.size > VD_DUMP_VALUE_MAX)
		return false;
	if (reader->trailer.rows > 0 && !vd_bytes_less(vd_buffer_bytes(&reader->last), key))
		return false;
	if (vd_bytes_compare(key, header->begin) >= 0 && vd_bytes_less(key, header->end))
		return true;
	return header->has_counters && vd_bytes_compare(key, VD_DUMP_COUNTERS_BEGIN) >= 0 &&
		   vd_bytes_less(key, VD_DUMP_COUNTERS_END);
}

enum vd_dump_next vd_dump_reader_next(
	struct vd_dump_reader *reader, struct vd_bytes *key, struct vd_bytes *value, struct vd_error *error)
{
	enum vd_dump_next next =
		(reader->is_jsonl ? dump_read_jsonl : dump_read_binary)(reader, key, value, error);
	if (next == VD_DUMP_END && getc(reader->file) != EOF)
		return dump_altered(reader, "more follows its end", error);
	if (next == VD_DUMP_END && ferror(reader->file))
		return dump_cut_short(reader, error);
	if (next != VD_DUMP_ROW)
		return next;
	if (!belongs(reader, *key, *value))
		return dump_altered(reader, "a row is not where it belongs", error);
	vd_buffer_clear(&reader->last);
	vd_buffer_add(&reader->last, *key);
	vd_buffer_clear(&reader->row);
	vd_dump_add_row(&reader->row, *key, *value);
	vd_digest_add(&reader->content, vd_buffer_bytes(&reader->row));
	reader->trailer.rows++;
	reader->trailer.bytes += key->size + value->size;
	if (vd_buffer_ok(&reader->last) && vd_buffer_ok(&reader->row))
		return VD_DUMP_ROW;
	vd_error_set(error, VD_CODE_NO_MEMORY, "no memory");
	return VD_DUMP_WRONG;
}

void vd_dump_reader_digest(const struct vd_dump_reader *reader, uint8_t to[VD_DIGEST_BYTES])
{
	vd_digest_now(&reader->content, to);
}
