/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: verdict-resolver. */
#include "common/base/log.h"
#include "resolver/life.h"
#include "resolver/node.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static void start_log(const struct vd_resolver_settings *settings)
{
	struct vd_log_options options = { .level = VD_LOG_INFO,
		.json = strcmp(settings->log_format, "json") == 0,
		.fd = STDERR_FILENO,
		.program = "verdict-resolver",
		.node = settings->node };
	VD_ASSERT(vd_log_level_parse(settings->log_level, &options.level));
	vd_log_start(&options);
}

int main(int argc, char **argv)
{
	struct vd_resolver_settings settings = { 0 };
	struct vd_error error;
	enum vd_settings_result result = vd_resolver_settings_load(argc, argv, &settings, &error);
	if (result == VD_SETTINGS_PRINTED)
		return 0;
	if (result == VD_SETTINGS_WRONG) {
		vd_error_print(&error, "verdict-resolver", stderr);
		return 2;
	}
	if (settings.print_life) {
		vd_machine_print_mermaid(&vd_life, stdout);
		vd_resolver_settings_free(&settings);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	start_log(&settings);
	int exit_code = vd_node_run(&settings);
	vd_log_stop();
	vd_resolver_settings_free(&settings);
	return exit_code;
}
