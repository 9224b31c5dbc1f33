/* SPDX-License-Identifier: Apache-2.0 */
/* dump_writer.h: writes a dump to a stream. What goes wrong with the stream is asked of it at the end (ferror); memory that was not
 * to be had is told by vd_dump_writer_ok. Holds a chunk or a line. */
#ifndef VD_CLI_DUMP_WRITER_H
#define VD_CLI_DUMP_WRITER_H

#include "cli/dump.h"

#include <stdio.h>

struct vd_dump_writer {
	FILE *file;
	bool is_jsonl;
	struct vd_digest content;
	struct vd_digest all;
	struct vd_buffer chunk; /* binary: with its head; JSON lines: some lines */
	struct vd_buffer row;   /* of JSON lines: the row in the form of the digest */
	struct vd_dump_trailer trailer;
};

/* Writes the header. The stream is borrowed. */
VD_MUST_USE bool vd_dump_writer_init(
	struct vd_dump_writer *writer, FILE *file, bool is_jsonl, const struct vd_dump_header *header);
void vd_dump_writer_fini(struct vd_dump_writer *writer);
void vd_dump_writer_row(struct vd_dump_writer *writer, struct vd_bytes key, struct vd_bytes value);
/* Writes the trailer, which stays in writer->trailer, and flushes the stream. */
void vd_dump_writer_end(struct vd_dump_writer *writer);
bool vd_dump_writer_ok(const struct vd_dump_writer *writer);

#endif
