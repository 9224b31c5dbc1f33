/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: anomalies as they are found, and what is printed in the end. */
#include "tests/history/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MAX 32
#define KEPT_MAX  10

struct counts counts;

static struct kind {
	const char *name;
	uint64_t count;
	char *kept[KEPT_MAX];
} kinds[KINDS_MAX];

static const char *print_bytes(sid id, char *out, size_t out_size)
{
	size_t size, at = 0;
	const uint8_t *bytes = bytes_of(id, &size);
	if (id == ABSENT)
		return "absent";
	out[at++] = '\'';
	for (size_t i = 0; i < size; i++) {
		if (at + 8 > out_size) {
			at += (size_t)snprintf(out + at, out_size - at, "...");
			break;
		}
		bool plain =
			bytes[i] >= ' ' && bytes[i] < 127 && bytes[i] != '"' && bytes[i] != '\\' && bytes[i] != '\'';
		at += (size_t)snprintf(out + at, out_size - at, plain ? "%c" : "%%%02X", bytes[i]);
	}
	snprintf(out + at, out_size - at, "'");
	return out;
}

const char *shown(sid id)
{
	static char texts[4][160];
	static int turn;
	return print_bytes(id, texts[turn = (turn + 1) % 4], sizeof texts[0]);
}

/* Seconds since the first transaction began. */
static double since_start(int64_t time)
{
	static int64_t start;
	for (size_t i = 0; start == 0 && i < run.txn_count; i++)
		start = start == 0 || run.txns[i].begin < start ? run.txns[i].begin : start;
	return (double)(time - start) / 1e9;
}

const char *told(const struct txn *txn)
{
	static char texts[4][400];
	static int turn;
	size_t size;
	const uint8_t *workload = bytes_of(txn->workload, &size);
	char *text = texts[turn = (turn + 1) % 4];
	int at = snprintf(text, sizeof texts[0], "%s/%" PRIu64 " [%.*s] (began %.6f s, read version %" PRId64,
		run.names[txn->file], txn->number, (int)size, (const char *)workload, since_start(txn->begin),
		txn->read_version);
	if (txn->submit != 0)
		at +=
			snprintf(text + at, sizeof texts[0] - (size_t)at, ", submitted %.6f s", since_start(txn->submit));
	if (txn->version >= 0)
		at += snprintf(text + at, sizeof texts[0] - (size_t)at, ", committed (%" PRId64 ", %d)", txn->version,
			txn->order);
	if (txn->end != 0)
		snprintf(text + at, sizeof texts[0] - (size_t)at, ", told %d at %.6f s)", txn->code,
			since_start(txn->end));
	else
		snprintf(text + at, sizeof texts[0] - (size_t)at, ", never told)");
	return text;
}

/* What the schedule last did before a transaction ended. */
static const char *last_remark(const struct txn *txn)
{
	const char *text = NULL;
	for (size_t i = 0; txn != NULL && i < run.remark_count; i++) {
		if (run.remarks[i].time <= (txn->end != 0 ? txn->end : txn->begin))
			text = run.remarks[i].text;
	}
	return text;
}

static struct kind *kind_of(const char *name)
{
	struct kind *kind = kinds;
	while (kind->name != NULL && strcmp(kind->name, name) != 0)
		kind++;
	if (kind == kinds + KINDS_MAX - 1)
		abort();
	kind->name = name;
	return kind;
}

void anomaly(const char *name, const struct txn *a, const struct txn *b, const char *format, ...)
{
	char text[2000];
	va_list list;
	struct kind *kind = kind_of(name);
	if (kind->count++ >= KEPT_MAX)
		return;
	int at = a == NULL ? 0 : snprintf(text, sizeof text, "%s: ", told(a));
	va_start(list, format);
	at += vsnprintf(text + at, sizeof text - (size_t)at, format, list);
	va_end(list);
	if (b != NULL && at < (int)sizeof text)
		at += snprintf(text + at, sizeof text - (size_t)at, "; see %s", told(b));
	const char *remark = last_remark(a);
	if (remark != NULL && at < (int)sizeof text)
		snprintf(text + at, sizeof text - (size_t)at, "; after: %s", remark);
	kind->kept[kind->count - 1] = strdup(text);
}

uint64_t anomaly_count(void)
{
	uint64_t count = 0;
	for (const struct kind *kind = kinds; kind->name != NULL; kind++)
		count += kind->count;
	return count;
}

/* ---- printing ---- */

static uint64_t of_kind(const char *name)
{
	return kind_of(name)->count;
}

static const struct {
	const char *name;
	const uint64_t *count;
} lines[] = {
	{ "transactions", &counts.transactions },
	{ "submitted", &counts.submitted },
	{ "committed", &counts.committed },
	{ "conflicts", &counts.conflicts },
	{ "too_old", &counts.too_old },
	{ "cancelled", &counts.cancelled },
	{ "refused", &counts.refused },
	{ "read_only", &counts.read_only },
	{ "reads", &counts.reads },
	{ "rows", &counts.rows },
	{ "not_comparable", &counts.not_comparable },
	{ "unknown", &counts.unknown },
	{ "unknown_committed", &counts.unknown_committed },
	{ "unknown_never", &counts.unknown_never },
	{ "lost_by_schedule", &counts.lost },
};

static void print_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++)
		fputs(*text == '"' || *text == '\\' ? "\\" : "", out), fputc(*text, out);
	fputc('"', out);
}

static void report_json(FILE *out)
{
	fprintf(out, "{\"ok\":%s", anomaly_count() == 0 ? "true" : "false");
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		fprintf(out, ",\"%s\":%" PRIu64, lines[i].name, *lines[i].count);
	fprintf(out, ",\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64 ",\"anomalies\":%" PRIu64 ",\"kinds\":{",
		of_kind("lost_commit"), of_kind("doubled_commit"), anomaly_count());
	bool first = true;
	for (const struct kind *kind = kinds; kind->name != NULL; kind++) {
		if (kind->count == 0)
			continue;
		fprintf(out, "%s\"%s\":%" PRIu64, first ? "" : ",", kind->name, kind->count);
		first = false;
	}
	fprintf(out, "},\"explained\":[");
	first = true;
	for (const struct kind *kind = kinds; kind->name != NULL; kind++) {
		for (uint64_t i = 0; i < kind->count && i < KEPT_MAX; i++) {
			fprintf(out, "%s{\"kind\":\"%s\",\"text\":", first ? "" : ",", kind->name);
			print_string(out, kind->kept[i]);
			fputc('}', out);
			first = false;
		}
	}
	fprintf(out, "]}\n");
}

void report(FILE *out, bool json)
{
	if (json) {
		report_json(out);
		return;
	}
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		fprintf(out, "%-20s %12" PRIu64 "\n", lines[i].name, *lines[i].count);
	fprintf(out, "%-20s %12" PRIu64 "\n%-20s %12" PRIu64 "\n", "lost", of_kind("lost_commit"), "doubled",
		of_kind("doubled_commit"));
	fprintf(out, "%-20s %12" PRIu64 "\n", "anomalies", anomaly_count());
	for (const struct kind *kind = kinds; kind->name != NULL; kind++) {
		for (uint64_t i = 0; i < kind->count && i < KEPT_MAX; i++)
			fprintf(out, "%s: %s\n", kind->name, kind->kept[i]);
		if (kind->count > KEPT_MAX)
			fprintf(out, "%s: %" PRIu64 " more\n", kind->name, kind->count - KEPT_MAX);
	}
}
