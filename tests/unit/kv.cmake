# SPDX-License-Identifier: Apache-2.0
foreach(module range mutation sequence request codec map overlay skyline window)
  verdict_unit_test(kv_${module}_test kv_${module}_test.c
    LINK verdict_kv verdict_proto verdict_base PkgConfig::PROTOBUF_C)
endforeach()
