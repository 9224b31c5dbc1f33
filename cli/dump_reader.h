/* SPDX-License-Identifier: Apache-2.0 */
/* dump_reader.h: reads a dump from a stream, in either form, and believes nothing.
 *
 * A row of the binary form is handed out when the check of its chunk was right; one of JSON lines, whose check comes at the end,
 * before that. Only VD_DUMP_END says that all of it is as it was written: every byte was checked, the trailer agrees with the rows, and
 * nothing follows it. Holds a chunk or a line.
 */
#ifndef VD_CLI_DUMP_READER_H
#define VD_CLI_DUMP_READER_H

#include "cli/dump.h"

#include "common/base/error.h"

#include <stdio.h>

enum vd_dump_next {
	VD_DUMP_ROW,
	VD_DUMP_END,
	VD_DUMP_WRONG, /* cut short, altered, not to be read: the error says which */
};

struct vd_dump_reader {
	FILE *file;
	const char *name;
	bool is_jsonl;
	struct vd_dump_header header;
	uint8_t identity[VD_DIGEST_BYTES]; /* of the header, which has a random id */
	struct vd_dump_trailer trailer;    /* rows and bytes as of now; at the end all of it */
	struct vd_digest content;
	struct vd_digest all;
	struct vd_buffer block; /* the chunk or line that is being read */
	size_t at;              /* of the next row in a chunk */
	struct vd_buffer key;   /* of JSON lines */
	struct vd_buffer value;
	struct vd_buffer row;
	struct vd_buffer last; /* the key before */
	struct vd_buffer bounds[2];
};

/* Reads the header. The stream and the name, which is for messages, are borrowed. False: the error says why. To be closed in
 * either case. */
VD_MUST_USE bool vd_dump_reader_open(
	struct vd_dump_reader *reader, FILE *file, const char *name, struct vd_error *error);
void vd_dump_reader_close(struct vd_dump_reader *reader);

/* The next row, borrowed until the next call. */
VD_MUST_USE enum vd_dump_next vd_dump_reader_next(
	struct vd_dump_reader *reader, struct vd_bytes *key, struct vd_bytes *value, struct vd_error *error);

/* Of the content up to and with the last row that was handed out. */
void vd_dump_reader_digest(const struct vd_dump_reader *reader, uint8_t to[VD_DIGEST_BYTES]);

/* ---- for the two forms (dump_read_binary.c, dump_read_jsonl.c) ---- */

VD_MUST_USE bool dump_read_binary_header(struct vd_dump_reader *reader, struct vd_error *error);
VD_MUST_USE enum vd_dump_next dump_read_binary(
	struct vd_dump_reader *reader, struct vd_bytes *key, struct vd_bytes *value, struct vd_error *error);
VD_MUST_USE bool dump_read_jsonl_header(struct vd_dump_reader *reader, struct vd_error *error);
VD_MUST_USE enum vd_dump_next dump_read_jsonl(
	struct vd_dump_reader *reader, struct vd_bytes *key, struct vd_bytes *value, struct vd_error *error);
/* Sets the error, and returns VD_DUMP_WRONG. */
enum vd_dump_next dump_altered(const struct vd_dump_reader *reader, const char *how, struct vd_error *error);
enum vd_dump_next dump_cut_short(const struct vd_dump_reader *reader, struct vd_error *error);

#endif
