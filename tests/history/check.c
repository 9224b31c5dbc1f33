/* SPDX-License-Identifier: Apache-2.0 */
/* check [--json] [--final FILE] [--schedule FILE] HISTORY…: is this run strictly serializable? README.md says what is checked.
 *
 * Status 0: no anomaly. 1: at least one, each with its explanation. 2: the files cannot be read. */
#include "tests/history/check.h"
#include "tests/history/record.h"

#include <argp.h>
#include <string.h>

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "print one line of JSON", 0 },
	{ "final", 'f', "FILE", 0, "the dump of what is stored in the end", 0 },
	{ "schedule", 's', "FILE", 0, "what the driver did, and what was lost by it", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static bool json;

static error_t parse(int key, char *text, struct argp_state *state)
{
	switch (key) {
	case 'j':
		json = true;
		break;
	case 'f':
		load_final(text);
		break;
	case 's':
		load_schedule(text);
		break;
	case ARGP_KEY_ARG:
		load_history(text);
		break;
	case ARGP_KEY_END:
		if (run.file_count == 0)
			argp_error(state, "no histories");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "HISTORY…",
		"checks recorded transactions for strict serializability", NULL, NULL, NULL };
	argp_err_exit_status = 2;
	run.final_begin = intern((const uint8_t *)HISTORY_BEGIN, strlen(HISTORY_BEGIN));
	run.final_end = intern((const uint8_t *)HISTORY_END, strlen(HISTORY_END));
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	place_all();
	check_timing();
	check_claims();
	replay_all();
	report(stdout, json);
	return anomaly_count() == 0 ? 0 : 1;
}
