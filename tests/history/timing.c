/* SPDX-License-Identifier: Apache-2.0 */
/* timing.c: places respect real time.
 *
 * Two things make a place known: a commit that was told, and a read version that was told (so much is visible). From then
 * on nothing may begin that reads less, and nothing may be submitted that gets a place at or below it. Places are compared by (branch,
 * version, order): what was lost lies in an older branch, and binds nobody in a newer one. */
#include "tests/history/check.h"

#include <inttypes.h>
#include <stdlib.h>

enum event_kind { BEGINS, SUBMITS, KNOWN_COMMIT, KNOWN_READ }; /* of one moment: questions come first */

struct event {
	int64_t time;
	uint32_t txn;
	uint32_t kind;
};

struct place {
	uint32_t branch;
	int64_t version;
	int32_t order;
	const struct txn *by;
	bool of_read;
};

static int compare_events(const void *a, const void *b)
{
	const struct event *left = a, *right = b;
	if (left->time != right->time)
		return left->time < right->time ? -1 : 1;
	return (left->kind > right->kind) - (left->kind < right->kind);
}

static int compare_places(const struct place *a, const struct place *b)
{
	if (a->branch != b->branch)
		return a->branch < b->branch ? -1 : 1;
	if (a->version != b->version)
		return a->version < b->version ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static size_t make_events(struct event *events)
{
	size_t count = 0;
	for (size_t i = 0; i < run.txn_count; i++) {
		const struct txn *txn = &run.txns[i];
		bool placed = txn->fate == FATE_COMMITTED || txn->fate == FATE_UNKNOWN_COMMITTED;
		if (txn->read_version > 0) {
			events[count++] = (struct event){ txn->begin, (uint32_t)i, BEGINS };
			events[count++] = (struct event){ txn->read_time, (uint32_t)i, KNOWN_READ };
		}
		if (placed)
			events[count++] = (struct event){ txn->submit, (uint32_t)i, SUBMITS };
		if (txn->fate == FATE_COMMITTED)
			events[count++] = (struct event){ txn->end, (uint32_t)i, KNOWN_COMMIT };
	}
	qsort(events, count, sizeof *events, compare_events);
	return count;
}

static void ask_begin(const struct place *newest, const struct txn *txn)
{
	struct place reads = { branch_of(txn->read_version), txn->read_version, INT32_MAX, NULL, true };
	if (newest->by != NULL && compare_places(&reads, newest) < 0)
		anomaly("real_time_read", txn, newest->by,
			"reads at version %" PRId64 ", but began after version %" PRId64 " was %s", txn->read_version,
			newest->version, newest->of_read ? "visible" : "told as committed");
}

static void ask_submit(const struct place *newest, const struct txn *txn)
{
	struct place place = { txn->branch, txn->version, txn->order, NULL, false };
	if (newest->by != NULL && compare_places(&place, newest) <= 0)
		anomaly("real_time_commit", txn, newest->by,
			"was committed at (%" PRId64 ", %d), but submitted after version %" PRId64 " was %s",
			txn->version, txn->order, newest->version, newest->of_read ? "visible" : "told as committed");
}

static void learn(struct place *newest, const struct place *place)
{
	if (newest->by == NULL || compare_places(place, newest) > 0)
		*newest = *place;
}

void check_timing(void)
{
	struct event *events = zeroed(4 * run.txn_count, sizeof *events);
	struct place newest = { 0 };
	size_t count = make_events(events);
	for (size_t i = 0; i < count; i++) {
		const struct txn *txn = &run.txns[events[i].txn];
		struct place reads = { branch_of(txn->read_version), txn->read_version, INT32_MAX, txn, true };
		struct place commit = { txn->branch, txn->version, txn->order, txn, false };
		switch (events[i].kind) {
		case BEGINS:
			ask_begin(&newest, txn);
			break;
		case SUBMITS:
			ask_submit(&newest, txn);
			break;
		case KNOWN_READ:
			learn(&newest, &reads);
			break;
		default:
			learn(&newest, &commit);
		}
	}
	free(events);
}
