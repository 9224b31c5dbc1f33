/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the queue, as anybody may write them, through the leader's memory: decoded, validated, judged, folded, published,
 * told and stored; and all of it is what resolve_oracle.c says. A row of the input is
 *
 *     what (1) | version (1) | length (2, little-endian) | payload
 *
 * what: 0 to 2 a client, 3 a stranger, and bits (below). The version says what becomes of the read version in the payload. */
#include "tests/fuzz/resolve_oracle.h"

#include "common/base/endian.h"
#include "common/kv/codec.h"
#include "resolver/memory.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CLIENT = 3, COPY = 4, END = 8, OTHER = 16, RAW = 32 };
enum { CLIENTS = 3, ROWS_MAX = 24, STARTS = 2000000000, JUMPED = 1500000000 };

static const uint8_t term[VD_TERM_BYTES] = "term of today..";
static const uint8_t preceding_term[VD_TERM_BYTES] = "term before....";

struct row {
	unsigned client; /* CLIENTS: a stranger */
	uint64_t sequence;
	struct vd_bytes payload;
	bool is_decided;
	uint64_t version;
	struct oracle_verdict verdict;
};

static struct vd_memory *memory;
static struct oracle oracle;
static struct naive stored;
static struct row rows[ROWS_MAX];
static unsigned row_count;
static unsigned first_row; /* of the batch in hand */
static uint64_t next_sequence[CLIENTS + 1];
static size_t budget; /* mutations and ranges, so that the store's rows and the list of writes are enough */
static int64_t now_us;
static struct vd_clients readers; /* what a next leader would read */

static struct vd_client_id id_of(unsigned client)
{
	return (struct vd_client_id){ { (uint8_t)client, 5 } };
}

/* ---- Input ---- */

/* The payload with another read version, if it is a request. */
static struct vd_bytes dated(struct vd_bytes payload, uint8_t version)
{
	struct vd_request request;
	struct vd_bytes changed;
	const uint64_t versions[] = { oracle.newest, oracle.newest - 1, oracle.takeover, oracle.takeover,
		JUMPED - 1, oracle.newest + 1, oracle.newest + 2000000, JUMPED };
	if (vd_request_decode(&oracle.arena, payload, &request, NULL) != 0)
		return payload;
	memcpy(request.read_term, version % 8 == 3 ? preceding_term : term, VD_TERM_BYTES);
	request.read_version = versions[version % 8];
	VD_ASSERT(vd_request_encode(&oracle.arena, &request, &changed));
	return changed;
}

/* False: the input is through, or asks for more than the oracle holds. */
static bool row_take(const uint8_t **data, size_t *size, uint8_t *what)
{
	struct vd_request request;
	struct row *row = &rows[row_count];
	const struct row *before = NULL;
	if (*size < 4 || row_count == ROWS_MAX)
		return false;
	*what = (*data)[0];
	uint8_t version = (*data)[1];
	size_t length = vd_load_le32((uint8_t[]){ (*data)[2], (*data)[3], 0, 0 });
	length = length < *size - 4 ? length : *size - 4;
	*row = (struct row){ .client = *what & CLIENT };
	VD_ASSERT(vd_bytes_dup(&oracle.arena, vd_bytes_of(*data + 4, length), &row->payload));
	*data += 4 + length;
	*size -= 4 + length;
	for (unsigned i = 0; i < row_count && (*what & COPY) != 0; i++)
		before = rows[i].client == row->client ? &rows[i] : before;
	if ((*what & RAW) == 0)
		row->payload = dated(row->payload, version);
	if (before != NULL && (*what & OTHER) == 0)
		row->payload = before->payload;
	row->sequence = before != NULL ? before->sequence : ++next_sequence[row->client];
	if (vd_request_decode(&oracle.arena, row->payload, &request, NULL) == 0) {
		size_t counters = 0;
		for (size_t i = 0; i < request.mutation_count; i++)
			counters += request.mutations[i].counter.size > 0;
		size_t needed = request.mutation_count + counters + request.write_count;
		if (needed > budget || request.read_count > 300)
			return false;
		budget -= needed;
	}
	row_count++;
	return true;
}

static struct vd_batch *claim(void)
{
	struct vd_batch *batch = vd_memory_open(memory);
	VD_ASSERT(batch != NULL);
	for (unsigned i = first_row; i < row_count; i++) {
		struct vd_claim item = { .client = id_of(rows[i].client),
			.sequence = rows[i].sequence,
			.generation = 1000 + (int64_t)rows[i].client,
			.token = 0xfeed000000000000u + i,
			.payload = rows[i].payload,
			.arrival = i + 1 };
		VD_ASSERT(vd_batch_add(batch, &item));
	}
	return batch;
}

/* ---- A turn ---- */

static void load(struct vd_batch *batch)
{
	size_t count;
	const struct vd_client_id *missing = vd_memory_missing(memory, batch, now_us, &count);
	for (size_t i = 0; i < count; i++)
		if (missing[i].bytes[0] < CLIENTS)
			vd_clients_load(&memory->clients, &missing[i], 1000 + missing[i].bytes[0], 7, 0, now_us);
	vd_memory_loaded(memory, batch, now_us);
}

static void supply_stretch(struct vd_batch *batch, size_t stretch)
{
	struct vd_bytes from = batch->stretch_begins[stretch];
	for (int64_t n = 0; n < batch->stretch_limits[stretch]; n++) {
		const struct vd_bytes *next = NULL;
		for (size_t i = 0; i < stored.count; i++) {
			const struct vd_bytes *key = &stored.rows[i].key;
			bool is_in = (n == 0 ? vd_bytes_compare(from, *key) <= 0 : vd_bytes_less(from, *key)) &&
						 vd_bytes_less(*key, batch->stretch_ends[stretch]);
			next = is_in && (next == NULL || vd_bytes_less(*key, *next)) ? key : next;
		}
		if (next == NULL)
			return;
		from = *next;
		vd_memory_supply_key(memory, batch, from);
	}
}

static void supply(struct vd_batch *batch)
{
	vd_memory_base(memory, batch);
	for (size_t i = 0; i < batch->base_count; i++) {
		const struct vd_bytes *value = naive_get(&stored, batch->base_keys[i]);
		if (value != NULL)
			vd_memory_supply(memory, batch, batch->base_keys[i], *value);
	}
	for (size_t i = 0; i < batch->stretch_count; i++)
		supply_stretch(batch, i);
}

static const struct row *decided(const struct row *row)
{
	for (const struct row *other = rows; other < row; other++)
		if (other->is_decided && other->client == row->client && other->sequence == row->sequence)
			return other;
	return NULL;
}

static void must_be(const struct vd_known *known, const struct row *row)
{
	const struct oracle_verdict *verdict = &row->verdict;
	VD_ASSERT(known->sequence == row->sequence && known->version == row->version);
	if (known->code != verdict->code || known->order != verdict->order) {
		char what[120];
		snprintf(what, sizeof what, "number %u: verdict %u, order %u; not %d, %u", (unsigned)row->sequence,
			known->code, known->order, verdict->code, verdict->order);
		vd_check_failed(__FILE__, __LINE__, what);
	}
	if (verdict->code == 1020)
		VD_ASSERT(known->detail_range == verdict->lost && known->detail_version == verdict->lost_to);
	else
		VD_ASSERT(known->detail_range == verdict->counter_count &&
				  known->detail_version == (verdict->counter_count > 0 ? verdict->numbers[0] : 0));
}

static void judge_new(
	const struct vd_batch *batch, const struct vd_item *item, struct row *row, uint16_t *winners)
{
	struct vd_request request;
	int refused = vd_request_decode(&oracle.arena, row->payload, &request, NULL);
	if (refused == 0)
		refused = oracle_validate(&request, &memory->options.limits);
	VD_ASSERT(item->refused_code == refused && item->fate == VD_FATE_DECIDED);
	row->is_decided = true;
	row->version = batch->version;
	row->verdict.code = refused;
	if (refused == 0)
		oracle_decide(&oracle, &request, batch->version, *winners, &row->verdict);
	*winners += row->verdict.code == 0;
	must_be(&item->verdict, row);
	for (uint32_t i = 0; i < row->verdict.counter_count; i++)
		VD_ASSERT(item->numbers[i] == row->verdict.numbers[i]);
}

static void judge(const struct vd_batch *batch)
{
	uint16_t winners = 0;
	VD_ASSERT(batch->count == row_count - first_row);
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct vd_item *item = &batch->items[i];
		struct row *row = &rows[first_row + i];
		const struct row *known = decided(row);
		if (row->client == CLIENTS)
			VD_ASSERT(item->fate == VD_FATE_DROPPED);
		else if (known == NULL)
			judge_new(batch, item, row, &winners);
		else if (vd_bytes_equal(known->payload, row->payload)) {
			VD_ASSERT(item->fate == VD_FATE_REPEATED);
			must_be(&item->verdict, known);
		} else
			VD_ASSERT(item->fate == VD_FATE_DENIED && item->verdict.code == 2000);
	}
}

/* The write set leaves the same store as the winners did, one after the other. */
static void apply(const struct vd_batch *batch)
{
	const struct vd_batch_writes *writes = &batch->writes;
	for (size_t i = 0; i < writes->range_count; i++)
		naive_clear(&stored, vd_range_of(writes->range_begins[i], writes->range_ends[i]));
	for (size_t i = 0; i < writes->delete_count; i++) {
		struct vd_range range;
		VD_ASSERT(vd_range_of_key(&oracle.arena, writes->deletes[i], &range));
		naive_clear(&stored, range);
	}
	for (size_t i = 0; i < writes->upsert_count; i++) {
		struct naive_row row;
		VD_ASSERT(vd_bytes_dup(&oracle.arena, writes->upsert_keys[i], &row.key) &&
				  vd_bytes_dup(&oracle.arena, writes->upsert_values[i], &row.value));
		naive_set(&stored, row.key, row.value);
	}
	VD_ASSERT(naive_equal(&stored, &oracle.store));
}

static void store_outcomes(const struct vd_batch *batch)
{
	const struct vd_batch_rows *told = &batch->rows;
	VD_ASSERT(told->arrival_count == batch->count);
	for (size_t i = 0; i < told->client_count; i++)
		VD_ASSERT(vd_clients_load_outcome(&readers, &told->clients[i], (uint64_t)told->firsts[i],
			(uint64_t)told->versions[i], told->entries[i], told->details[i]));
	for (size_t i = 0; i < batch->reply_count; i++)
		VD_ASSERT(batch->replies[i].payload.size < 7900);
}

static void turn(bool is_twice)
{
	if (first_row == row_count)
		return;
	struct vd_batch *batch = claim();
	now_us += 1000;
	for (int i = 0; i <= is_twice; i++) { /* what is discarded leaves no trace */
		if (i > 0)
			vd_memory_discard(memory, batch, now_us);
		load(batch);
		supply(batch);
		VD_ASSERT(vd_memory_resolve(memory, batch, true, now_us));
	}
	judge(batch);
	oracle.newest = batch->version;
	apply(batch);
	store_outcomes(batch);
	vd_memory_publish(memory, batch, now_us);
	first_row = row_count;
}

/* ---- All ---- */

static void check_readers(void)
{
	for (unsigned i = 0; i < row_count; i++) {
		struct vd_client_id id = id_of(rows[i].client);
		if (!rows[i].is_decided)
			continue;
		const struct vd_known *known = vd_client_known(vd_clients_find(&readers, &id), rows[i].sequence);
		VD_ASSERT(known != NULL);
		must_be(known, &rows[i]);
	}
}

static void begin(void)
{
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	now_us = 1000000;
	row_count = first_row = 0;
	budget = NAIVE_ROWS_MAX;
	memset(next_sequence, 0, sizeof next_sequence);
	memset(&oracle, 0, offsetof(struct oracle, writes));
	vd_arena_init(&oracle.arena, SIZE_MAX);
	oracle.takeover = oracle.newest = STARTS;
	oracle.jump = JUMPED;
	memcpy(oracle.term, term, sizeof term);
	memcpy(oracle.preceding_term, preceding_term, sizeof term);
	stored.count = 0;
	memory = vd_memory_new(&options);
	VD_ASSERT(memory != NULL);
	vd_memory_take_office(memory, term, preceding_term, STARTS, JUMPED, now_us);
	vd_clients_init(&readers, VD_CLIENTS_LIMIT_BYTES, VD_CLIENTS_LIMIT_KNOWN);
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct vd_client_id id = id_of(i);
		vd_client_pin(vd_clients_meet(&readers, &id, now_us));
		vd_clients_load(&readers, &id, 1000 + (int64_t)i, 7, 0, now_us);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t what = 0;
	begin();
	while (row_take(&data, &size, &what))
		if ((what & END) != 0)
			turn((what & 64) != 0);
	turn(false);
	check_readers();
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct vd_client_id id = id_of(i);
		vd_client_unpin(&readers, vd_clients_find(&readers, &id));
	}
	vd_clients_fini(&readers);
	vd_memory_free(memory);
	vd_arena_fini(&oracle.arena);
	return 0;
}
