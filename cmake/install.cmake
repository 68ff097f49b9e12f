# SPDX-License-Identifier: MIT
#
# What `cmake --install` puts where. Three components: Runtime (what a program needs to run), Development (what is
# needed to build one), Tools (the programs for people). The pre-fork host is an example and is not installed.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/shmquota")

# Two export sets: a program that links the shared library does not need the libraries that the static one asks for.
install(
  TARGETS shmquota
  EXPORT shmquota-shared
  LIBRARY COMPONENT Runtime NAMELINK_COMPONENT Development
  FILE_SET HEADERS COMPONENT Development
)
install(
  TARGETS shmquota_static
  EXPORT shmquota-static
  ARCHIVE COMPONENT Development
  FILE_SET HEADERS COMPONENT Development
)
foreach(kind IN ITEMS shared static)
  install(
    EXPORT shmquota-${kind}
    NAMESPACE shmquota::
    FILE shmquota-${kind}.cmake
    DESTINATION "${package_dir}"
    COMPONENT Development
  )
endforeach()

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/shmquota-config.cmake.in"
  "${PROJECT_BINARY_DIR}/shmquota-config.cmake"
  INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO
  NO_CHECK_REQUIRED_COMPONENTS_MACRO
)
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/shmquota-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(
  FILES "${PROJECT_BINARY_DIR}/shmquota-config.cmake" "${PROJECT_BINARY_DIR}/shmquota-config-version.cmake"
  DESTINATION "${package_dir}"
  COMPONENT Development
)

# The .pc file finds its prefix from its own place, so an installed tree may be moved.
cmake_path(
  RELATIVE_PATH
  CMAKE_INSTALL_PREFIX
  BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig"
  OUTPUT_VARIABLE pc_to_prefix
)
configure_file("${PROJECT_SOURCE_DIR}/lib/shmquota.pc.in" "${PROJECT_BINARY_DIR}/shmquota.pc" @ONLY)
install(
  FILES "${PROJECT_BINARY_DIR}/shmquota.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
  COMPONENT Development
)

if(SHMQUOTA_TOOLS)
  install(TARGETS shm_dump shmquota_command RUNTIME COMPONENT Tools)
  install(
    FILES "${PROJECT_SOURCE_DIR}/docs/man/shmquota.ini.5"
    DESTINATION "${CMAKE_INSTALL_MANDIR}/man5"
    COMPONENT Tools
  )
endif()

install(
  FILES "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}"
  COMPONENT Development
)
install(
  FILES "${PROJECT_SOURCE_DIR}/LICENSE"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}"
  RENAME copyright
  COMPONENT Runtime
)
