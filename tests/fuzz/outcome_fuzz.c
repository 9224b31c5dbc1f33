/* SPDX-License-Identifier: Apache-2.0 */
/* A row of `outcomes`, as the leader reads it back: two lengths, the entries, and what is left are the details. Only what is of
 * the form in the migrations is taken, and then each number has the verdict that stands there; the follower takes
 * what it is told of further ranges to be any bytes at all, and points at nothing but ranges that it has read. */
#include "common/base/arena.h"
#include "common/base/endian.h"
#include "follower/commit/commit.h"
#include "follower/conflicting.h"
#include "resolver/clients.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRY = 16, READS = 5 };

/* The last entry for a number is what counts for a reader of the row; the leader must not be told two. */
static bool has_twice(struct vd_bytes entries)
{
	for (size_t i = 0; i + ENTRY <= entries.size; i += ENTRY)
		for (size_t k = 0; k < i; k += ENTRY)
			if (memcmp(entries.data + i, entries.data + k, 4) == 0)
				return true;
	return false;
}

static void check_entries(const struct vd_client *client, uint64_t first, uint64_t version,
	struct vd_bytes entries, struct vd_bytes details)
{
	for (size_t i = 0; i + ENTRY <= entries.size; i += ENTRY) {
		const uint8_t *entry = entries.data + i;
		uint64_t sequence = first + vd_load_be32(entry);
		const struct vd_known *known = vd_client_known(client, sequence);
		if (sequence <= client->low_water) {
			VD_ASSERT(known == NULL);
			continue;
		}
		VD_ASSERT(known != NULL && known->sequence == sequence && known->version == version);
		VD_ASSERT(known->code == vd_load_be16(entry + 4) && known->order == vd_load_be16(entry + 6));
		VD_ASSERT(known->digest == vd_load_be64(entry + 8));
		const uint8_t *detail = NULL;
		for (size_t k = 0; k + ENTRY <= details.size && detail == NULL; k += ENTRY)
			if (memcmp(details.data + k, entry, 4) == 0 && vd_load_be64(details.data + k + 8) != 0)
				detail = details.data + k;
		if (detail != NULL && known->code == 1020)
			VD_ASSERT(known->detail_range == vd_load_be32(detail + 4) &&
					  known->detail_version == vd_load_be64(detail + 8));
	}
}

static void check_follower(struct vd_bytes bytes)
{
	static const struct vd_range reads[READS] = { { VD_BYTES("a"), VD_BYTES("b") },
		{ VD_BYTES("b"), VD_BYTES("c") }, { VD_BYTES("c"), VD_BYTES("d") }, { VD_BYTES("d"), VD_BYTES("e") },
		{ VD_BYTES("e"), VD_BYTES("f") } };
	struct vd_arena arena;
	struct vd_conflicting conflicting = { 0 };
	struct vd_verdict verdict = { .code = 1020,
		.conflict_range = bytes.size > 0 ? bytes.data[0] % 8 : UINT32_MAX,
		.conflict_version = 7,
		.further = bytes };
	vd_arena_init(&arena, SIZE_MAX);
	vd_conflicting_keep(&conflicting, &arena, reads, READS, &verdict);
	VD_ASSERT(conflicting.count <= 1 + bytes.size / 12);
	for (size_t i = 0; i < conflicting.count; i++) {
		bool is_read = false;
		for (size_t k = 0; k < READS; k++)
			is_read |= conflicting.items[i].begin == reads[k].begin.data;
		VD_ASSERT(is_read);
	}
	vd_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 12)
		return 0;
	struct vd_clients clients;
	const struct vd_client_id id = { { 1 } };
	uint64_t low_water = data[0];
	uint64_t first = 1 + (vd_load_be64(data + 1) >> (1 + data[9] % 63)); /* a bigint, and above 0 */
	uint64_t version = 1 + data[10];
	size_t length = data[11] * ENTRY + (data[11] > 250 ? 1u : 0u);
	data += 12;
	size -= 12;
	length = length < size ? length : size;
	struct vd_bytes entries = vd_bytes_of(data, length);
	struct vd_bytes details = vd_bytes_of(data + length, size - length);
	check_follower(details);
	if (has_twice(entries))
		return 0;
	vd_clients_init(&clients, VD_CLIENTS_LIMIT_BYTES, VD_CLIENTS_LIMIT_KNOWN);
	struct vd_client *client = vd_clients_meet(&clients, &id, 1);
	vd_client_pin(client);
	vd_clients_load(&clients, &id, 7, 8, low_water, 1);
	if (vd_clients_load_outcome(&clients, &id, first, version, entries, details)) {
		VD_ASSERT(entries.size % ENTRY == 0 && details.size % ENTRY == 0);
		vd_client_loaded(client);
		check_entries(client, first, version, entries, details);
	}
	vd_client_unpin(&clients, client);
	vd_clients_fini(&clients);
	return 0;
}
