/* SPDX-License-Identifier: Apache-2.0 */
/* index: people by name, and a secondary index by city that is never out of step.
 *
 *   index put NAME CITY       moves NAME to CITY
 *   index remove NAME
 *   index find CITY           the names, a line each
 *
 * The record is "person/NAME" → CITY, its entry in the index "city/CITY\0NAME" → "". Both are written in one transaction,
 * which has read the record: so whoever moves the same person at the same time is refused and tries again, and no entry is left
 * behind.
 */
#include "example.h"

struct person {
	const char *name;
	const char *city; /* NULL: remove */
};

static size_t record_key(char key[512], const char *name)
{
	return (size_t)snprintf(key, 512, "person/%s", name);
}

static size_t entry_key(char key[512], const char *city, size_t city_size, const char *name)
{
	return (size_t)snprintf(key, 512, "city/%.*s%c%s", (int)city_size, city, '\0', name);
}

static int put(struct vd_transaction *transaction, void *arg)
{
	const struct person *person = arg;
	char record[512], entry[512];
	size_t record_size = record_key(record, person->name);
	struct vd_future *future;
	bool present;
	const uint8_t *city;
	size_t city_size;
	int code = read_key(transaction, record, record_size, &future, &present, &city, &city_size);
	if (code != 0)
		return code;
	if (present)
		vd_transaction_clear(
			transaction, entry, entry_key(entry, (const char *)city, city_size, person->name));
	vd_future_free(future);
	if (person->city == NULL) {
		vd_transaction_clear(transaction, record, record_size);
		return 0;
	}
	vd_transaction_set(transaction, record, record_size, person->city, strlen(person->city));
	vd_transaction_set(
		transaction, entry, entry_key(entry, person->city, strlen(person->city), person->name), "", 0);
	return 0;
}

static int find(struct vd_transaction *transaction, void *arg)
{
	const char *city = arg;
	char from[512], to[512];
	size_t prefix_size = entry_key(from, city, strlen(city), ""),
		   to_size = entry_key(to, city, strlen(city), "");
	to[to_size - 1] = '\1'; /* right behind all that begin with the prefix */
	const struct vd_selector begin = vd_first_greater_or_equal(from, prefix_size);
	const struct vd_selector end = vd_first_greater_or_equal(to, to_size);
	struct vd_iterator *iterator;
	int code = vd_iterator_new(transaction, &begin, &end, NULL, &iterator);
	if (code != 0)
		return code;
	for (bool more = true; code == 0 && more;) {
		const struct vd_row *rows;
		size_t count;
		struct vd_future *future = vd_iterator_next(iterator);
		code = vd_future_wait(future);
		if (code == 0)
			code = vd_future_get_rows(future, &rows, &count, &more);
		for (size_t i = 0; code == 0 && i < count; i++)
			printf("%.*s\n", (int)(rows[i].key_size - prefix_size), (const char *)rows[i].key + prefix_size);
		vd_future_free(future);
	}
	vd_iterator_free(iterator);
	return code;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	bool is_put = strcmp(verb, "put") == 0 && argc == 4, is_remove = strcmp(verb, "remove") == 0 && argc == 3;
	if (!is_put && !is_remove && (strcmp(verb, "find") != 0 || argc != 3)) {
		fprintf(stderr, "usage: index put NAME CITY | index remove NAME | index find CITY\n");
		return 2;
	}
	if (strlen(argv[2]) > 200 || (is_put && strlen(argv[3]) > 200)) {
		fprintf(stderr, "a name and a city have at most 200 bytes\n");
		return 2;
	}
	struct vd_database *database = open_database();
	int code;
	if (is_put || is_remove)
		code = vd_database_run(database, put, &(struct person){ argv[2], is_put ? argv[3] : NULL }, NULL);
	else
		code = vd_database_run(database, find, argv[2], NULL);
	if (code != 0)
		fail(verb, code);
	vd_database_close(database, NULL, NULL);
	return 0;
}
