/* SPDX-License-Identifier: Apache-2.0 */
/* version.h: which version comes next, and which one was the newest some time ago.
 *
 * Versions grow by about 1,000,000 a second: a term's versions are its first one plus the microseconds since, on
 * the leader's monotonic clock. A term never sends a version twice, whether the batch landed or not. For the
 * window's floor, pairs of version and time are kept: the floor is the version that was newest five seconds ago,
 * and no arithmetic on versions, because after an idle hour the first commit must not make every open transaction
 * too old. Pure; the caller says what time it is. One thread.
 */
#ifndef VD_RESOLVER_VERSION_H
#define VD_RESOLVER_VERSION_H

#include <stdint.h>

/* A pair for each 500th of the history at most. */
#define VD_VERSIONS_PAIRS 1024
#define VD_VERSIONS_STEPS 500

struct vd_versions {
	uint64_t base; /* the term's first version, and when it was */
	int64_t base_us;
	uint64_t sent;   /* the highest that this term has given out */
	uint64_t newest; /* the highest known to be committed */
	int64_t history_us;
	struct {
		uint64_t version;
		int64_t at_us;
	} pairs[VD_VERSIONS_PAIRS]; /* a ring */
	uint32_t first;
	uint32_t count;
	uint64_t old; /* the newest that is at least history_us old */
};

/* A new term, that begins at this version. */
void vd_versions_start(struct vd_versions *versions, uint64_t version, int64_t now_us, int64_t history_us);

/* The version of a batch that is resolved on `from`: above `from` and above all that this term has sent. Counts
 * as sent. */
uint64_t vd_versions_next(struct vd_versions *versions, uint64_t from, int64_t now_us);

/* The next version lies above this one as well, and versions go on from there. */
void vd_versions_lift(struct vd_versions *versions, uint64_t above, int64_t now_us);

/* This version is the newest as of now. */
void vd_versions_commit(struct vd_versions *versions, uint64_t version, int64_t now_us);

/* The version that was newest history_us ago (never above one that was); the term's first while it is younger. Called
 * now and then, also when nothing is committed. */
uint64_t vd_versions_old(struct vd_versions *versions, int64_t now_us);

/* How long ago a newer version than this one was committed first, as far as is remembered; -1 if none was. */
int64_t vd_versions_age_us(const struct vd_versions *versions, uint64_t version, int64_t now_us);

#endif
