/* SPDX-License-Identifier: Apache-2.0 */
/* submit_worker.h: a process of `verdict submit`: takes lines, gives verdicts.
 *
 * In comes "<line number> <text>\n" for each transaction. Out goes one line for each, as it is decided, in any order, and
 * before them one when the database can be used. The first character says what a line is:
 *     R             ready
 *     F <message>   the database cannot be used; nothing follows
 *     V<kind> <json>  a verdict, as it is to be printed; kind is a digit (enum vd_verdict_kind)
 *     M <line> <message>  the line is malformed
 * It never takes a line without answering it; how many are under way is the sender's to bound. It ends when its input has
 * ended and all is answered. SIGINT and SIGTERM are blocked in it: the sender decides.
 */
#ifndef VD_CLI_SUBMIT_WORKER_H
#define VD_CLI_SUBMIT_WORKER_H

#include <stdbool.h>
#include <stdint.h>

struct vd_submit_options {
	const char *dsn;
	const char *schema;
	int64_t timeout_ms; /* of each transaction; 0: none */
	bool retry;
};

/* The exit status of the process. */
int vd_submit_work(const struct vd_submit_options *options, int input, int output);

#endif
