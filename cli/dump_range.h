/* SPDX-License-Identifier: Apache-2.0 */
/* dump_range.h: --begin, --end and --prefix: which keys a verb is about. */
#ifndef VD_CLI_DUMP_RANGE_H
#define VD_CLI_DUMP_RANGE_H

#include "cli/cli.h"
#include "common/base/buffer.h"

struct vd_dump_range {
	struct vd_buffer begin;
	struct vd_buffer end;
	bool is_whole; /* nothing was said: all user keys, and the counters */
};

/* The rows of the settings; `owner` has fields begin, end and prefix. */
#define VD_DUMP_RANGE_ROWS(owner, what)                                                                      \
	VD_SETTING_STRING("begin", owner, begin, "", what " from this key on, escaped as in verdict exec"),      \
		VD_SETTING_STRING("end", owner, end, "", what " below this key"),                                    \
		VD_SETTING_STRING("prefix", owner, prefix, "", what " that begin so; not with begin or end")

/* VD_EXIT_DONE, or what is wrong was told. To be freed in either case. */
VD_MUST_USE int vd_dump_range_init(
	struct vd_dump_range *range, const char *begin, const char *end, const char *prefix);
void vd_dump_range_fini(struct vd_dump_range *range);

static inline struct vd_bytes vd_dump_range_begin(const struct vd_dump_range *range)
{
	return vd_buffer_bytes(&range->begin);
}
static inline struct vd_bytes vd_dump_range_end(const struct vd_dump_range *range)
{
	return vd_buffer_bytes(&range->end);
}

#endif
