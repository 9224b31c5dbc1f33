/* SPDX-License-Identifier: Apache-2.0 */
/* watch: prints what is stored under a key, now and whenever it changes.
 *
 *   watch KEY [CHANGES]       ends after so many changes; without: never
 *
 * Each round reads the value and sets a watch in the same transaction; the watch is armed by the commit (also of a transaction
 * that wrote nothing) and ends when the stored value differs from what this round has read. So no change between a read and
 * the next watch is missed; of several that come close together the last one is seen.
 */
#include "example.h"

struct round {
	const char *key;
	struct vd_future *value;
	struct vd_future *changed;
};

static int look(struct vd_transaction *transaction, void *arg)
{
	struct round *round = arg;
	vd_future_free(round->value); /* of a try before */
	vd_future_free(round->changed);
	round->value = vd_transaction_get(transaction, round->key, strlen(round->key), false);
	round->changed = vd_transaction_watch(transaction, round->key, strlen(round->key));
	return vd_future_wait(round->value);
}

static void print(const struct vd_future *future)
{
	bool present;
	const uint8_t *value;
	size_t size;
	int code = vd_future_get_value(future, &present, &value, &size);
	if (code != 0)
		fail("reading", code);
	if (present)
		printf("value %.*s\n", (int)size, (const char *)value);
	else
		puts("absent");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: watch KEY [CHANGES]\n");
		return 2;
	}
	struct vd_database *database = open_database();
	struct round round = { .key = argv[1] };
	for (int left = argc > 2 ? atoi(argv[2]) : -1;; left--) {
		int code = vd_database_run(database, look, &round, NULL);
		if (code != 0)
			fail("watching", code);
		print(round.value);
		if (left == 0)
			break;
		code = vd_future_wait(round.changed);
		if (code != 0)
			fail("watching", code);
	}
	vd_future_free(round.value);
	vd_future_free(round.changed);
	vd_database_close(database, NULL, NULL);
	return 0;
}
