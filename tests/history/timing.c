/* SPDX-License-Identifier: Apache-2.0 */
/* timing.c: places respect real time.
 *
 * Two things make a place known: a commit that was told, and a read version that was told (so much is visible). From then
 * on nothing may begin that reads less, and nothing may be submitted that gets a place at or below it. What was lost binds
 * nobody who reads or submits after the loss; also if it becomes known later (a process may have been frozen meanwhile), and also
 * if whoever reads had begun before. So there is a newest place for each number of losses that have taken place. */
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
	if (a->version != b->version)
		return a->version < b->version ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

/* How many losses had taken place by then. */
static uint32_t losses_by(int64_t time)
{
	uint32_t count = 0;
	while (count + 1 < run.branch_count && run.branches[count + 1].time <= time)
		count++;
	return count;
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
	struct place reads = { txn->read_version, INT32_MAX, NULL, true };
	if (newest->by != NULL && compare_places(&reads, newest) < 0)
		anomaly("real_time_read", txn, newest->by,
			"reads at version %" PRId64 ", but began after version %" PRId64 " was %s", txn->read_version,
			newest->version, newest->of_read ? "visible" : "told as committed");
}

static void ask_submit(const struct place *newest, const struct txn *txn)
{
	struct place place = { txn->version, txn->order, NULL, false };
	if (newest->by != NULL && compare_places(&place, newest) <= 0)
		anomaly("real_time_commit", txn, newest->by,
			"was committed at (%" PRId64 ", %d), but submitted after version %" PRId64 " was %s",
			txn->version, txn->order, newest->version, newest->of_read ? "visible" : "told as committed");
}

/* Is it still there after the first n losses? */
static bool survives(const struct place *place, uint32_t losses)
{
	uint32_t branch = branch_of(place->version), at = losses;
	int64_t kept = INT64_MAX;
	for (; at > branch; at = run.branches[at].parent)
		kept = run.branches[at].kept;
	return at == branch && place->version <= kept;
}

/* newest[n] is of those that the first n losses have left: they lie on one line, so that versions tell their order. */
static void learn(struct place *newest, const struct place *place)
{
	for (uint32_t n = 0; n < run.branch_count; n++) {
		if (survives(place, n) && (newest[n].by == NULL || compare_places(place, &newest[n]) > 0))
			newest[n] = *place;
	}
}

void check_timing(void)
{
	struct event *events = zeroed(4 * run.txn_count, sizeof *events);
	struct place *newest = zeroed(run.branch_count, sizeof *newest);
	size_t count = make_events(events);
	for (size_t i = 0; i < count; i++) {
		const struct txn *txn = &run.txns[events[i].txn];
		struct place reads = { txn->read_version, INT32_MAX, txn, true };
		struct place commit = { txn->version, txn->order, txn, false };
		switch (events[i].kind) {
		case BEGINS:
			ask_begin(&newest[losses_by(txn->read_time)], txn);
			break;
		case SUBMITS:
			ask_submit(&newest[losses_by(txn->submit)], txn);
			break;
		case KNOWN_READ:
			learn(newest, &reads);
			break;
		default:
			learn(newest, &commit);
		}
	}
	free(newest);
	free(events);
}
