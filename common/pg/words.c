/* SPDX-License-Identifier: Apache-2.0 */
/* What the server and libpq say, as text of one line for logs and users, and the questions asked of it. */
#include "common/pg/internal.h"

bool vd_pg_outcome_is(const struct vd_pg_outcome *outcome, const char *sqlstate)
{
	return strcmp(outcome->sqlstate, sqlstate) == 0;
}

bool vd_pg_outcome_is_class(const struct vd_pg_outcome *outcome, const char *class_code)
{
	return outcome->sqlstate[0] != 0 && strncmp(outcome->sqlstate, class_code, 2) == 0;
}

void pg_one_line(struct vd_buffer *to, const char *text)
{
	size_t begin = to->size;
	for (; text != NULL && *text != 0; text++)
		if (*text != '\n' || (text[1] != 0 && text[1] != '\n'))
			vd_buffer_add_byte(to, *text == '\n' || *text == '\t' ? ' ' : (uint8_t)*text);
	while (to->size > begin && to->data[to->size - 1] == ' ')
		vd_buffer_truncate(to, to->size - 1);
}

const char *pg_result_field(const PGresult *result, int code)
{
	const char *text = PQresultErrorField(result, code);
	return text == NULL ? "" : text;
}

bool pg_is_fatal(const PGresult *result)
{
	const char *severity = pg_result_field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0 || severity[0] == 0;
}

void pg_describe(struct vd_buffer *to, const PGresult *result)
{
	const char *severity = pg_result_field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (severity[0] == 0) {
		pg_one_line(to, PQresultErrorMessage(result));
		return;
	}
	vd_buffer_add_format(to, "%s %s ", severity, pg_result_field(result, PG_DIAG_SQLSTATE));
	pg_one_line(to, pg_result_field(result, PG_DIAG_MESSAGE_PRIMARY));
}
