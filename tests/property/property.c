/* SPDX-License-Identifier: Apache-2.0 */
/* property.c: runs cases and makes failures small. */
#include "tests/property/property.h"

#include "common/base/endian.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char where[128]; /* for the signal handler: which case runs */

bool property_step(const struct property_case *c, unsigned i)
{
	return c->left_out == NULL || !c->left_out[i];
}

void property_tell(const struct property_case *c, const char *format, ...)
{
	if (!c->is_told) {
		return;
	}
	va_list args;
	va_start(args, format);
	fputs("    ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

bool property_fail(struct property_case *c, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(c->failure, sizeof c->failure, format, args);
	va_end(args);
	return false;
}

unsigned property_below(struct property_case *c, unsigned end)
{
	return (unsigned)vd_rng_below(&c->rng, end);
}

bool property_chance(struct property_case *c, unsigned percent)
{
	return property_below(c, 100) < percent;
}

struct vd_bytes property_key(struct property_case *c, unsigned kinds)
{
	static const uint8_t alphabet[] = { 'a', 0x00, 'b', 0xfe, 'c', 0x01, 'z', 0x7f };
	static const size_t prefixes[] = { 0, 0, 0, 7, 8, 9, 55, 56, 57 };
	size_t prefix = prefixes[property_below(c, kinds > 4 ? VD_COUNT(prefixes) : 3)];
	size_t size = property_below(c, 4 + kinds / 2);
	uint8_t *bytes = vd_arena_alloc_bytes(&c->arena, prefix + size + 2);
	VD_ASSERT(bytes != NULL);
	memset(bytes, 'p', prefix);
	for (size_t i = 0; i < size; i++) {
		bytes[prefix + i] = alphabet[property_below(c, kinds < 8 ? kinds : 8)];
	}
	return vd_bytes_of(bytes, prefix + size);
}

struct vd_bytes property_value(struct property_case *c, size_t limit)
{
	size_t size = property_below(c, (unsigned)limit + 1);
	uint8_t *bytes = vd_arena_alloc_bytes(&c->arena, size);
	VD_ASSERT(bytes != NULL);
	for (size_t i = 0; i < size; i++) {
		static const uint8_t edges[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
		unsigned draw = property_below(c, 10);
		bytes[i] = draw < 5 ? edges[draw] : (uint8_t)property_below(c, 256);
	}
	return vd_bytes_of(bytes, size);
}

const char *property_show(struct vd_bytes bytes)
{
	static char texts[8][160];
	static unsigned next;
	char *text = texts[next++ % 8];
	size_t n = 0;
	text[n++] = '"';
	for (size_t i = 0; i < bytes.size && n < 150; i++) {
		uint8_t byte = bytes.data[i];
		n += (size_t)snprintf(text + n, 160 - n, byte >= 0x20 && byte < 0x7f ? "%c" : "\\x%02x", byte);
	}
	snprintf(text + n, 160 - n, "\"");
	return text;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 10);
}

static void on_abort(int number)
{
	(void)number;
	ssize_t written = write(STDERR_FILENO, where, strlen(where));
	(void)written;
	_exit(1);
}

struct run {
	bool (*check)(struct property_case *c);
	struct property_case c;
	uint64_t seed; /* of the case */
};

static bool holds(struct run *run, unsigned steps, const bool *left_out)
{
	vd_rng_seed(&run->c.rng, run->seed);
	vd_arena_reset(&run->c.arena);
	run->c.steps = steps;
	run->c.left_out = left_out;
	return run->check(&run->c);
}

static unsigned shrink(struct run *run, unsigned steps, bool *left_out)
{
	for (unsigned fewer = 0; fewer < steps; fewer++) {
		if (!holds(run, fewer, left_out)) {
			steps = fewer;
		}
	}
	for (bool again = true; again;) {
		again = false;
		for (unsigned i = 0; i < steps; i++) {
			if (!left_out[i]) {
				left_out[i] = true;
				bool still_fails = !holds(run, steps, left_out);
				left_out[i] = still_fails;
				again = again || still_fails;
			}
		}
	}
	return steps;
}

/* Mostly short cases: they find most, and fast. */
static unsigned steps_of(struct vd_rng *rng, unsigned steps_max)
{
	uint64_t draw = vd_rng_below(rng, 100);
	unsigned limit = draw < 90 ? 1 + steps_max / 16 : draw < 99 ? 1 + steps_max / 4 : steps_max;
	return (unsigned)vd_rng_below(rng, limit + 1u);
}

int property_run(const char *name, bool (*check)(struct property_case *c), unsigned steps_max)
{
	uint64_t seed = number_from("VERDICT_SEED", (uint64_t)time(NULL));
	uint64_t cases = number_from("VERDICT_CASES", 100000);
	struct run run = { .check = check };
	struct vd_rng rng;
	bool *left_out = calloc(steps_max + 1u, sizeof *left_out);
	VD_ASSERT(left_out != NULL);
	vd_arena_init(&run.c.arena, (size_t)1 << 30);
	signal(SIGABRT, on_abort);
	printf("%s: %llu cases, VERDICT_SEED=%llu\n", name, (unsigned long long)cases, (unsigned long long)seed);
	fflush(stdout);
	vd_rng_seed(&rng, seed);
	int status = 0;
	for (uint64_t i = 0; i < cases && status == 0; i++) {
		run.seed = vd_rng_next(&rng);
		unsigned steps = steps_of(&rng, steps_max);
		snprintf(where, sizeof where, "%s: aborted in case %llu of VERDICT_SEED=%llu\n", name,
			(unsigned long long)i, (unsigned long long)seed);
		if (!holds(&run, steps, NULL)) {
			steps = shrink(&run, steps, left_out);
			run.c.is_told = true;
			fprintf(stderr, "%s: case %llu of VERDICT_SEED=%llu fails; the smallest form found:\n", name,
				(unsigned long long)i, (unsigned long long)seed);
			holds(&run, steps, left_out);
			fprintf(stderr, "  %s\n", run.c.failure);
			status = 1;
		}
	}
	vd_arena_fini(&run.c.arena);
	free(left_out);
	return status;
}
