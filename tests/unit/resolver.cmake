# SPDX-License-Identifier: Apache-2.0
foreach(module version clients batch resolve conflict precondition presence sequence fold outcome reply lock memory metrics)
  verdict_unit_test(resolver_${module}_test resolver_${module}_test.c
    LINK verdict_resolver_core verdict_kv verdict_base verdict_proto)
endforeach()
