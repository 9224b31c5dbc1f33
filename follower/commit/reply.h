/* SPDX-License-Identifier: Apache-2.0 */
/* Reply: the leader's packed answer, read from a payload that anybody may have sent.
 *
 *	r1 <version> <sequence>:<token>:<code>:<a>:<b>[:<further>[:<number>]…] …
 *
 * Numbers are decimal without a sign, the token is 16 lower-case hex digits. Other text behind an entry's fifth field, words that do
 * not start with a digit, and words that are no entry are passed over, so that a later leader may say more. A payload of
 * another kind or with no version has no entries. Nothing is believed here: that is for whoever knows the tokens.
 * Pure; borrows the payload.
 */
#ifndef VD_FOLLOWER_COMMIT_REPLY_H
#define VD_FOLLOWER_COMMIT_REPLY_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stdint.h>

/* First numbers of further counters that an entry may have. */
enum { VD_REPLY_NUMBERS_MOST = 63 };

struct vd_reply {
	uint64_t version;
	const char *next;
};

struct vd_reply_entry {
	uint64_t sequence;
	uint64_t token;
	int code;   /* 0 to 65535 */
	uint64_t a; /* committed: the order, at most 65535; conflict: index of the read range, below 2^32 */
	uint64_t b; /* conflict: the version that it lost to; committed: the first number of the first counter */
	/* how many further ranges lost, or further counters there are */
	uint32_t further;
	/* of further counters; fewer than there are: a look tells all of them */
	uint32_t number_count;
	uint64_t numbers[VD_REPLY_NUMBERS_MOST];
};

VD_MUST_USE bool vd_reply_begin(struct vd_reply *reply, const char *payload);
VD_MUST_USE bool vd_reply_next(struct vd_reply *reply, struct vd_reply_entry *entry);

#endif
