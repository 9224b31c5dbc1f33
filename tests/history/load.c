/* SPDX-License-Identifier: Apache-2.0 */
/* load.c: reads the files of a run. What is not as record.h says ends the program: a history that cannot be read proves nothing.
 * Only a last line without a line feed is left out: its writer was killed. */
#include "tests/history/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct run run;

static struct {
	const char *path;
	size_t line;
	char *next;          /* what is left of the line; NULL: nothing */
	uint32_t *by_number; /* of this file: the transaction with a number, plus one */
	size_t number_count;
} file;

static size_t txn_capacity, op_capacity, row_capacity, final_capacity, name_capacity, remark_capacity;

__attribute__((noreturn)) static void wrong(const char *what)
{
	fprintf(stderr, "check: %s:%zu: %s\n", file.path, file.line, what);
	exit(2);
}

/* ---- fields ---- */

static char *field(void)
{
	char *text = file.next;
	if (text == NULL)
		wrong("the line is too short");
	char *blank = strchr(text, ' ');
	file.next = blank == NULL ? NULL : blank + 1;
	if (blank != NULL)
		*blank = '\0';
	return text;
}

static int64_t number(void)
{
	char *text = field(), *end = NULL;
	int64_t value = strtoll(text, &end, 10);
	if (end == text || *end != '\0')
		wrong("not a number");
	return value;
}

static int digit(char c)
{
	int value = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
	if (value < 0)
		wrong("% without two digits");
	return value;
}

static sid bytes(void)
{
	char *text = field();
	uint8_t *to = (uint8_t *)text;
	if (strcmp(text, "~") == 0)
		return ABSENT;
	if (strcmp(text, "%") == 0)
		return intern(to, 0);
	if (*text == '\0')
		wrong("two blanks");
	for (const char *from = text; *from != '\0'; from++) {
		if (*from != '%') {
			*to++ = (uint8_t)*from;
			continue;
		}
		*to++ = (uint8_t)(digit(from[1]) * 16 + digit(from[2]));
		from += 2;
	}
	return intern((uint8_t *)text, (size_t)(to - (uint8_t *)text));
}

static sid present(void)
{
	sid id = bytes();
	if (id == ABSENT)
		wrong("~ where bytes must be");
	return id;
}

static void line_end(void)
{
	if (file.next != NULL)
		wrong("the line is too long");
}

/* ---- operations ---- */

static void load_rows(struct op *op, int64_t count)
{
	op->row = (uint32_t)run.row_count;
	op->row_count = (uint32_t)count;
	for (int64_t i = 0; i < count; i++) {
		run.rows = grown(run.rows, run.row_count, &row_capacity, sizeof *run.rows);
		sid key = present();
		run.rows[run.row_count++] = (struct row){ key, present() };
	}
}

static void load_operands(struct op *op)
{
	switch (op->kind) {
	case OP_GET:
		op->a = present();
		op->b = bytes();
		break;
	case OP_RANGE:
		op->a = present();
		op->b = present();
		op->offset = (int32_t)number();
		op->more = number() != 0;
		load_rows(op, number());
		break;
	case OP_GET_KEY:
		op->a = present();
		op->or_equal = number() != 0;
		op->offset = (int32_t)number();
		op->b = present();
		break;
	case OP_CLEAR:
		op->a = present();
		break;
	case OP_ATOMIC:
		op->type = (uint8_t)number();
		op->a = present();
		op->b = present();
		break;
	case OP_READ_CONFLICT:
	case OP_SET:
	case OP_CLEAR_RANGE:
	case OP_WRITE_CONFLICT:
		op->a = present();
		op->b = present();
		break;
	default:
		wrong("no such operation");
	}
}

static void load_ops(struct txn *txn)
{
	txn->op = (uint32_t)run.op_count;
	while (file.next != NULL) {
		const char *letters = field();
		struct op op = { .kind = letters[0] };
		for (const char *flag = letters; *flag != '\0' && *++flag != '\0';) {
			op.snapshot |= *flag == 's';
			op.reverse |= *flag == 'r';
		}
		load_operands(&op);
		run.ops = grown(run.ops, run.op_count, &op_capacity, sizeof *run.ops);
		run.ops[run.op_count++] = op;
		txn->op_count++;
	}
}

/* ---- lines of a history ---- */

static struct txn *known(void)
{
	int64_t n = number();
	if (n <= 0 || (size_t)n >= file.number_count || file.by_number[n] == 0)
		wrong("a transaction that was not submitted");
	return &run.txns[file.by_number[n] - 1];
}

static void remember(uint64_t n)
{
	if (n == 0 || n > UINT32_MAX)
		wrong("not a number of a transaction");
	while (n >= file.number_count) {
		size_t more = file.number_count == 0 ? 1024 : file.number_count;
		file.by_number = realloc(file.by_number, (file.number_count + more) * sizeof *file.by_number);
		if (file.by_number == NULL)
			wrong("out of memory");
		memset(file.by_number + file.number_count, 0, more * sizeof *file.by_number);
		file.number_count += more;
	}
	if (file.by_number[n] != 0)
		wrong("two transactions with one number");
	file.by_number[n] = (uint32_t)run.txn_count;
}

static void load_txn(char kind)
{
	struct txn txn = {
		.file = run.file_count - 1, .number = (uint64_t)number(), .code = -1, .stamp_code = -1
	};
	const char *workload = field();
	txn.workload = intern((const uint8_t *)workload, strlen(workload));
	txn.begin = number();
	txn.read_time = number();
	txn.read_version = number();
	int64_t time = number();
	txn.version = txn.order = -1;
	if (kind == 'S') {
		txn.submit = time;
	} else {
		txn.end = time;
		txn.code = (int32_t)number();
	}
	load_ops(&txn);
	run.txns = grown(run.txns, run.txn_count, &txn_capacity, sizeof *run.txns);
	run.txns[run.txn_count++] = txn;
	remember(txn.number);
}

static void load_end(void)
{
	struct txn *txn = known(), before = *txn;
	txn->end = number();
	txn->code = (int32_t)number();
	txn->version = txn->order = -1;
	if (txn->submit == 0)
		wrong("the end of a transaction that was not submitted");
	if (txn->code == 0) {
		txn->version = number();
		txn->order = (int32_t)number();
	} else if (txn->code == 1020 && file.next != NULL) {
		txn->lost_begin = present();
		txn->lost_end = present();
		txn->lost_version = number();
	}
	if (before.end == 0)
		return;
	if (before.code != txn->code || before.version != txn->version || before.order != txn->order)
		anomaly("changed_verdict", txn, NULL, "was told another end before: code %d, place (%" PRId64 ", %d)",
			before.code, before.version, before.order);
	txn->end = before.end;
}

static void load_stamp(void)
{
	struct txn *txn = known();
	(void)number();
	txn->stamp_code = (int32_t)number();
	txn->stamp = txn->stamp_code == 0 ? present() : ABSENT;
}

static void load_header(void)
{
	if (strcmp(field(), "verdict-history") != 0 || number() != 1)
		wrong("not a history: verdict-history 1 NAME SEED");
	const char *name = field();
	for (uint32_t i = 0; i < run.file_count; i++) {
		if (strcmp(run.names[i], name) == 0)
			wrong("two histories of one name");
	}
	(void)field();
	run.names = grown(run.names, run.file_count, &name_capacity, sizeof *run.names);
	run.names[run.file_count++] = strdup(name);
}

static void load_history_line(void)
{
	const char *kind = field();
	switch (kind[0]) {
	case 'S':
	case 'R':
		load_txn(kind[0]);
		break;
	case 'E':
		load_end();
		break;
	case 'V':
		load_stamp();
		break;
	case '#':
		return;
	default:
		wrong("no such line");
	}
	line_end();
}

/* ---- files ---- */

static void each_line(const char *path, void (*first)(void), void (*rest)(void))
{
	char *text = NULL;
	size_t capacity = 0;
	ssize_t size;
	FILE *in = fopen(path, "r");
	file.path = path;
	file.line = 0;
	if (in == NULL) {
		perror(path);
		exit(2);
	}
	while ((size = getline(&text, &capacity, in)) > 0 && text[size - 1] == '\n') {
		text[size - 1] = '\0';
		file.next = text;
		file.line++;
		(file.line == 1 ? first : rest)();
	}
	fclose(in);
	free(text);
}

void load_history(const char *path)
{
	each_line(path, load_header, load_history_line);
	free(file.by_number);
	file.by_number = NULL;
	file.number_count = 0;
}

static bool final_ended;

static void load_final_header(void)
{
	if (strcmp(field(), "verdict-final") != 0 || number() != 1)
		wrong("not a dump: verdict-final 1 VERSION BEGIN END");
	run.has_final = true;
	run.final_version = number();
	run.final_begin = present();
	run.final_end = present();
}

static void load_final_row(void)
{
	if (strncmp(file.next, "end ", 4) == 0) {
		(void)field();
		final_ended = (size_t)number() == run.final_count;
		return;
	}
	run.final = grown(run.final, run.final_count, &final_capacity, sizeof *run.final);
	sid key = present();
	run.final[run.final_count++] = (struct row){ key, present() };
	line_end();
	if (run.final_count > 1 && compare_bytes(run.final[run.final_count - 2].key, key) >= 0)
		wrong("the dump is not in the order of its keys");
}

void load_final(const char *path)
{
	each_line(path, load_final_header, load_final_row);
	if (!final_ended)
		wrong("the dump is not whole");
}

/* TIME WORDS…; of these, "lost VERSION [FIRST]" means something. */
static void load_schedule_line(void)
{
	if (*file.next == '\0' || *file.next == '#')
		return;
	int64_t time = number();
	if (file.next == NULL)
		wrong("TIME WORDS…");
	run.remarks = grown(run.remarks, run.remark_count, &remark_capacity, sizeof *run.remarks);
	run.remarks[run.remark_count++] = (struct remark){ time, strdup(file.next) };
}

void load_schedule(const char *path)
{
	each_line(path, load_schedule_line, load_schedule_line);
}
