/* SPDX-License-Identifier: Apache-2.0 */
/* A line of `verdict submit`. It is refused in one printable line (which travels behind a number to another process, so that a
 * line feed in it would be somebody else's answer), or it is operations; those written down as JSON again are the same ones. */
#include "cli/command.h"
#include "cli/submit_job.h"
#include "common/text/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *array_of(const struct vd_op *op, const char *name)
{
	json_t *array = json_array();
	if (name != NULL)
		json_array_append_new(array, json_string(name));
	json_array_append_new(array, vd_json_bytes(op->first));
	if (op->kind != VD_OP_CLEAR)
		json_array_append_new(array, vd_json_bytes(op->second));
	return array;
}

static const char *name_of(const struct vd_op *op)
{
	const struct vd_command *command;
	for (size_t i = 0; (command = vd_command_at(i)) != NULL; i++)
		if (command->op == op->kind && command->code == op->code)
			return command->name;
	vd_check_failed(__FILE__, __LINE__, "an op that no command makes");
}

/* Reads first, then writes, then ops: the order in which a list meets its like is kept. */
static json_t *written(const struct vd_job *job)
{
	json_t *object = json_object();
	json_t *ops = json_array();
	json_t *reads = json_array();
	json_t *writes = json_array();
	for (size_t i = 0; i < job->ops.count; i++) {
		const struct vd_op *op = &job->ops.items[i];
		bool is_range = op->kind == VD_OP_CONFLICT_RANGE;
		VD_ASSERT(op->kind != VD_OP_NONE);
		json_t *list = !is_range ? ops : op->code == VD_CONFLICT_RANGE_READ ? reads : writes;
		json_array_append_new(list, array_of(op, is_range ? NULL : name_of(op)));
	}
	json_object_set_new(object, "reads", reads);
	json_object_set_new(object, "writes", writes);
	json_object_set_new(object, "ops", ops);
	if (job->id != NULL)
		json_object_set(object, "id", job->id);
	if (job->read_version != 0)
		json_object_set_new(object, "read_version", json_integer(job->read_version));
	return object;
}

static void check(const struct vd_job *job)
{
	struct vd_buffer once = { 0 };
	struct vd_buffer twice = { 0 };
	struct vd_error error = { 0 };
	struct vd_job again = { .line = job->line };
	VD_ASSERT(job->read_version >= 0);
	VD_ASSERT(job->id == NULL || json_is_string(job->id) || json_is_integer(job->id));
	json_t *object = written(job);
	vd_json_add_line(&once, object);
	json_decref(object);
	if (vd_job_parse(&again, vd_bytes_of(once.data, once.size - 1), &error) != 0)
		vd_check_failed(__FILE__, __LINE__, error.message);
	object = written(&again);
	vd_json_add_line(&twice, object);
	json_decref(object);
	VD_ASSERT(again.ops.count == job->ops.count && again.line == job->line);
	VD_ASSERT(vd_bytes_equal(vd_buffer_bytes(&once), vd_buffer_bytes(&twice)));
	vd_job_fini(&again);
	vd_buffer_fini(&once);
	vd_buffer_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vd_job job = { .line = 7 };
	struct vd_error error = { 0 };
	int code = vd_job_parse(&job, vd_bytes_of(data, size), &error);
	VD_ASSERT(job.line == 7);
	if (code == 0)
		check(&job);
	else {
		VD_ASSERT(error.code == code && error.message[0] != '\0');
		for (const char *at = error.message; *at != '\0'; at++)
			VD_ASSERT((uint8_t)*at >= 0x20 && (uint8_t)*at <= 0x7e);
	}
	vd_job_fini(&job);
	return 0;
}
