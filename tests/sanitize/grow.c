/* SPDX-License-Identifier: Apache-2.0 */
/* grow DSN [COUNT]: holds so many databases (one), works as it is told, and says what it holds. An order a line:
 *     transactions COUNT   each reads, writes one of a hundred keys, and is run until it is committed; the databases take turns
 *     databases COUNT      opens and closes further ones, half of them before they are ready
 * The answer to each: {"descriptors":D,"bytes":B}, with the bytes that are allocated and not freed. Ends with its input.
 */
#include "verdict/verdict.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a sanitizer; NULL in a build without. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

enum { HELD_MOST = 64 };

static const char *dsn;
static struct vd_database *held[HELD_MOST];
static long held_count = 1;

static void must(int code, const char *what)
{
	if (code == 0)
		return;
	fprintf(stderr, "%s: %d\n", what, code);
	exit(1);
}

static struct vd_database *open_one(void)
{
	struct vd_database *database = NULL;
	const struct vd_option option = { "max_connections", "2" };
	must(vd_database_open(NULL, dsn, &option, 1, &database, NULL, 0), "open");
	return database;
}

static int body(struct vd_transaction *transaction, void *arg)
{
	char key[16];
	int size = snprintf(key, sizeof key, "grow/%ld", *(long *)arg % 100);
	struct vd_future *future = vd_transaction_get(transaction, key, (size_t)size, false);
	int code = vd_future_wait(future);
	vd_future_free(future);
	vd_transaction_set(transaction, key, (size_t)size, arg, sizeof(long));
	return code;
}

static void transactions(long count)
{
	for (long i = 0; i < count; i++)
		must(vd_database_run(held[i % held_count], body, &i, NULL), "run");
}

static void databases(long count)
{
	for (long i = 0; i < count; i++) {
		struct vd_database *database = open_one();
		struct vd_future *ready = vd_database_ready(database);
		if (i % 2 == 0)
			must(vd_future_wait(ready), "ready");
		vd_database_close(database, NULL, NULL);
		vd_future_free(ready);
	}
}

static long descriptors(void)
{
	long count = -1; /* the folder's own */
	DIR *folder = opendir("/proc/self/fd");
	must(folder == NULL, "/proc/self/fd");
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static size_t allocated(void)
{
	if (__sanitizer_get_current_allocated_bytes != NULL)
		return __sanitizer_get_current_allocated_bytes();
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

int main(int argc, char **argv)
{
	char line[100];
	long count;
	must(argc != 2 && argc != 3, "grow DSN [COUNT]");
	dsn = argv[1];
	held_count = argc == 3 ? strtol(argv[2], NULL, 10) : 1;
	must(held_count < 1 || held_count > HELD_MOST, "COUNT");
	for (long i = 0; i < held_count; i++)
		held[i] = open_one();
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (sscanf(line, "transactions %ld", &count) == 1)
			transactions(count);
		else if (sscanf(line, "databases %ld", &count) == 1)
			databases(count);
		else
			must(1, line);
		printf("{\"descriptors\":%ld,\"bytes\":%zu}\n", descriptors(), allocated());
		fflush(stdout);
	}
	for (long i = 0; i < held_count; i++)
		vd_database_close(held[i], NULL, NULL);
	return 0;
}
