/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/arena.h"
#include "common/base/random.h"
#include "common/kv/map.h"

struct thing {
	struct vd_map_node at;
	int number;
};

static struct vd_arena arena;
static struct vd_map map;

static int set_up(void **state)
{
	(void)state;
	vd_arena_init(&arena, (size_t)64 << 20);
	vd_map_init(&map);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vd_arena_fini(&arena);
	return 0;
}

static struct vd_map_node *put(struct vd_bytes key)
{
	struct thing *thing = vd_map_node_new(&arena, sizeof *thing, key);
	assert_non_null(thing);
	assert_int_equal(thing->number, 0);
	vd_map_insert(&map, &thing->at);
	return &thing->at;
}

static void an_empty_map(void **state)
{
	(void)state;
	assert_null(vd_map_first(&map));
	assert_null(vd_map_last(&map));
	assert_null(vd_map_find(&map, VD_BYTES("")));
	assert_null(vd_map_floor(&map, VD_BYTES("a")));
	assert_null(vd_map_below(&map, VD_BYTES("a")));
	assert_null(vd_map_ceiling(&map, VD_BYTES("")));
}

static void order_is_that_of_keys(void **state)
{
	(void)state;
	const struct vd_bytes keys[] = { VD_BYTES("same head 2"), VD_BYTES("a\0"), VD_BYTES(""), VD_BYTES("\xff"),
		VD_BYTES("a"), VD_BYTES("same head"), VD_BYTES("same hea"), VD_BYTES("a\0\0"),
		VD_BYTES("same head 1"), VD_BYTES("\0") };
	for (size_t i = 0; i < VD_COUNT(keys); i++)
		put(keys[i]);
	assert_int_equal(map.count, VD_COUNT(keys));
	size_t count = 1;
	struct vd_map_node *node = vd_map_first(&map);
	for (struct vd_map_node *next; (next = vd_map_next(node)) != NULL; node = next, count++) {
		assert_true(vd_bytes_less(node->key, next->key));
		assert_ptr_equal(vd_map_prev(next), node);
		assert_ptr_equal(vd_map_below(&map, next->key), node);
	}
	assert_ptr_equal(node, vd_map_last(&map));
	assert_int_equal(count, VD_COUNT(keys));
	for (size_t i = 0; i < VD_COUNT(keys); i++)
		assert_true(vd_bytes_equal(vd_map_find(&map, keys[i])->key, keys[i]));
	assert_true(vd_bytes_equal(vd_map_floor(&map, VD_BYTES("same headz"))->key, VD_BYTES("same head 2")));
	assert_true(vd_bytes_equal(vd_map_ceiling(&map, VD_BYTES("b"))->key, VD_BYTES("same hea")));
	assert_null(vd_map_ceiling(&map, VD_BYTES("\xff\0")));
	assert_null(vd_map_find(&map, VD_BYTES("same")));
}

static void keys_are_copied_and_followed_by_a_nul(void **state)
{
	(void)state;
	char key[] = "key";
	struct vd_map_node *node = put(vd_bytes_of_string(key));
	key[0] = 'x';
	assert_true(vd_bytes_equal(node->key, VD_BYTES("key")));
	assert_true(vd_bytes_equal(vd_map_node_successor(node), VD_BYTES("key\0")));
}

static void floor_and_ceiling_after_removals(void **state)
{
	(void)state;
	enum { COUNT = 2000 };
	static struct vd_map_node *nodes[COUNT];
	struct vd_rng rng;
	vd_rng_seed(&rng, 1);
	for (int i = 0; i < COUNT; i++) {
		char key[16];
		snprintf(key, sizeof key, "%07d", i * 3);
		nodes[i] = put(vd_bytes_of_string(key));
	}
	for (int i = 0; i < COUNT; i++)
		if (vd_rng_below(&rng, 2) == 0) {
			vd_map_remove(&map, nodes[i]);
			nodes[i] = NULL;
		}
	struct vd_map_node *floor = NULL;
	for (int i = 0; i < COUNT * 3; i++) {
		char key[16];
		snprintf(key, sizeof key, "%07d", i);
		floor = i % 3 == 0 && nodes[i / 3] != NULL ? nodes[i / 3] : floor;
		assert_ptr_equal(vd_map_floor(&map, vd_bytes_of_string(key)), floor);
	}
	vd_arena_fini(&arena);
	vd_arena_init(&arena, 0);
	assert_null(vd_map_node_new(&arena, sizeof(struct thing), VD_BYTES("k")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_map, set_up, tear_down),
		cmocka_unit_test_setup_teardown(order_is_that_of_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_are_copied_and_followed_by_a_nul, set_up, tear_down),
		cmocka_unit_test_setup_teardown(floor_and_ceiling_after_removals, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
