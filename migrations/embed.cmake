# SPDX-License-Identifier: Apache-2.0
# cmake -D FILES=<path;…> -D FOLDER=<folder> -D OUTPUT=<file.c> -P embed.cmake
# Writes the migrations as C (common/pg/migrate.h says what), each with its SHA-256. Refuses a hole in the numbers, and a
# file in the folder that the list does not name.
cmake_minimum_required(VERSION 3.25)

file(GLOB present ${FOLDER}/*.sql)
foreach(path IN LISTS present)
  if(NOT path IN_LIST FILES)
    message(FATAL_ERROR "${path} is not in the list of migrations/CMakeLists.txt")
  endif()
endforeach()

set(arrays "")
set(table "")
set(count 0)
foreach(path IN LISTS FILES)
  math(EXPR count "${count} + 1")
  get_filename_component(file ${path} NAME)
  if(NOT file MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)\\.sql$")
    message(FATAL_ERROR "${file}: a migration is called NNNN_name.sql")
  endif()
  set(digits ${CMAKE_MATCH_1})
  set(name ${CMAKE_MATCH_2})
  string(REGEX REPLACE "^0+" "" number "${digits}")
  if(NOT number STREQUAL count)
    message(FATAL_ERROR "${file}: number ${count} was expected here")
  endif()
  file(SHA256 ${path} checksum)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  if(bytes MATCHES "0x00,")
    message(FATAL_ERROR "${file}: has a NUL byte")
  endif()
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)"
    "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const char sql_${digits}[] = {\n${bytes}0 };\n\n")
  string(APPEND table "\t{ ${number}, \"${name}\", sql_${digits}, \"${checksum}\" },\n")
endforeach()

file(WRITE ${OUTPUT} "/* Made by migrations/embed.cmake. */
#include \"common/pg/migrate.h\"

${arrays}const struct vd_migration vd_migrations[] = {
${table}};
const size_t vd_migrations_count = ${count};
")
