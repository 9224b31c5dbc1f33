/* SPDX-License-Identifier: Apache-2.0 */
/* dump.h: what is stored in the end, as a file (the format is in record.h). */
#ifndef VD_TESTS_HISTORY_DUMP_H
#define VD_TESTS_HISTORY_DUMP_H

#include "verdict/verdict.h"

/* Writes all keys of the history at one version, in one long snapshot; waits. 0, or the error that ended it: then the
 * file is empty. */
VD_CHECKED int dump(struct vd_database *database, const char *path);

#endif
