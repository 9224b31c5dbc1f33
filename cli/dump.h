/* SPDX-License-Identifier: Apache-2.0 */
/* dump.h: what a file of `verdict dump` says, in either form. docs/dump.md describes both byte by byte.
 *
 * A header, rows in key order, a trailer. The header says of which store and version they are, and which range they are all of.
 * The trailer has their number and a digest of their content, which is the same in both forms and for every dump of the same
 * content. Apart from that each form covers all of its own bytes by SHA-256, so that no byte of a file can be lost or altered
 * without being noticed.
 */
#ifndef VD_CLI_DUMP_H
#define VD_CLI_DUMP_H

#include "cli/dump_digest.h"

#include "common/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	VD_DUMP_ID_BYTES = 16,
	VD_DUMP_KEY_MAX = 2600, /* what any store can hold */
	VD_DUMP_VALUE_MAX = 1000000,
	VD_DUMP_CHUNK_BYTES = 65536, /* a chunk is written when it has this many */
	VD_DUMP_CHUNK_MAX = 2 << 20, /* and has never more than this */
	VD_DUMP_MAGIC_BYTES = 8,
	VD_DUMP_FORM = 1,
};
#define VD_DUMP_VERSION_MAX ((uint64_t)1 << 62) /* a store's version can be moved above it */
#define VD_DUMP_MAGIC       "VDDUMP1\n"

/* The two form a range that is kept apart from the user's keys: the counters of sequenced keys. */
#define VD_DUMP_COUNTERS_BEGIN VD_BYTES("\xff/counter/")
#define VD_DUMP_COUNTERS_END   VD_BYTES("\xff/counter0")
#define VD_DUMP_KEYS_END       VD_BYTES("\xff")

struct vd_dump_header {
	uint8_t id[VD_DUMP_ID_BYTES]; /* random: no two dumps have the same */
	uint64_t version;             /* of the snapshot */
	struct vd_bytes begin;        /* these rows are all of [begin, end) */
	struct vd_bytes end;
	bool has_counters; /* and of the counters */
};

struct vd_dump_trailer {
	uint64_t rows;
	uint64_t bytes; /* of keys and values */
	uint8_t digest[VD_DIGEST_BYTES];
};

/* True if the range is that of all user keys. */
static inline bool vd_dump_is_whole(const struct vd_dump_header *header)
{
	return header->begin.size == 0 && vd_bytes_equal(header->end, VD_DUMP_KEYS_END);
}

/* The form of a row that the digest of the content is of, and that stands in binary chunks. Appended. */
void vd_dump_add_row(struct vd_buffer *out, struct vd_bytes key, struct vd_bytes value);
/* The last line of JSON lines; `check` is of all bytes before it. Appended. */
void vd_dump_add_trailer_line(
	struct vd_buffer *out, const struct vd_dump_trailer *trailer, const uint8_t check[VD_DIGEST_BYTES]);

#endif
