/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h: all settings of a program in one table.
 *
 *     struct settings { char *dsn; int64_t batch_requests; int64_t lease_ms; bool json; };
 *     static const struct vd_setting rows[] = {
 *         VD_SETTING_DSN     ("dsn", struct settings, dsn, "", "connection string of PostgreSQL"),
 *         VD_SETTING_INTEGER ("batch-requests", struct settings, batch_requests, "1024", 1, 65535, "requests"),
 *         VD_SETTING_DURATION("lease", struct settings, lease_ms, "3s", 100, 600000, "how long a lease lasts"),
 *         VD_SETTING_BOOL    ("json", struct settings, json, "false", "log as JSON"),
 *     };
 *     static const struct vd_settings table = VD_SETTINGS("verdict-resolver", "[settings]", rows);
 *
 * A value comes from
 *   1. the flag: --name value, --name=value; a bool also as --name and --no-name
 *   2. else the environment: VERDICT_NAME; empty counts as not set
 *   3. else the file that --config or VERDICT_CONFIG names: name = value, # begins a comment, quotes keep blanks
 *   4. else it is the default.
 * An unknown name in a flag or in the file is an error that names the closest one, and in the file the line. The
 * same table prints --help and, for a test of the documentation, --settings-json.
 * Durations: 250ms, 3s, 2min, 1h, a bare number is milliseconds. Sizes: 100, 64kB, 1MB, 2GB, in steps of 1024.
 *
 * Values are fields of the caller's struct: char * (owned by the settings until vd_settings_free; "" if the
 * default is ""), int64_t or bool. Secrets and passwords in connection strings are never printed. Main thread.
 */
#ifndef VD_COMMON_TEXT_SETTINGS_H
#define VD_COMMON_TEXT_SETTINGS_H

#include "common/base/buffer.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum vd_setting_type {
	VD_SETTING_TYPE_STRING,
	VD_SETTING_TYPE_DSN,    /* a string whose password is not printed */
	VD_SETTING_TYPE_SECRET, /* a string that is never printed */
	VD_SETTING_TYPE_INTEGER,
	VD_SETTING_TYPE_DURATION_MS,
	VD_SETTING_TYPE_SIZE_BYTES,
	VD_SETTING_TYPE_BOOL,
	VD_SETTING_TYPE_CHOICE, /* a string that is one of `choices` */
};

struct vd_setting {
	const char *name; /* as in the flag and in the file: lower case, digits, dashes */
	enum vd_setting_type type;
	size_t offset;       /* of the field */
	const char *initial; /* the default, written as a user would */
	int64_t min;         /* numbers: least and greatest */
	int64_t max;
	const char *choices; /* "a|b|c" */
	const char *help;    /* lower case, no full stop */
};

struct vd_settings {
	const char *program;
	const char *usage; /* what follows the name in the first line of --help */
	const char *about; /* a paragraph of --help; may be NULL */
	const struct vd_setting *rows;
	size_t count;
	bool takes_operands; /* else any is an error */
};

/* clang-format off */
#define VD_SETTING_FIELD_(owner, field, type_) \
	(offsetof(owner, field) + 0 * sizeof(struct { \
		_Static_assert(_Generic(((owner *)0)->field, type_: 1, default: 0), "field of a setting must be " #type_); int x_; }))
#define VD_SETTING_STRING(n, owner, field, default_, help_) \
	{ .name = (n), .type = VD_SETTING_TYPE_STRING, .offset = VD_SETTING_FIELD_(owner, field, char *), .initial = (default_), .help = (help_) }
#define VD_SETTING_DSN(n, owner, field, default_, help_) \
	{ .name = (n), .type = VD_SETTING_TYPE_DSN, .offset = VD_SETTING_FIELD_(owner, field, char *), .initial = (default_), .help = (help_) }
#define VD_SETTING_SECRET(n, owner, field, default_, help_) \
	{ .name = (n), .type = VD_SETTING_TYPE_SECRET, .offset = VD_SETTING_FIELD_(owner, field, char *), .initial = (default_), .help = (help_) }
#define VD_SETTING_CHOICE(n, owner, field, default_, choices_, help_) \
	{ .name = (n), .type = VD_SETTING_TYPE_CHOICE, .offset = VD_SETTING_FIELD_(owner, field, char *), .initial = (default_), .choices = (choices_), .help = (help_) }
#define VD_SETTING_BOOL(n, owner, field, default_, help_) \
	{ .name = (n), .type = VD_SETTING_TYPE_BOOL, .offset = VD_SETTING_FIELD_(owner, field, bool), .initial = (default_), .help = (help_) }
#define VD_SETTING_INTEGER(n, owner, field, default_, least, most, help_) \
	{ .name = (n), .type = VD_SETTING_TYPE_INTEGER, .offset = VD_SETTING_FIELD_(owner, field, int64_t), .initial = (default_), .min = (least), .max = (most), .help = (help_) }
#define VD_SETTING_DURATION(n, owner, field, default_, least_ms, most_ms, help_) \
	{ .name = (n), .type = VD_SETTING_TYPE_DURATION_MS, .offset = VD_SETTING_FIELD_(owner, field, int64_t), .initial = (default_), .min = (least_ms), .max = (most_ms), .help = (help_) }
#define VD_SETTING_SIZE(n, owner, field, default_, least_bytes, most_bytes, help_) \
	{ .name = (n), .type = VD_SETTING_TYPE_SIZE_BYTES, .offset = VD_SETTING_FIELD_(owner, field, int64_t), .initial = (default_), .min = (least_bytes), .max = (most_bytes), .help = (help_) }
#define VD_SETTINGS(program_, usage_, table) { .program = (program_), .usage = (usage_), .rows = (table), .count = VD_COUNT(table) }
/* clang-format on */

enum vd_settings_result {
	VD_SETTINGS_READY,   /* all values are set */
	VD_SETTINGS_PRINTED, /* --help or --settings-json was asked for and printed to standard output: exit 0 */
	VD_SETTINGS_WRONG,   /* *error says what: print it, exit 2 */
};

/* Reads flags from argv[1] on, the environment and the file. `values` is the caller's struct, all zero. Words
 * that are no flags, and all after "--", are moved to the front of argv[1…]; their number goes to *operands
 * (may be NULL). A lone "-" is an operand. With VD_SETTINGS_WRONG and VD_SETTINGS_PRINTED nothing is left to
 * free. */
VD_MUST_USE enum vd_settings_result vd_settings_load(const struct vd_settings *settings, int argc,
	char **argv, void *values, int *operands, struct vd_error *error);
void vd_settings_free(const struct vd_settings *settings, void *values);

void vd_settings_print_help(const struct vd_settings *settings, FILE *file);

/* {"program":…,"settings":[{"name":…,"type":…,"default":…,"min":…,"max":…,"range":…,"choices":…,"environment":…,"help":…},…]}
 */
void vd_settings_print_json(const struct vd_settings *settings, FILE *file);

/* Appends "name=value name=value …" of what differs from the defaults, secrets as ***: for the log. */
void vd_settings_describe(const struct vd_settings *settings, const void *values, struct vd_buffer *out);

/* Of `names` the one closest to `name`, or NULL if none is close: for "did you mean". */
const char *vd_closest(const char *name, const char *const *names, size_t count);

#endif
