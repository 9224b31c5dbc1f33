# SPDX-License-Identifier: Apache-2.0
verdict_unit_test(text_escape_test text_escape_test.c LINK verdict_base verdict_text)
verdict_unit_test(text_errors_test text_errors_test.c LINK verdict_base verdict_text)
verdict_unit_test(text_settings_test text_settings_test.c
  LINK verdict_base verdict_text verdict_text_programs)
verdict_unit_test(text_json_test text_json_test.c LINK verdict_base verdict_text verdict_text_programs)
