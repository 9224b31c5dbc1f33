# SPDX-License-Identifier: Apache-2.0
foreach(module bytes arena buffer error clock endian random machine steps redact log fault)
  verdict_unit_test(base_${module}_test base_${module}_test.c LINK verdict_base)
endforeach()
