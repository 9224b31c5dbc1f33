/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a dump: what is written is read, in both forms, and no byte of it can be cut off or altered unnoticed. */
#include "cli/dump_reader.h"
#include "cli/dump_writer.h"

#include "tests/unit/test.h"

#include <stdlib.h>

struct file {
	char *data;
	size_t size;
};

static const struct vd_dump_header header = { .id = "0123456789abcde",
	.version = 1234567890123,
	.begin = { (const uint8_t *)"", 0 },
	.end = { (const uint8_t *)"\xff", 1 },
	.has_counters = true };

static struct file written(bool is_jsonl, const struct vd_dump_header *head, size_t rows, size_t value_bytes,
	struct vd_dump_trailer *trailer)
{
	struct file file = { 0 };
	FILE *stream = open_memstream(&file.data, &file.size);
	struct vd_dump_writer writer;
	uint8_t *value = calloc(1, value_bytes + 1);
	assert_true(vd_dump_writer_init(&writer, stream, is_jsonl, head));
	vd_dump_writer_row(&writer, VD_BYTES(""), VD_BYTES("\0\"\\\n"));
	for (size_t i = 0; i < rows; i++) {
		uint8_t key[4] = { 1, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
		memset(value, (int)i, value_bytes);
		vd_dump_writer_row(&writer, vd_bytes_of(key, sizeof key), vd_bytes_of(value, value_bytes));
	}
	if (head->has_counters)
		vd_dump_writer_row(&writer, VD_BYTES("\xff/counter/c"), VD_BYTES("\0\0\0\0\0\0\0\7"));
	vd_dump_writer_end(&writer);
	assert_true(vd_dump_writer_ok(&writer));
	*trailer = writer.trailer;
	vd_dump_writer_fini(&writer);
	fclose(stream);
	free(value);
	return file;
}

/* All of it: the last thing that the reader says, and in `trailer` what it has seen. */
static enum vd_dump_next read_all(const char *data, size_t size, struct vd_dump_trailer *trailer)
{
	struct vd_dump_reader reader;
	struct vd_error error = { 0 };
	struct vd_bytes key, value;
	FILE *stream = size == 0 ? fopen("/dev/null", "r") : fmemopen((void *)data, size, "r");
	enum vd_dump_next next = VD_DUMP_WRONG;
	assert_non_null(stream);
	if (vd_dump_reader_open(&reader, stream, "it", &error))
		while ((next = vd_dump_reader_next(&reader, &key, &value, &error)) == VD_DUMP_ROW)
			;
	*trailer = reader.trailer;
	if (next == VD_DUMP_WRONG)
		assert_true(error.message[0] != '\0');
	vd_dump_reader_close(&reader);
	fclose(stream);
	return next;
}

static void assert_read(const struct file *file, const struct vd_dump_trailer *expected)
{
	struct vd_dump_trailer seen;
	assert_int_equal(read_all(file->data, file->size, &seen), VD_DUMP_END);
	assert_int_equal(seen.rows, expected->rows);
	assert_int_equal(seen.bytes, expected->bytes);
	assert_memory_equal(seen.digest, expected->digest, sizeof seen.digest);
}

static void both_forms_say_the_same(void **state)
{
	(void)state;
	static const struct {
		size_t rows;
		size_t value_bytes;
	} sizes[] = { { 0, 0 }, { 3, 0 }, { 1000, 300 }, { 3, 1000000 } };
	for (size_t i = 0; i < VD_COUNT(sizes); i++) {
		struct vd_dump_trailer binary, lines;
		struct file files[] = { written(false, &header, sizes[i].rows, sizes[i].value_bytes, &binary),
			written(true, &header, sizes[i].rows, sizes[i].value_bytes, &lines) };
		assert_read(&files[0], &binary);
		assert_read(&files[1], &lines);
		assert_int_equal(binary.rows, sizes[i].rows + 2);
		assert_memory_equal(&binary, &lines, sizeof binary);
		free(files[0].data);
		free(files[1].data);
	}
}

/* The digest is of the content alone: docs/dump.md says how it is made. */
static void the_digest_is_of_the_content(void **state)
{
	(void)state;
	struct vd_dump_trailer one, two;
	struct vd_dump_header other = header;
	uint8_t expected[VD_DIGEST_BYTES];
	struct vd_digest digest;
	other.id[0] ^= 1;
	other.version++;
	other.has_counters = false;
	struct file files[] = { written(false, &header, 0, 0, &one), written(true, &other, 0, 0, &two) };
	assert_true(vd_digest_init(&digest));
	vd_digest_add(&digest, VD_BYTES("\0\0\0\0\0\4\0\"\\\n"));
	vd_digest_now(&digest, expected);
	assert_memory_equal(two.digest, expected, sizeof expected);
	vd_digest_add(&digest, VD_BYTES("\0\x0b\xff/counter/c\0\0\0\x8\0\0\0\0\0\0\0\7"));
	vd_digest_now(&digest, expected);
	assert_memory_equal(one.digest, expected, sizeof expected);
	vd_digest_fini(&digest);
	free(files[0].data);
	free(files[1].data);
}

static void no_byte_is_lost_or_altered(void **state)
{
	(void)state;
	static const unsigned altered[] = { 0x01, 0x20, 0x80, 0xff }; /* a digit, a letter's case, and more */
	for (int is_jsonl = 0; is_jsonl < 2; is_jsonl++) {
		struct vd_dump_trailer trailer;
		struct file file = written(is_jsonl == 1, &header, 2, 5, &trailer);
		for (size_t at = 0; at < file.size; at++) {
			if (read_all(file.data, at, &trailer) != VD_DUMP_WRONG)
				fail_msg("form %d, cut at %zu of %zu", is_jsonl, at, file.size);
			for (size_t i = 0; i < VD_COUNT(altered); i++) {
				unsigned bits = altered[i];
				file.data[at] = (char)(file.data[at] ^ (char)bits);
				if (read_all(file.data, file.size, &trailer) != VD_DUMP_WRONG)
					fail_msg("form %d, byte %zu of %zu altered by %u", is_jsonl, at, file.size, bits);
				file.data[at] = (char)(file.data[at] ^ (char)bits);
			}
		}
		assert_int_equal(read_all(file.data, file.size, &trailer), VD_DUMP_END);
		free(file.data);
	}
}

/* Right in every check, and nonsense all the same. */
static void nonsense_is_refused(void **state)
{
	(void)state;
	static const struct vd_dump_header heads[] = {
		{ .begin = { (const uint8_t *)"b", 1 }, .end = { (const uint8_t *)"a", 1 } },
		{ .end = { (const uint8_t *)"\xff/", 2 } },
		{ .end = { (const uint8_t *)"x", 1 }, .has_counters = true },
		{ .end = { (const uint8_t *)"\xff", 1 }, .version = VD_DUMP_VERSION_MAX + 1 },
		/* keys that are not of this range */
		{ .begin = { (const uint8_t *)"\1", 1 }, .end = { (const uint8_t *)"\xff", 1 } },
		{ .end = { (const uint8_t *)"\1\0\0\1", 4 } },
	};
	for (size_t i = 0; i < 2 * VD_COUNT(heads); i++) {
		struct vd_dump_trailer trailer;
		struct file file = written(i % 2 == 1, &heads[i / 2], 2, 5, &trailer);
		if (read_all(file.data, file.size, &trailer) != VD_DUMP_WRONG)
			fail_msg("row %zu, form %zu", i / 2, i % 2);
		free(file.data);
	}
}

static void rows_out_of_order_are_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct file file = { 0 };
		struct vd_dump_trailer trailer;
		struct vd_dump_writer writer;
		FILE *stream = open_memstream(&file.data, &file.size);
		assert_true(vd_dump_writer_init(&writer, stream, i % 2 == 1, &header));
		vd_dump_writer_row(&writer, VD_BYTES("b"), VD_BYTES(""));
		vd_dump_writer_row(&writer, i < 2 ? VD_BYTES("b") : VD_BYTES("a"), VD_BYTES(""));
		vd_dump_writer_end(&writer);
		vd_dump_writer_fini(&writer);
		fclose(stream);
		assert_int_equal(read_all(file.data, file.size, &trailer), VD_DUMP_WRONG);
		free(file.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_say_the_same),
		cmocka_unit_test(the_digest_is_of_the_content),
		cmocka_unit_test(no_byte_is_lost_or_altered),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(rows_out_of_order_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
