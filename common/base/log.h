/* SPDX-License-Identifier: Apache-2.0 */
/* log.h: the log tells the story: one line a fact, for people or as JSON.
 *
 *     vd_log_info("remote term is lower, its batch is refused", VD_LOG_UINT("epoch", 7), VD_LOG_TEXT("by", name));
 *
 *     2026-01-31 10:00:00.123 info    verdict-resolver[17] remote term is lower, its batch is refused epoch=7 by=a
 *     {"time":"2026-01-31T10:00:00.123456Z","level":"info","program":"verdict-resolver","pid":17,"message":"…",…}
 *
 * A sentence is a constant that states fact and consequence; what varies is a field. Nothing is written until a
 * program calls vd_log_start, so the library is silent in its host. A line goes out in one write, from any thread,
 * and is cut at VD_LOG_LINE_BYTES; a write that fails is not tried again.
 * Never a secret: connection strings are VD_LOG_DSN, which takes passwords out. Bytes of users are escaped.
 */
#ifndef VD_COMMON_BASE_LOG_H
#define VD_COMMON_BASE_LOG_H

#include "common/base/bytes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum vd_log_level { VD_LOG_OFF, VD_LOG_ERROR, VD_LOG_WARNING, VD_LOG_INFO, VD_LOG_DEBUG };

struct vd_log_options {
	enum vd_log_level level; /* this and the more important ones are written */
	bool json;
	int fd;              /* borrowed; usually STDERR_FILENO */
	const char *program; /* borrowed for ever */
	const char *node;    /* this node's name, on every line; may be NULL; copied, cut at 63 bytes */
};

#define VD_LOG_LINE_BYTES 4096

/* Before other threads start, or again later from the main thread. */
void vd_log_start(const struct vd_log_options *options);
void vd_log_stop(void);

/* "error", "warning", "info", "debug" or "off"; false for anything else. */
VD_MUST_USE bool vd_log_level_parse(const char *name, enum vd_log_level *level);

enum vd_log_kind {
	VD_LOG_KIND_END,
	VD_LOG_KIND_TEXT,
	VD_LOG_KIND_INT,
	VD_LOG_KIND_UINT,
	VD_LOG_KIND_REAL,
	VD_LOG_KIND_BOOL,
	VD_LOG_KIND_BYTES,
	VD_LOG_KIND_DSN
};

struct vd_log_field {
	enum vd_log_kind kind;
	const char *key;
	union {
		const char *text;
		int64_t integer;
		uint64_t natural;
		double real;
		bool boolean;
		struct vd_bytes bytes;
	} value;
};

#define VD_LOG_TEXT(k, v)                                                                                    \
	((struct vd_log_field){ VD_LOG_KIND_TEXT, (k), { .text = (v) } }) /* NULL: no field */
#define VD_LOG_INT(k, v)   ((struct vd_log_field){ VD_LOG_KIND_INT, (k), { .integer = (v) } })
#define VD_LOG_UINT(k, v)  ((struct vd_log_field){ VD_LOG_KIND_UINT, (k), { .natural = (v) } })
#define VD_LOG_REAL(k, v)  ((struct vd_log_field){ VD_LOG_KIND_REAL, (k), { .real = (v) } })
#define VD_LOG_BOOL(k, v)  ((struct vd_log_field){ VD_LOG_KIND_BOOL, (k), { .boolean = (v) } })
#define VD_LOG_BYTES(k, v) ((struct vd_log_field){ VD_LOG_KIND_BYTES, (k), { .bytes = (v) } })
#define VD_LOG_DSN(k, v)                                                                                     \
	((struct vd_log_field){ VD_LOG_KIND_DSN, (k), { .text = (v) } }) /* passwords taken out */

/* Fields are evaluated only if the level is written. */
#define vd_log(level, sentence, ...)                                                                         \
	do {                                                                                                     \
		if (vd_log_wants(level)) {                                                                           \
			const struct vd_log_field fields_[] = { __VA_ARGS__ __VA_OPT__(, ){                              \
				VD_LOG_KIND_END, 0, { 0 } } };                                                               \
			vd_log_write(level, sentence, fields_);                                                          \
		}                                                                                                    \
	} while (0)
#define vd_log_error(sentence, ...)   vd_log(VD_LOG_ERROR, sentence __VA_OPT__(, ) __VA_ARGS__)
#define vd_log_warning(sentence, ...) vd_log(VD_LOG_WARNING, sentence __VA_OPT__(, ) __VA_ARGS__)
#define vd_log_info(sentence, ...)    vd_log(VD_LOG_INFO, sentence __VA_OPT__(, ) __VA_ARGS__)
#define vd_log_debug(sentence, ...)   vd_log(VD_LOG_DEBUG, sentence __VA_OPT__(, ) __VA_ARGS__)

extern _Atomic int vd_log_level_now;
static inline bool vd_log_wants(enum vd_log_level level)
{
	return (int)level <= atomic_load_explicit(&vd_log_level_now, memory_order_relaxed);
}
void vd_log_write(enum vd_log_level level, const char *sentence, const struct vd_log_field *fields);

#endif
