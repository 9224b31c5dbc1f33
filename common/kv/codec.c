/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c: requests through protobuf-c.
 *
 * Unpacking takes its memory from the batch's arena by an allocator of ours, whose free does nothing; the
 * request then borrows from the unpacked messages. The allocator also counts: a few bytes on the wire can ask
 * for many in memory (an empty range is 2 there and a hundred here), so what one payload may take is limited
 * apart from the arena's own limit.
 */
#include "common/kv/codec.h"

#include "common/base/arena.h"

#include "verdict.pb-c.h"

/* ---- Encoding ---- */

/* Protobuf-c's field for bytes. It does not write through the pointer. */
static ProtobufCBinaryData field_of(struct vd_bytes bytes)
{
	return (ProtobufCBinaryData){ .len = bytes.size, .data = (uint8_t *)bytes.data };
}

static struct vd_bytes bytes_of(ProtobufCBinaryData field)
{
	return vd_bytes_of(field.data, field.len);
}

static Verdict__Range **pack_ranges(struct vd_arena *arena, const struct vd_range *ranges, size_t count)
{
	Verdict__Range **list = vd_arena_array(arena, count, sizeof(Verdict__Range *));
	Verdict__Range *items = vd_arena_array(arena, count, sizeof(Verdict__Range));
	if (list == NULL || items == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		verdict__range__init(&items[i]);
		items[i].begin = field_of(ranges[i].begin);
		items[i].end = field_of(ranges[i].end);
		list[i] = &items[i];
	}
	return list;
}

static Verdict__Mutation **pack_mutations(
	struct vd_arena *arena, const struct vd_mutation *mutations, size_t count)
{
	Verdict__Mutation **list = vd_arena_array(arena, count, sizeof(Verdict__Mutation *));
	Verdict__Mutation *items = vd_arena_array(arena, count, sizeof(Verdict__Mutation));
	if (list == NULL || items == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		verdict__mutation__init(&items[i]);
		items[i].op = mutations[i].op;
		items[i].key = field_of(mutations[i].key);
		items[i].value = field_of(mutations[i].value);
		items[i].no_write_conflict = mutations[i].no_write_conflict;
		items[i].counter = field_of(mutations[i].counter);
		items[i].stamped = mutations[i].is_stamped;
		list[i] = &items[i];
	}
	return list;
}

static Verdict__Precondition **pack_preconditions(
	struct vd_arena *arena, const struct vd_precondition *preconditions, size_t count)
{
	Verdict__Precondition **list = vd_arena_array(arena, count, sizeof(Verdict__Precondition *));
	Verdict__Precondition *items = vd_arena_array(arena, count, sizeof(Verdict__Precondition));
	if (list == NULL || items == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		verdict__precondition__init(&items[i]);
		items[i].kind = preconditions[i].kind;
		items[i].key = field_of(preconditions[i].key);
		items[i].value = field_of(preconditions[i].value);
		list[i] = &items[i];
	}
	return list;
}

static bool encode(struct vd_arena *scratch, struct vd_arena *arena, const struct vd_request *request,
	struct vd_bytes *payload)
{
	Verdict__Request message;
	verdict__request__init(&message);
	message.format = VD_REQUEST_FORMAT;
	message.read_term = field_of(vd_bytes_of(request->read_term, VD_TERM_BYTES));
	message.read_version = request->read_version;
	message.n_reads = request->read_count;
	message.reads = pack_ranges(scratch, request->reads, request->read_count);
	message.n_writes = request->write_count;
	message.writes = pack_ranges(scratch, request->writes, request->write_count);
	message.n_mutations = request->mutation_count;
	message.mutations = pack_mutations(scratch, request->mutations, request->mutation_count);
	message.report_conflicts = request->reports_conflicts;
	message.lock_aware = request->is_lock_aware;
	message.lock_change = request->lock_change;
	message.lock = field_of(request->lock);
	message.above_version = request->above_version;
	message.n_preconditions = request->precondition_count;
	message.preconditions = pack_preconditions(scratch, request->preconditions, request->precondition_count);
	if (message.reads == NULL || message.writes == NULL || message.mutations == NULL ||
		message.preconditions == NULL) {
		return false;
	}
	size_t size = verdict__request__get_packed_size(&message);
	uint8_t *bytes = vd_arena_alloc_bytes(arena, size);
	if (bytes == NULL) {
		return false;
	}
	*payload = vd_bytes_of(bytes, verdict__request__pack(&message, bytes));
	VD_ASSERT(payload->size == size);
	return true;
}

bool vd_request_encode(struct vd_arena *arena, const struct vd_request *request, struct vd_bytes *payload)
{
	struct vd_arena scratch; /* so that only the payload stays in the caller's */
	vd_arena_init(&scratch, SIZE_MAX);
	bool done = encode(&scratch, arena, request, payload);
	vd_arena_fini(&scratch);
	return done;
}

/* ---- Decoding ---- */

struct decoder {
	struct vd_arena *arena;
	size_t rest_bytes; /* what this payload may still take */
	bool is_over;      /* it asked for more */
	bool is_arena_full;
};

static void *decoder_alloc(void *context, size_t size)
{
	struct decoder *decoder = context;
	if (size > decoder->rest_bytes) {
		decoder->is_over = true;
		return NULL;
	}
	void *memory = vd_arena_alloc(decoder->arena, size);
	decoder->is_arena_full = decoder->is_arena_full || memory == NULL;
	decoder->rest_bytes -= size;
	return memory;
}

static void decoder_free(void *context, void *memory)
{
	(void)context;
	(void)memory;
}

/* Why a request that protobuf understood is none of ours; NULL if nothing is wrong. */
static const char *object_to(const Verdict__Request *message)
{
	if (message->format != VD_REQUEST_FORMAT) {
		return "request has a format that this version does not know";
	}
	if (message->read_term.len != VD_TERM_BYTES) {
		return "term of the request does not have 16 bytes";
	}
	bool has_unknown = message->base.n_unknown_fields > 0;
	for (size_t i = 0; i < message->n_reads; i++) {
		has_unknown = has_unknown || message->reads[i]->base.n_unknown_fields > 0;
	}
	for (size_t i = 0; i < message->n_writes; i++) {
		has_unknown = has_unknown || message->writes[i]->base.n_unknown_fields > 0;
	}
	for (size_t i = 0; i < message->n_mutations; i++) {
		has_unknown = has_unknown || message->mutations[i]->base.n_unknown_fields > 0;
	}
	for (size_t i = 0; i < message->n_preconditions; i++) {
		has_unknown = has_unknown || message->preconditions[i]->base.n_unknown_fields > 0;
	}
	return has_unknown ? "request has a field that this version does not know" : NULL;
}

static bool unpack_ranges(
	struct vd_arena *arena, Verdict__Range *const *list, size_t count, const struct vd_range **ranges)
{
	struct vd_range *items = vd_arena_array(arena, count, sizeof *items);
	if (items == NULL) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		items[i] = vd_range_of(bytes_of(list[i]->begin), bytes_of(list[i]->end));
	}
	*ranges = items;
	return true;
}

static bool unpack_mutations(struct vd_arena *arena, Verdict__Mutation *const *list, size_t count,
	const struct vd_mutation **mutations)
{
	struct vd_mutation *items = vd_arena_array(arena, count, sizeof *items);
	if (items == NULL) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		items[i] = (struct vd_mutation){
			.op = list[i]->op,
			.no_write_conflict = list[i]->no_write_conflict,
			.key = bytes_of(list[i]->key),
			.value = bytes_of(list[i]->value),
			.counter = bytes_of(list[i]->counter),
			.is_stamped = list[i]->stamped,
		};
	}
	*mutations = items;
	return true;
}

static bool unpack_preconditions(struct vd_arena *arena, Verdict__Precondition *const *list, size_t count,
	const struct vd_precondition **preconditions)
{
	struct vd_precondition *items = vd_arena_array(arena, count, sizeof *items);
	if (items == NULL) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		items[i] = (struct vd_precondition){
			.kind = list[i]->kind,
			.key = bytes_of(list[i]->key),
			.value = bytes_of(list[i]->value),
		};
	}
	*preconditions = items;
	return true;
}

int vd_request_decode(
	struct vd_arena *arena, struct vd_bytes payload, struct vd_request *request, const char **why)
{
	struct decoder decoder = { .arena = arena, .rest_bytes = VD_REQUEST_MEMORY_BYTES };
	ProtobufCAllocator allocator = { decoder_alloc, decoder_free, &decoder };
	const char *objection = "request cannot be decoded";
	Verdict__Request *message = verdict__request__unpack(&allocator, payload.size, payload.data);
	if (decoder.is_arena_full) {
		return VD_CODE_PLATFORM_ERROR;
	}
	if (message != NULL) {
		objection = object_to(message);
	}
	if (objection != NULL) {
		if (why != NULL) {
			*why = decoder.is_over ? "request has more parts than any legal one" : objection;
		}
		return decoder.is_over ? VD_CODE_TRANSACTION_TOO_LARGE : VD_CODE_CLIENT_INVALID_OPERATION;
	}
	*request = (struct vd_request){
		.read_version = message->read_version,
		.read_count = message->n_reads,
		.write_count = message->n_writes,
		.mutation_count = message->n_mutations,
		.precondition_count = message->n_preconditions,
		.reports_conflicts = message->report_conflicts,
		.is_lock_aware = message->lock_aware,
		.lock_change = message->lock_change,
		.lock = bytes_of(message->lock),
		.above_version = message->above_version,
	};
	memcpy(request->read_term, message->read_term.data, VD_TERM_BYTES);
	bool fits = unpack_ranges(arena, message->reads, message->n_reads, &request->reads) &&
				unpack_ranges(arena, message->writes, message->n_writes, &request->writes) &&
				unpack_mutations(arena, message->mutations, message->n_mutations, &request->mutations) &&
				unpack_preconditions(
					arena, message->preconditions, message->n_preconditions, &request->preconditions);
	return fits ? 0 : VD_CODE_PLATFORM_ERROR;
}
