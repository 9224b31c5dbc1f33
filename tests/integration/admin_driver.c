/* SPDX-License-Identifier: Apache-2.0 */
/* admin_driver DSN CALL [ARGUMENT…]: the calls of verdict/admin.h that the program `verdict` has no verb for, as pytest tries
 * them, over the public header alone. Prints the result; with an error "<code>: <message>" and ends with 1. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <verdict/admin.h>

static struct vd_admin *admin;

static void on_alarm(int number)
{
	(void)number;
	vd_admin_interrupt(admin);
}

static bool never_enough(const struct vd_admin_event *event, void *arg)
{
	(void)event;
	(void)arg;
	return true;
}

static int call(int argc, char **argv, struct vd_admin_error *error)
{
	const char *name = argv[2];
	int64_t clients = -1;
	struct vd_admin_handed handed = { 0 };
	struct vd_admin_status status;
	int code = VD_ERROR_CLIENT_INVALID_OPERATION;
	if (strcmp(name, "purge") == 0 && argc == 4) {
		code = vd_admin_purge(admin, strtoll(argv[3], NULL, 10), NULL, NULL, &clients, error);
		printf("%lld\n", (long long)clients);
	} else if (strcmp(name, "hand_over") == 0) {
		code = vd_admin_hand_over(admin, argc > 3 ? argv[3] : NULL, &handed, error);
		printf("%s\n", handed.to);
	} else if (strcmp(name, "account") == 0 && argc == 6) {
		code = vd_admin_account(admin, argv[3], argv[4], (unsigned)strtoul(argv[5], NULL, 10), error);
	} else if (strcmp(name, "interrupted") == 0) {
		/* Three times over one handle: a call that waits is interrupted, and the handle goes on. */
		signal(SIGALRM, on_alarm);
		for (int i = 0; i < 3; i++) {
			alarm(1);
			code = vd_admin_observe(admin, never_enough, NULL, error);
			if (code != VD_ERROR_OPERATION_CANCELLED || vd_admin_status(admin, &status, error) != 0)
				return VD_ERROR_CLIENT_INVALID_OPERATION;
		}
		code = 0;
	}
	return code;
}

int main(int argc, char **argv)
{
	struct vd_admin_error error = { 0 };
	if (argc < 3)
		return 2;
	int code = vd_admin_open(argv[1], "verdict", 5000, &admin, &error);
	if (code == 0) {
		code = call(argc, argv, &error);
		vd_admin_close(admin);
	}
	if (code != 0)
		printf("%d: %s\n", code, error.message);
	return code == 0 ? 0 : 1;
}
