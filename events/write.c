/* SPDX-License-Identifier: Apache-2.0 */
/* write.c: an append as mutations and preconditions.
 *
 * A stream's version is its counter: how many numbers it has given. So what is expected of it is a precondition on the
 * counter, nothing is read, and appends to a stream do not conflict with each other.
 */
#include "events/append.h"
#include "events/record.h"
#include "events/run.h"

#include "common/base/endian.h"

/* At which bytes of the value the commit puts something: the value's last four bytes. */
static void add_offset(struct vd_buffer *buffer, uint32_t offset)
{
	uint8_t bytes[4];
	vd_store_le32(bytes, offset);
	vd_buffer_add(buffer, vd_bytes_of(bytes, sizeof bytes));
}

/* ---- what is expected ---- */

static int expect(const struct vd_events_append *append, const struct vd_events_part *part,
	struct vd_transaction *transaction)
{
	struct vd_events_key key;
	uint8_t version[VD_EVENTS_NUMBER_BYTES];
	enum vd_precondition_type type = VD_PRECONDITION_VALUE;
	if (part->expected == VD_EVENTS_ANY)
		return 0;
	if (part->expected == VD_EVENTS_NO_STREAM)
		type = VD_PRECONDITION_ABSENT;
	else if (part->expected == VD_EVENTS_EXISTS)
		type = VD_PRECONDITION_PRESENT;
	vd_events_key_counter(&key, append->events, part->name);
	vd_store_be64(version, (uint64_t)part->expected);
	return vd_transaction_add_precondition(
		transaction, type, key.data, key.size, version, type == VD_PRECONDITION_VALUE ? sizeof version : 0);
}

/* ---- events ---- */

struct writer {
	const struct vd_events_append *append;
	struct vd_transaction *transaction;
	struct vd_buffer buffer;
};

static void write_event(struct writer *writer, const struct vd_events_entry *entry)
{
	struct vd_events_key counter, prefix;
	vd_events_key_counter(&counter, writer->append->events, entry->part->name);
	vd_events_key_stream(&prefix, writer->append->events, entry->part->name);
	vd_buffer_clear(&writer->buffer);
	vd_buffer_add(&writer->buffer, entry->record);
	add_offset(&writer->buffer, VD_EVENTS_RECORD_STAMP_AT);
	vd_transaction_set_sequenced_key(writer->transaction, counter.data, counter.size, prefix.data,
		prefix.size, writer->buffer.data, writer->buffer.size, true);
}

/* Behind the run's first event, whose number it takes. */
static void write_run(struct writer *writer, size_t first, size_t count)
{
	const struct vd_events_entry *entries = writer->append->entries.items + first;
	struct vd_events_run_part parts[VD_EVENTS_RUN_MAX];
	struct vd_events_key counter, key;
	for (size_t i = 0; i < count; i++)
		parts[i] = (struct vd_events_run_part){ entries[i].type, entries[i].record };
	vd_buffer_clear(&writer->buffer);
	vd_events_run_add(&writer->buffer, entries->part->name, parts, count);
	add_offset(&writer->buffer, VD_EVENTS_RUN_NUMBER_AT);
	vd_events_key_counter(&counter, writer->append->events, entries->part->name);
	vd_events_key_run(&key, writer->append->events, (uint32_t)first);
	vd_transaction_set_sequenced_value(writer->transaction, counter.data, counter.size, key.data, key.size,
		writer->buffer.data, writer->buffer.size, true);
}

/* Which number the stream's first event got, for whoever asks again. */
static void write_request_part(struct writer *writer, const struct vd_events_part *part)
{
	struct vd_events_key counter, key;
	uint8_t value[VD_EVENTS_NUMBER_BYTES + 4] = { 0 }; /* at 0 */
	vd_events_key_counter(&counter, writer->append->events, part->name);
	vd_events_key_request(&key, writer->append->events, writer->append->request_id, part->name);
	vd_transaction_set_sequenced_value(
		writer->transaction, counter.data, counter.size, key.data, key.size, value, sizeof value, false);
}

/* Events of one stream that follow each other. */
static size_t run_length(const struct vd_events_append *append, size_t first)
{
	const struct vd_events_entry *entries = append->entries.items;
	size_t end = first + 1;
	while (end < append->entries.count && end - first < VD_EVENTS_RUN_MAX &&
		   entries[end].part == entries[first].part)
		end++;
	return end - first;
}

static void write_events(struct writer *writer)
{
	const struct vd_events_append *append = writer->append;
	for (size_t first = 0, count; first < append->entries.count; first += count) {
		const struct vd_events_entry *entries = append->entries.items + first;
		count = run_length(append, first);
		write_event(writer, entries);
		write_run(writer, first, count);
		if (append->has_request_id && entries->part->first_event == first)
			write_request_part(writer, entries->part);
		for (size_t i = 1; i < count; i++)
			write_event(writer, entries + i);
	}
}

/* ---- the request id ---- */

static int write_request(struct writer *writer)
{
	struct vd_events_key key;
	uint8_t value[VD_EVENTS_STAMP_BYTES + 4] = { 0 }; /* at 0 */
	vd_events_key_request(&key, writer->append->events, writer->append->request_id, vd_bytes_of(NULL, 0));
	vd_transaction_atomic_op(
		writer->transaction, VD_MUTATION_SET_VERSIONSTAMPED_VALUE, key.data, key.size, value, sizeof value);
	return vd_transaction_add_precondition(
		writer->transaction, VD_PRECONDITION_ABSENT, key.data, key.size, NULL, 0);
}

int vd_events_append_write(const struct vd_events_append *append, struct vd_transaction *transaction)
{
	struct writer writer = { .append = append, .transaction = transaction };
	/* counters are the system's */
	int code = vd_transaction_set_option(transaction, "read_system_keys", NULL);
	for (struct vd_events_part *part = append->parts; part != NULL && code == 0; part = part->hh.next)
		code = expect(append, part, transaction);
	if (code == 0 && append->has_request_id)
		code = write_request(&writer);
	if (code == 0)
		write_events(&writer);
	if (code == 0 && !vd_buffer_ok(&writer.buffer))
		code = VD_ERROR_OUT_OF_MEMORY;
	vd_buffer_fini(&writer.buffer);
	return code;
}
