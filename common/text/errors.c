/* SPDX-License-Identifier: Apache-2.0 */
/* errors.c: the table that codes.h spans. */
#include "common/text/errors.h"

#include "common/base/check.h"

#include <stddef.h>
#include <string.h>

enum kind { FINAL, RETRY, MAYBE };

struct info {
	int code;
	enum kind kind;
	const char *name;
	const char *sentence;
};

#define INFO(number, NAME, name, kind, sentence) { number, kind, #name, sentence },
static const struct info infos[] = { VD_CODES(INFO) };
#undef INFO

static const struct info *info_of(int code)
{
	for (size_t i = 0; i < VD_COUNT(infos); i++)
		if (infos[i].code == code)
			return &infos[i];
	return NULL;
}

const char *vd_code_name(int code)
{
	const struct info *info = info_of(code);
	return info == NULL ? "unknown_error" : info->name;
}

const char *vd_code_sentence(int code)
{
	const struct info *info = info_of(code);
	return info == NULL ? "unknown error" : info->sentence;
}

int vd_code_of_name(const char *name)
{
	for (size_t i = 0; i < VD_COUNT(infos); i++)
		if (strcmp(infos[i].name, name) == 0)
			return infos[i].code;
	return -1;
}

bool vd_code_is_known(int code)
{
	return info_of(code) != NULL;
}

bool vd_code_is_retryable(int code)
{
	const struct info *info = info_of(code);
	return info != NULL && info->kind != FINAL;
}

bool vd_code_is_maybe_committed(int code)
{
	const struct info *info = info_of(code);
	return info != NULL && info->kind == MAYBE;
}

bool vd_code_is_retryable_not_committed(int code)
{
	const struct info *info = info_of(code);
	return info != NULL && info->kind == RETRY;
}

int vd_code_at(unsigned i)
{
	return i < VD_COUNT(infos) ? infos[i].code : -1;
}
