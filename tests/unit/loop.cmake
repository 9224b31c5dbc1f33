# SPDX-License-Identifier: Apache-2.0
verdict_unit_test(loop_test loop_test.c LINK verdict_base verdict_loop)
