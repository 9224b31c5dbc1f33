/* SPDX-License-Identifier: Apache-2.0 */
/* dump_read_binary.c: chunks, each with a kind, a size, and behind it the SHA-256 of all that came before. */
#include "cli/dump_reader.h"

#include "common/base/codes.h"
#include "common/base/endian.h"

#include <string.h>

/* Fields are taken off the front of a chunk; false once there is too little of it. */
struct fields {
	struct vd_bytes rest;
	bool is_short;
};

static struct vd_bytes take(struct fields *fields, size_t size)
{
	if (fields->is_short || size > fields->rest.size) {
		fields->is_short = true;
		return VD_BYTES("");
	}
	struct vd_bytes taken = vd_bytes_slice(fields->rest, 0, size);
	fields->rest = vd_bytes_slice(fields->rest, size, fields->rest.size);
	return taken;
}

static uint64_t take_number(struct fields *fields, size_t size)
{
	struct vd_bytes bytes = take(fields, size);
	uint64_t number = 0;
	for (size_t i = 0; i < bytes.size; i++)
		number = number << 8 | bytes.data[i];
	return number;
}

/* Into the block, and into the digest of all bytes. */
static bool read_exactly(struct vd_dump_reader *reader, size_t size, struct vd_error *error)
{
	vd_buffer_clear(&reader->block);
	uint8_t *to = vd_buffer_extend(&reader->block, size);
	if (to == NULL) {
		vd_error_set(error, VD_CODE_NO_MEMORY, "no memory");
		return false;
	}
	if (fread(to, 1, size, reader->file) != size) {
		(void)dump_cut_short(reader, error);
		return false;
	}
	vd_digest_add(&reader->all, vd_buffer_bytes(&reader->block));
	return true;
}

/* The next chunk stands in the block. 0: the error says why not. */
static uint8_t read_chunk(struct vd_dump_reader *reader, struct vd_error *error)
{
	uint8_t check[VD_DIGEST_BYTES], said[VD_DIGEST_BYTES];
	if (!read_exactly(reader, 5, error))
		return 0;
	uint8_t kind = reader->block.data[0];
	size_t size = vd_load_be32(reader->block.data + 1);
	if (size == 0 || size > VD_DUMP_CHUNK_MAX) {
		(void)dump_altered(reader, "a chunk has a size that none has", error);
		return 0;
	}
	if (!read_exactly(reader, size, error))
		return 0;
	vd_digest_now(&reader->all, check);
	if (fread(said, 1, sizeof said, reader->file) != sizeof said) {
		(void)dump_cut_short(reader, error);
		return 0;
	}
	vd_digest_add(&reader->all, vd_bytes_of(said, sizeof said));
	if (memcmp(check, said, sizeof check) != 0) {
		(void)dump_altered(reader, "a chunk is not what its check says", error);
		return 0;
	}
	reader->at = 0;
	return kind;
}

bool dump_read_binary_header(struct vd_dump_reader *reader, struct vd_error *error)
{
	struct vd_dump_header *header = &reader->header;
	if (!read_exactly(reader, VD_DUMP_MAGIC_BYTES, error))
		return false;
	if (memcmp(reader->block.data, VD_DUMP_MAGIC, VD_DUMP_MAGIC_BYTES) != 0) {
		vd_error_set(error, VD_CODE_IO_ERROR, "%s is no dump of this form", reader->name);
		vd_error_hint(error, "a dump of a newer version is loaded by that version");
		return false;
	}
	uint8_t kind = read_chunk(reader, error);
	if (kind == 0)
		return false;
	vd_digest_now(&reader->all, reader->identity);
	struct fields fields = { vd_buffer_bytes(&reader->block), false };
	struct vd_bytes id = take(&fields, VD_DUMP_ID_BYTES);
	header->version = take_number(&fields, 8);
	uint64_t flags = take_number(&fields, 1);
	for (size_t i = 0; i < 2; i++)
		vd_buffer_add(&reader->bounds[i], take(&fields, take_number(&fields, 2)));
	header->begin = vd_buffer_bytes(&reader->bounds[0]);
	header->end = vd_buffer_bytes(&reader->bounds[1]);
	header->has_counters = flags == 1;
	if (kind != 'H' || fields.is_short || fields.rest.size > 0 || flags > 1) {
		(void)dump_altered(reader, "it does not begin with a header", error);
		return false;
	}
	memcpy(header->id, id.data, sizeof header->id);
	vd_buffer_clear(&reader->block);
	return true;
}

static enum vd_dump_next read_trailer(struct vd_dump_reader *reader, struct vd_error *error)
{
	struct fields fields = { vd_buffer_bytes(&reader->block), false };
	struct vd_dump_trailer *trailer = &reader->trailer;
	uint64_t rows = take_number(&fields, 8);
	uint64_t bytes = take_number(&fields, 8);
	struct vd_bytes digest = take(&fields, VD_DIGEST_BYTES);
	vd_dump_reader_digest(reader, trailer->digest);
	if (fields.is_short || fields.rest.size > 0 || rows != trailer->rows || bytes != trailer->bytes ||
		memcmp(digest.data, trailer->digest, sizeof trailer->digest) != 0)
		return dump_altered(reader, "its trailer speaks of other rows", error);
	return VD_DUMP_END;
}

enum vd_dump_next dump_read_binary(
	struct vd_dump_reader *reader, struct vd_bytes *key, struct vd_bytes *value, struct vd_error *error)
{
	if (reader->at == reader->block.size) {
		uint8_t kind = read_chunk(reader, error);
		if (kind == 'T')
			return read_trailer(reader, error);
		if (kind != 'R')
			return kind == 0 ? VD_DUMP_WRONG
							 : dump_altered(reader, "a chunk has a kind that none has", error);
	}
	struct vd_bytes block = vd_buffer_bytes(&reader->block);
	struct fields fields = { vd_bytes_slice(block, reader->at, block.size), false };
	*key = take(&fields, take_number(&fields, 2));
	*value = take(&fields, take_number(&fields, 4));
	if (fields.is_short)
		return dump_altered(reader, "a row does not end in its chunk", error);
	reader->at = block.size - fields.rest.size;
	return VD_DUMP_ROW;
}
