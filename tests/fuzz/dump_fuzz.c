/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a dump. Whatever the bytes are, they are refused with a reason, or are a dump: its rows, written again in either form,
 * come to the same digest. The first byte says what the rest is: a file as it is; or pieces of one (kind, size, bytes), around which
 * the checks are right, so that what lies behind the checks is reached. */
#include "cli/dump_reader.h"
#include "cli/dump_writer.h"

#include "common/base/check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads all of it; what there is goes to `copy`, in the other form, unless that is NULL. */
static bool read_all(const char *data, size_t size, FILE *copy, struct vd_dump_trailer *trailer)
{
	struct vd_dump_reader reader;
	struct vd_dump_writer writer = { 0 };
	struct vd_error error = { 0 };
	struct vd_bytes key, value;
	FILE *stream = fmemopen((void *)data, size, "r");
	VD_ASSERT(stream != NULL);
	enum vd_dump_next next = vd_dump_reader_open(&reader, stream, "it", &error) ? VD_DUMP_ROW : VD_DUMP_WRONG;
	if (next == VD_DUMP_ROW && copy != NULL)
		VD_ASSERT(vd_dump_writer_init(&writer, copy, !reader.is_jsonl, &reader.header));
	while (next == VD_DUMP_ROW) {
		next = vd_dump_reader_next(&reader, &key, &value, &error);
		if (next == VD_DUMP_ROW && copy != NULL)
			vd_dump_writer_row(&writer, key, value);
	}
	VD_ASSERT((next == VD_DUMP_WRONG) == (error.message[0] != '\0'));
	if (next == VD_DUMP_END && copy != NULL)
		vd_dump_writer_end(&writer);
	*trailer = reader.trailer;
	if (writer.file != NULL)
		vd_dump_writer_fini(&writer);
	vd_dump_reader_close(&reader);
	fclose(stream);
	return next == VD_DUMP_END;
}

static void check(const char *data, size_t size)
{
	struct vd_dump_trailer first, second;
	char *other = NULL;
	size_t other_size = 0;
	FILE *copy = open_memstream(&other, &other_size);
	VD_ASSERT(copy != NULL);
	bool is_dump = size > 0 && read_all(data, size, copy, &first);
	fclose(copy);
	if (is_dump) {
		VD_ASSERT(read_all(other, other_size, NULL, &second));
		VD_ASSERT(first.rows == second.rows && first.bytes == second.bytes &&
				  memcmp(first.digest, second.digest, sizeof first.digest) == 0);
	}
	free(other);
}

static void put(FILE *file, struct vd_digest *all, const void *bytes, size_t size)
{
	vd_digest_add(all, vd_bytes_of(bytes, size));
	(void)fwrite(bytes, 1, size, file);
}

static void put_chunk(FILE *file, struct vd_digest *all, uint8_t kind, const void *bytes, size_t size)
{
	uint8_t head[5] = { kind, 0, (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };
	uint8_t check_bytes[VD_DIGEST_BYTES];
	put(file, all, head, sizeof head);
	put(file, all, bytes, size);
	vd_digest_now(all, check_bytes);
	put(file, all, check_bytes, sizeof check_bytes);
}

/* A piece is a kind, two bytes of size, and as many of them as there are. That of a trailer is followed by the digest that it has
 * to have. */
static void check_pieces(const uint8_t *data, size_t size)
{
	struct vd_digest all, content;
	uint8_t trailer[65535 + VD_DIGEST_BYTES];
	char *file = NULL;
	size_t file_size = 0;
	FILE *stream = open_memstream(&file, &file_size);
	VD_ASSERT(stream != NULL && vd_digest_init(&all) && vd_digest_init(&content));
	put(stream, &all, VD_DUMP_MAGIC, VD_DUMP_MAGIC_BYTES);
	while (size > 3) {
		size_t length = (size_t)(data[1] << 8 | data[2]);
		length = length < size - 3 ? length : size - 3;
		if (data[0] == 'T') {
			memcpy(trailer, data + 3, length);
			vd_digest_now(&content, trailer + length);
			put_chunk(stream, &all, 'T', trailer, length + VD_DIGEST_BYTES);
		} else {
			put_chunk(stream, &all, data[0], data + 3, length);
		}
		if (data[0] == 'R')
			vd_digest_add(&content, vd_bytes_of(data + 3, length));
		data += 3 + length;
		size -= 3 + length;
	}
	fclose(stream);
	check(file, file_size);
	free(file);
	vd_digest_fini(&content);
	vd_digest_fini(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'P')
		check_pieces(data + 1, size - 1);
	else
		check((const char *)data, size);
	return 0;
}
