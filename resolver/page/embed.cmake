# SPDX-License-Identifier: Apache-2.0
# cmake -D FILES=<path;…> -D FOLDER=<folder> -D OUTPUT=<file.c> -P embed.cmake
# Writes the files of the page as C (page.h says what). Refuses a file whose kind a browser would not be told, and one in the
# folder that the list does not name.
cmake_minimum_required(VERSION 3.25)

set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")

file(GLOB present ${FOLDER}/*.html ${FOLDER}/*.css ${FOLDER}/*.js ${FOLDER}/*.svg)
foreach(path IN LISTS present)
  if(NOT path IN_LIST FILES)
    message(FATAL_ERROR "${path} is not in the list of resolver/page/CMakeLists.txt")
  endif()
endforeach()

set(arrays "")
set(table "")
set(count 0)
foreach(path IN LISTS FILES)
  get_filename_component(name ${path} NAME)
  if(NOT name MATCHES "^[a-z0-9_-]+\\.(html|css|js|svg)$")
    message(FATAL_ERROR "${name}: a file of the page is called name.html, .css, .js or .svg")
  endif()
  set(type "${type_${CMAKE_MATCH_1}}")
  set(served "/${name}")
  if(name STREQUAL "index.html")
    set(served "/")
  endif()
  file(SHA256 ${path} checksum)
  string(SUBSTRING ${checksum} 0 16 etag)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)"
    "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const uint8_t file_${count}[] = {\n${bytes}0 };\n\n")
  string(APPEND table
    "\t{ \"${served}\", \"${type}\", \"\\\"${etag}\\\"\", file_${count}, sizeof file_${count} - 1 },\n")
  math(EXPR count "${count} + 1")
endforeach()

file(WRITE ${OUTPUT} "/* Made by resolver/page/embed.cmake. */
#include \"resolver/page/page.h\"

#include <string.h>

${arrays}static const struct vd_page_file files[] = {
${table}};

const struct vd_page_file *vd_page_find(const char *path)
{
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strcmp(path, files[i].path) == 0)
			return &files[i];
	return NULL;
}
")
