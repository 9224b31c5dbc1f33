/* SPDX-License-Identifier: Apache-2.0 */
/* submit_job.h: one line of `verdict submit`, read into operations. Knows no database.
 *
 *     {"id":"7","ops":[["set","k","v"],["add","n",5],["clear_range","a","z"]],"reads":[["a","b"]]}
 *
 * id: any text, optional. ops: set K V, clear K, clear_range B E, add K N (a number: 8 bytes little-endian, signed; or a byte
 * string), and every other atomic op of the commands by its name, with a byte string. reads, writes: ranges that conflict as if they had been
 * read or written. Bytes in strings are written as everywhere: \xNN and \\ (in JSON with the backslash doubled).
 */
#ifndef VD_CLI_SUBMIT_JOB_H
#define VD_CLI_SUBMIT_JOB_H

#include "cli/op.h"

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/vector.h"

#include <jansson.h>
#include <stdint.h>

struct vd_job {
	uint64_t line;
	json_t *id; /* NULL: none */
	struct {
		VD_VECTOR(struct vd_op);
	} ops;
	int64_t read_version; /* 0: none was given */
	struct vd_arena arena;
};

/* 0, or a code with what is wrong. To be freed in both cases. */
VD_MUST_USE int vd_job_parse(struct vd_job *job, struct vd_bytes text, struct vd_error *error);
void vd_job_fini(struct vd_job *job);

#endif
