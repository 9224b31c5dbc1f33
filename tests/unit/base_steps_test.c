/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/steps.h"

/* A subject that writes down which steps ran and says of each what it is told to. */
struct subject {
	struct vd_run run;
	char walk[64];
	enum vd_step_result claim, apply;
	int refusals; /* how often apply sends us back */
};

static enum vd_step_result note(struct subject *subject, char letter, enum vd_step_result result)
{
	size_t size = strlen(subject->walk);
	subject->walk[size] = letter;
	return result;
}

static enum vd_step_result claim(void *arg)
{
	struct subject *subject = arg;
	return note(subject, 'c', subject->claim);
}

enum { CLAIM, RESOLVE, APPLY, PUBLISH };

static enum vd_step_result resolve(void *arg)
{
	return note(arg, 'r', VD_STEP_NEXT);
}

static enum vd_step_result apply(void *arg)
{
	struct subject *subject = arg;
	note(subject, 'a', VD_STEP_NEXT);
	if (subject->refusals-- > 0)
		return vd_steps_jump(&subject->run, RESOLVE);
	return subject->apply;
}

static enum vd_step_result publish(void *arg)
{
	struct subject *subject = arg;
	note(subject, 'p', VD_STEP_NEXT);
	return strlen(subject->walk) < 8 ? vd_steps_again(&subject->run) : VD_STEP_NEXT;
}

static const struct vd_step table[] = {
	[CLAIM] = { "claim", claim },
	[RESOLVE] = { "resolve", resolve },
	[APPLY] = { "apply", apply },
	[PUBLISH] = { "publish", publish },
};
static const struct vd_steps drain = VD_STEPS("drain", table);

static void waits_go_on_with_the_next_step(void **state)
{
	(void)state;
	struct subject subject = { .claim = VD_STEP_WAIT, .apply = VD_STEP_WAIT };
	vd_steps_init(&subject.run, &drain);
	assert_int_equal(vd_steps_go(&subject.run, &subject), VD_STEP_WAIT);
	assert_string_equal(subject.walk, "c");
	assert_string_equal(vd_steps_name(&subject.run), "claim");
	assert_int_equal(vd_steps_go(&subject.run, &subject), VD_STEP_WAIT);
	assert_string_equal(subject.walk, "cra");
	for (int i = 0; i < 4; i++) { /* publish looks again until it is content */
		assert_int_equal(vd_steps_go(&subject.run, &subject), VD_STEP_WAIT);
		assert_string_equal(vd_steps_name(&subject.run), "publish");
	}
	assert_int_equal(vd_steps_go(&subject.run, &subject), VD_STEP_DONE);
	assert_string_equal(subject.walk, "crappppp");
	subject.claim = VD_STEP_REST;
	assert_int_equal(vd_steps_go(&subject.run, &subject), VD_STEP_REST);
	assert_int_equal(vd_steps_go(&subject.run, &subject), VD_STEP_REST); /* from the first step again */
	assert_string_equal(subject.walk, "crapppppcc");
}

static void a_jump_goes_back(void **state)
{
	(void)state;
	struct subject subject = { .refusals = 2, .apply = VD_STEP_WAIT };
	vd_steps_init(&subject.run, &drain);
	assert_int_equal(vd_steps_go(&subject.run, &subject), VD_STEP_WAIT);
	assert_string_equal(subject.walk, "crarara");
}

static void failure_stays_where_it_was(void **state)
{
	(void)state;
	struct subject subject = { .apply = VD_STEP_FAIL };
	vd_steps_init(&subject.run, &drain);
	assert_int_equal(vd_steps_go(&subject.run, &subject), VD_STEP_FAIL);
	assert_string_equal(vd_steps_name(&subject.run), "apply");
	vd_steps_reset(&subject.run);
	subject.claim = VD_STEP_WAIT;
	assert_int_equal(vd_steps_go(&subject.run, &subject), VD_STEP_WAIT);
	vd_steps_fail(&subject.run);
	assert_string_equal(vd_steps_name(&subject.run), "claim");
}

static void go_on_after_failure(void)
{
	struct subject subject = { .claim = VD_STEP_FAIL };
	vd_steps_init(&subject.run, &drain);
	(void)!vd_steps_go(&subject.run, &subject);
	(void)!vd_steps_go(&subject.run, &subject);
}

static enum vd_step_result go_inside(void *arg)
{
	struct subject *subject = arg;
	return vd_steps_go(&subject->run, subject);
}

static void go_from_inside(void)
{
	static const struct vd_step one[] = { { "inside", go_inside } };
	static const struct vd_steps inside = VD_STEPS("inside", one);
	struct subject subject = { 0 };
	vd_steps_init(&subject.run, &inside);
	(void)!vd_steps_go(&subject.run, &subject);
}

static void misuse_ends_the_process(void **state)
{
	(void)state;
	ASSERT_DIES(go_on_after_failure, "!run->failed");
	ASSERT_DIES(go_from_inside, "!run->running");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_go_on_with_the_next_step),
		cmocka_unit_test(a_jump_goes_back),
		cmocka_unit_test(failure_stays_where_it_was),
		cmocka_unit_test(misuse_ends_the_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
