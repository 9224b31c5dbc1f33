/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dump_writer.h"

#include "common/text/escape.h"
#include "common/text/json.h"

#include <inttypes.h>

/* ---- the form of both ---- */

void vd_dump_add_row(struct vd_buffer *out, struct vd_bytes key, struct vd_bytes value)
{
	vd_buffer_add_be16(out, (uint16_t)key.size);
	vd_buffer_add(out, key);
	vd_buffer_add_be32(out, (uint32_t)value.size);
	vd_buffer_add(out, value);
}

void vd_dump_add_trailer_line(
	struct vd_buffer *out, const struct vd_dump_trailer *trailer, const uint8_t check[VD_DIGEST_BYTES])
{
	char digest_text[VD_DIGEST_TEXT], check_text[VD_DIGEST_TEXT];
	vd_buffer_add_format(out,
		"{\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"digest\":\"%s\",\"check\":\"%s\"}\n", trailer->rows,
		trailer->bytes, vd_hex(trailer->digest, VD_DIGEST_BYTES, digest_text),
		vd_hex(check, VD_DIGEST_BYTES, check_text));
}

/* ---- writing ---- */

static void put(struct vd_dump_writer *writer, struct vd_bytes bytes)
{
	vd_digest_add(&writer->all, bytes);
	if (bytes.size > 0)
		(void)fwrite(bytes.data, 1, bytes.size, writer->file);
}

/* Kind and size stand before the bytes, the check of all that was written behind them. */
static void put_chunk(struct vd_dump_writer *writer, char kind, struct vd_bytes bytes)
{
	uint8_t head[5] = { (uint8_t)kind, (uint8_t)(bytes.size >> 24), (uint8_t)(bytes.size >> 16),
		(uint8_t)(bytes.size >> 8), (uint8_t)bytes.size };
	uint8_t check[VD_DIGEST_BYTES];
	put(writer, vd_bytes_of(head, sizeof head));
	put(writer, bytes);
	vd_digest_now(&writer->all, check);
	put(writer, vd_bytes_of(check, sizeof check));
}

static void flush_rows(struct vd_dump_writer *writer)
{
	struct vd_bytes bytes = vd_buffer_bytes(&writer->chunk);
	if (bytes.size == 0 || !vd_buffer_ok(&writer->chunk))
		return;
	if (writer->is_jsonl) {
		put(writer, bytes);
	} else {
		vd_digest_add(&writer->content, bytes);
		put_chunk(writer, 'R', bytes);
	}
	vd_buffer_clear(&writer->chunk);
}

static void header_line(struct vd_buffer *out, const struct vd_dump_header *header)
{
	char id[2 * VD_DUMP_ID_BYTES + 1];
	json_t *line = json_pack("{s:i, s:s, s:I, s:o, s:o, s:b}", "verdict_dump", VD_DUMP_FORM, "id",
		vd_hex(header->id, sizeof header->id, id), "version", (json_int_t)header->version, "begin",
		vd_json_bytes(header->begin), "end", vd_json_bytes(header->end), "counters", header->has_counters);
	if (line == NULL)
		out->failed = true;
	else
		vd_json_add_line(out, line);
	json_decref(line);
}

static void put_header(struct vd_dump_writer *writer, const struct vd_dump_header *header)
{
	struct vd_buffer *out = &writer->row;
	if (writer->is_jsonl) {
		header_line(out, header);
		put(writer, vd_buffer_bytes(out));
	} else {
		put(writer, VD_BYTES(VD_DUMP_MAGIC));
		vd_buffer_add(out, vd_bytes_of(header->id, sizeof header->id));
		vd_buffer_add_be64(out, header->version);
		vd_buffer_add_byte(out, header->has_counters);
		vd_buffer_add_be16(out, (uint16_t)header->begin.size);
		vd_buffer_add(out, header->begin);
		vd_buffer_add_be16(out, (uint16_t)header->end.size);
		vd_buffer_add(out, header->end);
		put_chunk(writer, 'H', vd_buffer_bytes(out));
	}
}

bool vd_dump_writer_init(
	struct vd_dump_writer *writer, FILE *file, bool is_jsonl, const struct vd_dump_header *header)
{
	*writer = (struct vd_dump_writer){ .file = file, .is_jsonl = is_jsonl };
	if (!vd_digest_init(&writer->content) || !vd_digest_init(&writer->all))
		return false;
	put_header(writer, header);
	return vd_dump_writer_ok(writer);
}

void vd_dump_writer_fini(struct vd_dump_writer *writer)
{
	vd_digest_fini(&writer->content);
	vd_digest_fini(&writer->all);
	vd_buffer_fini(&writer->chunk);
	vd_buffer_fini(&writer->row);
}

static void add_line(struct vd_dump_writer *writer, struct vd_bytes key, struct vd_bytes value)
{
	json_t *line = json_pack("{s:o, s:o}", "key", vd_json_bytes(key), "value", vd_json_bytes(value));
	if (line == NULL)
		writer->chunk.failed = true;
	else
		vd_json_add_line(&writer->chunk, line);
	json_decref(line);
	vd_buffer_clear(&writer->row);
	vd_dump_add_row(&writer->row, key, value);
	vd_digest_add(&writer->content, vd_buffer_bytes(&writer->row));
}

void vd_dump_writer_row(struct vd_dump_writer *writer, struct vd_bytes key, struct vd_bytes value)
{
	writer->trailer.rows++;
	writer->trailer.bytes += key.size + value.size;
	if (writer->is_jsonl)
		add_line(writer, key, value);
	else
		vd_dump_add_row(&writer->chunk, key, value);
	if (writer->chunk.size >= VD_DUMP_CHUNK_BYTES)
		flush_rows(writer);
}

void vd_dump_writer_end(struct vd_dump_writer *writer)
{
	struct vd_buffer *out = &writer->row;
	struct vd_dump_trailer *trailer = &writer->trailer;
	flush_rows(writer);
	vd_digest_now(&writer->content, trailer->digest);
	vd_buffer_clear(out);
	if (writer->is_jsonl) {
		uint8_t check[VD_DIGEST_BYTES];
		vd_digest_now(&writer->all, check);
		vd_dump_add_trailer_line(out, trailer, check);
		put(writer, vd_buffer_bytes(out));
	} else {
		vd_buffer_add_be64(out, trailer->rows);
		vd_buffer_add_be64(out, trailer->bytes);
		vd_buffer_add(out, vd_bytes_of(trailer->digest, sizeof trailer->digest));
		put_chunk(writer, 'T', vd_buffer_bytes(out));
	}
	(void)fflush(writer->file);
}

bool vd_dump_writer_ok(const struct vd_dump_writer *writer)
{
	return vd_buffer_ok(&writer->chunk) && vd_buffer_ok(&writer->row);
}
