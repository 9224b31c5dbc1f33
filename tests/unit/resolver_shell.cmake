# SPDX-License-Identifier: Apache-2.0
set(resolver_rooms verdict_resolver_shell verdict_resolver_core verdict_page verdict_pg verdict_loop verdict_text_programs
  verdict_text verdict_kv verdict_base verdict_proto)
foreach(module lease trail looks crowd apply herald address)
  verdict_unit_test(resolver_${module}_test resolver_${module}_test.c LINK ${resolver_rooms})
endforeach()
