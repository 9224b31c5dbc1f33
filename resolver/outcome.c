/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c: see outcome.h. One walk over each client's items, which are linked in order of arrival. */
#include "resolver/outcome.h"

#include "common/base/endian.h"

#include <stdio.h>

#define ENTRY_BYTES      16
#define NONE             UINT32_MAX
#define NOTE_BYTES_MAX   2000 /* of one message, before it is escaped */
#define NUMBER_CHARS_MAX 20

/* The arrays of struct vd_batch_rows while they are filled. */
struct filling {
	int64_t *arrivals;
	struct vd_client_id *clients;
	int64_t *generations;
	int64_t *firsts;
	int64_t *lasts;
	int64_t *versions;
	struct vd_bytes *entries;
	struct vd_bytes *details;
	bool *detail_nulls;
	const char **notes;
	int32_t *owners;
	int64_t *sequences;
};

static bool filling_init(struct filling *filling, struct vd_batch *batch)
{
	size_t clients = batch->owner_count;
	size_t decided = batch->counts.requests;
	struct vd_arena *arena = &batch->work;
#define ARRAY(member, count)                                                                                 \
	((filling->member = vd_arena_array(arena, (count), sizeof *filling->member)) != NULL)
	return ARRAY(arrivals, batch->count) && ARRAY(clients, clients) && ARRAY(generations, clients) &&
		   ARRAY(firsts, clients) && ARRAY(lasts, clients) && ARRAY(versions, clients) &&
		   ARRAY(entries, clients) && ARRAY(details, clients) && ARRAY(detail_nulls, clients) &&
		   ARRAY(notes, clients) && ARRAY(owners, decided) && ARRAY(sequences, decided);
#undef ARRAY
}

/* ---- Notes: the messages of refused requests as a JSON object ---- */

/* How many bytes of UTF-8 begin here; 0: none that is well formed. */
static size_t utf8_at(const uint8_t *text)
{
	size_t size = text[0] < 0x80 ? 1 : (text[0] & 0xe0) == 0xc0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 : 4;
	uint32_t point = size == 1 ? text[0] : text[0] & (0x7fu >> size);
	if (size == 4 && (text[0] & 0xf8) != 0xf0)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3f);
	}
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	return point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : size;
}

/* Writes a message as the inside of a JSON string; `to` has room for 6 bytes a byte. Returns the end. */
static char *json_escape(char *to, const char *message)
{
	const uint8_t *from = (const uint8_t *)message;
	const uint8_t *end = from + strnlen(message, NOTE_BYTES_MAX);
	while (from < end) {
		size_t size = utf8_at(from);
		if (*from == '"' || *from == '\\') {
			*to++ = '\\';
			*to++ = (char)*from++;
		} else if (*from < 0x20) {
			to += sprintf(to, "\\u%04x", *from++);
		} else if (size == 0 || size > (size_t)(end - from)) {
			*to++ = '?';
			from++;
		} else {
			memcpy(to, from, size);
			to += size;
			from += size;
		}
	}
	return to;
}

static bool has_note(const struct vd_item *item)
{
	return item->fate == VD_FATE_DECIDED && item->refused_code != 0 && item->note != NULL;
}

/* "" if there are none; NULL at the arena's limit. */
static const char *notes_of(struct vd_batch *batch, const struct vd_owner *owner)
{
	size_t room = 0;
	for (uint32_t i = owner->first; i != NONE; i = batch->items[i].next)
		if (has_note(&batch->items[i]))
			room +=
				NUMBER_CHARS_MAX + sizeof "{\"\":\"\"}" + 6 * strnlen(batch->items[i].note, NOTE_BYTES_MAX);
	if (room == 0)
		return "";
	char *text = (char *)vd_arena_alloc_bytes(&batch->work, room + 1);
	if (text == NULL)
		return NULL;
	char *to = text;
	for (uint32_t i = owner->first; i != NONE; i = batch->items[i].next) {
		const struct vd_item *item = &batch->items[i];
		if (!has_note(item))
			continue;
		to += sprintf(to, "%c\"%llu\":\"", to == text ? '{' : ',', (unsigned long long)item->sequence);
		to = json_escape(to, item->note);
		*to++ = '"';
	}
	*to++ = '}';
	*to = '\0';
	return text;
}

/* ---- One client's row ---- */

static size_t details_of(const struct vd_item *item)
{
	if (item->fate != VD_FATE_DECIDED)
		return 0;
	const struct vd_known *verdict = &item->verdict;
	return verdict->code == VD_CODE_NOT_COMMITTED ? 1 + (size_t)verdict->order
		   : verdict->code == 0                   ? verdict->detail_range
												  : 0;
}

/* One record for each range that lost, the first one first, or for each counter. Returns the end. */
static uint8_t *details_put(uint8_t *to, const struct vd_item *item, uint64_t lowest)
{
	struct vd_lost record = { item->verdict.detail_range, item->verdict.detail_version };
	for (size_t i = 0; i < details_of(item); i++, to += ENTRY_BYTES) {
		if (item->verdict.code == 0)
			record = (struct vd_lost){ (uint32_t)i, item->numbers[i] };
		else if (i > 0)
			record = item->lost[i - 1];
		vd_store_be32(to, (uint32_t)(item->sequence - lowest));
		vd_store_be32(to + 4, record.range);
		vd_store_be64(to + 8, record.version);
	}
	return to;
}

static bool row_fill(struct vd_batch *batch, const struct vd_owner *owner, struct filling *filling,
	size_t row, size_t *sequence_count)
{
	size_t details = 0;
	for (uint32_t i = owner->first; i != NONE; i = batch->items[i].next)
		details += details_of(&batch->items[i]);
	uint8_t *entry = vd_arena_alloc_bytes(&batch->work, (size_t)owner->decided * ENTRY_BYTES);
	uint8_t *detail = vd_arena_alloc_bytes(&batch->work, details * ENTRY_BYTES);
	const char *notes = notes_of(batch, owner);
	if (entry == NULL || detail == NULL || notes == NULL)
		return false;
	filling->clients[row] = owner->client->id;
	filling->generations[row] = owner->client->generation;
	filling->firsts[row] = (int64_t)owner->lowest;
	filling->lasts[row] = (int64_t)owner->highest;
	filling->versions[row] = (int64_t)batch->version;
	filling->entries[row] = vd_bytes_of(entry, (size_t)owner->decided * ENTRY_BYTES);
	filling->details[row] = vd_bytes_of(detail, details * ENTRY_BYTES);
	filling->detail_nulls[row] = details == 0;
	filling->notes[row] = notes;
	for (uint32_t i = owner->first; i != NONE; i = batch->items[i].next) {
		const struct vd_known *verdict = &batch->items[i].verdict;
		if (batch->items[i].fate != VD_FATE_DECIDED)
			continue;
		vd_store_be32(entry, (uint32_t)(verdict->sequence - owner->lowest));
		vd_store_be16(entry + 4, verdict->code);
		vd_store_be16(entry + 6, verdict->order);
		vd_store_be64(entry + 8, verdict->digest);
		entry += ENTRY_BYTES;
		detail = details_put(detail, &batch->items[i], owner->lowest);
		filling->owners[*sequence_count] = (int32_t)row + 1;
		filling->sequences[(*sequence_count)++] = (int64_t)verdict->sequence;
	}
	return true;
}

bool vd_outcome_rows(struct vd_batch *batch)
{
	struct filling filling;
	if (!filling_init(&filling, batch))
		return false;
	size_t arrivals = 0;
	for (uint32_t i = 0; i < batch->count; i++)
		if (batch->items[i].fate != VD_FATE_WAITING)
			filling.arrivals[arrivals++] = batch->items[i].arrival;
	size_t rows = 0;
	size_t sequences = 0;
	for (uint32_t i = 0; i < batch->owner_count; i++)
		if (batch->owners[i].decided > 0 && !row_fill(batch, &batch->owners[i], &filling, rows++, &sequences))
			return false;
	VD_ASSERT(sequences == batch->counts.requests);
	batch->rows = (struct vd_batch_rows){ .arrival_count = arrivals,
		.arrivals = filling.arrivals,
		.client_count = rows,
		.clients = filling.clients,
		.generations = filling.generations,
		.firsts = filling.firsts,
		.lasts = filling.lasts,
		.versions = filling.versions,
		.entries = filling.entries,
		.details = filling.details,
		.detail_nulls = filling.detail_nulls,
		.notes = filling.notes,
		.sequence_count = sequences,
		.owners = filling.owners,
		.sequences = filling.sequences };
	return true;
}

bool vd_outcome_forget(struct vd_batch *batch, struct vd_clients *clients, int64_t before_us, size_t most)
{
	struct vd_batch_rows *rows = &batch->rows;
	if (vd_clients_due(clients, before_us) == NULL)
		return true;
	if (most > clients->count)
		most = clients->count;
	struct vd_client_id *ids = vd_arena_array(&batch->work, most, sizeof *ids);
	int64_t *generations = vd_arena_array(&batch->work, most, sizeof *generations);
	int64_t *low_waters = vd_arena_array(&batch->work, most, sizeof *low_waters);
	if (ids == NULL || generations == NULL || low_waters == NULL)
		return false;
	rows->forget_clients = ids;
	rows->forget_generations = generations;
	rows->forget_low_waters = low_waters;
	struct vd_client *client;
	while (rows->forget_count < most && (client = vd_clients_due(clients, before_us)) != NULL) {
		ids[rows->forget_count] = client->id;
		generations[rows->forget_count] = client->generation;
		low_waters[rows->forget_count++] = (int64_t)vd_client_write(clients, client);
	}
	return true;
}
