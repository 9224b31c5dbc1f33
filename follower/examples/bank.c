/* SPDX-License-Identifier: Apache-2.0 */
/* bank: money moves between accounts, and none appears or vanishes.
 *
 *   bank open 100 1000        makes 100 accounts with 1000 each
 *   bank transfer 4 500       4 threads, 500 transfers each, between accounts drawn at random
 *   bank total                "<accounts> <sum>"
 *
 * A transfer reads two balances and writes both. If somebody changes one of them in between, the commit is refused (1020) and
 * vd_database_run calls the body again: so a body must not do anything that it may not do twice.
 */
#include "example.h"

#include <inttypes.h>
#include <pthread.h>

static size_t account_key(char key[32], int account)
{
	return (size_t)snprintf(key, 32, "bank/%08d", account);
}

static int read_balance(struct vd_transaction *transaction, int account, int64_t *balance)
{
	char key[32];
	struct vd_future *future;
	bool present;
	const uint8_t *value;
	size_t size;
	int code = read_key(transaction, key, account_key(key, account), &future, &present, &value, &size);
	if (code != 0)
		return code;
	*balance =
		present && size < 32 ? strtoll((const char *)memcpy((char[32]){ 0 }, value, size), NULL, 10) : -1;
	vd_future_free(future);
	return 0;
}

static void write_balance(struct vd_transaction *transaction, int account, int64_t balance)
{
	char key[32], value[32];
	size_t key_size = account_key(key, account);
	vd_transaction_set(
		transaction, key, key_size, value, (size_t)snprintf(value, sizeof value, "%" PRId64, balance));
}

/* ---- open ---- */

struct opening {
	int accounts;
	int64_t balance;
};

static int open_accounts(struct vd_transaction *transaction, void *arg)
{
	const struct opening *opening = arg;
	vd_transaction_clear_range(transaction, "bank/", 5, "bank0", 5);
	for (int i = 0; i < opening->accounts; i++)
		write_balance(transaction, i, opening->balance);
	return 0;
}

/* ---- transfer ---- */

enum { NO_MONEY = -1, NO_ACCOUNT = -2 }; /* a body's own numbers end the loop */

struct transfer {
	int from, to;
	int64_t amount;
};

static int transfer(struct vd_transaction *transaction, void *arg)
{
	const struct transfer *t = arg;
	int64_t from, to;
	int code = read_balance(transaction, t->from, &from);
	if (code == 0)
		code = read_balance(transaction, t->to, &to);
	if (code != 0)
		return code;
	if (from < 0 || to < 0)
		return NO_ACCOUNT;
	if (from < t->amount)
		return NO_MONEY;
	write_balance(transaction, t->from, from - t->amount);
	write_balance(transaction, t->to, to + t->amount);
	return 0;
}

struct teller {
	struct vd_database *database;
	pthread_t thread;
	unsigned seed;
	int accounts, transfers, done;
};

static void *work(void *arg)
{
	struct teller *teller = arg;
	for (int i = 0; i < teller->transfers; i++) {
		struct transfer t = { rand_r(&teller->seed) % teller->accounts, 0, 1 + rand_r(&teller->seed) % 50 };
		t.to = (t.from + 1 + rand_r(&teller->seed) % (teller->accounts - 1)) % teller->accounts;
		int code = vd_database_run(teller->database, transfer, &t, NULL);
		if (code > 0)
			fail("transfer", code);
		teller->done += code == 0;
	}
	return NULL;
}

/* ---- total ---- */

struct total {
	int accounts;
	int64_t sum;
};

static int add_up(struct vd_transaction *transaction, void *arg)
{
	struct total *total = arg;
	const struct vd_selector begin = vd_first_greater_or_equal("bank/", 5);
	const struct vd_selector end = vd_first_greater_or_equal("bank0", 5);
	struct vd_iterator *iterator;
	int code = vd_iterator_new(transaction, &begin, &end, NULL, &iterator);
	if (code != 0)
		return code;
	*total = (struct total){ 0 };
	for (bool more = true; code == 0 && more;) {
		const struct vd_row *rows;
		size_t count;
		struct vd_future *future = vd_iterator_next(iterator);
		code = vd_future_wait(future);
		if (code == 0)
			code = vd_future_get_rows(future, &rows, &count, &more);
		for (size_t i = 0; code == 0 && i < count; i++, total->accounts++) {
			char text[32] = { 0 };
			memcpy(text, rows[i].value, rows[i].value_size < 31 ? rows[i].value_size : 31);
			total->sum += strtoll(text, NULL, 10);
		}
		vd_future_free(future);
	}
	vd_iterator_free(iterator);
	return code;
}

static void transfer_all(struct vd_database *database, int threads, int transfers)
{
	struct teller tellers[64];
	struct total total;
	int done = 0;
	int code = vd_database_run(database, add_up, &total, NULL);
	if (code != 0)
		fail("reading the accounts", code);
	if (total.accounts < 2) {
		fprintf(stderr, "there are no two accounts: bank open 100 1000\n");
		exit(1);
	}
	for (int i = 0; i < threads; i++) {
		tellers[i] = (struct teller){
			.database = database, .seed = (unsigned)i + 1, .accounts = total.accounts, .transfers = transfers
		};
		if (pthread_create(&tellers[i].thread, NULL, work, &tellers[i]) != 0)
			fail("no thread", VD_ERROR_PLATFORM);
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(tellers[i].thread, NULL);
		done += tellers[i].done;
	}
	printf("%d of %d transfers made, the others had no money\n", done, threads * transfers);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	int first = argc > 2 ? atoi(argv[2]) : 0, second = argc > 3 ? atoi(argv[3]) : 0;
	bool is_open = strcmp(verb, "open") == 0 && first >= 2 && second >= 0;
	bool is_transfer = strcmp(verb, "transfer") == 0 && first >= 1 && first <= 64 && second >= 1;
	if (!is_open && !is_transfer && strcmp(verb, "total") != 0) {
		fprintf(stderr, "usage: bank open ACCOUNTS BALANCE | bank transfer THREADS TRANSFERS | bank total\n");
		return 2;
	}
	struct vd_database *database = open_database();
	struct total total;
	int code = 0;
	if (is_open)
		code = vd_database_run(database, open_accounts, &(struct opening){ first, second }, NULL);
	else if (is_transfer)
		transfer_all(database, first, second);
	if (code == 0)
		code = vd_database_run(database, add_up, &total, NULL);
	if (code != 0)
		fail(verb, code);
	printf("%d %" PRId64 "\n", total.accounts, total.sum);
	vd_database_close(database, NULL, NULL);
	return 0;
}
