# SPDX-License-Identifier: Apache-2.0
foreach(module reply life guard future settings conflicting conflicts scan rules)
  verdict_unit_test(follower_${module}_test follower_${module}_test.c LINK ${VERDICT_LIBRARY_ROOMS})
endforeach()
target_compile_definitions(follower_life_test PRIVATE VERDICT_SOURCE="${PROJECT_SOURCE_DIR}")
