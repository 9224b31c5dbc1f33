/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_oracle.c: see resolve_oracle.h. */
#include "tests/fuzz/resolve_oracle.h"

#define COUNTER VD_BYTES("\xff/counter/")

/* ---- What is legal ---- */

/* Where `count` bytes go in the operand, whose last four bytes say it; SIZE_MAX: nowhere. */
static size_t place_of(struct vd_bytes operand, size_t count)
{
	if (operand.size < 4)
		return SIZE_MAX;
	const uint8_t *end = operand.data + operand.size - 4;
	uint64_t at = end[0] | end[1] << 8 | (uint64_t)end[2] << 16 | (uint64_t)end[3] << 24;
	return at + count <= operand.size - 4 ? (size_t)at : SIZE_MAX;
}

static int check_range(struct vd_range range, struct vd_bytes last, const struct vd_limits *limits)
{
	if (vd_bytes_compare(range.begin, range.end) > 0)
		return 2005;
	if (vd_bytes_compare(range.end, last) > 0)
		return 2004;
	return range.begin.size > limits->key_bytes + 1 || range.end.size > limits->key_bytes + 1 ? 2102 : 0;
}

static int check_pair(size_t key_bytes, bool is_user, size_t value_bytes, const struct vd_limits *limits)
{
	if (!is_user)
		return 2004;
	if (key_bytes > limits->key_bytes)
		return 2102;
	return value_bytes > limits->value_bytes ? 2103 : 0;
}

static bool is_user_key(struct vd_bytes key)
{
	return key.size == 0 || key.data[0] < 0xff;
}

static int check_sequenced(const struct vd_mutation *m, const struct vd_limits *limits)
{
	bool is_key = m->op == VD_OP_SET_SEQUENCED_KEY;
	size_t stamp = m->is_stamped ? place_of(is_key ? m->value : m->key, 10) : 0;
	if (!vd_bytes_has_prefix(m->counter, COUNTER))
		return 2004;
	if (m->counter.size > limits->key_bytes)
		return 2102;
	if (stamp == SIZE_MAX || (!is_key && place_of(m->value, 8) == SIZE_MAX))
		return 2000;
	size_t key_bytes = is_key ? m->key.size + 8 : m->key.size - (m->is_stamped ? 4 : 0);
	size_t value_bytes = m->value.size - (!is_key || m->is_stamped ? 4 : 0);
	bool is_user = is_user_key(m->key) || (!is_key && m->is_stamped && stamp == 0);
	return check_pair(key_bytes, is_user, value_bytes, limits);
}

static int check_mutation(const struct vd_mutation *m, struct vd_bytes last, const struct vd_limits *limits)
{
	size_t in_key = m->op == VD_OP_SET_VERSIONSTAMPED_KEY ? 4 : 0;
	size_t in_value = m->op == VD_OP_SET_VERSIONSTAMPED_VALUE ? 4 : 0;
	switch (m->op) {
	case VD_OP_SET_SEQUENCED_KEY:
	case VD_OP_SET_SEQUENCED_VALUE:
		return check_sequenced(m, limits);
	case VD_OP_CLEAR_RANGE:
		return m->counter.size > 0 || m->is_stamped
				   ? 2000
				   : check_range(vd_range_of(m->key, m->value), last, limits);
	case 0:
	case 1:
	case 2:
	case 6:
	case 7:
	case 8:
	case 9:
	case 12:
	case 13:
	case 14:
	case 15:
	case 16:
	case 17:
	case 20:
		break;
	default:
		return 2018;
	}
	if (m->counter.size > 0 || m->is_stamped || (m->op == VD_OP_CLEAR && m->value.size > 0))
		return 2000;
	if ((in_key > 0 && place_of(m->key, 10) == SIZE_MAX) ||
		(in_value > 0 && place_of(m->value, 10) == SIZE_MAX))
		return 2000;
	bool is_legal = vd_bytes_less(m->key, last) || (in_key > 0 && place_of(m->key, 10) == 0);
	return check_pair(m->key.size - in_key, is_legal, m->value.size - in_value, limits);
}

static int check_precondition(const struct vd_precondition *p, const struct vd_limits *limits)
{
	if (p->kind < 1 || p->kind > 4)
		return 2000;
	if (p->kind == VD_REQUIRE_EMPTY)
		return check_range(vd_range_of(p->key, p->value), VD_BYTES("\xff\xff"), limits);
	if (p->kind != VD_REQUIRE_VALUE && p->value.size > 0)
		return 2000;
	return check_pair(p->key.size, vd_bytes_less(p->key, VD_BYTES("\xff\xff")), p->value.size, limits);
}

static bool lock_is_legal(const struct vd_request *r)
{
	if (r->lock_change == 0)
		return r->lock.size == 0 && r->above_version == 0;
	return r->lock_change <= 2 && r->lock.size == 16 && r->is_lock_aware &&
		   (r->above_version == 0 || (r->lock_change == 1 && r->above_version <= (uint64_t)1 << 62));
}

int oracle_validate(const struct vd_request *request, const struct vd_limits *limits)
{
	struct vd_bytes last = request->is_lock_aware ? VD_BYTES("\xff\xff") : VD_BYTES("\xff");
	int code = 0;
	for (size_t i = 0; i < request->mutation_count && code == 0; i++)
		code = check_mutation(&request->mutations[i], last, limits);
	for (size_t i = 0; i < request->read_count && code == 0; i++)
		code = check_range(request->reads[i], VD_BYTES("\xff\xff"), limits);
	for (size_t i = 0; i < request->write_count && code == 0; i++)
		code = check_range(request->writes[i], last, limits);
	for (size_t i = 0; i < request->precondition_count && code == 0; i++)
		code = check_precondition(&request->preconditions[i], limits);
	return code == 0 && !lock_is_legal(request) ? 2000 : code;
}

/* ---- Who loses ---- */

static int judge_age(const struct oracle *oracle, const struct vd_request *request)
{
	bool is_ours = memcmp(request->read_term, oracle->term, VD_TERM_BYTES) == 0;
	bool is_before = memcmp(request->read_term, oracle->preceding_term, VD_TERM_BYTES) == 0;
	if (request->read_version < oracle->jump)
		return 1007;
	if (request->read_count == 0)
		return 0;
	if (request->read_version > oracle->newest)
		return 1009;
	bool is_good = is_ours ? request->read_version >= oracle->takeover
						   : is_before && request->read_version == oracle->takeover;
	return is_good ? 0 : 1007;
}

static void judge_conflict(
	const struct oracle *oracle, const struct vd_request *request, struct oracle_verdict *verdict)
{
	size_t lost = 0;
	for (size_t r = 0; r < request->read_count; r++) {
		struct vd_range read = request->reads[r];
		uint64_t highest = 0;
		for (size_t i = 0; i < oracle->write_count; i++) {
			struct vd_range write = oracle->writes[i].range;
			bool meets = vd_bytes_less(read.begin, write.end) && vd_bytes_less(write.begin, read.end) &&
						 vd_bytes_less(read.begin, read.end);
			if (meets && oracle->writes[i].version > highest)
				highest = oracle->writes[i].version;
		}
		if (highest <= request->read_version)
			continue;
		if (lost++ == 0) {
			verdict->code = 1020;
			verdict->lost = (uint32_t)r;
			verdict->lost_to = highest;
		}
	}
	if (lost > 0 && request->reports_conflicts)
		verdict->order = (uint16_t)((lost < VD_REQUEST_CONFLICTS_MAX ? lost : VD_REQUEST_CONFLICTS_MAX) - 1);
}

static bool holds(const struct naive *store, const struct vd_precondition *p)
{
	const struct vd_bytes *value = naive_get(store, p->key);
	if (p->kind != VD_REQUIRE_EMPTY)
		return p->kind == VD_REQUIRE_ABSENT    ? value == NULL
			   : p->kind == VD_REQUIRE_PRESENT ? value != NULL
											   : value != NULL && vd_bytes_equal(*value, p->value);
	for (size_t i = 0; i < store->count; i++)
		if (vd_bytes_compare(p->key, store->rows[i].key) <= 0 && vd_bytes_less(store->rows[i].key, p->value))
			return false;
	return true;
}

/* ---- Numbers and stamps ---- */

static struct vd_bytes number_bytes(struct vd_arena *arena, uint64_t number)
{
	uint8_t *bytes = vd_arena_alloc_bytes(arena, 8);
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> (56 - 8 * i));
	return vd_bytes_of(bytes, 8);
}

/* What a counter gives next; false: it holds no number, or the last one was given. */
static bool counter_next(const struct naive *store, struct vd_bytes counter, uint64_t *next)
{
	const struct vd_bytes *value = naive_get(store, counter);
	*next = 0;
	for (size_t i = 0; value != NULL && i < value->size; i++)
		*next = *next << 8 | value->data[i];
	return value == NULL || (value->size == 8 && *next <= INT64_MAX);
}

static void judge_counters(
	struct oracle *oracle, const struct vd_request *request, struct oracle_verdict *verdict)
{
	for (size_t i = 0; i < request->mutation_count && verdict->code == 0; i++) {
		const struct vd_mutation *m = &request->mutations[i];
		bool is_key = m->op == VD_OP_SET_SEQUENCED_KEY;
		uint64_t given = 0;
		uint64_t next;
		for (size_t k = 0; k < i; k++)
			given += request->mutations[k].op == VD_OP_SET_SEQUENCED_KEY &&
					 vd_bytes_equal(request->mutations[k].counter, m->counter);
		if (m->op == VD_OP_SET_SEQUENCED_VALUE && given == 0)
			verdict->code = 2000;
		else if (is_key && (!counter_next(&oracle->store, m->counter, &next) || next + given >= INT64_MAX))
			verdict->code = 7006;
		else if (is_key && given == 0)
			verdict->numbers[verdict->counter_count++] = next;
	}
	if (verdict->code != 0)
		verdict->counter_count = 0;
}

static struct vd_bytes filled(struct vd_arena *arena, struct vd_bytes operand, struct vd_bytes filling)
{
	uint8_t *bytes = vd_arena_alloc_bytes(arena, operand.size);
	memcpy(bytes, operand.data, operand.size);
	memcpy(bytes + place_of(operand, filling.size), filling.data, filling.size);
	return vd_bytes_of(bytes, operand.size - 4);
}

static struct vd_bytes joined(struct vd_arena *arena, struct vd_bytes a, struct vd_bytes b)
{
	struct vd_bytes both;
	VD_ASSERT(vd_bytes_concat(arena, a, b, &both));
	return both;
}

/* ---- What a winner does ---- */

static void note_write(struct oracle *oracle, struct vd_range range, uint64_t version)
{
	struct vd_range copy;
	if (!vd_bytes_less(range.begin, range.end))
		return;
	VD_ASSERT(oracle->write_count < ORACLE_WRITES_MAX);
	VD_ASSERT(vd_bytes_dup(&oracle->arena, range.begin, &copy.begin) &&
			  vd_bytes_dup(&oracle->arena, range.end, &copy.end));
	oracle->writes[oracle->write_count].range = copy;
	oracle->writes[oracle->write_count++].version = version;
}

static void note_key(struct oracle *oracle, struct vd_bytes key, uint64_t version)
{
	note_write(oracle, vd_range_of(key, joined(&oracle->arena, key, VD_BYTES("\0"))), version);
}

static void do_mutation(
	struct oracle *oracle, const struct vd_mutation *given, struct vd_bytes stamp, uint64_t version)
{
	struct vd_arena *arena = &oracle->arena;
	struct vd_mutation m = *given;
	bool is_key = m.op == VD_OP_SET_SEQUENCED_KEY;
	bool is_sequenced = is_key || m.op == VD_OP_SET_SEQUENCED_VALUE;
	uint64_t next = 0;
	if (is_sequenced) {
		VD_ASSERT(counter_next(&oracle->store, m.counter, &next));
		struct vd_bytes number = number_bytes(arena, is_key ? next : next - 1);
		m.key = is_key ? joined(arena, m.key, number) : m.key;
		m.value = is_key ? m.value : filled(arena, m.value, number);
		m.op = VD_OP_SET;
	}
	if (is_key)
		naive_set(&oracle->store, joined(arena, m.counter, VD_BYTES("")), number_bytes(arena, next + 1));
	if (is_sequenced)
		note_key(oracle, m.counter, version);
	if (given->op == VD_OP_SET_VERSIONSTAMPED_KEY || (given->is_stamped && !is_key))
		m.key = filled(arena, m.key, stamp);
	if (given->op == VD_OP_SET_VERSIONSTAMPED_VALUE || (given->is_stamped && is_key))
		m.value = filled(arena, m.value, stamp);
	m.op = m.op == VD_OP_SET_VERSIONSTAMPED_KEY || m.op == VD_OP_SET_VERSIONSTAMPED_VALUE ? VD_OP_SET : m.op;
	m.key = joined(arena, m.key, VD_BYTES("")); /* a request goes with its batch */
	m.value = joined(arena, m.value, VD_BYTES(""));
	naive_apply(&oracle->store, arena, &m, VD_LIMITS_DEFAULT.value_bytes);
	if (m.no_write_conflict)
		return;
	if (m.op == VD_OP_CLEAR_RANGE)
		note_write(oracle, vd_range_of(m.key, m.value), version);
	else
		note_key(oracle, m.key, version);
}

/* ---- The lock ---- */

static bool writes_system(const struct vd_request *request)
{
	bool does = false;
	for (size_t i = 0; i < request->mutation_count; i++) {
		const struct vd_mutation *m = &request->mutations[i];
		bool is_range = m->op == VD_OP_CLEAR_RANGE;
		bool is_ours = m->op == VD_OP_SET_SEQUENCED_KEY || m->op == VD_OP_SET_SEQUENCED_VALUE ||
					   (m->op == VD_OP_SET_VERSIONSTAMPED_KEY && place_of(m->key, 10) == 0);
		does |= is_range ? vd_bytes_less(VD_BYTES("\xff"), m->value) : !is_ours && !is_user_key(m->key);
	}
	for (size_t i = 0; i < request->write_count; i++)
		does |= vd_bytes_less(VD_BYTES("\xff"), request->writes[i].end);
	return does;
}

static int judge_lock(const struct oracle *oracle, const struct vd_request *r)
{
	bool is_another = r->lock_change != 0 && memcmp(r->lock.data, oracle->lock, sizeof oracle->lock) != 0;
	if (oracle->is_locked)
		return !r->is_lock_aware || is_another ? 1038 : 0;
	return r->is_lock_aware && r->lock_change != 1 && writes_system(r) ? 2004 : 0;
}

void oracle_decide(struct oracle *oracle, const struct vd_request *request, uint64_t version, uint16_t order,
	struct oracle_verdict *verdict)
{
	uint8_t stamp[10];
	*verdict = (struct oracle_verdict){ .code = judge_lock(oracle, request) };
	if (verdict->code == 0)
		verdict->code = judge_age(oracle, request);
	if (verdict->code == 0)
		judge_conflict(oracle, request, verdict);
	for (size_t i = 0; i < request->precondition_count && verdict->code == 0; i++)
		verdict->code = holds(&oracle->store, &request->preconditions[i]) ? 0 : 7001;
	judge_counters(oracle, request, verdict);
	if (verdict->code != 0)
		return;
	verdict->order = order;
	if (request->lock_change != 0) {
		oracle->is_locked = request->lock_change == 1;
		memcpy(oracle->lock, request->lock.data, sizeof oracle->lock);
	}
	memcpy(stamp, number_bytes(&oracle->arena, version).data, 8);
	stamp[8] = (uint8_t)(order >> 8);
	stamp[9] = (uint8_t)order;
	for (size_t i = 0; i < request->mutation_count; i++)
		do_mutation(oracle, &request->mutations[i], vd_bytes_of(stamp, sizeof stamp), version);
	for (size_t i = 0; i < request->write_count; i++)
		note_write(oracle, request->writes[i], version);
}
