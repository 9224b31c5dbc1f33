/* SPDX-License-Identifier: Apache-2.0 */
/* submit_verdict.h: how a job ended, as a line of `verdict submit`. */
#ifndef VD_CLI_SUBMIT_VERDICT_H
#define VD_CLI_SUBMIT_VERDICT_H

#include "cli/submit_job.h"

#include <verdict/verdict.h>

/* docs/cli.md lists the fields. code: the error number of the commit, 0: committed. message: "" for none. attempts: 0 leaves
 * them out. The caller's to free. */
json_t *vd_verdict_json(const struct vd_job *job, const struct vd_transaction *transaction, int code,
	const char *message, unsigned attempts);

#endif
