# SPDX-License-Identifier: Apache-2.0
# `cpack -G DEB` in a build folder: three packages for Debian, one a component of the installation.
#
#   libverdict0      the library, and the event store's     what workers need
#   libverdict-dev   headers, pkg-config, CMake config      what their builds need
#   verdict          resolver, command line, units          what a node needs
#
# Both libraries are in one package: they have one version, and change the names that programs ask for together.
set(deb ${CMAKE_CURRENT_SOURCE_DIR}/debian)
set(library_package libverdict${PROJECT_VERSION_MAJOR})

file(STRINGS ${deb}/changelog newest LIMIT_COUNT 1)
if(NOT newest MATCHES "^verdict \\(${PROJECT_VERSION}\\) ")
  message(FATAL_ERROR "deploy/debian/changelog does not begin with version ${PROJECT_VERSION}")
endif()
file(STRINGS ${deb}/changelog signed REGEX "^ -- " LIMIT_COUNT 1)
string(REGEX REPLACE "^ -- (.*)  .*$" "\\1" maintainer "${signed}")

add_custom_command(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz
    COMMAND gzip -9nc ${deb}/changelog > ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz DEPENDS ${deb}/changelog VERBATIM)
add_custom_target(verdict_changelog ALL DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz)

foreach(pair library:${library_package} development:libverdict-dev programs:verdict)
  string(REGEX REPLACE "(.*):(.*)" "\\1;\\2" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  set(doc ${CMAKE_INSTALL_DATAROOTDIR}/doc/${package})
  install(FILES ${deb}/copyright DESTINATION ${doc} COMPONENT ${component})
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz DESTINATION ${doc} COMPONENT ${component})
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${upper}_FILE_NAME DEB-DEFAULT)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_NAME verdict)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_COMPONENTS_ALL library development programs)
set(CPACK_DEB_COMPONENT_INSTALL ON)
# as DESTDIR, so that settings go to /etc
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${maintainer}")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/follower)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "transactions on an ordered key-value store in PostgreSQL
Verdict makes one PostgreSQL a strictly serializable, ordered key-value store
with FoundationDB's transaction model.
.
This is the library that worker processes link, and the one of the event
store on top of it.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${deb}/triggers)

set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "transactions on an ordered key-value store - development
Verdict makes one PostgreSQL a strictly serializable, ordered key-value store
with FoundationDB's transaction model.
.
These are the headers and static libraries, also of the event store, for
pkg-config and for CMake.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${library_package} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "libpq-dev, libevent-dev, libprotobuf-c-dev")

set(CPACK_COMPONENT_PROGRAMS_DESCRIPTION "ordered key-value store in PostgreSQL - resolver and tools
Verdict makes one PostgreSQL a strictly serializable, ordered key-value store
with FoundationDB's transaction model.
.
This is the resolver, a daemon that gives every commit its verdict, with units
for systemd, and the command line.")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_DEPENDS
  "${library_package} (= ${PROJECT_VERSION}), systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SUGGESTS postgresql)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_CONTROL_EXTRA ${deb}/conffiles ${deb}/postinst ${deb}/prerm ${deb}/postrm)
include(CPack)
