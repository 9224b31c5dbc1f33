/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_serial_property.c: whatever batches, copies, failures and elections there are, the resolver does what
 * one who takes the winners one after the other would do.
 *
 * A pretended database holds the queue, kv, outcomes, tombstones and low-waters, and fences as the migration does. Steps:
 * submit (also copies, other content under the same identity, strangers, nonsense), claim, load, base, resolve,
 * publish or refuse, discard, cancel, acknowledge, let time pass, reload, take office. Judged against
 * resolver_model.h: each fate, verdict, order and conflicting range; each reply; the write set's effect; and in
 * the end, that nothing is left in the queue.
 */
#include "common/kv/codec.h"
#include "resolver/memory.h"
#include "tests/property/resolver_model.h"

#include <stdio.h>
#include <stdlib.h>

enum { CLIENTS = 3, ROWS_MAX = 2000, LATE = 5000000 };

struct row {
	struct vd_claim claim;
	unsigned client; /* CLIENTS: a stranger */
	bool is_waiting; /* in the queue */
	bool is_nonsense;
	struct vd_request request;
};

struct turn {
	struct vd_batch *batch;
	enum { CLAIMED, LOADED, BASED, RESOLVED } phase;
	struct model_store before;
	struct model_store after;
};

struct outcome {
	unsigned client;
	uint64_t first, last, version;
	struct vd_bytes entries, details;
};

static struct vd_memory *memory; /* one for all cases: taking office begins anew */
static struct model model;
static struct model_store stored; /* what is committed */
static struct turn turns[2];
static unsigned turn_count;
static struct row rows[ROWS_MAX];
static unsigned row_count;
static struct outcome outcomes[MODEL_LIST_MAX];
static unsigned outcome_count;
static uint64_t next_sequence[CLIENTS];
static uint64_t low_water[CLIENTS];    /* in the database */
static uint64_t acknowledged[CLIENTS]; /* the most that was ever said */
static int64_t now_us;
static uint64_t base_floor;
static uint64_t told_version; /* the watermark */
static struct {
	uint64_t version;
	int64_t at_us;
} history[MODEL_LIST_MAX];
static unsigned history_count;

#define FAIL(...)   return property_fail(model.c, __VA_ARGS__)
#define LLU(number) ((unsigned long long)(number))

static struct vd_client_id id_of(unsigned client)
{
	return (struct vd_client_id){ { (uint8_t)(client + 1), 7 } };
}

static unsigned client_of(const struct vd_client_id *id)
{
	return id->bytes[0] - 1u;
}

static void now_newest(uint64_t version)
{
	told_version = version;
	VD_ASSERT(history_count < MODEL_LIST_MAX);
	history[history_count].version = version;
	history[history_count++].at_us = now_us;
}

/* ---- Requests ---- */

static struct vd_range draw_range(struct property_case *c)
{
	struct vd_range range;
	struct vd_bytes a = property_key(c, 3);
	struct vd_bytes b = property_key(c, 3);
	if (property_chance(c, 60))
		VD_ASSERT(vd_range_of_key(&c->arena, a, &range));
	else
		range = vd_range_of(vd_bytes_min(a, b), vd_bytes_max(a, b));
	return range;
}

static struct vd_bytes counter_of(unsigned which)
{
	static const char *const counters[] = { "\xff/counter/a", "\xff/counter/b", "\xff/counter/odd",
		"\xff/counter/last" };
	return vd_bytes_of_string(counters[which]);
}

static struct vd_bytes draw_operand(struct property_case *c, const char *head)
{
	uint8_t *bytes = vd_arena_alloc_bytes(&c->arena, 32);
	size_t size = strlen(head);
	memcpy(bytes, head, size);
	memset(bytes + size, '.', 11);
	size_t at = size + property_below(c, 2);
	memcpy(bytes + size + 11, (uint8_t[]){ (uint8_t)at, 0, 0, 0 }, 4);
	return vd_bytes_of(bytes, size + 15);
}

static struct vd_mutation draw_mutation(struct property_case *c)
{
	static const uint32_t ops[] = { VD_OP_SET, VD_OP_SET, VD_OP_CLEAR, VD_OP_CLEAR_RANGE, VD_OP_ADD,
		VD_OP_ADD, VD_OP_BYTE_MAX, VD_OP_COMPARE_AND_CLEAR, VD_OP_SET_VERSIONSTAMPED_KEY,
		VD_OP_SET_VERSIONSTAMPED_VALUE, VD_OP_SET_SEQUENCED_KEY, VD_OP_SET_SEQUENCED_KEY,
		VD_OP_SET_SEQUENCED_KEY, VD_OP_SET_SEQUENCED_VALUE };
	struct vd_mutation mutation = { .op = ops[property_below(c, VD_COUNT(ops))],
		.no_write_conflict = property_chance(c, 10),
		.key = property_key(c, 3),
		.value = property_value(c, 3) };
	if (mutation.op == VD_OP_CLEAR) {
		mutation.value = VD_BYTES("");
	} else if (mutation.op == VD_OP_CLEAR_RANGE) {
		struct vd_range range = draw_range(c);
		mutation.key = range.begin;
		mutation.value = range.end;
	} else if (mutation.op == VD_OP_SET_VERSIONSTAMPED_KEY) {
		mutation.key = draw_operand(c, "a");
	} else if (mutation.op == VD_OP_SET_VERSIONSTAMPED_VALUE) {
		mutation.value = draw_operand(c, "");
	} else if (mutation.op == VD_OP_SET_SEQUENCED_KEY || mutation.op == VD_OP_SET_SEQUENCED_VALUE) {
		mutation.counter =
			counter_of(property_chance(c, 97) ? property_below(c, 2) : 2 + property_below(c, 2));
		mutation.is_stamped = property_chance(c, 30);
		bool is_key = mutation.op == VD_OP_SET_SEQUENCED_KEY;
		if (mutation.is_stamped && is_key)
			mutation.value = draw_operand(c, "");
		else if (mutation.is_stamped)
			mutation.key = draw_operand(c, "a");
		if (!is_key)
			mutation.value = draw_operand(c, "n");
	}
	return mutation;
}

/* Mostly what is so now, that some hold: but the batches before may change it. */
static struct vd_precondition draw_precondition(struct property_case *c)
{
	struct vd_precondition precondition = { .kind = 1 + property_below(c, 4),
		.key = property_chance(c, 10) ? counter_of(property_below(c, 2)) : property_key(c, 3) };
	const struct vd_bytes *value = model_find(&stored, precondition.key);
	if (precondition.kind == VD_REQUIRE_EMPTY) {
		struct vd_range range = draw_range(c);
		precondition.key = range.begin;
		precondition.value = range.end;
	} else if (property_chance(c, 60)) {
		precondition.kind = value != NULL ? VD_REQUIRE_PRESENT : VD_REQUIRE_ABSENT;
	} else if (precondition.kind == VD_REQUIRE_VALUE) {
		precondition.value = value != NULL && property_chance(c, 70) ? *value : property_value(c, 3);
	}
	return precondition;
}

static struct vd_request draw_request(struct property_case *c)
{
	struct vd_request request = { .read_count = property_below(c, property_chance(c, 30) ? 5 : 3),
		.reports_conflicts = property_chance(c, 50),
		.write_count = property_chance(c, 20) ? 1 : 0,
		.mutation_count = 1 + property_below(c, 4),
		.precondition_count = property_chance(c, 40) ? property_below(c, 3) : 0 };
	struct vd_range *reads = vd_arena_array(&c->arena, MODEL_READS_MAX, sizeof *reads);
	struct vd_range *writes = vd_arena_array(&c->arena, 1, sizeof *writes);
	struct vd_mutation *mutations = vd_arena_array(&c->arena, 4, sizeof *mutations);
	for (size_t i = 0; i < request.read_count; i++)
		reads[i] = draw_range(c);
	if (request.read_count > 0 && property_chance(c, 10))
		VD_ASSERT(vd_range_of_key(&c->arena, counter_of(property_below(c, 2)), &reads[0]));
	struct vd_precondition *preconditions = vd_arena_array(&c->arena, 2, sizeof *preconditions);
	for (size_t i = 0; i < request.precondition_count; i++)
		preconditions[i] = draw_precondition(c);
	request.preconditions = preconditions;
	writes[0] = draw_range(c);
	for (size_t i = 0; i < request.mutation_count; i++)
		mutations[i] = draw_mutation(c);
	request.reads = reads;
	request.writes = writes;
	request.mutations = mutations;
	memcpy(request.read_term, model.term, VD_TERM_BYTES);
	/* mostly what a snapshot of now or of a little earlier shows */
	uint64_t newest = vd_memory_newest(memory);
	unsigned draw = property_below(c, 20);
	if (draw < 10)
		request.read_version = told_version;
	else if (draw < 16)
		request.read_version =
			history[history_count - 1 - property_below(c, history_count < 6 ? history_count : 6)].version;
	else if (draw < 17)
		request.read_version = newest + property_below(c, 2);
	else if (draw < 18)
		request.read_version = model.jump - property_below(c, 2);
	else
		request.read_version = model.takeover + property_below(c, 2);
	if (draw == 19 || property_chance(c, 5))
		memcpy(request.read_term, model.preceding, VD_TERM_BYTES);
	if (property_chance(c, 3))
		memset(request.read_term, 0xee, VD_TERM_BYTES);
	return request;
}

static bool is_queued(unsigned client, uint64_t sequence)
{
	for (unsigned i = 0; i < row_count; i++)
		if (rows[i].is_waiting && rows[i].client == client && rows[i].claim.sequence == sequence)
			return true;
	return false;
}

static void step_submit(struct property_case *c)
{
	VD_ASSERT(row_count < ROWS_MAX);
	struct row *row = &rows[row_count];
	*row = (struct row){ .client = property_below(c, CLIENTS), .is_waiting = true };
	const struct row *old =
		row_count > 0 && property_chance(c, 25) ? &rows[property_below(c, row_count)] : NULL;
	bool is_other = property_chance(c, 20);
	row->request = draw_request(c);
	VD_ASSERT(vd_request_encode(&c->arena, &row->request, &row->claim.payload));
	if (property_chance(c, 5)) {
		row->is_nonsense = true;
		row->claim.payload = VD_BYTES("\xff\xff");
	}
	if (old != NULL && old->client < CLIENTS) {
		row->client = old->client;
		row->claim.sequence = old->claim.sequence;
		if (!is_other) {
			row->is_nonsense = old->is_nonsense;
			row->request = old->request;
			row->claim.payload = old->claim.payload;
		}
	} else {
		row->claim.sequence = ++next_sequence[row->client];
	}
	if (is_queued(row->client, row->claim.sequence))
		return;
	uint64_t told = low_water[row->client];
	for (const struct model_verdict *v;
		 (v = model_verdict_of(&model, row->client, told + 1)) != NULL && v->is_durable;)
		told++;
	if (told >= row->claim.sequence)
		told = row->claim.sequence - 1;
	if (property_chance(c, 50))
		row->claim.acknowledged = told;
	if (row->claim.acknowledged > acknowledged[row->client])
		acknowledged[row->client] = row->claim.acknowledged;
	row->claim.client = id_of(row->client);
	row->claim.generation = 1000 + (int64_t)row->client;
	if (old == NULL && property_chance(c, 3)) {
		next_sequence[row->client]--;
		row->client = CLIENTS;
		row->claim.sequence = row_count + 1u;
		row->claim.acknowledged = 0;
		if (property_chance(c, 50))
			row->claim.client = id_of(CLIENTS);
		else
			row->claim.generation = 5;
	}
	row->claim.token = 0xabc0000000000000u + row_count;
	row->claim.arrival = ++row_count;
	property_tell(c, "submit %llu: client %u, number %llu, reads at %llu", LLU(row->claim.arrival),
		row->client, LLU(row->claim.sequence), LLU(row->request.read_version));
}

static const struct row *row_of(const struct vd_item *item)
{
	return &rows[item->arrival - 1];
}

/* ---- One turn ---- */

static void step_open(struct property_case *c)
{
	unsigned most = 1 + property_below(c, 12);
	struct vd_batch *batch = vd_memory_open(memory);
	if (batch == NULL)
		return;
	for (unsigned i = 0; i < row_count && batch->count < most; i++) {
		bool is_taken = turn_count > 0 && vd_batch_has(turns[0].batch, rows[i].claim.arrival);
		if (rows[i].is_waiting && !is_taken)
			VD_ASSERT(vd_batch_add(batch, &rows[i].claim));
	}
	if (batch->count == 0) {
		vd_memory_close(memory, batch);
		return;
	}
	turns[turn_count].batch = batch;
	turns[turn_count++].phase = CLAIMED;
	property_tell(c, "claim %u, from arrival %llu", batch->count, LLU(batch->items[0].arrival));
}

static bool load_client(const struct vd_client_id *id)
{
	unsigned client = client_of(id);
	if (client >= CLIENTS)
		return true;
	vd_clients_load(&memory->clients, id, 1000 + (int64_t)client, 0xab00 + client, low_water[client], now_us);
	for (unsigned i = 0; i < outcome_count; i++)
		if (outcomes[i].client == client &&
			!vd_clients_load_outcome(&memory->clients, id, outcomes[i].first, outcomes[i].version,
				outcomes[i].entries, outcomes[i].details))
			FAIL("an outcome row is not understood");
	for (size_t i = 0; i < model.verdict_count; i++) {
		struct model_verdict *verdict = &model.verdicts[i];
		if (verdict->client == client && verdict->is_tombstone && verdict->sequence > low_water[client]) {
			vd_clients_load_tombstone(&memory->clients, id, verdict->sequence);
			/* what a batch under way says of it stands until the fence has refused that batch */
			verdict->is_seen |= model_verdict_of(&model, client, verdict->sequence) == verdict;
		}
	}
	return true;
}

static bool turn_load(struct turn *turn, bool is_broken)
{
	size_t count;
	const struct vd_client_id *missing = vd_memory_missing(memory, turn->batch, now_us, &count);
	for (size_t i = 0; i < count; i++) {
		if (is_broken && i == count - 1) /* the read broke off: it is begun again later */
			return true;
		if (!load_client(&missing[i]))
			return false;
	}
	vd_memory_loaded(memory, turn->batch, now_us);
	turn->phase = LOADED;
	return true;
}

/* The first keys of a stretch in key order, as the leader's statement finds them. */
static void supply_stretch(struct vd_batch *batch, size_t stretch)
{
	struct vd_bytes from = batch->stretch_begins[stretch];
	for (int64_t n = 0; n < batch->stretch_limits[stretch]; n++) {
		const struct vd_bytes *next = NULL;
		for (unsigned i = 0; i < stored.count; i++) {
			const struct vd_bytes *key = &stored.pairs[i].key;
			bool is_in = vd_bytes_compare(from, *key) <= 0 && (n == 0 || !vd_bytes_equal(from, *key)) &&
						 vd_bytes_less(*key, batch->stretch_ends[stretch]);
			if (is_in && (next == NULL || vd_bytes_less(*key, *next)))
				next = key;
		}
		if (next == NULL)
			return;
		from = *next;
		vd_memory_supply_key(memory, batch, from);
	}
}

static void turn_base(struct turn *turn)
{
	vd_memory_base(memory, turn->batch);
	/* read at once, or when the batch before has landed meanwhile: the same in both cases */
	for (size_t i = 0; i < turn->batch->base_count; i++) {
		const struct vd_bytes *value = model_find(&stored, turn->batch->base_keys[i]);
		if (value != NULL)
			vd_memory_supply(memory, turn->batch, turn->batch->base_keys[i], *value);
	}
	for (size_t i = 0; i < turn->batch->stretch_count; i++)
		supply_stretch(turn->batch, i);
	turn->phase = BASED;
}

static bool judge_known(const struct vd_item *item, const struct row *row, const struct model_verdict *known)
{
	const struct vd_known *got = &item->verdict;
	bool is_same = known->is_tombstone || vd_bytes_equal(known->payload, row->claim.payload);
	if (item->fate == VD_FATE_DROPPED)
		return row->claim.sequence <= acknowledged[row->client]
				   ? true
				   : property_fail(model.c, "a known one was dropped");
	if (item->fate != (is_same ? VD_FATE_REPEATED : VD_FATE_DENIED))
		FAIL("arrival %lld: fate %d of a known one", (long long)item->arrival, (int)item->fate);
	if (!is_same)
		return got->code == 2000 ? true : property_fail(model.c, "denied with %d", got->code);
	unsigned order = known->code == 1020 ? known->further_count : known->order;
	if (got->code != known->code || got->version != known->version || got->order != order ||
		got->detail_range != known->range || got->detail_version != known->lost_to)
		FAIL("arrival %lld: repeated as %d at %llu, was %d at %llu", (long long)item->arrival, got->code,
			LLU(got->version), known->code, LLU(known->version));
	return true;
}

/* Judged and stored alike: what lost beyond the first range. */
static bool judge_further(const struct vd_item *item, const struct model_verdict *verdict)
{
	if (item->verdict.order != verdict->further_count)
		FAIL("arrival %lld: %u further ranges lost, should be %u", (long long)item->arrival,
			item->verdict.order, verdict->further_count);
	for (unsigned i = 0; i < verdict->further_count; i++)
		if (item->lost[i].range != model.further[i].range ||
			item->lost[i].version != model.further[i].lost_to)
			FAIL("arrival %lld: range %u lost to %llu, should be %u to %llu", (long long)item->arrival,
				item->lost[i].range, LLU(item->lost[i].version), model.further[i].range,
				LLU(model.further[i].lost_to));
	return true;
}

static bool judge_new(struct turn *turn, const struct vd_item *item, const struct row *row, unsigned *winners)
{
	struct model_verdict verdict = { .client = row->client,
		.sequence = row->claim.sequence,
		.payload = row->claim.payload,
		.version = turn->batch->version };
	if (item->fate == VD_FATE_WAITING) {
		unsigned known = 0;
		for (size_t i = 0; i < model.verdict_count; i++)
			known += model.verdicts[i].client == row->client;
		return known >= memory->clients.limit_known ? true : property_fail(model.c, "waits without need");
	}
	if (item->fate != VD_FATE_DECIDED)
		FAIL("arrival %lld: fate %d of a new one", (long long)item->arrival, (int)item->fate);
	if (row->is_nonsense)
		verdict.code = 2000;
	else
		model_judge(&model, &turn->after, &row->request, &verdict);
	const struct vd_known *got = &item->verdict;
	if (verdict.code == 0)
		model_count(&model, &turn->after, &row->request, &verdict);
	for (uint32_t i = 0; verdict.code == 0 && got->code == 0 && i < verdict.range; i++)
		if (got->detail_range == verdict.range && item->numbers[i] != model.numbers[i])
			FAIL("arrival %lld: counter %u gave %llu first, should be %llu", (long long)item->arrival, i,
				LLU(item->numbers[i]), LLU(model.numbers[i]));
	if (verdict.code == 0) {
		verdict.order = (*winners)++;
		model_do(&model, &turn->after, &row->request, verdict.version, verdict.order);
	}
	if (verdict.code == 1020 && !judge_further(item, &verdict))
		return false;
	if (got->code != verdict.code || (verdict.code != 1020 && got->order != verdict.order) ||
		got->version != verdict.version || got->detail_range != verdict.range ||
		got->detail_version != verdict.lost_to)
		FAIL("arrival %lld: verdict %d order %u range %u lost to %llu, should be %d %u %u %llu",
			(long long)item->arrival, got->code, got->order, got->detail_range, LLU(got->detail_version),
			verdict.code, verdict.order, verdict.range, LLU(verdict.lost_to));
	VD_ASSERT(model.verdict_count < MODEL_LIST_MAX);
	model.verdicts[model.verdict_count++] = verdict;
	return true;
}

static bool judge(struct turn *turn)
{
	unsigned winners = 0;
	for (uint32_t i = 0; i < turn->batch->count; i++) {
		const struct vd_item *item = &turn->batch->items[i];
		const struct row *row = row_of(item);
		if (row->client == CLIENTS) {
			if (item->fate != VD_FATE_DROPPED)
				FAIL("a stranger was answered");
			continue;
		}
		const struct model_verdict *known = model_verdict_of(&model, row->client, row->claim.sequence);
		/* a tombstone that the leader has not read: it judges, and the fence will refuse */
		bool is_hidden = known != NULL && known->is_tombstone && !known->is_seen;
		bool is_judged = item->fate == VD_FATE_DECIDED || item->fate == VD_FATE_WAITING;
		if (!(known == NULL || (is_hidden && is_judged) ? judge_new(turn, item, row, &winners)
														: judge_known(item, row, known)))
			return false;
	}
	return true;
}

/* ---- What a resolved batch sends ---- */

static bool has_reply(const struct vd_batch *batch, const struct vd_item *item)
{
	unsigned found = 0;
	char entry[256];
	char head[64];
	const struct vd_known *verdict = &item->verdict;
	bool is_conflict = verdict->code == 1020;
	char further[128] = "";
	size_t used = 0;
	if (is_conflict && verdict->order > 0)
		snprintf(further, sizeof further, ":%u", verdict->order);
	if (verdict->code == 0 && verdict->detail_range > 1)
		used = (size_t)snprintf(further, sizeof further, ":%u", verdict->detail_range - 1);
	for (uint32_t i = 1; item->fate == VD_FATE_DECIDED && i < verdict->detail_range && used > 0; i++)
		used += (size_t)snprintf(further + used, sizeof further - used, ":%llu", LLU(item->numbers[i]));
	snprintf(entry, sizeof entry, " %llu:%016llx:%u:%llu:%llu%s", LLU(item->sequence), LLU(item->token),
		verdict->code, LLU(is_conflict ? verdict->detail_range : verdict->order),
		LLU(verdict->detail_version), further);
	snprintf(head, sizeof head, "r1 %llu ", LLU(verdict->version));
	for (size_t i = 0; i < batch->reply_count; i++) {
		const char *text = (const char *)batch->replies[i].payload.data;
		const char *at = strstr(text, entry);
		if (at != NULL && (at[strlen(entry)] == ' ' || at[strlen(entry)] == 0)) {
			if (strncmp(text, head, strlen(head)) != 0 ||
				batch->replies[i].reply != 0xab00u + row_of(item)->client)
				return false;
			found++;
		}
	}
	return found == 1;
}

static bool check_sent(const struct vd_batch *batch)
{
	size_t arrivals = 0;
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct vd_item *item = &batch->items[i];
		bool is_told = item->fate != VD_FATE_DROPPED && item->fate != VD_FATE_WAITING;
		if (is_told && !has_reply(batch, item))
			FAIL("arrival %lld has no reply", (long long)item->arrival);
		if (item->fate != VD_FATE_WAITING &&
			(arrivals == batch->rows.arrival_count || batch->rows.arrivals[arrivals++] != item->arrival))
			FAIL("the queue rows are not those that were resolved");
	}
	return arrivals == batch->rows.arrival_count ? true : property_fail(model.c, "too many queue rows");
}

static void turns_shift(unsigned place)
{
	if (place == 0)
		turns[0] = turns[1];
	turn_count--;
}

static bool turn_resolve(struct turn *turn)
{
	unsigned place = (unsigned)(turn - turns);
	model.newest = vd_memory_newest(memory);
	model.floor = vd_window_floor(memory->resolver.window);
	turn->before = turn->after = place == 0 ? stored : turns[place - 1].after;
	VD_ASSERT(vd_memory_resolve(memory, turn->batch, true, now_us));
	property_tell(
		model.c, "resolve as version %llu on %llu", LLU(turn->batch->version), LLU(turn->batch->from));
	if (turn->batch->version <= model.newest)
		FAIL("the version does not rise");
	if (!judge(turn) || !check_sent(turn->batch))
		return false;
	if (turn->batch->state == VD_BATCH_CLAIMED) { /* all wait */
		vd_memory_close(memory, turn->batch);
		turns_shift(place);
	} else {
		turn->phase = RESOLVED;
	}
	return true;
}

static bool step_advance(struct property_case *c)
{
	bool is_broken = property_chance(c, 10);
	for (unsigned i = 0; i < turn_count; i++) {
		struct turn *turn = &turns[i];
		if (turn->phase == RESOLVED || (i > 0 && turn->phase == LOADED && turns[i - 1].phase != RESOLVED))
			continue;
		if (turn->phase == CLAIMED)
			return turn_load(turn, is_broken);
		if (turn->phase == LOADED)
			turn_base(turn);
		else
			return turn_resolve(turn);
		return true;
	}
	return true;
}

/* ---- The database's side ---- */

static bool fence_refuses(const struct vd_batch_rows *sent)
{
	for (size_t i = 0; i < sent->client_count; i++)
		if (low_water[client_of(&sent->clients[i])] >= (uint64_t)sent->firsts[i])
			return true;
	for (size_t i = 0; i < sent->sequence_count; i++)
		for (size_t k = 0; k < model.verdict_count; k++)
			if (model.verdicts[k].is_tombstone &&
				model.verdicts[k].sequence == (uint64_t)sent->sequences[i] &&
				model.verdicts[k].client == client_of(&sent->clients[sent->owners[i] - 1]))
				return true;
	return false;
}

static void forget_told(unsigned client, uint64_t up_to)
{
	if (low_water[client] < up_to)
		low_water[client] = up_to;
	for (unsigned i = outcome_count; i-- > 0;)
		if (outcomes[i].client == client && outcomes[i].last <= up_to)
			outcomes[i] = outcomes[--outcome_count];
}

static bool apply(const struct turn *turn)
{
	const struct vd_batch *batch = turn->batch;
	const struct vd_batch_writes *writes = &batch->writes;
	for (size_t i = 0; i < writes->range_count; i++)
		model_clear(&stored, vd_range_of(writes->range_begins[i], writes->range_ends[i]));
	for (size_t i = 0; i < writes->delete_count; i++)
		model_put(&stored, writes->deletes[i], NULL);
	for (size_t i = 0; i < writes->upsert_count; i++) {
		struct vd_bytes value = model_copy(&model, writes->upsert_values[i]);
		model_put(&stored, model_copy(&model, writes->upsert_keys[i]), &value);
	}
	if (!model_same(&stored, &turn->after))
		FAIL("the write set of version %llu does not do what its winners do", LLU(batch->version));
	const struct vd_batch_rows *sent = &batch->rows;
	for (size_t i = 0; i < sent->client_count; i++)
		outcomes[outcome_count++] = (struct outcome){ .client = client_of(&sent->clients[i]),
			.first = (uint64_t)sent->firsts[i],
			.last = (uint64_t)sent->lasts[i],
			.version = (uint64_t)sent->versions[i],
			.entries = model_copy(&model, sent->entries[i]),
			.details = model_copy(&model, sent->details[i]) };
	for (size_t i = 0; i < sent->forget_count; i++)
		forget_told(client_of(&sent->forget_clients[i]), (uint64_t)sent->forget_low_waters[i]);
	for (size_t i = 0; i < sent->arrival_count; i++)
		rows[sent->arrivals[i] - 1].is_waiting = false;
	for (size_t i = 0; i < model.verdict_count; i++)
		model.verdicts[i].is_durable |= model.verdicts[i].version == batch->version;
	now_newest(batch->version);
	return true;
}

static void discard(unsigned place)
{
	for (unsigned i = place; i < turn_count; i++) {
		if (turns[i].phase == RESOLVED)
			model_undo(&model, turns[i].batch->version);
		turns[i].phase = CLAIMED;
	}
	vd_memory_discard(memory, turns[place].batch, now_us);
}

static bool step_land(void)
{
	if (turn_count == 0 || turns[0].phase != RESOLVED)
		return true;
	struct vd_batch *batch = turns[0].batch;
	if (fence_refuses(&batch->rows)) {
		property_tell(model.c, "version %llu is refused", LLU(batch->version));
		discard(0);
		vd_memory_forget_clients(memory, batch);
		return true;
	}
	property_tell(model.c, "version %llu lands", LLU(batch->version));
	if (!apply(&turns[0]))
		return false;
	vd_memory_publish(memory, batch, now_us);
	turns_shift(0);
	return true;
}

static void step_fail(struct property_case *c)
{
	unsigned place = property_below(c, 2);
	bool is_closed = property_chance(c, 50);
	if (place >= turn_count)
		return;
	property_tell(c, "batch %u fails", place);
	discard(place);
	while (is_closed && turn_count > place)
		vd_memory_close(memory, turns[--turn_count].batch);
}

static void step_cancel(struct property_case *c)
{
	unsigned draw = row_count == 0 ? 0 : property_below(c, row_count);
	if (row_count == 0 || rows[draw].client == CLIENTS)
		return;
	unsigned client = rows[draw].client;
	uint64_t sequence = rows[draw].claim.sequence;
	for (unsigned i = 0; i < row_count; i++)
		if (rows[i].client == client && rows[i].claim.sequence == sequence)
			rows[i].is_waiting = false;
	const struct model_verdict *known = model_verdict_of(&model, client, sequence);
	if (sequence <= low_water[client] || (known != NULL && (known->is_durable || known->is_tombstone)))
		return;
	property_tell(c, "cancel client %u, number %llu", client, LLU(sequence));
	model.verdicts[model.verdict_count++] = (struct model_verdict){
		.client = client, .sequence = sequence, .code = 1025, .is_durable = true, .is_tombstone = true
	};
}

static void step_acknowledge(struct property_case *c, bool is_known)
{
	unsigned client = property_below(c, CLIENTS);
	uint64_t told = low_water[client];
	for (const struct model_verdict *v;
		 (v = model_verdict_of(&model, client, told + 1)) != NULL && v->is_durable;)
		told++;
	forget_told(client, told);
	if (told > acknowledged[client])
		acknowledged[client] = told;
	struct vd_client_id id = id_of(client);
	if (is_known)
		vd_memory_acknowledged(memory, &id, 1000 + (int64_t)client, told, now_us);
}

/* The leader loses its memory: by a version that it did not expect, or because another one takes office. The oldest
 * batch may have landed, although nobody knows. */
static bool step_lose_memory(struct property_case *c, bool is_election)
{
	bool is_landed = property_chance(c, 50);
	uint64_t gap = property_chance(c, 50) ? property_below(c, 1000) : 0;
	unsigned jumps = property_chance(c, 30) ? 1 : 0;
	if (is_landed && turn_count > 0 && turns[0].phase == RESOLVED && !fence_refuses(&turns[0].batch->rows)) {
		if (!apply(&turns[0]))
			return false;
		turns_shift(0);
	}
	for (unsigned i = 0; i < turn_count; i++)
		if (turns[i].phase == RESOLVED)
			model_undo(&model, turns[i].batch->version);
	turn_count = 0;
	if (is_election) {
		uint64_t version = told_version + gap + jumps * 100000000u;
		memcpy(model.preceding, model.term, VD_TERM_BYTES);
		model.term[0]++;
		model.takeover = version;
		if (jumps)
			model.jump = version;
		vd_memory_take_office(memory, model.term, model.preceding, version, model.jump, now_us);
		now_newest(version);
	} else {
		vd_memory_reload(memory, told_version, now_us);
	}
	base_floor = told_version;
	property_tell(c, "%s at %llu", is_election ? "another term" : "reload", LLU(base_floor));
	return vd_window_floor(memory->resolver.window) == base_floor ? true
																  : property_fail(c, "the floor is wrong");
}

/* The floor is at most the version that was newest five seconds ago. */
static bool check_floor(void)
{
	uint64_t floor = vd_window_floor(memory->resolver.window);
	uint64_t old = base_floor;
	for (unsigned i = 0; i < history_count; i++)
		if (history[i].at_us <= now_us - LATE && history[i].version > old)
			old = history[i].version;
	return floor <= old ? true : property_fail(model.c, "floor %llu is above %llu", LLU(floor), LLU(old));
}

/* ---- A case ---- */

static bool step(struct property_case *c)
{
	unsigned kind = property_below(c, 200);
	now_us += property_below(c, 300);
	if (kind < 80)
		step_submit(c);
	else if (kind < 100)
		step_open(c);
	else if (kind < 160)
		return step_advance(c);
	else if (kind < 180)
		return step_land();
	else if (kind < 184)
		step_fail(c);
	else if (kind < 188)
		step_cancel(c);
	else if (kind < 192)
		step_acknowledge(c, property_chance(c, 50));
	else if (kind < 195)
		now_us += property_below(c, 2) == 0 ? 3000000 : 300000;
	else if (kind < 198)
		vd_memory_tick(memory, now_us);
	else
		return step_lose_memory(c, kind == 199);
	return true;
}

/* Everything that is in the queue is decided in the end. */
static bool finish(struct property_case *c)
{
	for (unsigned round = 0; round < 2000; round++) {
		bool is_left = false;
		for (unsigned i = 0; i < row_count; i++)
			is_left |= rows[i].is_waiting;
		if (!is_left && turn_count == 0)
			return true;
		step_acknowledge(c, true);
		if (turn_count == 0)
			step_open(c);
		if (!step_advance(c) || !step_land())
			return false;
	}
	FAIL("the queue does not run empty");
}

static void begin(struct property_case *c)
{
	static const uint8_t none[VD_TERM_BYTES];
	model.c = c;
	model.write_count = model.verdict_count = 0;
	memset(model.term, 1, VD_TERM_BYTES);
	memset(model.preceding, 0, VD_TERM_BYTES);
	stored.count = turn_count = row_count = outcome_count = history_count = 0;
	memset(next_sequence, 0, sizeof next_sequence);
	memset(low_water, 0, sizeof low_water);
	memset(acknowledged, 0, sizeof acknowledged);
	now_us = 1000000;
	model.takeover = base_floor = 2000000000;
	model.jump = 1999999990;
	vd_memory_take_office(memory, model.term, none, model.takeover, model.jump, now_us);
	now_newest(model.takeover);
	struct vd_bytes odd = VD_BYTES("odd");
	struct vd_bytes last = VD_BYTES("\x7f\xff\xff\xff\xff\xff\xff\xfd");
	model_put(&stored, counter_of(2), &odd);
	model_put(&stored, counter_of(3), &last);
	memory->clients.limit_known = property_chance(c, 20) ? 5 : 1000;
}

static bool check(struct property_case *c)
{
	begin(c);
	for (unsigned i = 0; i < c->steps; i++) {
		/* each step draws from a seed of its own, so that one can be left out */
		uint64_t seed = vd_rng_next(&c->rng);
		struct vd_rng rest = c->rng;
		vd_rng_seed(&c->rng, seed);
		bool is_right = !property_step(c, i) || (step(c) && check_floor());
		c->rng = rest;
		if (!is_right)
			return false;
	}
	return finish(c);
}

int main(void)
{
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	memory = vd_memory_new(&options);
	VD_ASSERT(memory != NULL);
	int status = property_run("resolver serial", check, 1600);
	vd_memory_free(memory);
	return status;
}
