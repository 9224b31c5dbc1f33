/* SPDX-License-Identifier: Apache-2.0 */
/* example.h: what the examples have in common: a database from VERDICT_DSN (or libpq's own variables), and the end with one
 * line. */
#ifndef VD_FOLLOWER_EXAMPLES_EXAMPLE_H
#define VD_FOLLOWER_EXAMPLES_EXAMPLE_H

#include <verdict/verdict.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void fail(const char *what, int code)
{
	fprintf(stderr, "%s: %s (%s)\n", what, vd_error_text(code), vd_error_name(code));
	exit(1);
}

static inline struct vd_database *open_database(void)
{
	struct vd_database *database;
	const char *schema = getenv("VERDICT_SCHEMA");
	struct vd_option option = { "schema", schema != NULL ? schema : "verdict" };
	char message[512];
	if (vd_database_open(NULL, getenv("VERDICT_DSN"), &option, 1, &database, message, sizeof message) != 0) {
		fprintf(stderr, "%s\n", message);
		exit(2);
	}
	struct vd_future *ready = vd_database_ready(database);
	if (vd_future_wait(ready) != 0) {
		fprintf(stderr, "%s\n", vd_future_message(ready));
		exit(2);
	}
	vd_future_free(ready);
	return database;
}

/* Waits for a future of which only the end matters, and frees it. */
static inline int finish(struct vd_future *future)
{
	int code = vd_future_wait(future);
	vd_future_free(future);
	return code;
}

/* Reads a key: 0, and *future holds the value until it is freed; or an error, and there is nothing to free. */
static inline int read_key(struct vd_transaction *transaction, const void *key, size_t key_size,
	struct vd_future **future, bool *present, const uint8_t **value, size_t *value_size)
{
	*future = vd_transaction_get(transaction, key, key_size, false);
	int code = vd_future_wait(*future);
	if (code == 0)
		code = vd_future_get_value(*future, present, value, value_size);
	if (code != 0)
		vd_future_free(*future);
	return code;
}

#endif
