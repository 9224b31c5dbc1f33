/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_model.c: see resolver_model.h. */
#include "tests/property/resolver_model.h"

struct vd_bytes model_copy(struct model *model, struct vd_bytes bytes)
{
	struct vd_bytes copy;
	VD_ASSERT(vd_bytes_dup(&model->c->arena, bytes, &copy));
	return copy;
}

/* ---- Store ---- */

void model_put(struct model_store *store, struct vd_bytes key, const struct vd_bytes *value)
{
	unsigned i = 0;
	while (i < store->count && !vd_bytes_equal(store->pairs[i].key, key))
		i++;
	if (value == NULL) {
		if (i < store->count)
			store->pairs[i] = store->pairs[--store->count];
		return;
	}
	if (i == store->count) {
		VD_ASSERT(store->count < MODEL_PAIRS_MAX);
		store->pairs[store->count++].key = key;
	}
	store->pairs[i].value = *value;
}

const struct vd_bytes *model_find(const struct model_store *store, struct vd_bytes key)
{
	for (unsigned i = 0; i < store->count; i++)
		if (vd_bytes_equal(store->pairs[i].key, key))
			return &store->pairs[i].value;
	return NULL;
}

bool model_is_empty(const struct model_store *store, struct vd_range range)
{
	for (unsigned i = 0; i < store->count; i++)
		if (vd_bytes_compare(range.begin, store->pairs[i].key) <= 0 &&
			vd_bytes_compare(store->pairs[i].key, range.end) < 0)
			return false;
	return true;
}

void model_clear(struct model_store *store, struct vd_range range)
{
	for (unsigned i = store->count; i-- > 0;)
		if (vd_bytes_compare(range.begin, store->pairs[i].key) <= 0 &&
			vd_bytes_compare(store->pairs[i].key, range.end) < 0)
			store->pairs[i] = store->pairs[--store->count];
}

bool model_same(const struct model_store *a, const struct model_store *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		const struct vd_bytes *value = model_find(b, a->pairs[i].key);
		if (value == NULL || !vd_bytes_equal(*value, a->pairs[i].value))
			return false;
	}
	return true;
}

/* ---- Verdicts ---- */

struct model_verdict *model_verdict_of(struct model *model, unsigned client, uint64_t sequence)
{
	struct model_verdict *found = NULL;
	for (size_t i = 0; i < model->verdict_count; i++) {
		struct model_verdict *verdict = &model->verdicts[i];
		bool is_it = verdict->client == client && verdict->sequence == sequence;
		if (is_it && (found == NULL || (found->is_tombstone && !found->is_seen)))
			found = verdict;
	}
	return found;
}

static int judge_age(const struct model *model, const struct vd_request *request)
{
	uint64_t version = request->read_version;
	bool is_present = memcmp(request->read_term, model->term, VD_TERM_BYTES) == 0;
	bool is_preceding = memcmp(request->read_term, model->preceding, VD_TERM_BYTES) == 0;
	if (request->read_count == 0)
		return version < model->jump ? 1007 : 0;
	if (version > model->newest)
		return 1009;
	if (is_present && version >= model->floor)
		return 0;
	return is_preceding && version == model->takeover && version >= model->floor ? 0 : 1007;
}

static uint64_t last_written(const struct model *model, struct vd_range read)
{
	uint64_t highest = 0;
	for (size_t i = 0; i < model->write_count; i++) {
		struct vd_range write = model->writes[i].range;
		if (vd_bytes_compare(read.begin, write.end) < 0 && vd_bytes_compare(write.begin, read.end) < 0 &&
			vd_bytes_compare(read.begin, read.end) < 0 && model->writes[i].version > highest)
			highest = model->writes[i].version;
	}
	return highest;
}

static bool holds(const struct model_store *store, const struct vd_precondition *precondition)
{
	const struct vd_bytes *value = model_find(store, precondition->key);
	switch (precondition->kind) {
	case VD_REQUIRE_VALUE:
		return value != NULL && vd_bytes_equal(*value, precondition->value);
	case VD_REQUIRE_PRESENT:
		return value != NULL;
	case VD_REQUIRE_ABSENT:
		return value == NULL;
	default:
		return model_is_empty(store, vd_range_of(precondition->key, precondition->value));
	}
}

void model_judge(struct model *model, const struct model_store *store, const struct vd_request *request,
	struct model_verdict *verdict)
{
	verdict->code = judge_age(model, request);
	for (size_t r = 0; r < request->read_count && (verdict->code == 0 || verdict->code == 1020); r++) {
		uint64_t highest = last_written(model, request->reads[r]);
		if (highest <= request->read_version)
			continue;
		if (verdict->code == 0) {
			verdict->code = 1020;
			verdict->range = (uint32_t)r;
			verdict->lost_to = highest;
		} else if (request->reports_conflicts) {
			model->further[verdict->further_count].range = (uint32_t)r;
			model->further[verdict->further_count++].lost_to = highest;
		}
	}
	for (size_t i = 0; i < request->precondition_count && verdict->code == 0; i++)
		verdict->code = holds(store, &request->preconditions[i]) ? 0 : 7001;
}

static void note_write(struct model *model, struct vd_range range, uint64_t version)
{
	if (vd_bytes_compare(range.begin, range.end) >= 0)
		return;
	VD_ASSERT(model->write_count < MODEL_LIST_MAX);
	model->writes[model->write_count].range.begin = model_copy(model, range.begin);
	model->writes[model->write_count].range.end = model_copy(model, range.end);
	model->writes[model->write_count++].version = version;
}

/* ---- Counters ---- */

/* False: it holds no number. */
static bool counter_read(const struct model_store *store, struct vd_bytes counter, uint64_t *next)
{
	const struct vd_bytes *value = model_find(store, counter);
	*next = 0;
	for (size_t i = 0; value != NULL && i < value->size; i++)
		*next = *next << 8 | value->data[i];
	return value == NULL || (value->size == 8 && value->data[0] < 0x80);
}

/* How many numbers the counter has given to the mutations before this one. */
static uint64_t given_before(const struct vd_request *request, size_t end)
{
	uint64_t given = 0;
	for (size_t i = 0; i < end; i++)
		given += request->mutations[i].op == VD_OP_SET_SEQUENCED_KEY &&
				 vd_bytes_equal(request->mutations[i].counter, request->mutations[end].counter);
	return given;
}

void model_count(struct model *model, const struct model_store *store, const struct vd_request *request,
	struct model_verdict *verdict)
{
	for (size_t i = 0; i < request->mutation_count && verdict->code == 0; i++) {
		const struct vd_mutation *mutation = &request->mutations[i];
		bool is_key = mutation->op == VD_OP_SET_SEQUENCED_KEY;
		if (!is_key && mutation->op != VD_OP_SET_SEQUENCED_VALUE)
			continue;
		uint64_t next;
		uint64_t before = given_before(request, i);
		if (!is_key && before == 0)
			verdict->code = 2000;
		else if (is_key && (!counter_read(store, mutation->counter, &next) || next + before >= INT64_MAX))
			verdict->code = 7006;
		else if (is_key && before == 0)
			model->numbers[verdict->range++] = next;
	}
	if (verdict->code != 0)
		verdict->range = 0;
	if (verdict->range > 0)
		verdict->lost_to = model->numbers[0];
}

/* ---- Mutations ---- */

/* The operand with bytes put in where it says, and without the offset. */
static struct vd_bytes fill(
	struct model *model, struct vd_bytes operand, const uint8_t *filling, size_t count)
{
	uint8_t *bytes = vd_arena_alloc_bytes(&model->c->arena, operand.size);
	size_t size = operand.size - 4;
	size_t at = operand.data[size] + 256u * operand.data[size + 1];
	memcpy(bytes, operand.data, size);
	memcpy(bytes + at, filling, count);
	return vd_bytes_of(bytes, size);
}

static void big_endian(uint64_t number, uint8_t *to)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(number >> (56 - 8 * i));
}

static struct vd_bytes stamp(struct model *model, struct vd_bytes operand, uint64_t version, unsigned order)
{
	uint8_t bytes[10];
	big_endian(version, bytes);
	bytes[8] = (uint8_t)(order >> 8);
	bytes[9] = (uint8_t)order;
	return fill(model, operand, bytes, sizeof bytes);
}

static struct vd_bytes add(struct model *model, const struct vd_bytes *value, struct vd_bytes operand)
{
	uint8_t *sum = vd_arena_alloc_bytes(&model->c->arena, operand.size);
	unsigned carry = 0;
	for (size_t i = 0; i < operand.size; i++) {
		carry += operand.data[i] + (value != NULL && i < value->size ? value->data[i] : 0u);
		sum[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return vd_bytes_of(sum, operand.size);
}

static struct vd_range key_range(struct model *model, struct vd_bytes key)
{
	struct vd_range range;
	VD_ASSERT(vd_range_of_key(&model->c->arena, key, &range));
	return range;
}

/* Returns the key that was written. */
static struct vd_bytes do_sequenced(struct model *model, struct model_store *store,
	const struct vd_mutation *mutation, uint64_t version, unsigned order)
{
	uint64_t next;
	uint8_t number[8];
	struct vd_bytes key = mutation->key;
	struct vd_bytes value = mutation->value;
	VD_ASSERT(counter_read(store, mutation->counter, &next));
	if (mutation->op == VD_OP_SET_SEQUENCED_KEY) {
		uint8_t *bytes = vd_arena_alloc_bytes(&model->c->arena, key.size + 8);
		if (key.size > 0)
			memcpy(bytes, key.data, key.size);
		big_endian(next, bytes + key.size);
		key = vd_bytes_of(bytes, key.size + 8);
		big_endian(next + 1, number);
		struct vd_bytes counted = model_copy(model, vd_bytes_of(number, sizeof number));
		model_put(store, mutation->counter, &counted);
		if (mutation->is_stamped)
			value = stamp(model, value, version, order);
	} else {
		big_endian(next - 1, number);
		value = fill(model, value, number, sizeof number);
		if (mutation->is_stamped)
			key = stamp(model, key, version, order);
	}
	model_put(store, key, &value);
	return key;
}

static void do_one(struct model *model, struct model_store *store, const struct vd_mutation *mutation,
	uint64_t version, unsigned order)
{
	struct vd_bytes key = mutation->key;
	struct vd_bytes value = mutation->value;
	const struct vd_bytes *before = model_find(store, key);
	struct vd_range range = key_range(model, key);
	switch (mutation->op) {
	case VD_OP_SET:
		model_put(store, key, &value);
		break;
	case VD_OP_CLEAR:
		model_put(store, key, NULL);
		break;
	case VD_OP_CLEAR_RANGE:
		range = vd_range_of(key, value);
		model_clear(store, range);
		break;
	case VD_OP_ADD:
		value = add(model, before, value);
		model_put(store, key, &value);
		break;
	case VD_OP_BYTE_MAX:
		if (before == NULL || vd_bytes_compare(value, *before) > 0)
			model_put(store, key, &value);
		break;
	case VD_OP_COMPARE_AND_CLEAR:
		if (before != NULL && vd_bytes_equal(value, *before))
			model_put(store, key, NULL);
		break;
	case VD_OP_SET_VERSIONSTAMPED_KEY:
		key = stamp(model, key, version, order);
		range = key_range(model, key);
		model_put(store, key, &value);
		break;
	case VD_OP_SET_VERSIONSTAMPED_VALUE:
		value = stamp(model, value, version, order);
		model_put(store, key, &value);
		break;
	case VD_OP_SET_SEQUENCED_KEY:
		note_write(model, key_range(model, mutation->counter), version);
		range = key_range(model, do_sequenced(model, store, mutation, version, order));
		break;
	case VD_OP_SET_SEQUENCED_VALUE:
		range = key_range(model, do_sequenced(model, store, mutation, version, order));
		break;
	default:
		VD_UNREACHABLE("an op that the model does not draw");
	}
	if (!mutation->no_write_conflict)
		note_write(model, range, version);
}

void model_do(struct model *model, struct model_store *store, const struct vd_request *request,
	uint64_t version, unsigned order)
{
	for (size_t i = 0; i < request->mutation_count; i++)
		do_one(model, store, &request->mutations[i], version, order);
	for (size_t i = 0; i < request->write_count; i++)
		note_write(model, request->writes[i], version);
}

void model_undo(struct model *model, uint64_t version)
{
	for (size_t i = model->write_count; i-- > 0;)
		if (model->writes[i].version == version)
			model->writes[i] = model->writes[--model->write_count];
	for (size_t i = model->verdict_count; i-- > 0;)
		if (model->verdicts[i].version == version && !model->verdicts[i].is_tombstone)
			model->verdicts[i] = model->verdicts[--model->verdict_count];
}
