/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/options.h"

#include "common/base/codes.h"
#include "follower/database.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	KIND_NUMBER,
	KIND_FLAG,
	KIND_EARLY_FLAG, /* only before any read or write */
	KIND_STEP,       /* adds `least` to a counter */
};

struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	int64_t least;
	int64_t most;
};

#define AT(field) offsetof(struct vd_options, field)

static const struct row rows[] = {
	{ "timeout", KIND_NUMBER, AT(timeout_ms), 0, INT32_MAX },
	{ "retry_limit", KIND_NUMBER, AT(retry_limit), -1, INT32_MAX },
	{ "max_retry_delay", KIND_NUMBER, AT(max_retry_delay_ms), 0, INT32_MAX },
	{ "size_limit", KIND_NUMBER, AT(size_limit_bytes), 32, 10000000 },
	{ "snapshot_ryw_enable", KIND_STEP, AT(snapshot_ryw), 1, 0 },
	{ "snapshot_ryw_disable", KIND_STEP, AT(snapshot_ryw), -1, 0 },
	{ "next_write_no_write_conflict_range", KIND_FLAG, AT(next_write_no_conflict), 0, 0 },
	{ "read_your_writes_disable", KIND_EARLY_FLAG, AT(read_your_writes_disabled), 0, 0 },
	{ "bypass_unreadable", KIND_FLAG, AT(bypass_unreadable), 0, 0 },
	{ "read_system_keys", KIND_FLAG, AT(read_system_keys), 0, 0 },
	{ "access_system_keys", KIND_FLAG, AT(access_system_keys), 0, 0 },
	{ "lock_aware", KIND_FLAG, AT(lock_aware), 0, 0 },
	{ "read_lock_aware", KIND_FLAG, AT(read_lock_aware), 0, 0 },
	{ "long_snapshot", KIND_EARLY_FLAG, AT(long_snapshot), 0, 0 },
	{ "report_conflicting_keys", KIND_FLAG, AT(report_conflicting_keys), 0, 0 },
};

void vd_options_init(struct vd_options *options, const struct vd_database_settings *settings)
{
	*options = (struct vd_options){
		.timeout_ms = settings->transaction_timeout_ms,
		.retry_limit = settings->transaction_retry_limit,
		.max_retry_delay_ms = settings->transaction_max_retry_delay_ms,
		.size_limit_bytes = (int64_t)settings->limits.transaction_bytes,
		.snapshot_ryw = 1,
	};
}

static int set_number(const struct row *row, int64_t *field, const char *value)
{
	char *end = NULL;
	errno = 0;
	long long number = value != NULL ? strtoll(value, &end, 10) : 0;
	if (value == NULL || end == value || *end != '\0' || errno != 0 || number < row->least ||
		number > row->most)
		return VD_CODE_INVALID_OPTION_VALUE;
	*field = number;
	return 0;
}

static int set_row(const struct row *row, struct vd_options *options, const char *value, bool is_used)
{
	void *field = (char *)options + row->offset;
	if (row->kind == KIND_NUMBER)
		return set_number(row, field, value);
	if (value != NULL)
		return VD_CODE_INVALID_OPTION_VALUE;
	if (row->kind == KIND_EARLY_FLAG && is_used)
		return VD_CODE_CLIENT_INVALID_OPERATION;
	if (row->kind == KIND_STEP)
		*(int64_t *)field += row->least;
	else
		*(bool *)field = true;
	return 0;
}

int vd_options_set(struct vd_options *options, const char *name, const char *value, bool is_used)
{
	for (size_t i = 0; i < VD_COUNT(rows); i++)
		if (name != NULL && strcmp(rows[i].name, name) == 0)
			return set_row(&rows[i], options, value, is_used);
	return VD_CODE_INVALID_OPTION;
}
