/* SPDX-License-Identifier: Apache-2.0 */
/* settings_value.h: one value of the settings table: text to value and back. Only for settings*.c. */
#ifndef VD_COMMON_TEXT_SETTINGS_VALUE_H
#define VD_COMMON_TEXT_SETTINGS_VALUE_H

#include "common/text/settings.h"

#define VD_SETTING_VARIABLE_BYTES 80

/* Sets the field from what a user wrote. 0, or VD_CODE_INVALID_OPTION_VALUE with a message to be wrapped with
 * the place. */
VD_MUST_USE int vd_setting_set(
	const struct vd_setting *row, const char *text, void *values, struct vd_error *error);

/* Sets the default; asserts that it is a legal value. */
VD_MUST_USE int vd_setting_set_initial(const struct vd_setting *row, void *values, struct vd_error *error);

/* Appends the value as a user would write it; secrets as ***. */
void vd_setting_write(const struct vd_setting *row, const void *values, struct vd_buffer *out);

/* "VERDICT_BATCH_REQUESTS" for "batch-requests". */
void vd_setting_variable(const char *name, char variable[VD_SETTING_VARIABLE_BYTES]);

/* "integer", "duration", … */
const char *vd_setting_type_name(enum vd_setting_type type);

/* Appends a duration or a size in the largest unit that gives a whole number. */
void vd_setting_write_number(enum vd_setting_type type, int64_t number, struct vd_buffer *out);

#endif
