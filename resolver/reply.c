/* SPDX-License-Identifier: Apache-2.0 */
/* reply.c: see reply.h. Payloads are written into one buffer on the stack and copied to the arena at their size. */
#include "resolver/reply.h"

#include <stdio.h>

#define NONE             UINT32_MAX
#define ENTRY_CHARS_MAX  90 /* a blank, 20 digits, 16, 5, 10, 20, 10, and five colons */
#define NUMBER_CHARS_MAX 20 /* 19 digits and a colon */
#define MORE_CHARS_MAX   32

struct list {
	struct vd_reply *items;
	size_t count;
	size_t capacity;
};

/* A payload in the making. */
struct writer {
	struct vd_arena *arena;
	struct list *list;
	uint64_t reply;
	size_t used;
	size_t limit;
	bool has_entry;
	bool failed;
	char text[VD_REPLY_PAYLOAD_BYTES];
};

/* ---- Text ---- */

static void put_char(struct writer *writer, char c)
{
	writer->text[writer->used++] = c;
}

static void put_text(struct writer *writer, const char *text)
{
	size_t size = strlen(text);
	memcpy(writer->text + writer->used, text, size);
	writer->used += size;
}

static void put_number(struct writer *writer, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	memcpy(writer->text + writer->used, digits + at, sizeof digits - at);
	writer->used += sizeof digits - at;
}

static void put_hex(struct writer *writer, uint64_t number)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		put_char(writer, "0123456789abcdef"[number >> shift & 15]);
}

/* ---- Payloads ---- */

static struct vd_reply *list_add(struct list *list, struct vd_arena *arena)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
		struct vd_reply *items = vd_arena_array(arena, capacity, sizeof *items);
		if (items == NULL)
			return NULL;
		if (list->count > 0)
			memcpy(items, list->items, list->count * sizeof *items);
		list->items = items;
		list->capacity = capacity;
	}
	return &list->items[list->count++];
}

/* Ends the payload, if it has an entry, and begins the next one empty. */
static void flush(struct writer *writer)
{
	if (writer->has_entry && !writer->failed) {
		struct vd_reply *reply = list_add(writer->list, writer->arena);
		uint8_t *text = vd_arena_alloc_bytes(writer->arena, writer->used + 1);
		if (reply == NULL || text == NULL) {
			writer->failed = true;
		} else {
			memcpy(text, writer->text, writer->used);
			text[writer->used] = 0;
			*reply = (struct vd_reply){ writer->reply, vd_bytes_of(text, writer->used) };
		}
	}
	writer->used = 0;
	writer->has_entry = false;
}

/* ---- To clients ---- */

/* What is stored of the verdict beyond the first range that lost, or the first counter. */
static uint32_t further_of(const struct vd_item *item)
{
	const struct vd_known *verdict = &item->verdict;
	if (verdict->code == VD_CODE_NOT_COMMITTED)
		return verdict->order;
	return verdict->code == 0 && verdict->detail_range > 0 ? verdict->detail_range - 1 : 0;
}

/* How many of them are told with it: a winner's, all or none. */
static uint32_t numbers_of(const struct vd_item *item)
{
	bool is_anew = item->fate == VD_FATE_DECIDED && item->verdict.code == 0;
	uint32_t further = further_of(item);
	return is_anew && further <= VD_REPLY_NUMBERS_MAX ? further : 0;
}

static size_t entry_chars_max(const struct vd_item *item)
{
	return ENTRY_CHARS_MAX + (size_t)numbers_of(item) * NUMBER_CHARS_MAX;
}

static void put_entry(struct writer *writer, const struct vd_item *item)
{
	const struct vd_known *verdict = &item->verdict;
	bool is_conflict = verdict->code == VD_CODE_NOT_COMMITTED;
	bool is_winner = verdict->code == 0;
	put_char(writer, ' ');
	put_number(writer, item->sequence);
	put_char(writer, ':');
	put_hex(writer, item->token);
	put_char(writer, ':');
	put_number(writer, verdict->code);
	put_char(writer, ':');
	put_number(writer, is_conflict ? verdict->detail_range : is_winner ? verdict->order : 0);
	put_char(writer, ':');
	put_number(writer, is_conflict || is_winner ? verdict->detail_version : 0);
	uint32_t further = further_of(item);
	if (further > 0) {
		put_char(writer, ':');
		put_number(writer, further);
	}
	for (uint32_t i = 1; i <= numbers_of(item); i++) {
		put_char(writer, ':');
		put_number(writer, item->numbers[i]);
	}
	writer->has_entry = true;
}

static bool is_told(const struct vd_item *item)
{
	return item->fate == VD_FATE_DECIDED || item->fate == VD_FATE_REPEATED || item->fate == VD_FATE_DENIED;
}

/* One client's items whose verdict is (or is not) of this batch. */
static void pack_some(
	struct writer *writer, struct vd_batch *batch, const struct vd_owner *owner, bool is_own)
{
	uint64_t version = 0;
	for (uint32_t i = owner->first; i != NONE; i = batch->items[i].next) {
		const struct vd_item *item = &batch->items[i];
		if (!is_told(item) || (item->verdict.version == batch->version) != is_own)
			continue;
		if (writer->has_entry &&
			(item->verdict.version != version || writer->used + entry_chars_max(item) > writer->limit))
			flush(writer);
		if (!writer->has_entry) {
			version = item->verdict.version;
			put_text(writer, "r1 ");
			put_number(writer, version);
		}
		put_entry(writer, item);
	}
	flush(writer);
}

/* ---- To observers ---- */

static void pack_summary(struct writer *writer, const struct vd_batch *batch)
{
	const struct vd_counts *counts = &batch->counts;
	writer->used = (size_t)snprintf(writer->text, sizeof writer->text,
		"b1 version=%llu requests=%u committed=%u conflict=%u too_old=%u rejected=%u",
		(unsigned long long)batch->version, counts->requests, counts->committed, counts->conflicts,
		counts->too_old, counts->rejected);
	writer->has_entry = true;
	flush(writer);
}

static void pack_list(struct writer *writer, const struct vd_batch *batch)
{
	uint32_t left = batch->counts.requests;
	size_t lists = 0;
	for (uint32_t i = 0; i < batch->count && lists < VD_REPLY_LISTS_MAX; i++) {
		const struct vd_item *item = &batch->items[i];
		if (item->fate != VD_FATE_DECIDED)
			continue;
		if (!writer->has_entry) {
			put_text(writer, "v1 version=");
			put_number(writer, batch->version);
			writer->has_entry = true;
		}
		put_char(writer, ' ');
		put_hex(writer, batch->owners[item->owner].client->reply);
		put_char(writer, ':');
		put_number(writer, item->sequence);
		put_char(writer, ':');
		put_number(writer, item->verdict.code);
		put_char(writer, ':');
		put_number(writer, item->verdict.code == 0 ? item->verdict.order : 0);
		left--;
		if (writer->used + ENTRY_CHARS_MAX + MORE_CHARS_MAX > writer->limit) {
			if (++lists == VD_REPLY_LISTS_MAX && left > 0) {
				put_text(writer, " more=");
				put_number(writer, left);
			}
			flush(writer);
		}
	}
	flush(writer);
}

bool vd_reply_pack(struct vd_batch *batch, bool list_verdicts)
{
	struct list replies = { 0 };
	struct list lines = { 0 };
	struct writer writer;
	writer.arena = &batch->work;
	writer.list = &replies;
	writer.limit = sizeof writer.text;
	writer.used = 0;
	writer.has_entry = writer.failed = false;
	for (uint32_t i = 0; i < batch->owner_count; i++) {
		writer.reply = batch->owners[i].client->reply;
		pack_some(&writer, batch, &batch->owners[i], true);
		if (batch->counts.repeated > 0)
			pack_some(&writer, batch, &batch->owners[i], false);
	}
	writer.list = &lines;
	writer.reply = 0;
	pack_summary(&writer, batch);
	if (list_verdicts)
		pack_list(&writer, batch);
	batch->replies = replies.items;
	batch->reply_count = replies.count;
	batch->lines = lines.items;
	batch->line_count = lines.count;
	return !writer.failed;
}
