/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_lease_test.c: when a standby takes office, as a table; and the life's table is sound. */
#include "common/base/check.h"
#include "resolver/lease.h"
#include "resolver/life.h"
#include "tests/unit/test.h"

#define TTL_MS 3000

struct look {
	int64_t at_ms;
	struct vd_lease_seen seen;
	enum vd_lease_reason reason;
};

/* A story is a sequence of looks of one candidate. */
static void tell(const struct look *looks, size_t count)
{
	struct vd_lease_watch watch = { 0 };
	for (size_t i = 0; i < count; i++) {
		enum vd_lease_reason reason = vd_lease_judge(&watch, &looks[i].seen, looks[i].at_ms, TTL_MS);
		if (reason != looks[i].reason)
			fail_msg("look %zu at %lld ms: %s, expected %s", i, (long long)looks[i].at_ms,
				vd_lease_reason_text(reason), vd_lease_reason_text(looks[i].reason));
	}
}
#define TELL(...)                                                                                            \
	do {                                                                                                     \
		const struct look looks_[] = { __VA_ARGS__ };                                                        \
		tell(looks_, VD_COUNT(looks_));                                                                      \
	} while (0)

#define SEEN(e, r, ...) ((struct vd_lease_seen){ .epoch = (e), .renewals = (r), ##__VA_ARGS__ })

static void a_renewed_lease_is_held(void **state)
{
	(void)state;
	TELL({ 100, SEEN(1, 5), VD_LEASE_HELD }, { 2900, SEEN(1, 5), VD_LEASE_HELD },
		{ 3000, SEEN(1, 6), VD_LEASE_HELD }, { 5999, SEEN(1, 6), VD_LEASE_HELD },
		{ 6000, SEEN(1, 7), VD_LEASE_HELD });
}

static void what_frees_it_at_once(void **state)
{
	(void)state;
	TELL({ 100, SEEN(1, 5, .is_released = true), VD_LEASE_RELEASED });
	TELL({ 100, SEEN(1, 5, .keeper_is_gone = true), VD_LEASE_KEEPER_GONE });
	TELL({ 100, SEEN(1, 5, .is_expired = true), VD_LEASE_EXPIRED });
	TELL({ 100, SEEN(1, 5, .ends_too_late = true), VD_LEASE_TOO_LONG });
	TELL({ 100, SEEN(1, 5, .is_own = true), VD_LEASE_OWN });
}

static void a_counter_that_stands_still(void **state)
{
	(void)state;
	TELL({ 100, SEEN(1, 5), VD_LEASE_HELD }, { 3099, SEEN(1, 5), VD_LEASE_HELD },
		{ 3100, SEEN(1, 5), VD_LEASE_STANDS_STILL });
	/* another leader's term begins the count anew, also with the same number of renewals */
	TELL({ 100, SEEN(1, 5), VD_LEASE_HELD }, { 3000, SEEN(2, 5), VD_LEASE_HELD },
		{ 5999, SEEN(2, 5), VD_LEASE_HELD }, { 6000, SEEN(2, 5), VD_LEASE_STANDS_STILL });
	/* a restore can set the counter back: that too is a change */
	TELL({ 100, SEEN(9, 50), VD_LEASE_HELD }, { 3000, SEEN(9, 4), VD_LEASE_HELD },
		{ 5999, SEEN(9, 4), VD_LEASE_HELD });
}

static void another_one_goes_first(void **state)
{
	(void)state;
	/* for one lease, by this node's clock; then whoever comes */
	TELL({ 100, SEEN(1, 5), VD_LEASE_HELD },
		{ 200, SEEN(1, 5, .is_released = true, .is_anothers = true), VD_LEASE_HELD },
		{ 3099, SEEN(1, 5, .is_released = true, .is_anothers = true), VD_LEASE_HELD },
		{ 3100, SEEN(1, 5, .is_released = true, .is_anothers = true), VD_LEASE_RELEASED });
	/* also if the term was this node's own, or its lease has expired meanwhile; not if it was not released */
	TELL({ 100,
		SEEN(1, 5, .is_released = true, .is_anothers = true, .is_own = true, .is_expired = true,
			.keeper_is_gone = true),
		VD_LEASE_HELD });
	TELL({ 100, SEEN(1, 5, .is_anothers = true, .keeper_is_gone = true), VD_LEASE_KEEPER_GONE });
}

static void every_reason_has_a_text(void **state)
{
	(void)state;
	for (enum vd_lease_reason reason = VD_LEASE_HELD; reason <= VD_LEASE_STANDS_STILL; reason++)
		assert_non_null(vd_lease_reason_text(reason));
}

static void the_life_is_sound(void **state)
{
	(void)state;
	assert_true(vd_machine_is_sound(&vd_life, stderr));
	assert_true(vd_machine_allows(&vd_life, VD_LIFE_LEADING, VD_LIFE_STANDBY));
	assert_false(vd_machine_allows(&vd_life, VD_LIFE_STANDBY, VD_LIFE_LEADING));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_renewed_lease_is_held),
		cmocka_unit_test(what_frees_it_at_once),
		cmocka_unit_test(a_counter_that_stands_still),
		cmocka_unit_test(another_one_goes_first),
		cmocka_unit_test(every_reason_has_a_text),
		cmocka_unit_test(the_life_is_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
