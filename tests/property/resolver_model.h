/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_model.h: what the leader must do, said as simply as possible.
 *
 * A store is a list of pairs, a window is a list of all writes ever made, a memory of clients is a list of all
 * verdicts ever given; a request is judged and done alone. It shares no code with the resolver but the form of
 * requests. Memory is the case's arena.
 */
#ifndef VD_TESTS_PROPERTY_RESOLVER_MODEL_H
#define VD_TESTS_PROPERTY_RESOLVER_MODEL_H

#include "common/kv/request.h"
#include "tests/property/property.h"

enum { MODEL_PAIRS_MAX = 400, MODEL_LIST_MAX = 20000, MODEL_READS_MAX = 4, MODEL_COUNTERS_MAX = 4 };

struct model_store {
	unsigned count;
	struct {
		struct vd_bytes key;
		struct vd_bytes value;
	} pairs[MODEL_PAIRS_MAX];
};

struct model_verdict {
	unsigned client;
	uint64_t sequence;
	struct vd_bytes payload;
	uint64_t version;
	int code;
	unsigned order;
	uint32_t range;         /* of a conflict: the first that lost; of a winner: how many counters */
	uint64_t lost_to;       /* of a winner with counters: the first number of the first one */
	unsigned further_count; /* how much else it is told to have lost */
	bool is_durable;
	bool is_tombstone;
	bool is_seen; /* a tombstone that the leader has read */
};

struct model {
	struct property_case *c;
	uint8_t term[VD_TERM_BYTES];
	uint8_t preceding[VD_TERM_BYTES];
	uint64_t takeover;
	uint64_t jump;
	uint64_t floor;
	uint64_t newest;
	size_t write_count;
	struct {
		struct vd_range range;
		uint64_t version;
	} writes[MODEL_LIST_MAX];
	struct {
		uint32_t range;
		uint64_t lost_to;
	} further[MODEL_READS_MAX];           /* of the request judged last */
	uint64_t numbers[MODEL_COUNTERS_MAX]; /* likewise */
	size_t verdict_count;
	struct model_verdict verdicts[MODEL_LIST_MAX];
};

struct vd_bytes model_copy(struct model *model, struct vd_bytes bytes);

void model_put(
	struct model_store *store, struct vd_bytes key, const struct vd_bytes *value); /* NULL: not there */
const struct vd_bytes *model_find(const struct model_store *store, struct vd_bytes key);
bool model_is_empty(const struct model_store *store, struct vd_range range);
void model_clear(struct model_store *store, struct vd_range range);
bool model_same(const struct model_store *a, const struct model_store *b);

/* A verdict of a batch under way comes before a tombstone that the leader has not read. */
struct model_verdict *model_verdict_of(struct model *model, unsigned client, uint64_t sequence);

/* 0, 1007, 1009, 1020 with what was lost in the verdict, or 7001. */
void model_judge(struct model *model, const struct model_store *store, const struct vd_request *request,
	struct model_verdict *verdict);

/* For one that nothing else speaks against: 0 with its counters' first numbers, or why none can be given: 2000, 7006. */
void model_count(struct model *model, const struct model_store *store, const struct vd_request *request,
	struct model_verdict *verdict);

/* Does a winner's mutations to the store, and notes its writes. */
void model_do(struct model *model, struct model_store *store, const struct vd_request *request,
	uint64_t version, unsigned order);

/* Forgets writes and verdicts of a batch that did not commit. */
void model_undo(struct model *model, uint64_t version);

#endif
