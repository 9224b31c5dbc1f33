/* SPDX-License-Identifier: Apache-2.0 */
/* cli_status_test.c: rates from one look to the next, and the screen that shows them. */
#include "cli/status_view.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

/* A leader with a lease of 3 s that renewed it at renewed_ms. */
static struct vd_admin_status seen(int64_t now_ms, int64_t renewed_ms, int64_t renewals, int64_t committed)
{
	return (struct vd_admin_status){ .leader = "a",
		.term = "one",
		.serves = true,
		.lease_left_ms = renewed_ms + 3000 - now_ms,
		.renewals = renewals,
		.committed = committed,
		.batches = committed / 10,
		.oldest_snapshot_ms = -1,
		.wal_bytes = committed * 100 };
}

static void look(
	struct vd_rates *rates, int64_t now_ms, int64_t renewed_ms, int64_t renewals, int64_t committed)
{
	struct vd_admin_status status = seen(now_ms, renewed_ms, renewals, committed);
	vd_rates_add(rates, &status, now_ms);
}

#define NEAR(a, b) assert_true((a) > (b)-0.01 && (a) < (b) + 0.01)

static void rates_are_from_renewal_to_renewal(void **state)
{
	struct vd_rates rates = { 0 };
	(void)state;
	look(&rates, 1000, 900, 5, 1000);
	assert_false(rates.is_known);
	/* three renewals later: 1.5 s, though the looks are 1 s apart */
	look(&rates, 2000, 1000 + 1400, 8, 4000);
	assert_true(rates.is_known);
	NEAR(rates.committed_s, 2000);
	NEAR(rates.batches_s, 200);
	/* no renewal came: nothing new is known */
	look(&rates, 3000, 2400, 8, 4000);
	assert_true(rates.is_known);
	NEAR(rates.committed_s, 2000);
	/* and what comes then counts from the renewal that was seen last */
	look(&rates, 4000, 3400, 10, 4500);
	NEAR(rates.committed_s, 500);
	NEAR(vd_rates_ago(&rates, 0), 500);
	NEAR(vd_rates_ago(&rates, 1), 2000);
	NEAR(vd_rates_ago(&rates, 3), 0);
	NEAR(vd_rates_ago(&rates, 100), 0);
}

static void another_term_begins_anew(void **state)
{
	struct vd_rates rates = { 0 };
	(void)state;
	look(&rates, 1000, 900, 5, 1000);
	look(&rates, 2000, 1900, 7, 2000);
	struct vd_admin_status other = seen(3000, 2900, 9, 10);
	strcpy(other.term, "two");
	vd_rates_add(&rates, &other, 3000);
	assert_false(rates.is_known);
	other = seen(4000, 3900, 11, 310);
	strcpy(other.term, "two");
	vd_rates_add(&rates, &other, 4000);
	assert_true(rates.is_known);
	NEAR(rates.committed_s, 300);
	other.serves = false;
	vd_rates_add(&rates, &other, 5000);
	assert_false(rates.is_known);
	NEAR(vd_rates_ago(&rates, 0), 0);
}

static void the_history_is_a_ring(void **state)
{
	struct vd_rates rates = { 0 };
	(void)state;
	for (int64_t i = 0; i <= 2 * VD_RATES_HISTORY; i++)
		look(&rates, 1000 * i, 1000 * i, i, i * i);
	NEAR(vd_rates_ago(&rates, 0), 2.0 * 2 * VD_RATES_HISTORY - 1);
	NEAR(vd_rates_ago(&rates, VD_RATES_HISTORY - 1), 2.0 * (VD_RATES_HISTORY + 1) - 1);
	NEAR(vd_rates_ago(&rates, VD_RATES_HISTORY), 0);
}

static void numbers_of_a_rate(void **state)
{
	char text[VD_VIEW_RATE_BYTES];
	(void)state;
	assert_string_equal(vd_view_rate(0, text), "0");
	assert_string_equal(vd_view_rate(0.44, text), "0.4");
	assert_string_equal(vd_view_rate(99.94, text), "99.9");
	assert_string_equal(vd_view_rate(123.4, text), "123");
	assert_string_equal(vd_view_rate(12345, text), "12,345");
	assert_string_equal(vd_view_rate(1234567, text), "1.23 M");
}

static size_t lines_of(const char *text)
{
	size_t count = 0;
	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static void the_screen(void **state)
{
	struct vd_rates rates = { 0 };
	struct vd_admin_node nodes[40];
	struct vd_buffer out = { 0 };
	(void)state;
	look(&rates, 1000, 1000, 5, 0);
	look(&rates, 2000, 2000, 7, 4000);
	look(&rates, 3000, 3000, 9, 5000);
	look(&rates, 4000, 4000, 11, 5000);
	struct vd_admin_status status = seen(4000, 4000, 11, 5000);
	memset(nodes, 0, sizeof nodes);
	for (size_t i = 0; i < VD_COUNT(nodes); i++)
		snprintf(nodes[i].name, sizeof nodes[i].name, "n%zu", i);
	status.nodes = nodes;
	status.node_count = VD_COUNT(nodes);
	struct vd_view view = { .schema = "verdict",
		.clock = "12:00:00",
		.status = &status,
		.rates = &rates,
		.rows = 24,
		.columns = 20,
		.is_utf8 = true };
	vd_view_draw(&view, &out);
	assert_true(lines_of(vd_buffer_string(&out)) <= view.rows);
	assert_non_null(strstr(vd_buffer_string(&out), "n0 "));
	assert_non_null(strstr(vd_buffer_string(&out), "more\n"));
	/* the highest, a quarter of it, none: the last of seven columns is the last look */
	assert_non_null(strstr(vd_buffer_string(&out), "commits/s       █▃ \n"));
	vd_buffer_clear(&out);
	view.is_utf8 = false;
	view.trouble = "the cable is out";
	vd_view_draw(&view, &out);
	assert_non_null(strstr(vd_buffer_string(&out), "commits/s       #: \n"));
	assert_non_null(strstr(vd_buffer_string(&out), "TROUBLE     the cable is out\n"));
	vd_buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_from_renewal_to_renewal),
		cmocka_unit_test(another_term_begins_anew),
		cmocka_unit_test(the_history_is_a_ring),
		cmocka_unit_test(numbers_of_a_rate),
		cmocka_unit_test(the_screen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
