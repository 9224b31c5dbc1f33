/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/machine.h"

enum life { STANDBY, LEADING, STOPPED };

struct node {
	unsigned state;
	bool has_lease;
};

static bool has_lease(const void *owner)
{
	const struct node *node = owner;
	return node->has_lease;
}

static const struct vd_state states[] = {
	[STANDBY] = { "standby", "waits", VD_MAY(LEADING) | VD_MAY(STOPPED), NULL },
	[LEADING] = { "leading", "decides", VD_MAY(STANDBY) | VD_MAY(STOPPED), has_lease },
	[STOPPED] = { "stopped", "is over", 0, NULL },
};
static const struct vd_machine life = VD_MACHINE("life", states);

static void moves_follow_the_table(void **state)
{
	(void)state;
	struct node node = { STANDBY, true };
	vd_machine_move(&life, &node.state, LEADING, &node);
	assert_string_equal(vd_machine_name(&life, node.state), "leading");
	assert_string_equal(vd_machine_sentence(&life, node.state), "decides");
	vd_machine_move(&life, &node.state, STOPPED, &node);
	assert_int_equal(node.state, STOPPED);
	assert_false(vd_machine_allows(&life, STOPPED, LEADING));
	assert_false(vd_machine_allows(&life, STANDBY, STANDBY));
	assert_false(vd_machine_allows(&life, STANDBY, 64));
	assert_false(vd_machine_allows(&life, 3, STANDBY));
}

static void rise_from_the_dead(void)
{
	struct node node = { STOPPED, true };
	vd_machine_move(&life, &node.state, STANDBY, &node);
}

static void lead_without_a_lease(void)
{
	struct node node = { STANDBY, false };
	vd_machine_move(&life, &node.state, LEADING, &node);
}

static void bad_moves_end_the_process(void **state)
{
	(void)state;
	ASSERT_DIES(rise_from_the_dead, "life may not go from stopped to standby");
	ASSERT_DIES(lead_without_a_lease, "life: invariant of leading is broken");
}

static void tables_are_checked(void **state)
{
	(void)state;
	static const struct vd_state lost[] = { { "a", "x", 0, NULL }, { "b", "y", VD_MAY(0), NULL } };
	static const struct vd_state beyond[] = { { "a", "x", VD_MAY(1), NULL } };
	static const struct vd_state nameless[] = { { NULL, "x", 0, NULL } };
	static const struct vd_machine bad[] = { VD_MACHINE("lost", lost), VD_MACHINE("beyond", beyond),
		VD_MACHINE("nameless", nameless) };
	char text[400] = { 0 };
	FILE *file = fmemopen(text, sizeof text, "w");
	assert_true(vd_machine_is_sound(&life, file));
	for (size_t i = 0; i < VD_COUNT(bad); i++)
		assert_false(vd_machine_is_sound(&bad[i], file));
	fclose(file);
	assert_string_equal(text, "lost: state 1 (b) cannot be reached from the first state\n"
							  "beyond: state 0 (a) moves to a state that is not in the table\n"
							  "nameless: state 0 (?) has no name or no sentence\n");
}

static void it_draws_itself(void **state)
{
	(void)state;
	char text[800] = { 0 };
	FILE *file = fmemopen(text, sizeof text, "w");
	vd_machine_print_mermaid(&life, file);
	fclose(file);
	assert_string_equal(text, "stateDiagram-v2\n"
							  "    standby : waits\n"
							  "    leading : decides\n"
							  "    stopped : is over\n"
							  "    [*] --> standby\n"
							  "    standby --> leading\n"
							  "    standby --> stopped\n"
							  "    leading --> standby\n"
							  "    leading --> stopped\n"
							  "    stopped --> [*]\n");
	memset(text, 0, sizeof text);
	file = fmemopen(text, sizeof text, "w");
	vd_machine_print_dot(&life, file);
	fclose(file);
	assert_non_null(strstr(text, "\"standby\" -> \"leading\";"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_follow_the_table),
		cmocka_unit_test(bad_moves_end_the_process),
		cmocka_unit_test(tables_are_checked),
		cmocka_unit_test(it_draws_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
