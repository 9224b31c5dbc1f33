/* SPDX-License-Identifier: Apache-2.0 */
#include "docs/model/setup.h"

#include <string.h>

const struct md_switch_text md_switch_texts[MD_SWITCH_COUNT] = { { "", 0, "" },
#define MD_TEXT(id, name, rule, what) { name, rule, what },
	MD_SWITCHES(MD_TEXT)
#undef MD_TEXT
};

enum md_switch md_switch_find(const char *name)
{
	for (int i = 1; i < MD_SWITCH_COUNT; i++)
		if (strcmp(md_switch_texts[i].name, name) == 0)
			return (enum md_switch)i;
	return MD_NO_SWITCH;
}
