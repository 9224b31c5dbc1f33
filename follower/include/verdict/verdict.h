/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.h: transactions on an ordered key-value store that lives in one PostgreSQL. All that users need.
 *
 * The model is FoundationDB's (API version 730): a transaction reads one snapshot, collects writes, and
 * commits them if nothing that it read has changed since. Keys and values are byte strings; keys are ordered
 * by memcmp, shorter first. Error numbers are FoundationDB's; those from 7001 on are ours.
 *
 * Asynchronous calls return a future. A future is never NULL but without memory, and every call accepts NULL
 * as a future that ended with VD_ERROR_OUT_OF_MEMORY. What a getter returns is borrowed from the future and
 * lives until the future is freed; what comes through `**out` is the caller's to close or free. Sizes are in
 * bytes, times in milliseconds.
 *
 * Threads: a database opened with a base of NULL has a loop thread of its own. Then every call may come from
 * any thread, callbacks run on the loop thread, and waiting inside a callback is
 * VD_ERROR_CLIENT_INVALID_OPERATION. A database opened on the caller's event_base belongs to the thread that
 * runs it: all calls come from there, and waiting is VD_ERROR_CLIENT_INVALID_OPERATION. After a fork() an
 * open database is unusable in the child (2000): open another.
 */
#ifndef VERDICT_VERDICT_H
#define VERDICT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VD_PUBLIC  __attribute__((visibility("default")))
#define VD_CHECKED __attribute__((visibility("default"), warn_unused_result))
#else
#define VD_PUBLIC
#define VD_CHECKED
#endif

struct event_base;
struct vd_database;
struct vd_transaction;
struct vd_future;
struct vd_iterator;

/* "0.1.0" */
VD_PUBLIC const char *vd_version(void);

/* ---- Errors
 * --------------------------------------------------------------------------------------------------- */

enum vd_error_code {
	VD_ERROR_NONE = 0,
	VD_ERROR_TRANSACTION_TOO_OLD = 1007,
	VD_ERROR_FUTURE_VERSION = 1009,
	VD_ERROR_NOT_COMMITTED = 1020,
	VD_ERROR_COMMIT_UNKNOWN_RESULT = 1021,
	VD_ERROR_TRANSACTION_CANCELLED = 1025,
	VD_ERROR_TRANSACTION_TIMED_OUT = 1031,
	VD_ERROR_TOO_MANY_WATCHES = 1032,
	VD_ERROR_WATCHES_DISABLED = 1034,
	VD_ERROR_ACCESSED_UNREADABLE = 1036,
	VD_ERROR_PROCESS_BEHIND = 1037,
	VD_ERROR_DATABASE_LOCKED = 1038,
	VD_ERROR_CLUSTER_VERSION_CHANGED = 1039,
	VD_ERROR_PROXY_MEMORY_LIMIT_EXCEEDED = 1042,
	VD_ERROR_OPERATION_CANCELLED = 1101,
	VD_ERROR_PLATFORM = 1500,
	VD_ERROR_OUT_OF_MEMORY = 1501,
	VD_ERROR_CLIENT_INVALID_OPERATION = 2000,
	VD_ERROR_COMMIT_READ_INCOMPLETE = 2002,
	VD_ERROR_KEY_OUTSIDE_LEGAL_RANGE = 2004,
	VD_ERROR_INVERTED_RANGE = 2005,
	VD_ERROR_INVALID_OPTION_VALUE = 2006,
	VD_ERROR_INVALID_OPTION = 2007,
	VD_ERROR_READ_VERSION_ALREADY_SET = 2010,
	VD_ERROR_VERSION_INVALID = 2011,
	VD_ERROR_RANGE_LIMITS_INVALID = 2012,
	VD_ERROR_USED_DURING_COMMIT = 2017,
	VD_ERROR_INVALID_MUTATION_TYPE = 2018,
	VD_ERROR_TRANSACTION_INVALID_VERSION = 2020,
	VD_ERROR_NO_COMMIT_VERSION = 2021,
	VD_ERROR_TRANSACTION_TOO_LARGE = 2101,
	VD_ERROR_KEY_TOO_LARGE = 2102,
	VD_ERROR_VALUE_TOO_LARGE = 2103,
	VD_ERROR_CONNECTION_STRING_INVALID = 2104,
	VD_ERROR_EXACT_MODE_WITHOUT_LIMITS = 2210,
	VD_ERROR_PRECONDITION_FAILED = 7001,
	VD_ERROR_SQL = 7002,
	VD_ERROR_OVERLOADED = 7003,
	VD_ERROR_CLEAR_TOO_LARGE = 7004,
	VD_ERROR_UNKNOWN_CLIENT = 7005,
	VD_ERROR_COUNTER_UNUSABLE = 7006,
};

enum vd_error_predicate {
	VD_ERROR_IS_RETRYABLE = 50000,
	VD_ERROR_IS_MAYBE_COMMITTED = 50001,
	VD_ERROR_IS_RETRYABLE_NOT_COMMITTED = 50002,
};

/* "not_committed", and one sentence for people. For a number that is not known: "unknown_error". Never NULL.
 */
VD_PUBLIC const char *vd_error_name(int code);
VD_PUBLIC const char *vd_error_text(int code);
VD_PUBLIC bool vd_error_is(enum vd_error_predicate predicate, int code);

/* ---- Database
 * ------------------------------------------------------------------------------------------------- */

struct vd_option {
	const char *name;
	const char *value;
};

/* Opens a database and returns at once; the connections are made (and, whenever they are lost, made again) in
 * the background. Transactions may begin right away: they wait for it, until their time-out.
 *
 * base: the caller's loop, or NULL for a loop thread of the library's own. dsn: a libpq connection string or
 * URI; NULL or "": libpq's own environment variables; several hosts are tried in turn for the one that takes
 * writes. options: `count` pairs of
 *   schema              which schema (verdict)
 *   max_connections     connections that read and submit, from 2 (3); the inbox is one more
 *   max_long_snapshots  transactions with the option long_snapshot that read at a time (2), each on a connection more
 *   connect_timeout     how long vd_database_ready waits for a first connection, ms (10000)
 *   max_in_flight       commits submitted and not yet decided (20000, and 64 MB); above it they wait in the library
 *   max_watches         watches that wait at a time (10000); the first one makes a connection more
 *   transaction_timeout, transaction_retry_limit, transaction_max_retry_delay, transaction_size_limit
 *                       defaults of the transactions' options
 *   key_limit, value_limit
 *                       the limits that this store was set up with (2048, 100000)
 *   application_name    how pg_stat_activity names us (verdict-follower/<schema>)
 * Returns 0, 2104 (a connection string that cannot be parsed), 2007 (unknown option), 2006 (its value) or
 * 1501; *out is set only with 0. If message is not NULL it receives one line that says what is wrong (at most
 * message_size bytes). */
VD_CHECKED int vd_database_open(struct event_base *base, const char *dsn, const struct vd_option *options,
	size_t count, struct vd_database **out, char *message, size_t message_size);

/* Ends when the database can be used (connected, schema checked, registered, replies proven to arrive), or
 * with an error and its text: 2104 if the server refused us or the schema is not there, 1031 if it was not
 * reachable within connect_timeout, 1101 if it was closed meanwhile. An error is not the end of the database:
 * it goes on trying, and this may be asked again. */
VD_CHECKED struct vd_future *vd_database_ready(struct vd_database *database);

/* Closes: open transactions are cancelled, submitted commits are first decided or given up (at most 5 s; then
 * 1021). callback, if not NULL, runs when all is freed; on the caller's base it runs on the loop, so the base
 * must outlive it. With a loop thread of the library's own and no callback, returns when all is freed (but
 * from inside a callback at once). The pointer is gone with this call; transactions and futures are still to
 * be freed, before or after. In the child of a fork it does nothing: the connections are the parent's. */
VD_PUBLIC void vd_database_close(struct vd_database *database, void (*callback)(void *arg), void *arg);

/* ---- Futures
 * -------------------------------------------------------------------------------------------------- */

/* Calls back exactly once when the future has ended, on the loop, never from inside this call; also if it has
 * ended already. At most one callback a future. A future that is freed first does not call back; nor does one
 * that is asked when its database is closed and gone. */
VD_PUBLIC void vd_future_on_ready(
	struct vd_future *future, void (*callback)(struct vd_future *future, void *arg), void *arg);

/* Waits for the end; returns vd_future_error. 2000 on a caller's loop, or inside a callback. */
VD_PUBLIC int vd_future_wait(struct vd_future *future);
VD_PUBLIC bool vd_future_is_ready(const struct vd_future *future);
/* Gives up: the future ends with 1101, unless it has ended. That of a commit that was submitted ends with what
 * the database decides. */
VD_PUBLIC void vd_future_cancel(struct vd_future *future);
/* Freed at any time: what it waits for goes on. */
VD_PUBLIC void vd_future_free(struct vd_future *future);

/* 0, or the number of the error that it ended with; 2000 while it has not ended. */
VD_CHECKED int vd_future_error(const struct vd_future *future);
/* What the error means here: names the key, the range that lost, the server's message. Never NULL. */
VD_PUBLIC const char *vd_future_message(const struct vd_future *future);

/* Getters return vd_future_error, or 2000 for a future of another kind; the rest is set only with 0. */
VD_CHECKED int vd_future_get_version(const struct vd_future *future, int64_t *version);
VD_CHECKED int vd_future_get_value(
	const struct vd_future *future, bool *present, const uint8_t **value, size_t *value_size);
VD_CHECKED int vd_future_get_key(const struct vd_future *future, const uint8_t **key, size_t *key_size);
struct vd_row {
	const uint8_t *key;
	size_t key_size;
	const uint8_t *value;
	size_t value_size;
};
VD_CHECKED int vd_future_get_rows(
	const struct vd_future *future, const struct vd_row **rows, size_t *count, bool *more);
VD_CHECKED int vd_future_get_size(const struct vd_future *future, int64_t *bytes);
struct vd_key {
	const uint8_t *key;
	size_t key_size;
};
VD_CHECKED int vd_future_get_keys(const struct vd_future *future, const struct vd_key **keys, size_t *count);

/* ---- Transactions
 * --------------------------------------------------------------------------------------------- */

/* *out stays good until it is freed, over any number of resets. */
VD_CHECKED int vd_transaction_new(struct vd_database *database, struct vd_transaction **out);
/* Legal at any time: futures outstanding end with 1025 (that of a submitted commit once it is decided). */
VD_PUBLIC void vd_transaction_free(struct vd_transaction *transaction);
/* As new, but for the options. */
VD_PUBLIC void vd_transaction_reset(struct vd_transaction *transaction);
/* Ends all outstanding futures with 1025, and all that follow until reset. */
VD_PUBLIC void vd_transaction_cancel(struct vd_transaction *transaction);

/* Options: timeout, retry_limit, max_retry_delay, size_limit (numbers); next_write_no_write_conflict_range,
 * snapshot_ryw_enable, snapshot_ryw_disable, read_your_writes_disable, bypass_unreadable, read_system_keys,
 * report_conflicting_keys, access_system_keys, lock_aware, read_lock_aware, long_snapshot (no value: NULL). 2007, 2006, 2000
 * at once.
 *
 * long_snapshot, before the first operation: the transaction only reads, and may take as long as it likes: for exports and
 * backups. It has a connection and a snapshot of its own, beside max_connections; if there are max_long_snapshots already,
 * its reads end with 7003, which may be tried again. It has no read conflicts; writes and conflict ranges are 2000. While it
 * lasts, PostgreSQL cannot remove what is overwritten or deleted meanwhile, in the whole database: see docs/semantics.md. */
VD_CHECKED int vd_transaction_set_option(
	struct vd_transaction *transaction, const char *name, const char *value);

/* Says at which version the transaction reads, or has read elsewhere or earlier: its conflict ranges are judged from
 * there. It reads in a snapshot that this database still holds at exactly that version for another transaction, or in a
 * fresh one, if nothing was committed since; else its reads end with 1007, above the newest version with 1009, and so does
 * its commit if the leader does not remember the version. 1009 is told after a second. 2010 if the transaction has read or
 * set a version already, 2011 if this one is not above 0. */
VD_CHECKED int vd_transaction_set_read_version(struct vd_transaction *transaction, int64_t version);

VD_CHECKED struct vd_future *vd_transaction_get_read_version(struct vd_transaction *transaction);

/* Special keys: under "\xff\xff/transaction/read_conflict_range/" and "…/write_conflict_range/" get and get_range show the
 * conflict ranges that the transaction has by now, and with report_conflicting_keys those that the last commit lost under
 * "…/conflicting_keys/": their begin as "1", their end as "0", merged. Also during and after a commit. Other keys from
 * "\xff\xff" on are 2004. */

/* The value of a key as this transaction sees it. A snapshot read adds no read conflict. */
VD_CHECKED struct vd_future *vd_transaction_get(
	struct vd_transaction *transaction, const void *key, size_t key_size, bool snapshot);

/* A key by its place: the last key < key (<= key if or_equal), then offset keys forward (backward if
 * negative). Off the front is "", off the end "\xff". */
struct vd_selector {
	const void *key;
	size_t key_size;
	bool or_equal;
	int offset;
};
static inline struct vd_selector vd_last_less_than(const void *key, size_t key_size)
{
	struct vd_selector selector = { key, key_size, false, 0 };
	return selector;
}
static inline struct vd_selector vd_last_less_or_equal(const void *key, size_t key_size)
{
	struct vd_selector selector = { key, key_size, true, 0 };
	return selector;
}
static inline struct vd_selector vd_first_greater_than(const void *key, size_t key_size)
{
	struct vd_selector selector = { key, key_size, true, 1 };
	return selector;
}
static inline struct vd_selector vd_first_greater_or_equal(const void *key, size_t key_size)
{
	struct vd_selector selector = { key, key_size, false, 1 };
	return selector;
}

VD_CHECKED struct vd_future *vd_transaction_get_key(
	struct vd_transaction *transaction, const struct vd_selector *selector, bool snapshot);

/* How much of a range comes at a time. */
enum vd_streaming_mode {
	VD_STREAMING_WANT_ALL = -2,
	VD_STREAMING_ITERATOR = -1,
	VD_STREAMING_EXACT = 0,
	VD_STREAMING_SMALL = 1,
	VD_STREAMING_MEDIUM = 2,
	VD_STREAMING_LARGE = 3,
	VD_STREAMING_SERIAL = 4,
};

struct vd_range_options {
	int limit;        /* rows; 0: no limit */
	int target_bytes; /* 0: no limit beyond the mode's */
	enum vd_streaming_mode mode;
	int iteration; /* with VD_STREAMING_ITERATOR: 1, 2, 3 … */
	bool snapshot;
	bool reverse; /* the last rows first */
};

/* The rows from begin (inclusive) to end (exclusive). options may be NULL: want_all, no limit. */
VD_CHECKED struct vd_future *vd_transaction_get_range(struct vd_transaction *transaction,
	const struct vd_selector *begin, const struct vd_selector *end, const struct vd_range_options *options);

/* Walks a range of any size a chunk at a time, forward or in reverse. Chunks grow as in mode iterator (4,096 bytes growing
 * by 1.5 to 120,000); options: limit (rows in all), target_bytes (the most of a chunk), snapshot and reverse; mode and
 * iteration are not looked at; NULL: none. The selectors are resolved with the first chunk.
 *
 * While a chunk is in the caller's hands, the next one is read ahead. Held at a time: the chunks that the caller has not
 * freed, one chunk ahead, and what a read holds on its way (256 kB). A chunk has at most 15,000 rows, and 120,000 bytes and
 * one row; whatever the range's size.
 *
 * Each chunk shows what the transaction shows at the call of vd_iterator_next: what was read ahead is read again if the
 * transaction has written since. What was read ahead and not asked for adds no conflict, and does no harm if it fails.
 *
 * *out is the caller's to free. It ends with the transaction's reset (also by on_error) or its end: 1025, 1031. 2004 for
 * selectors beyond the user's keys (special keys too), 2012; else as every call of a transaction. */
VD_CHECKED int vd_iterator_new(struct vd_transaction *transaction, const struct vd_selector *begin,
	const struct vd_selector *end, const struct vd_range_options *options, struct vd_iterator **out);
/* The next rows (vd_future_get_rows). `more` false: these were the last; after them there are none. A chunk without rows is
 * never followed by another. 2000 while the one before is outstanding. A chunk that failed, or was cancelled or freed
 * before it had come, comes again. */
VD_CHECKED struct vd_future *vd_iterator_next(struct vd_iterator *iterator);
/* At any time: futures go on. */
VD_PUBLIC void vd_iterator_free(struct vd_iterator *iterator);

/* About how many bytes of keys and values are stored in a range (vd_future_get_size); what this transaction has written does
 * not count. Exact for ranges of up to 10,000 rows and for tables of up to 8 MB; else estimated from 1,000 pages of the table, and
 * never less than its first 10,000 rows. If n of these pages hold rows of the range, the error is below 2/√n of the size in
 * 19 of 20 ranges: a fifth, for a range that is a tenth of the table. The same data give the same answer. No conflict. 2005
 * for an inverted range, 2004 beyond the user's keys. */
VD_CHECKED struct vd_future *vd_transaction_get_estimated_range_size(struct vd_transaction *transaction,
	const void *begin, size_t begin_size, const void *end, size_t end_size);
/* Keys that cut a range into chunks of about chunk_bytes (vd_future_get_keys), counted or estimated in the same way: begin,
 * the cuts, end. A chunk is at least a row; there are 10,000 at most, larger ones if need be. 2000 if chunk_bytes is not
 * above 0. */
VD_CHECKED struct vd_future *vd_transaction_get_range_split_points(struct vd_transaction *transaction,
	const void *begin, size_t begin_size, const void *end, size_t end_size, int64_t chunk_bytes);

/* Writes return nothing: the first error (2004, 2005, 2018, 2000, 2102, 2103) is kept, makes later writes do
 * nothing, and surfaces at the next call that can fail. */
VD_PUBLIC void vd_transaction_set(struct vd_transaction *transaction, const void *key, size_t key_size,
	const void *value, size_t value_size);
VD_PUBLIC void vd_transaction_clear(struct vd_transaction *transaction, const void *key, size_t key_size);
VD_PUBLIC void vd_transaction_clear_range(struct vd_transaction *transaction, const void *begin,
	size_t begin_size, const void *end, size_t end_size);

enum vd_mutation_type {
	VD_MUTATION_ADD = 2,
	VD_MUTATION_BIT_AND = 6,
	VD_MUTATION_BIT_OR = 7,
	VD_MUTATION_BIT_XOR = 8,
	VD_MUTATION_APPEND_IF_FITS = 9,
	VD_MUTATION_MAX = 12,
	VD_MUTATION_MIN = 13,
	VD_MUTATION_SET_VERSIONSTAMPED_KEY = 14,
	VD_MUTATION_SET_VERSIONSTAMPED_VALUE = 15,
	VD_MUTATION_BYTE_MIN = 16,
	VD_MUTATION_BYTE_MAX = 17,
	VD_MUTATION_COMPARE_AND_CLEAR = 20,
};
VD_PUBLIC void vd_transaction_atomic_op(struct vd_transaction *transaction, enum vd_mutation_type type,
	const void *key, size_t key_size, const void *operand, size_t operand_size);

/* Every counter is a key that begins so: a system key, which is read with the option read_system_keys and written by
 * nothing but the calls below. It holds the number that it gives next: 8 bytes big-endian; absent means 0. */
#define VD_COUNTER_PREFIX "\xff/counter/"

/* Writes a value under prefix + number: the counter's next number, 8 bytes big-endian, given when the transaction commits,
 * in the order of the commits and without gaps. Nothing is read, and appenders do not conflict with each other. Several in
 * one transaction follow each other. Until the commit neither these keys nor the counter can be read here (1036).
 * counter: the whole key. stamped: the value has 10 bytes for the versionstamp and ends in their offset, as with
 * VD_MUTATION_SET_VERSIONSTAMPED_VALUE. Errors as those of writes: 2004 also if the counter is none, 2102 also with the
 * number, 2000 if there is no room for the stamp. The commit is refused with 7006 if the counter holds anything else than
 * a number, or the last one. */
VD_PUBLIC void vd_transaction_set_sequenced_key(struct vd_transaction *transaction, const void *counter,
	size_t counter_size, const void *prefix, size_t prefix_size, const void *value, size_t value_size,
	bool stamped);

/* Writes a value with the number that the sequenced key before it got (the last one of that counter in this transaction;
 * 2000 if there is none): 8 bytes of the value become it, at the offset that the value ends in (4 bytes little-endian,
 * dropped). stamped: the key has 10 bytes for the versionstamp and ends in their offset. So an index or a feed can name
 * what was appended. */
VD_PUBLIC void vd_transaction_set_sequenced_value(struct vd_transaction *transaction, const void *counter,
	size_t counter_size, const void *key, size_t key_size, const void *value, size_t value_size,
	bool stamped);

enum vd_conflict_range_type {
	VD_CONFLICT_RANGE_READ = 0,
	VD_CONFLICT_RANGE_WRITE = 1,
};
VD_CHECKED int vd_transaction_add_conflict_range(struct vd_transaction *transaction, const void *begin,
	size_t begin_size, const void *end, size_t end_size, enum vd_conflict_range_type type);

/* Ends with 0 once the stored value of a key differs from the one that this transaction sees now; an equal value that is written
 * again is none. It is armed by the commit, also of a transaction that wrote nothing, and outlives the transaction from then on.
 * What changes and changes back may be missed; ending without a cause is legal but rare. It notices a change within 10 to 100 ms,
 * later if very many keys are watched or the database is not to be reached. The read adds a read conflict, as get does.
 *
 * Ends with the code of a commit that failed, 1025 if the transaction is reset, cancelled or freed before its commit has ended,
 * also by closing the database, 1031 if it times out before. 1101 if the future is cancelled, or the database closed when it is
 * armed. 1032 if max_watches of the database wait already (a future that was cancelled or freed waits no more), 1034 with
 * read_your_writes_disable, 2004 also for special keys, 2102, and the errors of get. */
VD_CHECKED struct vd_future *vd_transaction_watch(
	struct vd_transaction *transaction, const void *key, size_t key_size);

/* What the store must hold when the commit's turn comes, before its own writes. */
enum vd_precondition_type {
	VD_PRECONDITION_VALUE = 1,   /* the key is there, with exactly this value */
	VD_PRECONDITION_PRESENT = 2, /* the key is there */
	VD_PRECONDITION_ABSENT = 3,  /* the key is not there */
	VD_PRECONDITION_EMPTY = 4,   /* no key is in [key, value) */
};
/* Demands it of the commit, with no read beforehand and no read conflict: if any does not hold, the commit ends with 7001, which
 * is not to be tried again, and nothing of it is applied. Own writes make no difference to it. A transaction that demands
 * something is committed even if it writes nothing. value is that of VALUE, the end of EMPTY, and empty for the others.
 * With the option read_system_keys it may be about the system's keys, such as counters. 2000 (the type, a value where none
 * belongs, a long snapshot), 2004, 2005, 2102, 2103, or why the transaction takes no more. */
VD_CHECKED int vd_transaction_add_precondition(struct vd_transaction *transaction,
	enum vd_precondition_type type, const void *key, size_t key_size, const void *value, size_t value_size);

/* ---- The lock of the store
 *
 * As FoundationDB's: while somebody holds it, every other transaction is refused with 1038, which on_error waits for: a commit
 * when its turn comes, however long ago it began, and what reads a snapshot at which the store was locked. With the option
 * lock_aware a transaction reads and commits all the same, with read_lock_aware it reads; that it is its own lock it has to see
 * to by itself, by a precondition, say. So a store is taken out of use for as long as something is done to all of it.
 *
 * In a locked store a transaction with lock_aware and access_system_keys may write system keys (up to \xff\xff), counters among
 * them; 2004 if the store is not locked when its turn comes. */
#define VD_STORE_LOCK_BYTES 16

/* The commit takes the lock with this id, unless it has it already; 1038 if another one is held. It makes the transaction
 * lock_aware. above_version, if not 0 and at most 2^62: the version of this commit, and so every later one, is greater than
 * it, so that versionstamps of another store that are loaded into this one lie below all that it gives. One of these a
 * transaction: the last call counts. 2000 in a long snapshot. */
VD_CHECKED int vd_transaction_lock(
	struct vd_transaction *transaction, const uint8_t lock[VD_STORE_LOCK_BYTES], int64_t above_version);
/* The commit gives the lock up; nothing if none is held, 1038 if another one is. */
VD_CHECKED int vd_transaction_unlock(
	struct vd_transaction *transaction, const uint8_t lock[VD_STORE_LOCK_BYTES]);

/* Commits. Ends with 0 (committed), 1020 (conflict), 1007 (too old), 1021 (the database stayed unreachable,
 * so that the outcome is not known), or the reason of a refusal. A transaction that wrote and demanded nothing
 * succeeds without a round trip. */
VD_CHECKED struct vd_future *vd_transaction_commit(struct vd_transaction *transaction);

/* After a commit. −1 for a transaction that wrote and demanded nothing; 2000 before. */
VD_CHECKED int vd_transaction_get_committed_version(
	const struct vd_transaction *transaction, int64_t *version);
/* The place among the commits of that version. */
VD_CHECKED int vd_transaction_get_committed_order(const struct vd_transaction *transaction, int *order);
/* The first number that a counter gave to this transaction; what followed in it came behind. 2020 if it is not committed,
 * 2021 if it has no key sequenced by that counter. */
VD_CHECKED int vd_transaction_get_first_number(
	const struct vd_transaction *transaction, const void *counter, size_t counter_size, int64_t *number);
/* The same as a future, for a transaction that is gone after its commit, as in a retry loop. To be asked before the commit
 * and after the sequenced key (else 2021); ends with the commit (2020 if that fails). Read by vd_future_get_version. */
VD_CHECKED struct vd_future *vd_transaction_await_first_number(
	struct vd_transaction *transaction, const void *counter, size_t counter_size);
/* To be asked before the commit; ends with it. A key of 10 bytes (vd_future_get_key). 2021 for a transaction
 * that wrote and demanded nothing, 2020 if the commit failed. */
VD_CHECKED struct vd_future *vd_transaction_get_versionstamp(struct vd_transaction *transaction);

/* What a commit lost: a range that it had read, and the newest version at which something in it was written. */
struct vd_conflict {
	const uint8_t *begin;
	size_t begin_size;
	const uint8_t *end;
	size_t end_size;
	int64_t version;
};
/* After a commit that ended with 1020: the first range that lost; with the option report_conflicting_keys all of them in
 * key order, but not more than the first 100. At least one. Borrowed until the transaction is reset, also by on_error, or
 * freed: so ask before. 2000 if there is none. */
VD_CHECKED int vd_transaction_get_conflicts(
	const struct vd_transaction *transaction, const struct vd_conflict **conflicts, size_t *count);
/* The first of them. */
VD_CHECKED int vd_transaction_get_conflict(const struct vd_transaction *transaction, const uint8_t **begin,
	size_t *begin_size, const uint8_t **end, size_t *end_size, int64_t *version);

VD_CHECKED int vd_transaction_get_approximate_size(const struct vd_transaction *transaction, int64_t *size);

/* Decides whether to try again after an error: waits (10 ms doubling to max_retry_delay, times a random
 * factor), resets the transaction and ends with 0; or ends with the error, and the transaction is cancelled
 * until reset. */
VD_CHECKED struct vd_future *vd_transaction_on_error(struct vd_transaction *transaction, int code);

/* ---- The retry loop
 * ------------------------------------------------------------------------------------------- */

/* Calls body with a fresh transaction, commits, and does so again after each error that may be tried again.
 * body returns 0 to commit, or an error number: that of a failed future, which is treated as on_error does,
 * or a number of its own (negative) that ends the loop. It runs on the calling thread, may wait, and may run
 * many times. Returns 0 or the error that ended it; committed_version may be NULL. Only with a loop thread of
 * the library's own (else 2000). */
VD_CHECKED int vd_database_run(struct vd_database *database,
	int (*body)(struct vd_transaction *transaction, void *arg), void *arg, int64_t *committed_version);

/* The same without waiting: body starts its work and returns a future that ends when the body is done (NULL:
 * at once; not one that waits for the commit, as a watch or a versionstamp does). The future returned ends with
 * the version of the commit, as vd_future_get_version gives it. */
VD_CHECKED struct vd_future *vd_database_run_async(struct vd_database *database,
	struct vd_future *(*body)(struct vd_transaction *transaction, void *arg), void *arg);

/* A future for bodies and callers that compose: ended by vd_future_end, with an error number or 0. */
VD_CHECKED struct vd_future *vd_future_new(struct vd_database *database);
VD_PUBLIC void vd_future_end(struct vd_future *future, int code);

#ifdef __cplusplus
}
#endif

#endif
