# SPDX-License-Identifier: Apache-2.0
verdict_unit_test(cli_script_test cli_script_test.c ${PROJECT_SOURCE_DIR}/cli/script.c ${PROJECT_SOURCE_DIR}/cli/commands.c
  LINK verdict_text_programs verdict_text verdict_base)
verdict_unit_test(cli_submit_job_test cli_submit_job_test.c ${PROJECT_SOURCE_DIR}/cli/submit_job.c
  ${PROJECT_SOURCE_DIR}/cli/script.c ${PROJECT_SOURCE_DIR}/cli/commands.c LINK verdict_text_programs verdict_text verdict_base)
