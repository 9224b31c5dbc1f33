/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a program of stages, publications, discards, floors and queries on 256 keys; the window must answer as arrays
 * of versions do. Three bytes a step: what, and two keys. */
#include "common/kv/window.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { POSITIONS = 512 }; /* key i, and the gap behind it */

static struct {
	uint64_t published[POSITIONS];
	uint64_t staged[2][POSITIONS];
	uint64_t versions[2];
	unsigned count;
	uint64_t floor, newest, next;
} model;

/* The key of a position: one byte, behind a common prefix, with a NUL behind it. */
static struct vd_bytes key_of(unsigned position, uint8_t *bytes)
{
	memcpy(bytes, "prefix", 6);
	bytes[6] = (uint8_t)(position / 2);
	bytes[7] = 0;
	return vd_bytes_of(bytes, 7 + position % 2);
}

static void stage(struct vd_window *window, struct vd_range range, unsigned from, unsigned to, bool is_new)
{
	if (model.count == 0 || (is_new && model.count < 2)) {
		memset(model.staged[model.count], 0, sizeof model.staged[0]);
		model.versions[model.count++] = model.next;
		model.next += 2;
	}
	uint64_t version = model.versions[model.count - 1];
	VD_ASSERT(vd_window_stage(window, range, version));
	for (unsigned i = from; i < to; i++)
		model.staged[model.count - 1][i] = version;
}

static void publish(struct vd_window *window)
{
	if (model.count == 0)
		return;
	vd_window_publish(window, model.versions[0]);
	model.newest = model.versions[0];
	for (unsigned i = 0; i < POSITIONS; i++)
		model.published[i] = model.staged[0][i] > 0 ? model.staged[0][i] : model.published[i];
	memcpy(model.staged[0], model.staged[1], sizeof model.staged[0]);
	model.versions[0] = model.versions[1];
	model.count--;
}

static void query(
	const struct vd_window *window, struct vd_range range, unsigned from, unsigned to, uint64_t back)
{
	uint64_t read_version = model.next > back ? model.next - back : 0;
	uint64_t expected = 0;
	for (unsigned i = from; i < to; i++) {
		expected = model.published[i] > expected ? model.published[i] : expected;
		for (unsigned k = 0; k < model.count; k++)
			expected = model.staged[k][i] > expected ? model.staged[k][i] : expected;
	}
	if (read_version < model.floor && from < to)
		expected = expected > model.floor ? expected : model.floor;
	expected = expected > read_version ? expected : 0;
	VD_ASSERT(vd_window_query(window, range, read_version) == expected);
}

static void step(struct vd_window *window, const uint8_t *bytes)
{
	uint8_t a[8];
	uint8_t b[8];
	unsigned from = bytes[1] * 2u + (bytes[0] >> 6 & 1);
	unsigned to = bytes[2] * 2u + (bytes[0] >> 7 & 1);
	struct vd_range range = vd_range_of(key_of(from, a), key_of(to, b));
	switch (bytes[0] & 7) {
	case 0:
	case 1:
		to = from / 2 * 2 + 1; /* one key */
		from = to - 1;
		range = vd_range_of(key_of(from, a), key_of(to, b));
		stage(window, range, from, to, (bytes[0] & 8) != 0);
		break;
	case 2:
		stage(window, range, from, to, (bytes[0] & 8) != 0);
		break;
	case 3:
		publish(window);
		break;
	case 4:
		if (model.count > 0) {
			model.count = (bytes[0] & 8) != 0 ? model.count - 1 : 0;
			vd_window_discard(window, model.versions[model.count]);
		}
		break;
	case 5:
		if (model.newest > bytes[1] && model.newest - bytes[1] > model.floor)
			vd_window_raise_floor(window, model.floor = model.newest - bytes[1]);
		break;
	default:
		query(window, range, from, to, (bytes[0] & 8) != 0 ? 1000000 : bytes[0] >> 4);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&model, 0, sizeof model);
	model.floor = model.newest = 10;
	model.next = 11;
	struct vd_window *window = vd_window_new(10, size % 2 == 0 ? 0 : SIZE_MAX);
	VD_ASSERT(window != NULL);
	for (size_t i = 0; i + 2 < size; i += 3)
		step(window, data + i);
	vd_window_free(window);
	return 0;
}
