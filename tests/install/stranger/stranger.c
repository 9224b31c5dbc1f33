/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's program: knows the public header and nothing else. Compiles as C and as C++. */
#include <verdict/verdict.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
	struct vd_option option = { "nonsense", "1" };
	struct vd_database *database = NULL;
	char message[200];
	int code = vd_database_open(NULL, "", &option, 1, &database, message, sizeof message);
	printf("%s: %s: %s\n", vd_version(), vd_error_name(code), message);
	return code == VD_ERROR_INVALID_OPTION && strstr(message, "nonsense") != NULL ? 0 : 1;
}
