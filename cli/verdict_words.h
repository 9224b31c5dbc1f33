/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_words.h: the kinds of ends that a transaction can have, and the words for them. */
#ifndef VD_CLI_VERDICT_WORDS_H
#define VD_CLI_VERDICT_WORDS_H

enum vd_verdict_kind {
	VD_KIND_COMMITTED,
	VD_KIND_CONFLICT,
	VD_KIND_TOO_OLD,
	VD_KIND_REJECTED,  /* with a reason: vd_error_name */
	VD_KIND_CANCELLED, /* given up, or out of time: certainly not committed */
	VD_KIND_UNKNOWN,   /* it may or may not have been committed */
	VD_KIND_COUNT,
};

/* Of the error number that a commit ended with. */
enum vd_verdict_kind vd_verdict_kind(int code);

/* "committed", "conflict", "too_old", "rejected", "cancelled", "unknown" */
const char *vd_verdict_kind_word(enum vd_verdict_kind kind);
const char *vd_verdict_word(int code);

#endif
