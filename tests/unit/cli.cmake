# SPDX-License-Identifier: Apache-2.0
verdict_unit_test(cli_script_test cli_script_test.c LINK verdict_cli_parts)
verdict_unit_test(cli_submit_job_test cli_submit_job_test.c LINK verdict_cli_parts)
verdict_unit_test(cli_status_test cli_status_test.c LINK verdict_cli_parts)
verdict_unit_test(cli_dump_test cli_dump_test.c LINK verdict_cli_parts)
