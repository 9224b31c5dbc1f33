# SPDX-License-Identifier: Apache-2.0
# How tests are declared. Every test is a ctest test; a test that did not run ends with 77 and says why.
# Labels: `long` are left out unless tests/run.sh is called with --full.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
# Debian's, whatever else is first in PATH: it has pytest, psycopg and hypothesis as packages.
find_program(VERDICT_PYTHON3 python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
set(VERDICT_PRIVATE_PG ${PROJECT_SOURCE_DIR}/tests/support/private_pg.py)

# Sets what all tests have in common: a time-out (default 300 s: for what hangs; a slow machine is no hang), labels, 77 for "skipped", and sanitizers that stop at the
# first report.
function(verdict_test_properties name)
  cmake_parse_arguments(T "LONG;SERIAL" "TIMEOUT" "ENVIRONMENT" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} SKIP_RETURN_CODE 77)
  if(T_ENVIRONMENT)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${T_ENVIRONMENT}")
  endif()
  if(T_LONG)
    set_tests_properties(${name} PROPERTIES LABELS long)
  endif()
  if(T_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# verdict_unit_test(<name> <source>... LINK <target>... [TIMEOUT s] [LONG]): one cmocka program a module. Object libraries
# do not pass their objects on transitively, so a test names every room that it needs. Also for properties.
function(verdict_unit_test name)
  cmake_parse_arguments(T "LONG;SERIAL" "TIMEOUT" "LINK" ${ARGN})
  add_executable(${name} ${T_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE verdict_build ${T_LINK} PkgConfig::CMOCKA)
  add_test(NAME ${name} COMMAND ${name})
  verdict_test_properties(${name} ${ARGN})
endfunction()

# verdict_pg_test(<name> <source>... LINK <target>... [SET name=value...] [TIMEOUT s] [LONG] [SERIAL]): a cmocka program that
# is run against a private PostgreSQL with these server parameters (VERDICT_TEST_DSN in its environment).
function(verdict_pg_test name)
  cmake_parse_arguments(T "LONG;SERIAL" "TIMEOUT" "LINK;SET" ${ARGN})
  add_executable(${name} ${T_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE verdict_build ${T_LINK} PkgConfig::CMOCKA)
  list(TRANSFORM T_SET PREPEND "--set=")
  add_test(NAME ${name} COMMAND ${VERDICT_PYTHON3} ${VERDICT_PRIVATE_PG} ${T_SET} -- $<TARGET_FILE:${name}>)
  verdict_test_properties(${name} ${ARGN})
endfunction()

# verdict_pytest(<name> <file> [TIMEOUT s] [LONG] [SERIAL]): a pytest file. VERDICT_BUILD names the build folder. Status 77:
# everything in it was skipped or some of it, and nothing failed (tests/conftest.py). SERIAL: nothing runs beside it,
# for what measures time.
function(verdict_pytest name file)
  add_test(NAME ${name}
    COMMAND ${VERDICT_PYTHON3} -m pytest -rs -p no:cacheprovider ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  verdict_test_properties(${name} TIMEOUT 900 ${ARGN}
    ENVIRONMENT "VERDICT_BUILD=${PROJECT_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()
