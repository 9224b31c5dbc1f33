/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_apply_test.c: what PostgreSQL answered, and what follows from it, as a table. */
#include "resolver/apply.h"

#include "tests/unit/test.h"

/* Statements of the segment: 0 BEGIN, 1 delete of requests, 2 fence, 3 to 5 data, 6 outcomes, 7 COMMIT, 8 replies. */
#define NOBODY SIZE_MAX

static const struct {
	const char *what;
	enum vd_pg_status status;
	size_t failed;
	const char *sqlstate;
	bool committed;
	enum vd_apply_end end;
} answers[] = {
	{ "all went well", VD_PG_OK, NOBODY, "", true, VD_APPLY_COMMITTED },
	{ "a COMMIT that was a ROLLBACK", VD_PG_OK, NOBODY, "", false, VD_APPLY_WORLD },
	{ "lost before COMMIT's tag", VD_PG_LOST, NOBODY, "", false, VD_APPLY_LOST },
	{ "lost behind COMMIT's tag", VD_PG_LOST, NOBODY, "", true, VD_APPLY_COMMITTED },
	{ "the notify queue is full", VD_PG_ERROR, NOBODY, "54000", true, VD_APPLY_COMMITTED },
	{ "a payload that is too long", VD_PG_ERROR, 8, "22023", true, VD_APPLY_COMMITTED },
	{ "fenced", VD_PG_ERROR, 2, "VD001", false, VD_APPLY_FENCED },
	{ "refused", VD_PG_ERROR, 2, "VD002", false, VD_APPLY_REFUSED },
	{ "standbys", VD_PG_ERROR, 2, "VD004", false, VD_APPLY_STANDBYS },
	{ "too many rows", VD_PG_ERROR, 3, "VD003", false, VD_APPLY_CLEAR },
	{ "a key that the index does not take", VD_PG_ERROR, 5, "54000", false, VD_APPLY_CONTENT },
	{ "a check", VD_PG_ERROR, 5, "23514", false, VD_APPLY_CONTENT },
	{ "data", VD_PG_ERROR, 4, "22P05", false, VD_APPLY_CONTENT },
	{ "the same outside the data", VD_PG_ERROR, 6, "23505", false, VD_APPLY_WORLD },
	{ "the same in the fence", VD_PG_ERROR, 2, "22003", false, VD_APPLY_WORLD },
	{ "dead-lock", VD_PG_ERROR, 5, "40P01", false, VD_APPLY_WORLD },
	{ "disk full", VD_PG_ERROR, 5, "53100", false, VD_APPLY_WORLD },
	{ "time-out", VD_PG_ERROR, 3, "57014", false, VD_APPLY_WORLD },
	{ "lock time-out", VD_PG_ERROR, 2, "55P03", false, VD_APPLY_WORLD },
	{ "sent behind a batch that failed", VD_PG_ERROR, 0, "25P02", false, VD_APPLY_WORLD },
};

static void every_answer_has_its_consequence(void **state)
{
	(void)state;
	for (size_t i = 0; i < VD_COUNT(answers); i++) {
		struct vd_apply_judge judge = { .data_begin = 3, .data_end = 6, .committed = answers[i].committed };
		struct vd_pg_outcome outcome = { .status = answers[i].status,
			.failed = answers[i].failed,
			.message = "",
			.detail = "",
			.warning = "" };
		strcpy(outcome.sqlstate, answers[i].sqlstate);
		enum vd_apply_end end = vd_apply_end_of(&judge, &outcome);
		if (end != answers[i].end)
			fail_msg("%s: it %s, expected: it %s", answers[i].what, vd_apply_end_text(end),
				vd_apply_end_text(answers[i].end));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_answer_has_its_consequence) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
