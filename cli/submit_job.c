/* SPDX-License-Identifier: Apache-2.0 */
/* submit_job.c: see submit_job.h. Whatever is not known is an error: a field that is passed over could be the one that
 * matters. */
#include "cli/submit_job.h"

#include "cli/command.h"

#include "common/base/endian.h"
#include "common/text/escape.h"
#include "common/text/json.h"

#include <string.h>

#define JOB_BYTES_MAX ((size_t)128 << 20)

static int wrong(struct vd_error *error, const char *what)
{
	return vd_error_set(error, VD_ERROR_CLIENT_INVALID_OPERATION, "%s", what);
}

static int take_bytes(struct vd_job *job, const json_t *value, struct vd_bytes *bytes, struct vd_error *error)
{
	struct vd_buffer raw = { 0 };
	int code = vd_json_to_bytes(value, &raw, error);
	if (code == 0 && (!vd_buffer_ok(&raw) || !vd_bytes_dup(&job->arena, vd_buffer_bytes(&raw), bytes)))
		code = vd_error_set(error, VD_ERROR_OUT_OF_MEMORY, "out of memory");
	vd_buffer_fini(&raw);
	return code;
}

/* The operand of add: a number becomes 8 bytes. */
static int take_operand(struct vd_job *job, const json_t *value, struct vd_op *op, struct vd_error *error)
{
	if (op->code != VD_MUTATION_ADD || !json_is_integer(value))
		return take_bytes(job, value, &op->second, error);
	uint8_t *number = vd_arena_alloc_bytes(&job->arena, 8);
	if (number == NULL)
		return vd_error_set(error, VD_ERROR_OUT_OF_MEMORY, "out of memory");
	vd_store_le64(number, (uint64_t)json_integer_value(value));
	op->second = vd_bytes_of(number, 8);
	return 0;
}

/* The commands that write are the ops. */
static bool find_op(struct vd_bytes name, struct vd_op *op)
{
	const struct vd_command *command = vd_command_of(name);
	if (command == NULL || command->op == VD_OP_NONE || command->op == VD_OP_CONFLICT_RANGE)
		return false;
	op->kind = command->op;
	op->code = command->code;
	return true;
}

static int take_op(struct vd_job *job, const json_t *value, struct vd_error *error)
{
	struct vd_op op = { 0 };
	const json_t *first = json_array_get(value, 0);
	if (!json_is_string(first))
		return wrong(error, "an op is an array that begins with its name");
	const char *name = json_string_value(first);
	if (!find_op(vd_bytes_of(name, json_string_length(first)), &op))
		return vd_error_set(error, VD_ERROR_INVALID_MUTATION_TYPE, "unknown op \"%s\"",
			VD_ESCAPE_SHORT(vd_bytes_of(name, json_string_length(first))));
	size_t words = op.kind == VD_OP_CLEAR ? 2 : 3;
	if (json_array_size(value) != words)
		return vd_error_set(error, VD_ERROR_CLIENT_INVALID_OPERATION, "%s takes %s", name,
			words == 2 ? "one argument" : "two arguments");
	int code = take_bytes(job, json_array_get(value, 1), &op.first, error);
	if (code == 0 && words == 3)
		code = take_operand(job, json_array_get(value, 2), &op, error);
	if (code != 0)
		vd_error_wrap(error, "%s", name);
	else if (!vd_vector_push(&job->ops, op))
		code = vd_error_set(error, VD_ERROR_OUT_OF_MEMORY, "out of memory");
	return code;
}

static int take_range(struct vd_job *job, const json_t *value, int type, struct vd_error *error)
{
	struct vd_op op = { .kind = VD_OP_CONFLICT_RANGE, .code = type };
	if (json_array_size(value) != 2)
		return wrong(error, "a range is an array of its begin and its end");
	int code = take_bytes(job, json_array_get(value, 0), &op.first, error);
	if (code == 0)
		code = take_bytes(job, json_array_get(value, 1), &op.second, error);
	if (code == 0 && !vd_vector_push(&job->ops, op))
		code = vd_error_set(error, VD_ERROR_OUT_OF_MEMORY, "out of memory");
	return code;
}

static int take_list(struct vd_job *job, const char *name, const json_t *list, struct vd_error *error)
{
	size_t i;
	json_t *value;
	int code = json_is_array(list) ? 0 : wrong(error, "it must be an array");
	if (code != 0)
		vd_error_wrap(error, "%s", name);
	json_array_foreach(list, i, value)
	{
		if (code != 0)
			break;
		if (strcmp(name, "ops") == 0)
			code = take_op(job, value, error);
		else
			code = take_range(job, value,
				strcmp(name, "reads") == 0 ? VD_CONFLICT_RANGE_READ : VD_CONFLICT_RANGE_WRITE, error);
		if (code != 0)
			vd_error_wrap(error, "%s[%zu]", name, i);
	}
	return code;
}

static int take_member(struct vd_job *job, const char *name, json_t *value, struct vd_error *error)
{
	if (strcmp(name, "ops") == 0 || strcmp(name, "reads") == 0 || strcmp(name, "writes") == 0)
		return take_list(job, name, value, error);
	if (strcmp(name, "id") == 0) {
		if (!json_is_string(value) && !json_is_integer(value))
			return wrong(error, "id must be text or a number");
		job->id = json_incref(value);
		return 0;
	}
	if (strcmp(name, "read_version") == 0) {
		if (!json_is_integer(value) || json_integer_value(value) <= 0)
			return wrong(error, "read_version must be a number above 0");
		job->read_version = json_integer_value(value);
		return 0;
	}
	return vd_error_set(error, VD_ERROR_CLIENT_INVALID_OPERATION, "unknown field \"%s\"",
		VD_ESCAPE_SHORT(vd_bytes_of_string(name)));
}

/* jansson says near what it was: bytes of anybody's. */
static int malformed(const json_error_t *why, struct vd_error *error)
{
	char text[sizeof why->text];
	size_t size = 0;
	for (const char *at = why->text; *at != '\0'; at++)
		text[size++] = *at >= ' ' && *at <= '~' ? *at : '?';
	text[size] = '\0';
	vd_error_set(
		error, VD_ERROR_CLIENT_INVALID_OPERATION, "malformed JSON at byte %d: %s", why->position, text);
	return error->code;
}

int vd_job_parse(struct vd_job *job, struct vd_bytes text, struct vd_error *error)
{
	json_error_t why;
	const char *name;
	json_t *value;
	*job = (struct vd_job){ .line = job->line };
	vd_arena_init(&job->arena, JOB_BYTES_MAX);
	json_t *object =
		json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (object == NULL)
		return malformed(&why, error);
	int code = json_is_object(object) ? 0 : wrong(error, "it must be a JSON object");
	json_object_foreach(object, name, value)
	{
		code = code != 0 ? code : take_member(job, name, value, error);
	}
	if (code == 0 && json_object_get(object, "ops") == NULL)
		code = wrong(error, "ops is missing");
	json_decref(object);
	return code;
}

void vd_job_fini(struct vd_job *job)
{
	json_decref(job->id);
	vd_vector_fini(&job->ops);
	vd_arena_fini(&job->arena);
}
