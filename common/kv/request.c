/* SPDX-License-Identifier: Apache-2.0 */
/* request.c: what may be asked for, how much it counts, and which keys it writes. */
#include "common/kv/request.h"

#include "common/base/endian.h"
#include "common/kv/sequence.h"

/* ---- Validation ---- */

static int refuse(struct vd_refusal *refusal, int code, const char *what, struct vd_bytes key)
{
	if (refusal != NULL) {
		*refusal = (struct vd_refusal){ .code = code, .what = what, .key = key };
	}
	return code;
}

static int refuse_size(struct vd_refusal *refusal, int code, const char *what, struct vd_bytes key,
	size_t bytes, size_t limit_bytes)
{
	if (refusal != NULL) {
		*refusal = (struct vd_refusal){ code, what, key, bytes, limit_bytes };
	}
	return code;
}

static int validate_range(
	struct vd_range range, struct vd_bytes last, const struct vd_limits *limits, struct vd_refusal *refusal)
{
	if (vd_bytes_compare(range.begin, range.end) > 0) {
		return refuse(refusal, VD_CODE_INVERTED_RANGE, "range begins after its end", range.begin);
	}
	if (vd_bytes_compare(range.end, last) > 0) {
		return refuse(
			refusal, VD_CODE_KEY_OUTSIDE_LEGAL_RANGE, "range ends beyond the legal keys", range.begin);
	}
	size_t longer = range.begin.size > range.end.size ? range.begin.size : range.end.size;
	if (longer > limits->key_bytes + 1) { /* [key, key\0) of the longest key ends one byte later */
		return refuse_size(refusal, VD_CODE_KEY_TOO_LARGE, "end of a range is over the limit for keys",
			range.begin, longer, limits->key_bytes + 1);
	}
	return 0;
}

int vd_range_validate(struct vd_range range, const struct vd_limits *limits, struct vd_refusal *refusal)
{
	return validate_range(range, VD_KEYS_END, limits, refusal);
}

/* The key as it will be stored, and where its stamp goes (SIZE_MAX: it has none). */
static int validate_key(struct vd_bytes key, size_t stamp_offset, struct vd_bytes last,
	const struct vd_limits *limits, struct vd_refusal *refusal)
{
	/* What stands where the stamp goes is of no account: with the stamp in front, the first byte is the
	 * version's. */
	if (stamp_offset != 0 && vd_bytes_compare(key, last) >= 0) {
		return refuse(
			refusal, VD_CODE_KEY_OUTSIDE_LEGAL_RANGE, "key is not below the end of the legal keys", key);
	}
	if (key.size > limits->key_bytes) {
		return refuse_size(
			refusal, VD_CODE_KEY_TOO_LARGE, "key is over the limit", key, key.size, limits->key_bytes);
	}
	return 0;
}

static int validate_value(
	struct vd_bytes key, struct vd_bytes value, const struct vd_limits *limits, struct vd_refusal *refusal)
{
	if (value.size > limits->value_bytes) {
		return refuse_size(refusal, VD_CODE_VALUE_TOO_LARGE, "value is over the limit", key, value.size,
			limits->value_bytes);
	}
	return 0;
}

static int validate_sequenced(
	const struct vd_mutation *mutation, const struct vd_limits *limits, struct vd_refusal *refusal)
{
	struct vd_bytes key;
	struct vd_bytes value;
	struct vd_bytes counter = mutation->counter;
	if (!vd_counter_is(counter)) {
		return refuse(
			refusal, VD_CODE_KEY_OUTSIDE_LEGAL_RANGE, "counter is not below \\xff/counter/", counter);
	}
	if (counter.size > limits->key_bytes) {
		return refuse_size(refusal, VD_CODE_KEY_TOO_LARGE, "key of the counter is over the limit", counter,
			counter.size, limits->key_bytes);
	}
	if (!vd_sequenced_parse(mutation, &key, &value)) {
		return refuse(refusal, VD_CODE_CLIENT_INVALID_OPERATION,
			"no room for the number or the versionstamp of a sequenced write", mutation->key);
	}
	bool is_key = mutation->op == VD_OP_SET_SEQUENCED_KEY;
	size_t stamp = !is_key && mutation->is_stamped ? vd_load_le32(key.data + key.size) : SIZE_MAX;
	int code = validate_key(key, stamp, VD_KEYS_END, limits, refusal);
	if (code == 0 && is_key && key.size + VD_NUMBER_BYTES > limits->key_bytes) {
		code = refuse_size(refusal, VD_CODE_KEY_TOO_LARGE, "key is over the limit with its number", key,
			key.size + VD_NUMBER_BYTES, limits->key_bytes);
	}
	return code != 0 ? code : validate_value(key, value, limits, refusal);
}

int vd_mutation_validate(const struct vd_mutation *mutation, struct vd_bytes last,
	const struct vd_limits *limits, struct vd_refusal *refusal)
{
	struct vd_bytes key = mutation->key;
	struct vd_bytes value = mutation->value;
	size_t key_stamp = SIZE_MAX;
	size_t value_stamp = SIZE_MAX;
	if (!vd_op_is_known(mutation->op)) {
		return refuse(refusal, VD_CODE_INVALID_MUTATION_TYPE, "kind of mutation is not known", key);
	}
	if (vd_op_is_sequenced(mutation->op)) {
		return validate_sequenced(mutation, limits, refusal);
	}
	if (mutation->counter.size > 0 || mutation->is_stamped) {
		return refuse(
			refusal, VD_CODE_CLIENT_INVALID_OPERATION, "mutation has a counter and is not sequenced", key);
	}
	if (mutation->op == VD_OP_CLEAR_RANGE) {
		return validate_range(vd_range_of(key, value), last, limits, refusal);
	}
	if (mutation->op == VD_OP_CLEAR && value.size > 0) {
		return refuse(refusal, VD_CODE_CLIENT_INVALID_OPERATION, "clear of a key has a value", key);
	}
	if (mutation->op == VD_OP_SET_VERSIONSTAMPED_KEY && !vd_stamp_parse(mutation->key, &key, &key_stamp)) {
		return refuse(
			refusal, VD_CODE_CLIENT_INVALID_OPERATION, "no room in the key for the versionstamp", key);
	}
	if (mutation->op == VD_OP_SET_VERSIONSTAMPED_VALUE &&
		!vd_stamp_parse(mutation->value, &value, &value_stamp)) {
		return refuse(
			refusal, VD_CODE_CLIENT_INVALID_OPERATION, "no room in the value for the versionstamp", key);
	}
	int code = validate_key(key, key_stamp, last, limits, refusal);
	return code != 0 ? code : validate_value(key, value, limits, refusal);
}

int vd_precondition_validate(const struct vd_precondition *precondition, struct vd_bytes last,
	const struct vd_limits *limits, struct vd_refusal *refusal)
{
	struct vd_bytes key = precondition->key;
	struct vd_bytes value = precondition->value;
	if (precondition->kind < VD_REQUIRE_VALUE || precondition->kind > VD_REQUIRE_EMPTY) {
		return refuse(refusal, VD_CODE_CLIENT_INVALID_OPERATION, "kind of precondition is not known", key);
	}
	if (precondition->kind == VD_REQUIRE_EMPTY) {
		return validate_range(vd_range_of(key, value), last, limits, refusal);
	}
	if (precondition->kind != VD_REQUIRE_VALUE && value.size > 0) {
		return refuse(refusal, VD_CODE_CLIENT_INVALID_OPERATION, "precondition has a value to no end", key);
	}
	int code = validate_key(key, SIZE_MAX, last, limits, refusal);
	return code != 0 ? code : validate_value(key, value, limits, refusal);
}

static int validate_ranges(const struct vd_range *ranges, size_t count, struct vd_bytes last,
	const struct vd_limits *limits, struct vd_refusal *refusal)
{
	int code = 0;
	for (size_t i = 0; i < count && code == 0; i++) {
		code = validate_range(ranges[i], last, limits, refusal);
	}
	return code;
}

static int validate_lock(const struct vd_request *request, struct vd_refusal *refusal)
{
	const char *wrong = NULL;
	if (request->lock_change > VD_LOCK_RELEASE) {
		wrong = "change of the lock is not known";
	} else if (request->lock.size != (request->lock_change == VD_LOCK_KEEP ? 0 : VD_LOCK_BYTES)) {
		wrong = "lock does not have 16 bytes";
	} else if (request->lock_change != VD_LOCK_KEEP && !request->is_lock_aware) {
		wrong = "change of the lock is not aware of it";
	} else if (request->above_version > 0 && request->lock_change != VD_LOCK_TAKE) {
		wrong = "only who takes the lock may ask for a version";
	} else if (request->above_version > VD_ABOVE_VERSION_MAX) {
		wrong = "version is too far ahead";
	}
	return wrong == NULL ? 0 : refuse(refusal, VD_CODE_CLIENT_INVALID_OPERATION, wrong, VD_BYTES(""));
}

int vd_request_validate(
	const struct vd_request *request, const struct vd_limits *limits, struct vd_refusal *refusal)
{
	struct vd_bytes last = request->is_lock_aware ? VD_SYSTEM_KEYS_END : VD_KEYS_END;
	int code = 0;
	for (size_t i = 0; i < request->mutation_count && code == 0; i++) {
		code = vd_mutation_validate(&request->mutations[i], last, limits, refusal);
	}
	if (code == 0) {
		code = validate_ranges(request->reads, request->read_count, VD_SYSTEM_KEYS_END, limits, refusal);
	}
	if (code == 0) {
		code = validate_ranges(request->writes, request->write_count, last, limits, refusal);
	}
	for (size_t i = 0; i < request->precondition_count && code == 0; i++) {
		code = vd_precondition_validate(&request->preconditions[i], VD_SYSTEM_KEYS_END, limits, refusal);
	}
	if (code == 0) {
		code = validate_lock(request, refusal);
	}
	size_t size = vd_request_size(request);
	if (code == 0 && size > limits->transaction_bytes) {
		code = refuse_size(refusal, VD_CODE_TRANSACTION_TOO_LARGE, "transaction is over the limit",
			VD_BYTES(""), size, limits->transaction_bytes);
	}
	return code;
}

static bool mutation_is_system(const struct vd_mutation *mutation)
{
	struct vd_bytes key = mutation->key;
	size_t stamp = SIZE_MAX;
	if (mutation->op == VD_OP_CLEAR_RANGE) {
		return vd_bytes_less(VD_KEYS_END, mutation->value);
	}
	if (vd_op_is_sequenced(mutation->op)) {
		return false;
	}
	bool is_stamped =
		mutation->op == VD_OP_SET_VERSIONSTAMPED_KEY && vd_stamp_parse(mutation->key, &key, &stamp);
	return !vd_bytes_less(key, VD_KEYS_END) && !(is_stamped && stamp == 0);
}

bool vd_request_writes_system(const struct vd_request *request)
{
	for (size_t i = 0; i < request->mutation_count; i++) {
		if (mutation_is_system(&request->mutations[i])) {
			return true;
		}
	}
	for (size_t i = 0; i < request->write_count; i++) {
		if (vd_bytes_compare(request->writes[i].end, VD_KEYS_END) > 0) {
			return true;
		}
	}
	return false;
}

/* ---- Size ---- */

/* What FoundationDB adds for each: the sizes of its MutationRef and KeyRangeRef. */
enum { MUTATION_BYTES = 28, RANGE_BYTES = 24 };

size_t vd_conflict_range_size(struct vd_range range)
{
	return RANGE_BYTES + range.begin.size + range.end.size;
}

static size_t key_range_size(size_t key_bytes)
{
	return RANGE_BYTES + key_bytes + key_bytes + 1;
}

size_t vd_mutation_size(const struct vd_mutation *mutation)
{
	size_t size = MUTATION_BYTES + mutation->key.size + mutation->value.size;
	size_t key_bytes = mutation->key.size;
	if (vd_op_is_sequenced(mutation->op)) {
		/* the counter is written as well, and conflicts whatever was asked for the key */
		size += mutation->counter.size + key_range_size(mutation->counter.size);
		key_bytes += mutation->op == VD_OP_SET_SEQUENCED_KEY ? VD_NUMBER_BYTES : 0;
	}
	if (mutation->no_write_conflict) {
		return size;
	}
	if (mutation->op == VD_OP_CLEAR_RANGE) {
		return size + vd_conflict_range_size(vd_range_of(mutation->key, mutation->value));
	}
	return size + key_range_size(key_bytes);
}

size_t vd_precondition_size(const struct vd_precondition *precondition)
{
	return MUTATION_BYTES + precondition->key.size + precondition->value.size;
}

size_t vd_request_size(const struct vd_request *request)
{
	size_t size = 0;
	for (size_t i = 0; i < request->mutation_count; i++) {
		size += vd_mutation_size(&request->mutations[i]);
	}
	for (size_t i = 0; i < request->read_count; i++) {
		size += vd_conflict_range_size(request->reads[i]);
	}
	for (size_t i = 0; i < request->write_count; i++) {
		size += vd_conflict_range_size(request->writes[i]);
	}
	for (size_t i = 0; i < request->precondition_count; i++) {
		size += vd_precondition_size(&request->preconditions[i]);
	}
	return size;
}

/* ---- Write conflict ranges ---- */

struct vd_write_walk vd_write_walk_of(
	const struct vd_request *request, struct vd_stamp stamp, struct vd_arena *arena)
{
	return (struct vd_write_walk){ .request = request, .stamp = stamp, .arena = arena };
}

static bool range_of_mutation(
	struct vd_write_walk *walk, const struct vd_mutation *mutation, struct vd_range *range)
{
	struct vd_bytes key = mutation->key;
	if (mutation->op == VD_OP_CLEAR_RANGE) {
		*range = vd_range_of(mutation->key, mutation->value);
		return true;
	}
	if (mutation->op == VD_OP_SET_SEQUENCED_KEY) {
		return vd_sequenced_range(walk->arena, mutation->key, range);
	}
	bool is_stamped = mutation->op == VD_OP_SET_VERSIONSTAMPED_KEY || mutation->is_stamped;
	if (is_stamped && !vd_stamp_place(walk->arena, mutation->key, walk->stamp, &key)) {
		return false;
	}
	return vd_range_of_key(walk->arena, key, range);
}

bool vd_write_walk_next(struct vd_write_walk *walk, struct vd_range *range)
{
	const struct vd_request *request = walk->request;
	while (!walk->failed && walk->next < request->mutation_count + request->write_count) {
		size_t i = walk->next++;
		if (i >= request->mutation_count) {
			*range = request->writes[i - request->mutation_count];
		} else if (request->mutations[i].no_write_conflict) {
			continue;
		} else if (!range_of_mutation(walk, &request->mutations[i], range)) {
			walk->failed = true;
			return false;
		}
		if (!vd_range_is_empty(*range)) {
			return true;
		}
	}
	return false;
}
