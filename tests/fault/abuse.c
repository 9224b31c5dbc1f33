/* SPDX-License-Identifier: Apache-2.0 */
/* abuse threads|base DSN SEED COUNT: COUNT calls of the public header, chosen by chance, legal or not, by each of a few
 * actors; some transactions are one actor's, some are everybody's. "threads": an actor is a thread, and the library has a
 * loop thread of its own. "base": one actor, between turns of an event_base of this program's own.
 *
 * What must hold whatever they do: each future ends, with an error that has a name; it calls back once, or not at all if it
 * was freed; a value belongs to its key; rows are in order; numbers have no gaps. Prints "good", or what is wrong and aborts.
 */
#include "verdict/verdict.h"

#include <event2/event.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ACTORS = 3, OWN = 3, SHARED = 2, ITERATORS = 2, KEPT = 24 };

#define COUNTER VD_COUNTER_PREFIX "abuse"

static const char mark[] = "v/";

/* One future. It outlives that: a callback may still be running. */
struct kept {
	struct kept *before; /* of the same actor */
	struct vd_future *future;
	bool may_last; /* a watch, or what waits for a commit that nobody may call */
	bool has_callback;
	char key[8];
	atomic_int calls;
};

struct actor {
	uint64_t random;
	long left;
	struct vd_transaction *own[OWN];
	struct vd_iterator *iterators[ITERATORS];
	struct kept *kept[KEPT];
	struct kept *last;
};

static struct vd_database *database;
static struct event_base *base;
static struct vd_transaction *shared[SHARED];
static struct actor actors[ACTORS];

static void bad(const char *what, long number)
{
	fprintf(stderr, "%s: %ld\n", what, number);
	abort();
}

#define HOLDS(what) ((what) ? (void)0 : bad(#what, __LINE__))

static unsigned dice(struct actor *actor, unsigned sides)
{
	actor->random = actor->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(actor->random >> 33) % sides;
}

/* ---- what a future says ---- */

static void check_pair(const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size)
{
	if (key_size >= 2 && memcmp(key, mark, 2) == 0)
		HOLDS(value_size >= key_size && memcmp(key, value, key_size) == 0);
}

static void check(const struct kept *kept)
{
	struct vd_future *future = kept->future;
	bool present = false, more;
	const uint8_t *bytes;
	const struct vd_row *rows;
	const struct vd_key *keys;
	size_t size, count;
	int64_t number;
	int code = vd_future_error(future);
	HOLDS(vd_future_is_ready(future) && code >= 0 && strcmp(vd_error_name(code), "unknown_error") != 0);
	HOLDS(code == 0 || *vd_future_message(future) != '\0');
	if (vd_future_get_value(future, &present, &bytes, &size) == 0 && present)
		check_pair((const uint8_t *)kept->key, strlen(kept->key), bytes, size);
	if (vd_future_get_rows(future, &rows, &count, &more) == 0) {
		HOLDS(count > 0 || !more);
		for (size_t i = 0; i < count; i++)
			check_pair(rows[i].key, rows[i].key_size, rows[i].value, rows[i].value_size);
	}
	if (vd_future_get_keys(future, &keys, &count) == 0)
		HOLDS(count > 0);
	if (vd_future_get_size(future, &number) == 0)
		HOLDS(number >= 0);
}

static void on_ready(struct vd_future *future, void *arg)
{
	struct kept *kept = arg;
	HOLDS(atomic_fetch_add(&kept->calls, 1) == 0);
	HOLDS(vd_future_is_ready(future) && vd_future_wait(future) == vd_future_error(future));
	/* another one, from inside; nobody waits for it */
	struct vd_future *next = vd_transaction_watch(shared[0], "v/1", 3);
	HOLDS(vd_future_wait(next) != 0 || vd_future_is_ready(next));
	vd_future_free(next);
}

/* ---- futures are kept for a while ---- */

static void await(struct kept *kept)
{
	while (base != NULL && !vd_future_is_ready(kept->future))
		event_base_loop(base, EVLOOP_ONCE);
	(void)!vd_future_wait(kept->future);
	check(kept);
}

static void turn(void)
{
	if (base != NULL)
		event_base_loop(base, EVLOOP_NONBLOCK);
	else
		usleep(100);
}

static void forget(struct actor *actor, struct kept **slot)
{
	struct kept *kept = *slot;
	*slot = NULL;
	if (kept == NULL)
		return;
	if (dice(actor, 2) == 0) {
		if (kept->may_last)
			vd_future_cancel(kept->future);
		await(kept);
		while (kept->has_callback && kept->calls == 0)
			turn();
	}
	vd_future_free(kept->future);
}

static void keep(struct actor *actor, struct vd_future *future, bool may_last, const char *key)
{
	struct kept **slot = &actor->kept[dice(actor, KEPT)];
	struct kept *kept = calloc(1, sizeof *kept);
	HOLDS(future != NULL && kept != NULL);
	forget(actor, slot);
	*slot = kept;
	kept->before = actor->last;
	actor->last = kept;
	kept->future = future;
	kept->may_last = may_last;
	snprintf(kept->key, sizeof kept->key, "%s", key);
	kept->has_callback = dice(actor, 2) == 0;
	if (kept->has_callback)
		vd_future_on_ready(future, on_ready, kept);
}

/* ---- calls ---- */

static struct vd_transaction *some_transaction(struct actor *actor)
{
	unsigned at = dice(actor, OWN + SHARED);
	return at < OWN ? actor->own[at] : shared[at - OWN];
}

static void some_key(struct actor *actor, char key[8])
{
	snprintf(key, 8, "%s%u", mark, dice(actor, 40));
}

static struct vd_selector some_selector(struct actor *actor, const char *key)
{
	return (struct vd_selector){ key, strlen(key), dice(actor, 2) == 0, (int)dice(actor, 7) - 3 };
}

static struct vd_range_options some_range(struct actor *actor)
{
	return (struct vd_range_options){ .limit = (int)dice(actor, 4),
		.target_bytes = (int)dice(actor, 3) * 100,
		.mode = VD_STREAMING_WANT_ALL,
		.snapshot = dice(actor, 2) == 0,
		.reverse = dice(actor, 2) == 0 };
}

static void set(struct actor *actor, struct vd_transaction *transaction, const char *key)
{
	static const size_t sizes[] = { 10, 20, 3000, 100000 };
	static char value[100000];
	char small[32];
	size_t size = sizes[dice(actor, 40) == 0 ? 3 : dice(actor, 3)];
	char *to = size <= sizeof small ? small : malloc(size);
	HOLDS(to != NULL);
	memcpy(to, value, size);
	memcpy(to, key, strlen(key));
	memcpy(to + size - 2, &(uint16_t){ (uint16_t)dice(actor, 9) }, 2);
	vd_transaction_set(transaction, key, strlen(key), to, size);
	if (to != small)
		free(to);
}

static void write_some(struct actor *actor, struct vd_transaction *transaction, const char *key)
{
	size_t size = strlen(key);
	switch (dice(actor, 10)) {
	case 0:
		vd_transaction_clear(transaction, key, size);
		break;
	case 1:
		vd_transaction_clear_range(transaction, key, size, "v/7", 3);
		break;
	case 2:
		vd_transaction_atomic_op(transaction, VD_MUTATION_ADD, "sum", 3, "\1\0\0\0\0\0\0", 8);
		break;
	case 3:
		vd_transaction_atomic_op(
			transaction, VD_MUTATION_SET_VERSIONSTAMPED_KEY, "w/..........\2\0\0", 16, "", 0);
		break;
	case 4:
		vd_transaction_set_sequenced_value(
			transaction, COUNTER, sizeof COUNTER - 1, "last", 4, "........\0\0\0", 12, false);
		break;
	case 5:
	case 6:
		vd_transaction_set_sequenced_key(
			transaction, COUNTER, sizeof COUNTER - 1, "s/", 2, "..........\0\0\0", 14, dice(actor, 2) == 0);
		break;
	default:
		set(actor, transaction, key);
	}
}

static void iterate(struct actor *actor, struct vd_transaction *transaction, const char *key)
{
	struct vd_iterator **iterator = &actor->iterators[dice(actor, ITERATORS)];
	struct vd_selector begin = some_selector(actor, key), end = some_selector(actor, "v/9");
	struct vd_range_options options = some_range(actor);
	unsigned what = dice(actor, 8);
	if (*iterator != NULL && what != 0) {
		keep(actor, vd_iterator_next(*iterator), false, "");
		return;
	}
	vd_iterator_free(*iterator);
	if (vd_iterator_new(transaction, &begin, &end, &options, iterator) != 0)
		*iterator = NULL;
}

static void read_some(struct actor *actor, struct vd_transaction *transaction, const char *key)
{
	struct vd_selector begin = some_selector(actor, key), end = some_selector(actor, "v/9");
	struct vd_range_options options = some_range(actor);
	size_t size = strlen(key);
	switch (dice(actor, 9)) {
	case 0:
		keep(actor, vd_transaction_get_key(transaction, &begin, false), false, "");
		break;
	case 1:
		keep(actor, vd_transaction_get_range(transaction, &begin, &end, &options), false, "");
		break;
	case 2:
		keep(actor, vd_transaction_get_estimated_range_size(transaction, key, size, "v/9", 3), false, "");
		break;
	case 3:
		keep(actor,
			vd_transaction_get_range_split_points(transaction, key, size, "v/9", 3, dice(actor, 5000)), false,
			"");
		break;
	case 4:
		keep(actor, vd_transaction_get(transaction, "\xff\xff/transaction/read_conflict_range/v", 36, false),
			false, "");
		break;
	case 5:
		keep(actor, vd_transaction_get_read_version(transaction), false, "");
		break;
	case 6:
		keep(actor, vd_transaction_get(transaction, key, size, dice(actor, 2) == 0), false, key);
		break;
	default:
		iterate(actor, transaction, key);
	}
}

static void set_option(struct actor *actor, struct vd_transaction *transaction)
{
	static const struct vd_option options[] = { { "timeout", "30" }, { "timeout", "0" },
		{ "long_snapshot", NULL }, { "read_system_keys", NULL }, { "snapshot_ryw_disable", NULL },
		{ "bypass_unreadable", NULL }, { "report_conflicting_keys", NULL }, { "max_retry_delay", "5" },
		{ "next_write_no_write_conflict_range", NULL }, { "no such", NULL }, { "retry_limit", "x" } };
	const struct vd_option *option = &options[dice(actor, sizeof options / sizeof *options)];
	(void)!vd_transaction_set_option(transaction, option->name, option->value);
}

static void ask_some(struct actor *actor, struct vd_transaction *transaction)
{
	const struct vd_conflict *conflicts;
	size_t count;
	int64_t number = 0;
	int order;
	(void)!vd_transaction_get_committed_order(transaction, &order);
	(void)!vd_transaction_get_conflicts(transaction, &conflicts, &count);
	(void)!vd_transaction_get_approximate_size(transaction, &number);
	if (vd_transaction_get_first_number(transaction, COUNTER, sizeof COUNTER - 1, &number) == 0)
		HOLDS(number >= 0);
	if (vd_transaction_get_committed_version(transaction, &number) == 0 && dice(actor, 2) == 0)
		(void)!vd_transaction_set_read_version(some_transaction(actor), number);
}

static void renew(struct actor *actor)
{
	struct vd_transaction **own = &actor->own[dice(actor, OWN)];
	vd_transaction_free(*own);
	HOLDS(vd_transaction_new(database, own) == 0);
}

static struct vd_future *body(struct vd_transaction *transaction, void *arg)
{
	(void)arg;
	vd_transaction_set_sequenced_key(transaction, COUNTER, sizeof COUNTER - 1, "s/", 2, "", 0, false);
	struct vd_future *watch = vd_transaction_watch(transaction, "v/2", 3);
	vd_future_free(watch);
	return vd_transaction_get(transaction, "v/3", 3, false);
}

static void demand(struct actor *actor, struct vd_transaction *transaction, const char *key)
{
	(void)!vd_transaction_add_precondition(
		transaction, (enum vd_precondition_type)dice(actor, 6), key, strlen(key), "v/5", dice(actor, 2) * 3u);
}

static void call(struct actor *actor)
{
	struct vd_transaction *transaction = some_transaction(actor);
	struct kept *kept = actor->kept[dice(actor, KEPT)];
	char key[8];
	some_key(actor, key);
	unsigned what = dice(actor, 100);
	if (what < 25)
		write_some(actor, transaction, key);
	else if (what < 55)
		read_some(actor, transaction, key);
	else if (what < 63)
		keep(actor, vd_transaction_watch(transaction, key, strlen(key)), true, "");
	else if (what < 75)
		keep(actor, vd_transaction_commit(transaction), false, "");
	else if (what < 80)
		vd_transaction_reset(transaction);
	else if (what < 81)
		vd_transaction_cancel(transaction);
	else if (what < 84)
		keep(actor, vd_transaction_on_error(transaction, (int)dice(actor, 2) * 1020), false, "");
	else if (what < 86)
		keep(actor, vd_transaction_get_versionstamp(transaction), true, "");
	else if (what < 88)
		keep(actor, vd_transaction_await_first_number(transaction, COUNTER, sizeof COUNTER - 1), true, "");
	else if (what < 90)
		ask_some(actor, transaction);
	else if (what < 92)
		set_option(actor, transaction);
	else if (what < 93)
		demand(actor, transaction, key);
	else if (what < 95)
		renew(actor);
	else if (what < 97)
		keep(actor, vd_database_run_async(database, body, NULL), false, "");
	else if (kept != NULL)
		vd_future_cancel(kept->future);
}

static void *act(void *arg)
{
	struct actor *actor = arg;
	for (int i = 0; i < OWN; i++)
		HOLDS(vd_transaction_new(database, &actor->own[i]) == 0);
	for (; actor->left > 0; actor->left--) {
		call(actor);
		if (base != NULL && dice(actor, 4) == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	return NULL;
}

/* ---- the end ---- */

/* In any order, before the database or after. */
static void leave(struct actor *actor)
{
	for (int i = 0; i < OWN; i++)
		vd_transaction_free(actor->own[i]);
	for (int i = 0; i < ITERATORS; i++)
		vd_iterator_free(actor->iterators[i]);
}

/* All that was asked for a callback and not freed is told by the time that the database is gone. */
static void settle(struct actor *actor)
{
	for (int i = 0; i < KEPT; i++) {
		struct kept *kept = actor->kept[i];
		if (kept == NULL)
			continue;
		check(kept);
		HOLDS(!kept->has_callback || kept->calls == 1);
		vd_future_free(kept->future);
	}
	while (actor->last != NULL) {
		struct kept *before = actor->last->before;
		free(actor->last);
		actor->last = before;
	}
}

static void on_closed(void *arg)
{
	*(bool *)arg = true;
}

static void close_database(void)
{
	bool is_gone = false;
	vd_database_close(database, base != NULL ? on_closed : NULL, &is_gone);
	while (base != NULL && !is_gone)
		event_base_loop(base, EVLOOP_ONCE);
}

static int count_numbers(struct vd_transaction *transaction, void *arg)
{
	struct vd_iterator *iterator;
	struct vd_selector begin = vd_first_greater_or_equal("s/", 2), end = vd_first_greater_or_equal("s0", 2);
	bool more = true;
	uint64_t *next = arg;
	*next = 0;
	HOLDS(vd_iterator_new(transaction, &begin, &end, NULL, &iterator) == 0);
	while (more) {
		const struct vd_row *rows;
		size_t count;
		struct vd_future *chunk = vd_iterator_next(iterator);
		HOLDS(vd_future_wait(chunk) == 0 && vd_future_get_rows(chunk, &rows, &count, &more) == 0);
		for (size_t i = 0; i < count; i++, ++*next)
			for (int byte = 0; byte < 8; byte++)
				HOLDS(rows[i].key_size == 10 && rows[i].key[2 + byte] == (uint8_t)(*next >> (56 - 8 * byte)));
		vd_future_free(chunk);
	}
	vd_iterator_free(iterator);
	return 0;
}

static void open_database(const char *dsn, struct event_base *on)
{
	static const struct vd_option options[] = { { "max_watches", "20" }, { "max_long_snapshots", "1" },
		{ "transaction_max_retry_delay", "20" } };
	char message[200];
	if (vd_database_open(on, dsn, options, 3, &database, message, sizeof message) != 0) {
		fprintf(stderr, "%s\n", message);
		abort();
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[ACTORS];
	if (argc != 5)
		return 2;
	unsigned count = strcmp(argv[1], "base") == 0 ? 1 : ACTORS;
	base = count == 1 ? event_base_new() : NULL;
	open_database(argv[2], base);
	for (int i = 0; i < SHARED; i++)
		HOLDS(vd_transaction_new(database, &shared[i]) == 0);
	uint64_t seed = strtoull(argv[3], NULL, 10);
	for (unsigned i = 0; i < count; i++)
		actors[i] = (struct actor){ .random = seed * ACTORS + i, .left = atol(argv[4]) };
	if (base != NULL)
		act(&actors[0]);
	for (unsigned i = 0; i < count && base == NULL; i++)
		HOLDS(pthread_create(&threads[i], NULL, act, &actors[i]) == 0);
	for (unsigned i = 0; i < count && base == NULL; i++)
		HOLDS(pthread_join(threads[i], NULL) == 0);
	for (unsigned i = 0; i < count && seed % 2 == 0; i++)
		leave(&actors[i]);
	close_database();
	for (unsigned i = 0; i < count && seed % 2 == 1; i++)
		leave(&actors[i]);
	for (unsigned i = 0; i < count; i++)
		settle(&actors[i]);
	for (int i = 0; i < SHARED; i++)
		vd_transaction_free(shared[i]);
	if (base != NULL)
		event_base_free(base);
	base = NULL;
	open_database(argv[2], NULL);
	uint64_t numbers;
	HOLDS(vd_database_run(database, count_numbers, &numbers, NULL) == 0);
	vd_database_close(database, NULL, NULL);
	printf("good %" PRIu64 "\n", numbers);
	return 0;
}
