/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/submit_verdict.h"

#include "cli/verdict_words.h"

#include "common/text/json.h"

static void add_conflict(json_t *object, const struct vd_transaction *transaction)
{
	const uint8_t *begin;
	const uint8_t *end;
	size_t begin_size;
	size_t end_size;
	int64_t version;
	if (vd_transaction_get_conflict(transaction, &begin, &begin_size, &end, &end_size, &version) != 0)
		return;
	json_t *conflict = json_object();
	json_object_set_new(conflict, "begin", vd_json_bytes(vd_bytes_of(begin, begin_size)));
	json_object_set_new(conflict, "end", vd_json_bytes(vd_bytes_of(end, end_size)));
	json_object_set_new(conflict, "version", json_integer(version));
	json_object_set_new(object, "conflict", conflict);
}

json_t *vd_verdict_json(const struct vd_job *job, const struct vd_transaction *transaction, int code,
	const char *message, unsigned attempts)
{
	int64_t version = -1;
	int order = 0;
	json_t *object = json_object();
	json_object_set_new(object, "line", json_integer((json_int_t)job->line));
	if (job->id != NULL)
		json_object_set(object, "id", job->id);
	json_object_set_new(object, "verdict", json_string(vd_verdict_word(code)));
	if (code == 0) {
		if (vd_transaction_get_committed_version(transaction, &version) != 0 ||
			vd_transaction_get_committed_order(transaction, &order) != 0)
			order = 0;
		json_object_set_new(object, "version", json_integer(version));
		json_object_set_new(object, "order", json_integer(order));
	} else {
		json_object_set_new(object, "reason", json_string(vd_error_name(code)));
		json_object_set_new(object, "error", json_integer(code));
		if (message[0] != '\0')
			json_object_set_new(object, "message", vd_json_text(message));
	}
	if (code == VD_ERROR_NOT_COMMITTED)
		add_conflict(object, transaction);
	if (attempts > 0)
		json_object_set_new(object, "attempts", json_integer(attempts));
	return object;
}
