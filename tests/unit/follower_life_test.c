/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/commit/life.h"

#include "common/base/random.h"
#include "tests/unit/test.h"

#include <stdlib.h>

static struct vd_commits commits;

static int setup(void **state)
{
	(void)state;
	return vd_commits_init(&commits, 100) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	vd_commits_fini(&commits);
	return 0;
}

static struct vd_commit *waiting(void)
{
	struct vd_commit *commit = calloc(1, sizeof *commit);
	assert_non_null(commit);
	vd_commits_add(&commits, commit);
	return commit;
}

static struct vd_commit *sending(void)
{
	struct vd_commit *commit = waiting();
	vd_commits_number(&commits, commit, 1000 + commits.last_sequence);
	return commit;
}

static const struct vd_verdict committed = { .code = 0, .version = 5, .order = 3, .message = "" };

/* As whoever tells it does. */
static void told(struct vd_commit *commit)
{
	assert_int_equal(commit->state, VD_COMMIT_DECIDED);
	TAILQ_REMOVE(&commits.decided, commit, link);
	commits.count[VD_COMMIT_DECIDED]--;
	free(commit->message);
	free(commit);
}

static void decide(struct vd_commit *commit)
{
	vd_commits_decide(&commits, commit, &committed);
	told(commit);
}

static void table_is_sound(void **state)
{
	(void)state;
	assert_true(vd_machine_is_sound(&vd_commit_life, stderr));
	for (unsigned from = 0; from < VD_COMMIT_STATES; from++) {
		/* a verdict may come at any time; nothing follows it */
		assert_int_equal(
			vd_machine_allows(&vd_commit_life, from, VD_COMMIT_DECIDED), from != VD_COMMIT_DECIDED);
		assert_false(vd_machine_allows(&vd_commit_life, VD_COMMIT_DECIDED, from));
		/* a wish is not taken back, and a number is not given back */
		assert_int_equal(
			vd_machine_allows(&vd_commit_life, VD_COMMIT_GIVING_UP, from), from == VD_COMMIT_DECIDED);
		assert_false(vd_machine_allows(&vd_commit_life, from, VD_COMMIT_WAITING));
	}
	assert_false(vd_machine_allows(&vd_commit_life, VD_COMMIT_WAITING, VD_COMMIT_GIVING_UP));
	assert_false(vd_machine_allows(&vd_commit_life, VD_COMMIT_SENDING, VD_COMMIT_RESENDING));
	assert_false(vd_machine_allows(&vd_commit_life, VD_COMMIT_SUBMITTED, VD_COMMIT_RESENDING));
}

/* docs/commit.md shows the table as it is. VERDICT_UPDATE_DOCS=1 puts it there. */
static void the_documentation_shows_it(void **state)
{
	(void)state;
	static const char begin[] = "<!-- life -->\n```mermaid\n", end[] = "```\n<!-- end of life -->";
	static char text[65536];
	FILE *file = fopen(VERDICT_SOURCE "/docs/commit.md", getenv("VERDICT_UPDATE_DOCS") != NULL ? "r+" : "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	char *from = strstr(text, begin), *to = strstr(text, end), *diagram;
	assert_true(from != NULL && to != NULL);
	from += strlen(begin);
	size_t size;
	FILE *memory = open_memstream(&diagram, &size);
	vd_machine_print_mermaid(&vd_commit_life, memory);
	fclose(memory);
	if (getenv("VERDICT_UPDATE_DOCS") != NULL) {
		rewind(file);
		fprintf(file, "%.*s%s%s", (int)(from - text), text, diagram, to);
	} else if ((size_t)(to - from) != size || memcmp(from, diagram, size) != 0) {
		fail_msg("docs/commit.md does not show:\n%s", diagram);
	}
	free(diagram);
	fclose(file);
}

static void the_usual_life(void **state)
{
	(void)state;
	struct vd_commit *commit = waiting();
	assert_int_equal(commit->sequence, 0);
	vd_commits_number(&commits, commit, 77);
	assert_int_equal(commit->sequence, 1);
	assert_int_equal(commit->token, 77);
	assert_int_equal(commit->state, VD_COMMIT_SENDING);
	assert_ptr_equal(vd_commits_find(&commits, 1), commit);
	assert_int_equal(vd_commits_low_water(&commits), 0);
	vd_commits_arrived(&commits, commit);
	assert_int_equal(commit->state, VD_COMMIT_SUBMITTED);
	vd_commits_decide(&commits, commit, &committed);
	assert_null(vd_commits_find(&commits, 1));
	assert_int_equal(vd_commits_low_water(&commits), 1);
	assert_int_equal(commit->verdict.version, 5);
	assert_int_equal(commit->verdict.order, 3);
	told(commit);
}

static void a_resend_is_the_same_request(void **state)
{
	(void)state;
	struct vd_commit *commit = sending();
	uint64_t sequence = commit->sequence, token = commit->token;
	for (int i = 0; i < 3; i++) {
		vd_commits_doubt(&commits, commit);
		assert_int_equal(commit->state, VD_COMMIT_DOUBTFUL);
		vd_commits_resend(&commits, commit);
		assert_int_equal(commit->state, VD_COMMIT_RESENDING);
	}
	vd_commits_arrived(&commits, commit);
	vd_commits_doubt(&commits, commit); /* a look said: neither */
	assert_int_equal(commit->sequence, sequence);
	assert_int_equal(commit->token, token);
	decide(commit);
}

static void giving_up(void **state)
{
	(void)state;
	struct vd_commit *never_sent = waiting();
	vd_commits_give_up(&commits, never_sent);
	assert_int_equal(never_sent->verdict.code, VD_CODE_TRANSACTION_CANCELLED);
	vd_commits_give_up(&commits, never_sent); /* again: nothing */
	told(never_sent);
	/* one that has a number stays open, whatever becomes of its statement */
	struct vd_commit *sent = sending();
	vd_commits_give_up(&commits, sent);
	assert_int_equal(sent->state, VD_COMMIT_GIVING_UP);
	vd_commits_doubt(&commits, sent);
	assert_int_equal(sent->state, VD_COMMIT_GIVING_UP);
	assert_false(sent->in_statement);
	vd_commits_give_up(&commits, sent);
	decide(sent);
	struct vd_commit *arrived = sending();
	vd_commits_give_up(&commits, arrived);
	vd_commits_arrived(&commits, arrived);
	assert_int_equal(arrived->state, VD_COMMIT_GIVING_UP);
	decide(arrived);
}

static void a_message_is_kept(void **state)
{
	(void)state;
	struct vd_commit *commit = sending();
	char text[] = "value too long";
	vd_commits_decide(&commits, commit, &(struct vd_verdict){ .code = VD_CODE_SQL_ERROR, .message = text });
	text[0] = 'X';
	assert_string_equal(commit->verdict.message, "value too long");
	told(commit);
}

static void low_water_is_a_prefix(void **state)
{
	(void)state;
	struct vd_commit *all[6];
	for (int i = 1; i <= 5; i++)
		all[i] = sending();
	decide(all[2]);
	decide(all[4]);
	assert_int_equal(vd_commits_low_water(&commits), 0);
	decide(all[1]);
	assert_int_equal(vd_commits_low_water(&commits), 2);
	decide(all[3]);
	assert_int_equal(vd_commits_low_water(&commits), 4);
	struct vd_commit *not_sent = waiting();
	decide(all[5]);
	assert_int_equal(vd_commits_low_water(&commits), 5);
	vd_commits_give_up(&commits, not_sent); /* had no number, leaves no hole */
	told(not_sent);
	assert_int_equal(vd_commits_low_water(&commits), 5);
}

static void forbidden(void)
{
	struct vd_commit *commit = sending();
	vd_commits_arrived(&commits, commit);
	vd_commits_resend(&commits, commit);
}

static void twice(void)
{
	struct vd_commit *commit = sending();
	vd_commits_arrived(&commits, commit);
	vd_commits_arrived(&commits, commit);
}

static void the_table_is_enforced(void **state)
{
	(void)state;
	ASSERT_DIES(forbidden, "machine");
	ASSERT_DIES(twice, "machine");
}

/* ---- a random life, against a model that knows only numbers ---- */

#define MODEL 4000

static bool model_open[MODEL + 1];

static struct vd_commit *pick(struct vd_rng *rng, struct vd_commit_list *list)
{
	struct vd_commit *commit = TAILQ_FIRST(list);
	for (uint64_t steps = vd_rng_below(rng, 20);
		 steps > 0 && commit != NULL && TAILQ_NEXT(commit, link) != NULL; steps--)
		commit = TAILQ_NEXT(commit, link);
	return commit;
}

static void random_move(struct vd_rng *rng, struct vd_commit *commit)
{
	switch (vd_rng_below(rng, 5)) {
	case 0:
		vd_commits_give_up(&commits, commit);
		break;
	case 1:
		if (commit->in_statement)
			vd_commits_arrived(&commits, commit);
		break;
	case 2:
		vd_commits_doubt(&commits, commit);
		break;
	case 3:
		if (commit->state == VD_COMMIT_DOUBTFUL)
			vd_commits_resend(&commits, commit);
		break;
	default:
		model_open[commit->sequence] = false;
		decide(commit);
	}
}

static uint64_t model_low_water(void)
{
	uint64_t low = 0;
	while (low < commits.last_sequence && !model_open[low + 1])
		low++;
	return low;
}

static void random_step(struct vd_rng *rng)
{
	struct vd_commit *commit;
	uint64_t what = vd_rng_below(rng, 10);
	if (what < 2) {
		waiting();
	} else if (what < 5) {
		if ((commit = TAILQ_FIRST(&commits.waiting)) != NULL && commits.last_sequence < MODEL) {
			vd_commits_number(&commits, commit, vd_rng_next(rng));
			model_open[commit->sequence] = true;
		}
	} else if (what == 5) {
		if ((commit = pick(rng, &commits.waiting)) != NULL) {
			vd_commits_give_up(&commits, commit);
			told(commit);
		}
	} else if ((commit = pick(rng, &commits.open)) != NULL) {
		random_move(rng, commit);
	}
}

static void random_lives(void **state)
{
	(void)state;
	const char *given = getenv("VERDICT_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20260101;
	print_message("seed %llu\n", (unsigned long long)seed);
	struct vd_rng rng;
	vd_rng_seed(&rng, seed);
	for (int step = 0; step < 100000; step++) {
		random_step(&rng);
		if (step % 64 != 0)
			continue;
		size_t open = 0;
		for (uint64_t number = 1; number <= commits.last_sequence; number++) {
			struct vd_commit *found = vd_commits_find(&commits, number);
			assert_int_equal(found != NULL, model_open[number]);
			open += found != NULL;
		}
		assert_int_equal(commits.open_count, open);
		assert_int_equal(vd_commits_low_water(&commits), model_low_water());
	}
	struct vd_commit *commit;
	while ((commit = TAILQ_FIRST(&commits.open)) != NULL)
		decide(commit);
	while ((commit = TAILQ_FIRST(&commits.waiting)) != NULL)
		decide(commit);
	for (unsigned i = 0; i < VD_COMMIT_STATES; i++)
		assert_int_equal(commits.count[i], 0);
	assert_int_equal(vd_commits_low_water(&commits), commits.last_sequence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(the_documentation_shows_it),
		cmocka_unit_test_setup_teardown(the_usual_life, setup, teardown),
		cmocka_unit_test_setup_teardown(a_resend_is_the_same_request, setup, teardown),
		cmocka_unit_test_setup_teardown(giving_up, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(low_water_is_a_prefix, setup, teardown),
		cmocka_unit_test_setup_teardown(the_table_is_enforced, setup, teardown),
		cmocka_unit_test_setup_teardown(random_lives, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
