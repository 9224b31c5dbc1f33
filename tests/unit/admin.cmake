# SPDX-License-Identifier: Apache-2.0
verdict_unit_test(admin_parse_test admin_parse_test.c LINK verdict_admin verdict_pg verdict_loop verdict_base)
verdict_unit_test(admin_doctor_test admin_doctor_test.c LINK verdict_admin verdict_pg verdict_loop verdict_base)
