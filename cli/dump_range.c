/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dump_range.h"

#include "cli/dump.h"
#include "common/text/escape.h"

/* The first key behind all that begin so. */
static void pass_prefix(struct vd_buffer *end, struct vd_bytes prefix)
{
	while (prefix.size > 0 && prefix.data[prefix.size - 1] == 0xff)
		prefix.size--;
	vd_buffer_add(end, prefix);
	if (prefix.size > 0)
		end->data[end->size - 1]++;
}

static int unescape(struct vd_buffer *to, const char *text, const char *flag)
{
	struct vd_error error = { 0 };
	if (vd_unescape(to, vd_bytes_of_string(text), &error) == 0)
		return VD_EXIT_DONE;
	vd_error_wrap(&error, "--%s", flag);
	return vd_cli_fail(&error);
}

int vd_dump_range_init(struct vd_dump_range *range, const char *begin, const char *end, const char *prefix)
{
	*range = (struct vd_dump_range){ .is_whole = *begin == '\0' && *end == '\0' && *prefix == '\0' };
	if (*prefix != '\0' && (*begin != '\0' || *end != '\0'))
		return vd_cli_wrong("a prefix says both", "--prefix does not go with --begin or --end");
	int code =
		unescape(&range->begin, *prefix != '\0' ? prefix : begin, *prefix != '\0' ? "prefix" : "begin");
	if (code == VD_EXIT_DONE)
		code = unescape(&range->end, end, "end");
	if (code != VD_EXIT_DONE)
		return code;
	if (*prefix != '\0')
		pass_prefix(&range->end, vd_dump_range_begin(range));
	if (range->end.size == 0)
		vd_buffer_add(&range->end, VD_DUMP_KEYS_END);
	if (vd_bytes_less(VD_DUMP_KEYS_END, vd_dump_range_end(range)) ||
		!vd_bytes_less(vd_dump_range_begin(range), vd_dump_range_end(range)))
		return vd_cli_wrong("keys lie below \\xff, and begin below end",
			"there are no keys between \"%s\" and \"%s\"", VD_ESCAPE_SHORT(vd_dump_range_begin(range)),
			VD_ESCAPE_SHORT(vd_dump_range_end(range)));
	return VD_EXIT_DONE;
}

void vd_dump_range_fini(struct vd_dump_range *range)
{
	vd_buffer_fini(&range->begin);
	vd_buffer_fini(&range->end);
}
