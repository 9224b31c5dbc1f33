/* SPDX-License-Identifier: Apache-2.0 */
/* names.h: what may be the name of a stream, and which names a pattern means. Pure. */
#ifndef VD_EVENTS_NAMES_H
#define VD_EVENTS_NAMES_H

#include "common/base/bytes.h"

#include <stdbool.h>

/* How many characters; -1 if it is not UTF-8 (overlong forms, surrogates and what lies beyond U+10FFFF are not). */
int vd_utf8_length(struct vd_bytes text);

/* Globs: `*` any characters, `?` one, `[a-z]` and `[!a-z]` one of a class; `]` first in a class is itself. There is no escape,
 * since no name has these characters. */
bool vd_glob_is_valid(struct vd_bytes pattern);
/* pattern must be valid. Takes time of at most pattern size times name size. */
bool vd_glob_matches(struct vd_bytes pattern, struct vd_bytes name);

#endif
