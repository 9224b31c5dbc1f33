/* SPDX-License-Identifier: Apache-2.0 */
/* workloads.c: what the transactions do.
 *
 *   bank      accounts h/b/…: "BALANCE UNIQUE"; absent is 100. What is in all accounts together never changes
 *   counter   h/c/…: added to blindly (8 bytes little-endian); h/d/…: "NUMBER UNIQUE", read and set to one more;
 *             h/m/…: any atomic operation, and compare-and-clear of what was read
 *   list      h/l/…: "UNIQUE;UNIQUE;…", appended to blindly, begun anew when it is long;
 *             h/q/LIST/STAMP: versionstamped keys, the newest read, the oldest cleared as a range
 *   scan      h/s/…: ranges read in all ways, with sets, clears and cleared ranges in between (phantoms)
 *   register  h/r/…: few keys that everybody reads and sets, some versionstamped values (real time)
 */
#include "tests/history/attempt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BALANCE 100

/* In a static buffer each of a few, so that some may be used at a time. */
static const char *key_of(char kind, uint32_t number)
{
	static char keys[4][32];
	static int turn;
	char *key = keys[turn++ % 4];
	snprintf(key, sizeof keys[0], "h/%c/%05" PRIu32, kind, number);
	return key;
}

static long number_in(const struct attempt *attempt, int read, long absent)
{
	const uint8_t *value = NULL;
	size_t size = 0;
	char text[32] = "";
	if (!attempt_value(attempt, read, &value, &size))
		return absent;
	memcpy(text, value, size < sizeof text ? size : sizeof text - 1);
	return strtol(text, NULL, 10);
}

static void set_number(struct attempt *attempt, const char *key, long number)
{
	char before[32];
	snprintf(before, sizeof before, "%ld ", number);
	attempt_set(attempt, key, unique(attempt, before));
}

static enum next read_only(void)
{
	return chance(50) ? NEXT_COMMIT : NEXT_END;
}

/* ---- bank ---- */

static enum next bank_total(struct attempt *attempt, int stage)
{
	struct vd_range_options options = {
		.mode = VD_STREAMING_WANT_ALL, .reverse = chance(50), .snapshot = chance(20)
	};
	if (stage > 0)
		return read_only();
	attempt_range(attempt, "h/b/", "h/b0", &options);
	return NEXT_READ;
}

/* The second account is read with the first one, or after it. */
static enum next bank(struct attempt *attempt, int stage)
{
	uint32_t *picked = attempt->picked;
	if (stage == 0) {
		picked[2] = chance(15);
		picked[0] = draw(key_count());
		picked[1] = (picked[0] + 1 + draw(key_count() - 1)) % key_count();
		picked[3] = chance(50);
	}
	if (picked[2])
		return bank_total(attempt, stage);
	if (stage == 0) {
		attempt_get(attempt, key_of('b', picked[0]), false);
		if (picked[3])
			attempt_get(attempt, key_of('b', picked[1]), false);
		return NEXT_READ;
	}
	if (attempt->read_count == 1) {
		attempt_get(attempt, key_of('b', picked[1]), false);
		return NEXT_READ;
	}
	long amount = 1 + (long)draw(20);
	set_number(attempt, key_of('b', picked[0]), number_in(attempt, 0, BALANCE) - amount);
	set_number(attempt, key_of('b', picked[1]), number_in(attempt, 1, BALANCE) + amount);
	return NEXT_COMMIT;
}

/* ---- counter ---- */

static void add_to(struct attempt *attempt, const char *key)
{
	uint8_t operand[8] = { (uint8_t)(1 + draw(9)) };
	attempt_atomic(attempt, VD_MUTATION_ADD, key, strlen(key), operand, sizeof operand);
}

static void any_atomic(struct attempt *attempt, const char *key)
{
	static const enum vd_mutation_type types[] = { VD_MUTATION_ADD, VD_MUTATION_BIT_AND, VD_MUTATION_BIT_OR,
		VD_MUTATION_BIT_XOR, VD_MUTATION_MAX, VD_MUTATION_MIN, VD_MUTATION_BYTE_MIN, VD_MUTATION_BYTE_MAX };
	uint8_t operand[8];
	for (size_t i = 0; i < sizeof operand; i++)
		operand[i] = (uint8_t)draw(256);
	attempt_atomic(
		attempt, types[draw(sizeof types / sizeof types[0])], key, strlen(key), operand, 1 + draw(8));
}

static enum next counter_write(struct attempt *attempt)
{
	uint32_t *picked = attempt->picked;
	const uint8_t *value = NULL;
	size_t size = 0;
	const char *key = key_of('m', picked[1]);
	switch (picked[0]) {
	case 0:
		add_to(attempt, key_of('c', picked[1]));
		add_to(attempt, key_of('c', picked[2]));
		return NEXT_COMMIT;
	case 1:
		set_number(attempt, key_of('d', picked[1]), number_in(attempt, 0, 0) + 1);
		return NEXT_COMMIT;
	case 2:
		any_atomic(attempt, key);
		return NEXT_COMMIT;
	case 3: /* clears it, unless it was changed since: a snapshot read, and no conflict */
		if (!attempt_value(attempt, 0, &value, &size))
			return NEXT_END;
		attempt_atomic(attempt, VD_MUTATION_COMPARE_AND_CLEAR, key, strlen(key),
			size == 0 ? (const uint8_t *)"" : value, size);
		return NEXT_COMMIT;
	default:
		return read_only();
	}
}

static enum next counter(struct attempt *attempt, int stage)
{
	uint32_t *picked = attempt->picked;
	if (stage > 0)
		return counter_write(attempt);
	picked[0] = draw(6);
	picked[1] = draw(key_count());
	picked[2] = draw(key_count());
	if (picked[0] == 0 || picked[0] == 2)
		return counter_write(attempt);
	attempt_get(attempt,
		key_of(picked[0] == 1   ? 'd'
			   : picked[0] == 3 ? 'm'
								: 'c',
			picked[1]),
		picked[0] == 3);
	if (picked[0] > 3)
		attempt_get(attempt, key_of('m', picked[2]), chance(50));
	return NEXT_READ;
}

/* ---- list ---- */

static enum next list_append(struct attempt *attempt, int stage)
{
	const char *key = key_of('l', attempt->picked[1]);
	const uint8_t *value = NULL;
	size_t size = 0;
	if (stage == 0 && chance(70)) {
		char text[128];
		int length = snprintf(text, sizeof text, "%s;", unique(attempt, ""));
		attempt_atomic(attempt, VD_MUTATION_APPEND_IF_FITS, key, strlen(key), text, (size_t)length);
		return NEXT_COMMIT;
	}
	if (stage == 0) {
		attempt_get(attempt, key, false);
		return NEXT_READ;
	}
	if (!attempt_value(attempt, 0, &value, &size) || size < 200)
		return read_only();
	attempt_set(attempt, key, unique(attempt, ""));
	return NEXT_COMMIT;
}

/* Appends under a versionstamped key; or reads the newest; or reads the oldest and clears up to there. */
static enum next queue(struct attempt *attempt, int stage)
{
	const struct vd_row *rows = NULL;
	char prefix[64], end[64], template[96];
	int size = snprintf(prefix, sizeof prefix, "%s/", key_of('q', attempt->picked[1]));
	snprintf(end, sizeof end, "%s0", key_of('q', attempt->picked[1]));
	if (stage == 0 && attempt->picked[2] < 50) {
		const char *value = unique(attempt, "");
		memset(template, 0, sizeof template);
		memcpy(template, prefix, (size_t)size);
		template[size + 10] = (char)size;
		attempt_atomic(
			attempt, VD_MUTATION_SET_VERSIONSTAMPED_KEY, template, (size_t)size + 14, value, strlen(value));
		return NEXT_COMMIT;
	}
	if (stage == 0) {
		struct vd_range_options options = {
			.limit = 1 + (int)draw(12), .mode = VD_STREAMING_WANT_ALL, .reverse = attempt->picked[2] < 75
		};
		attempt_range(attempt, prefix, end, &options);
		return NEXT_READ;
	}
	size_t count = attempt_rows(attempt, 0, &rows);
	if (attempt->picked[2] < 75 || count < 3)
		return read_only();
	attempt_clear_range(attempt, prefix, (size_t)size, rows[count - 1].key, rows[count - 1].key_size);
	return NEXT_COMMIT;
}

static enum next list(struct attempt *attempt, int stage)
{
	if (stage == 0) {
		attempt->picked[0] = draw(2);
		attempt->picked[1] = draw(key_count() / 2 + 1);
		attempt->picked[2] = draw(100);
	}
	return attempt->picked[0] == 0 ? list_append(attempt, stage) : queue(attempt, stage);
}

/* ---- scan ---- */

static void scan_write(struct attempt *attempt, uint32_t slot)
{
	const char *key = key_of('s', slot), *end = key_of('s', slot + 1 + draw(5));
	switch (draw(6)) {
	case 0:
		attempt_clear(attempt, key, strlen(key));
		break;
	case 1:
		attempt_clear_range(attempt, key, strlen(key), end, strlen(end));
		break;
	case 2:
		attempt_conflict_range(attempt, key, end, VD_CONFLICT_RANGE_WRITE);
		break;
	default:
		attempt_set(attempt, key, unique(attempt, ""));
	}
}

static enum next scan(struct attempt *attempt, int stage)
{
	static const enum vd_streaming_mode modes[] = { VD_STREAMING_WANT_ALL, VD_STREAMING_SMALL,
		VD_STREAMING_MEDIUM, VD_STREAMING_SERIAL };
	uint32_t slots = 8 * key_count(), first = draw(slots), width = 1 + draw(slots / 4 + 1);
	struct vd_range_options options = { .limit = chance(50) ? 0 : 1 + (int)draw(8),
		.mode = modes[draw(4)],
		.snapshot = chance(15),
		.reverse = chance(40) };
	if (stage == 0) {
		attempt->picked[0] = first;
		if (chance(75))
			attempt_range(attempt, key_of('s', first), key_of('s', first + width), &options);
		else
			attempt_get_key(attempt, key_of('s', first), chance(50), (int)draw(7) - 3, chance(15));
		return NEXT_READ;
	}
	if (stage == 1 && chance(20)) {
		attempt_range(attempt, key_of('s', first), key_of('s', first + width), &options);
		return NEXT_READ;
	}
	if (chance(25))
		return read_only();
	if (chance(10))
		attempt_conflict_range(attempt, key_of('s', first), key_of('s', first + 2), VD_CONFLICT_RANGE_READ);
	scan_write(attempt, attempt->picked[0]);
	if (chance(50))
		scan_write(attempt, (attempt->picked[0] + draw(width)) % slots);
	return NEXT_COMMIT;
}

/* ---- register ---- */

static enum next write_register(struct attempt *attempt)
{
	const char *key = key_of('r', attempt->picked[0]);
	char value[128];
	if (chance(80)) {
		attempt_set(attempt, key, unique(attempt, ""));
		return NEXT_COMMIT;
	}
	int size = snprintf(value, sizeof value - 14, "%s.", unique(attempt, ""));
	memset(value + size, 0, 14);
	value[size + 10] = (char)size;
	attempt_atomic(attempt, VD_MUTATION_SET_VERSIONSTAMPED_VALUE, key, strlen(key), value, (size_t)size + 14);
	return NEXT_COMMIT;
}

static enum next registers(struct attempt *attempt, int stage)
{
	uint32_t count = key_count() / 4 + 2;
	if (stage == 0) {
		attempt->picked[0] = draw(count);
		attempt->picked[1] = draw(3);
		if (attempt->picked[1] == 0)
			return write_register(attempt);
		attempt_get(attempt, key_of('r', draw(count)), false);
		attempt_get(attempt, key_of('r', attempt->picked[0]), false);
		return NEXT_READ;
	}
	return attempt->picked[1] == 1 ? write_register(attempt) : read_only();
}

const struct workload workloads[] = {
	{ "bank", bank },
	{ "counter", counter },
	{ "list", list },
	{ "scan", scan },
	{ "register", registers },
	{ NULL, NULL },
};
