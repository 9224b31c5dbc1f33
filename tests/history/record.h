/* SPDX-License-Identifier: Apache-2.0 */
/* record.h: the history of one process, line by line; here is the format.
 *
 * A run leaves one file a process, and one dump of what is stored in the end (the last point). Each line is written by one
 * write(2), so a process that is killed loses at most its last line: one without a line feed at its end does not count. Times
 * are CLOCK_MONOTONIC in nanoseconds: all processes of a run are on one machine. What is done by a line is written before it is
 * done (S), what is known by it after it is known.
 *
 * 1. Fields are separated by one blank. BYTES (keys, values) are as they are, but for bytes that are not letters, digits or
 *    one of "_./:;,+-", which are %XX; no bytes at all are a lone "%"; what is absent is "~". Numbers are decimal.
 * 2. verdict-history 1 NAME SEED       the first line. NAME is unique in its run.
 * 3. S N WORKLOAD BEGIN RTIME RVERSION SUBMIT OP…
 *                                      transaction N is about to be submitted. It began at BEGIN (before its first call), its read
 *                                      version RVERSION was known at RTIME (both 0: never asked for, or never learned).
 * 4. E N END CODE [VERSION ORDER]      how the commit of N ended: 0 with its place (-1 -1: there was nothing to write), else the
 *    E N END 1020 [BEGIN END VERSION]  number of the error; a conflict with what it lost, and to which version.
 *                                      1021 is unknown, and so is an S without an E. Any other error: certainly not committed.
 * 5. V N TIME CODE [STAMP]             what the commit's versionstamp said (10 bytes), if it was asked for.
 * 6. R N WORKLOAD BEGIN RTIME RVERSION END CODE OP…
 *                                      a transaction that was never submitted: it only read (0), or ended with CODE before.
 * 7. # …                               a remark.
 * 8. OP is one of the following. Reads show the store, never own writes: they come before the writes. FLAGS, which follow the
 *    letter, are s (a snapshot read: no conflict) and r (reverse); only what was read to its end is there.
 *      g KEY VALUE                     get; VALUE may be ~
 *      r BEGIN END LIMIT MORE COUNT {KEY VALUE}…     get_range; MORE is 1 or 0. Read is what it shows: up to its last row if MORE
 *      k KEY OREQUAL OFFSET RESULT     get_key; what it read lies between KEY and RESULT
 *      x BEGIN END                     a read conflict range added by hand
 *      S KEY VALUE | C KEY | D BEGIN END             set, clear, clear_range
 *      A TYPE KEY OPERAND              atomic operation by its number (enum vd_mutation_type), also the versionstamped ones
 *      X BEGIN END                     a write conflict range added by hand
 * 9. Values are unique, so that a value tells who wrote it, but for those that atomic operations make. Each transaction that
 *    writes leaves a witness: a versionstamped key that nobody else writes and nobody clears. That is how the checker learns
 *    what became of a transaction of unknown end.
 *
 * The dump: verdict-final 1 VERSION BEGIN END, then a line "KEY VALUE" for each key from BEGIN to END at VERSION, in their
 * order, and a last line "end COUNT". Histories are about the keys from BEGIN to END only, and nobody else writes there.
 */
#ifndef VD_TESTS_HISTORY_RECORD_H
#define VD_TESTS_HISTORY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_BEGIN "h/"
#define HISTORY_END   "h0"

/* Text that grows. All zeros is empty. */
struct line {
	char *text;
	size_t size;
	size_t capacity;
};

/* CLOCK_MONOTONIC in ns. */
int64_t now_ns(void);

void line_clear(struct line *line);
void line_free(struct line *line);
__attribute__((format(printf, 2, 3))) void line_add(struct line *line, const char *format, ...);
/* A blank, and the bytes in their printed form; bytes of NULL are absent ("~"). */
void line_add_bytes(struct line *line, const void *bytes, size_t size);
/* A blank, and another line. */
void line_append(struct line *line, const struct line *other);

/* A file that must not be there yet; false with errno. */
bool record_open(const char *path);
/* Adds the line feed and writes it, with one write(2). A disk that takes no more ends the process with status 3. */
void record_write(struct line *line);
void record_close(void);

#endif
