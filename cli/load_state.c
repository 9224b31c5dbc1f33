/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_state.h"

#include "common/text/json.h"

#include <string.h>

static const char *const phases[] = {
	[VD_LOAD_CLEARING] = "clearing", [VD_LOAD_LOADING] = "loading", [VD_LOAD_UNDOING] = "undoing"
};

void vd_load_state_fini(struct vd_load_state *state)
{
	vd_buffer_fini(&state->begin);
	vd_buffer_fini(&state->end);
}

void vd_load_state_encode(const struct vd_load_state *state, struct vd_buffer *out)
{
	char file[VD_DIGEST_TEXT], lock[2 * VD_STORE_LOCK_BYTES + 1], digest[VD_DIGEST_TEXT];
	json_t *object = json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:I, s:s}", "phase", phases[state->phase],
		"file", vd_hex(state->file, sizeof state->file, file), "lock",
		vd_hex(state->lock, sizeof state->lock, lock), "begin", vd_json_bytes(vd_buffer_bytes(&state->begin)),
		"end", vd_json_bytes(vd_buffer_bytes(&state->end)), "counters", state->has_counters, "rows",
		(json_int_t)state->rows, "digest", vd_hex(state->digest, sizeof state->digest, digest));
	if (object == NULL)
		out->failed = true;
	else
		vd_json_add_line(out, object);
	json_decref(object);
}

static bool hex_of(const json_t *object, const char *name, uint8_t *bytes, size_t size)
{
	const json_t *text = json_object_get(object, name);
	return json_is_string(text) &&
		   vd_unhex(vd_bytes_of(json_string_value(text), json_string_length(text)), bytes, size);
}

static bool phase_of(const char *word, enum vd_load_phase *phase)
{
	for (size_t i = 0; i < VD_COUNT(phases); i++)
		if (strcmp(phases[i], word) == 0) {
			*phase = (enum vd_load_phase)i;
			return true;
		}
	return false;
}

static bool decode(struct vd_load_state *state, const json_t *object)
{
	const char *phase;
	const json_t *begin, *end;
	int counters;
	json_int_t rows;
	if (json_unpack((json_t *)object, "{s:s, s:o, s:o, s:b, s:I}", "phase", &phase, "begin", &begin, "end",
			&end, "counters", &counters, "rows", &rows) != 0)
		return false;
	vd_buffer_clear(&state->begin);
	vd_buffer_clear(&state->end);
	state->has_counters = counters != 0;
	state->rows = (uint64_t)rows;
	return phase_of(phase, &state->phase) && vd_json_to_bytes(begin, &state->begin, NULL) == 0 &&
		   vd_json_to_bytes(end, &state->end, NULL) == 0 &&
		   hex_of(object, "file", state->file, sizeof state->file) &&
		   hex_of(object, "lock", state->lock, sizeof state->lock) &&
		   hex_of(object, "digest", state->digest, sizeof state->digest);
}

bool vd_load_state_decode(struct vd_load_state *state, struct vd_bytes text)
{
	json_t *object = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	bool done = object != NULL && decode(state, object);
	json_decref(object);
	return done;
}
