# SPDX-License-Identifier: Apache-2.0
# verdict_room(<name> <source>... [LINK <target>...]): one room's sources as an object library, so that the
# shared library, the static library, the programs and the tests all link the same objects.
function(verdict_room name)
  cmake_parse_arguments(ROOM "" "" "LINK" ${ARGN})
  add_library(${name} OBJECT ${ROOM_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC verdict_build ${ROOM_LINK})
endfunction()
