/* SPDX-License-Identifier: Apache-2.0 */
/* commands_sequence.c: commands that take numbers of counters. The numbers are known, and printed, when the transaction has
 * committed. */
#include "cli/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A counter that gives numbers to the transaction under way. */
struct session_counter {
	STAILQ_ENTRY(session_counter) link;
	struct vd_bytes key;
	uint8_t bytes[];
};

void session_counters_drop(struct session_counter_list *list)
{
	struct session_counter *counter;
	while ((counter = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		free(counter);
	}
}

void session_print_numbers(struct vd_session *session)
{
	struct session_counter *counter;
	STAILQ_FOREACH(counter, &session->counters, link)
	{
		int64_t number;
		if (vd_transaction_get_first_number(
				session->transaction, counter->key.data, counter->key.size, &number) != 0)
			continue;
		fputs("number ", session->out);
		session_print_bytes(session, counter->key);
		fprintf(session->out, " %" PRId64 "\n", number);
	}
}

static int remember(struct vd_session *session, struct vd_bytes key)
{
	struct session_counter *counter;
	STAILQ_FOREACH(counter, &session->counters, link)
	if (vd_bytes_equal(counter->key, key))
		return 0;
	counter = malloc(sizeof *counter + key.size);
	if (counter == NULL)
		return VD_ERROR_OUT_OF_MEMORY;
	memcpy(counter->bytes, key.data, key.size);
	counter->key = vd_bytes_of(counter->bytes, key.size);
	STAILQ_INSERT_TAIL(&session->counters, counter, link);
	return 0;
}

enum { COUNTER, KEY, VALUE, STAMPED };

static int run_key(struct vd_session *session, const struct vd_script_step *step)
{
	const struct vd_argument *given = step->arguments;
	vd_transaction_set_sequenced_key(session->transaction, given[COUNTER].bytes.data,
		given[COUNTER].bytes.size, given[KEY].bytes.data, given[KEY].bytes.size, given[VALUE].bytes.data,
		given[VALUE].bytes.size, given[STAMPED].given);
	return remember(session, given[COUNTER].bytes);
}

static int run_value(struct vd_session *session, const struct vd_script_step *step)
{
	const struct vd_argument *given = step->arguments;
	vd_transaction_set_sequenced_value(session->transaction, given[COUNTER].bytes.data,
		given[COUNTER].bytes.size, given[KEY].bytes.data, given[KEY].bytes.size, given[VALUE].bytes.data,
		given[VALUE].bytes.size, given[STAMPED].given);
	return 0;
}

static const struct vd_command rows[] = {
	{ "set_sequenced_key", "COUNTER PREFIX VALUE [stamped]",
		"writes PREFIX with the next number of a counter (\\xff/counter/...), 8 bytes big-endian; after the "
		"commit "
		"prints number COUNTER N, the first of this transaction",
		.run = run_key },
	{ "set_sequenced_value", "COUNTER KEY VALUE [stamped]",
		"the last 4 bytes of VALUE say (little-endian) where in it that number goes", .run = run_value },
};

const struct vd_command_group vd_commands_sequence = { rows, VD_COUNT(rows) };
