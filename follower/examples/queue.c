/* SPDX-License-Identifier: Apache-2.0 */
/* queue: a queue that any number of processes fill and empty.
 *
 *   queue push WORD...        appends the words, all in one transaction
 *   queue pop [--wait]        takes the first word and prints it; nothing there: status 1, or waits for one
 *
 * A word's key is "queue/" and a versionstamp, which the leader fills in when it commits: so keys are in the order of the
 * commits, and pushing reads nothing and conflicts with nobody. Several words of one transaction have the same stamp; the two
 * bytes behind it keep them apart. Two that pop at a time read the same first key: one of them is refused and tries again.
 */
#include "example.h"

enum { PREFIX_BYTES = 6, STAMP_BYTES = 10 };

struct push {
	int count;
	char **words;
};

static int push(struct vd_transaction *transaction, void *arg)
{
	const struct push *p = arg;
	for (int i = 0; i < p->count; i++) {
		uint8_t key[PREFIX_BYTES + STAMP_BYTES + 2 + 4] = "queue/";
		key[PREFIX_BYTES + STAMP_BYTES] = (uint8_t)(i >> 8);
		key[PREFIX_BYTES + STAMP_BYTES + 1] = (uint8_t)i;
		key[PREFIX_BYTES + STAMP_BYTES + 2] = PREFIX_BYTES; /* where the stamp goes: 4 bytes, little-endian */
		vd_transaction_atomic_op(transaction, VD_MUTATION_SET_VERSIONSTAMPED_KEY, key, sizeof key,
			p->words[i], strlen(p->words[i]));
	}
	/* those who wait watch this key */
	vd_transaction_atomic_op(transaction, VD_MUTATION_ADD, "queue_pushes", 12, "\1\0\0\0\0\0\0\0", 8);
	return 0;
}

struct pop {
	char word[1024];
	bool found;
	bool waits;
	struct vd_future *watch; /* ends when somebody has pushed since */
};

static int pop(struct vd_transaction *transaction, void *arg)
{
	struct pop *p = arg;
	const struct vd_selector begin = vd_first_greater_or_equal("queue/", 6);
	const struct vd_selector end = vd_first_greater_or_equal("queue0", 6);
	const struct vd_range_options first = { .limit = 1 };
	const struct vd_row *rows;
	size_t count;
	bool more;
	vd_future_free(p->watch); /* of a try before */
	p->watch = NULL;
	struct vd_future *future = vd_transaction_get_range(transaction, &begin, &end, &first);
	int code = vd_future_wait(future);
	if (code == 0)
		code = vd_future_get_rows(future, &rows, &count, &more);
	p->found = code == 0 && count > 0;
	if (p->found) {
		snprintf(p->word, sizeof p->word, "%.*s", (int)rows[0].value_size, (const char *)rows[0].value);
		vd_transaction_clear(transaction, rows[0].key, rows[0].key_size);
	} else if (code == 0 && p->waits) {
		p->watch = vd_transaction_watch(transaction, "queue_pushes", 12);
	}
	vd_future_free(future);
	return code;
}

int main(int argc, char **argv)
{
	bool is_push = argc > 2 && strcmp(argv[1], "push") == 0 && argc - 2 <= 65536;
	bool is_pop = argc > 1 && strcmp(argv[1], "pop") == 0;
	struct pop p = { .waits = argc > 2 && strcmp(argv[2], "--wait") == 0 };
	if (!is_push && (!is_pop || argc > 3 || (argc == 3 && !p.waits))) {
		fprintf(stderr, "usage: queue push WORD... | queue pop [--wait]\n");
		return 2;
	}
	struct vd_database *database = open_database();
	int code = 0;
	if (is_push)
		code = vd_database_run(database, push, &(struct push){ argc - 2, argv + 2 }, NULL);
	while (is_pop && !p.found && code == 0) {
		code = vd_database_run(database, pop, &p, NULL);
		if (code != 0 || p.found || !p.waits)
			break;
		code = vd_future_wait(p.watch);
	}
	vd_future_free(p.watch);
	if (code != 0)
		fail(argv[1], code);
	if (p.found)
		puts(p.word);
	vd_database_close(database, NULL, NULL);
	return is_push || p.found ? 0 : 1;
}
