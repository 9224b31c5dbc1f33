/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_oracle.h: what becomes of a request, said as plainly as can be: a list of all writes ever made, a list of all
 * verdicts ever given, and a store that is a list of rows. Shares with the resolver nothing but the form of requests. */
#ifndef VD_TESTS_FUZZ_RESOLVE_ORACLE_H
#define VD_TESTS_FUZZ_RESOLVE_ORACLE_H

#include "common/base/arena.h"
#include "common/kv/request.h"
#include "tests/property/naive.h"

/* A store holds NAIVE_ROWS_MAX rows, so that many writes are all that there may be. */
enum { ORACLE_WRITES_MAX = 8 * NAIVE_ROWS_MAX, ORACLE_COUNTERS_MAX = NAIVE_ROWS_MAX };

struct oracle {
	struct vd_arena arena; /* what it keeps */
	uint8_t term[VD_TERM_BYTES];
	uint8_t preceding_term[VD_TERM_BYTES];
	uint64_t takeover; /* and floor */
	uint64_t jump;
	uint64_t newest; /* with what is under way */
	bool is_locked;
	uint8_t lock[16];
	struct naive store;
	size_t write_count;
	struct {
		struct vd_range range;
		uint64_t version;
	} writes[ORACLE_WRITES_MAX];
};

struct oracle_verdict {
	int code;
	uint16_t order;                        /* of a winner; of a conflict: how many further ranges lost */
	uint32_t lost;                         /* of a conflict: the first range */
	uint64_t lost_to;                      /* and its version */
	uint32_t counter_count;                /* of a winner */
	uint64_t numbers[ORACLE_COUNTERS_MAX]; /* the first of each */
};

/* 0, or the code of the first mistake, in the order of the documentation. */
int oracle_validate(const struct vd_request *request, const struct vd_limits *limits);

/* For a valid request: its verdict under this version, as the order-th winner if it is one; a winner is done to the store. */
void oracle_decide(struct oracle *oracle, const struct vd_request *request, uint64_t version, uint16_t order,
	struct oracle_verdict *verdict);

#endif
