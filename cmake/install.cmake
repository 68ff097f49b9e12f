# SPDX-License-Identifier: MIT
#
# What `cmake --install` puts where. Three components: Runtime (what a program needs to run), Development (what is
# needed to build one), Tools (the programs for people). The pre-fork host is an example and is not installed.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/shmquota")

# Debian has a folder of documents for each package, and one of its own for zsh.
option(SHMQUOTA_DEBIAN "Install where Debian's packages do" OFF)
set(package_of_Runtime libshmquota${PROJECT_VERSION_MAJOR})
set(package_of_Development libshmquota-dev)
set(package_of_Tools shmquota-tools)
foreach(component IN ITEMS Runtime Development Tools)
  set(doc_of_${component} "${CMAKE_INSTALL_DOCDIR}")
  if(SHMQUOTA_DEBIAN)
    set(doc_of_${component} "${CMAKE_INSTALL_DATADIR}/doc/${package_of_${component}}")
  endif()
endforeach()

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
if(SHMQUOTA_DEBIAN)
  # CPack takes the symbols out of programs and shared libraries, and leaves this one as it is.
  set(archive "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/$<TARGET_FILE_NAME:shmquota_static>")
  install(
    CODE "execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-debug \"${archive}\" COMMAND_ERROR_IS_FATAL ANY)"
    COMPONENT Development
  )
endif()
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
  include("${CMAKE_CURRENT_LIST_DIR}/install_tools.cmake")
endif()
include("${CMAKE_CURRENT_LIST_DIR}/install_manuals.cmake")

install(FILES "${PROJECT_SOURCE_DIR}/README.md" DESTINATION "${doc_of_Development}" COMPONENT Development)
if(SHMQUOTA_DEBIAN)
  # Change logs are compressed, and each package has one in Debian's own format.
  set(work "${PROJECT_BINARY_DIR}/debian")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/debian/changelog" "${work}/changelog" @ONLY)
  configure_file("${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${work}/CHANGELOG.md" COPYONLY)
  foreach(log IN ITEMS changelog CHANGELOG.md)
    execute_process(COMMAND gzip -9nc "${work}/${log}" OUTPUT_FILE "${work}/${log}.gz" COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  foreach(component IN ITEMS Runtime Development Tools)
    install(FILES "${work}/changelog.gz" DESTINATION "${doc_of_${component}}" COMPONENT ${component})
    # What lintian is right about and what stays as it is.
    install(
      FILES "${PROJECT_SOURCE_DIR}/cmake/debian/overrides/${package_of_${component}}"
      DESTINATION "${CMAKE_INSTALL_DATADIR}/lintian/overrides"
      COMPONENT ${component}
    )
  endforeach()
  install(FILES "${work}/CHANGELOG.md.gz" DESTINATION "${doc_of_Development}" COMPONENT Development)
else()
  install(FILES "${PROJECT_SOURCE_DIR}/CHANGELOG.md" DESTINATION "${doc_of_Development}" COMPONENT Development)
endif()

# The pages that README leads to lie beside it as they do here, examples by a link; those for operators come with the
# programs as well.
foreach(page IN ITEMS README architecture concurrency embedding layout operations performance recovery troubleshooting)
  install(FILES "${PROJECT_SOURCE_DIR}/docs/${page}.md" DESTINATION "${doc_of_Development}/docs" COMPONENT Development)
endforeach()
install(
  FILES "${PROJECT_SOURCE_DIR}/docs/pictures/top.svg"
  DESTINATION "${doc_of_Development}/docs/pictures"
  COMPONENT Development
)
if(SHMQUOTA_TOOLS)
  install(
    FILES "${PROJECT_SOURCE_DIR}/docs/operations.md" "${PROJECT_SOURCE_DIR}/docs/troubleshooting.md"
    DESTINATION "${doc_of_Tools}"
    COMPONENT Tools
  )
endif()
install(
  FILES
    "${PROJECT_SOURCE_DIR}/docs/examples/guard.c"
    "${PROJECT_SOURCE_DIR}/docs/examples/guard.ini"
    "${PROJECT_SOURCE_DIR}/docs/examples/hello.c"
  DESTINATION "${doc_of_Development}/examples"
  COMPONENT Development
)
file(CREATE_LINK ../examples "${PROJECT_BINARY_DIR}/examples" SYMBOLIC)
install(FILES "${PROJECT_BINARY_DIR}/examples" DESTINATION "${doc_of_Development}/docs" COMPONENT Development)
foreach(server IN ITEMS gunicorn nginx php-fpm)
  install(
    DIRECTORY "${PROJECT_SOURCE_DIR}/docs/examples/${server}"
    DESTINATION "${doc_of_Development}/examples"
    COMPONENT Development
    PATTERN "__pycache__" EXCLUDE
  )
endforeach()
foreach(component IN ITEMS Runtime Development Tools)
  if(SHMQUOTA_DEBIAN OR component STREQUAL Runtime)
    install(
      FILES "${PROJECT_SOURCE_DIR}/LICENSE"
      DESTINATION "${doc_of_${component}}"
      RENAME copyright
      COMPONENT ${component}
    )
  endif()
endforeach()

# gdb looks for a script below its own folder under the whole path of the library's file.
cmake_path(APPEND gdb_folder "${CMAKE_INSTALL_DATADIR}/gdb/auto-load" ".${CMAKE_INSTALL_FULL_LIBDIR}")
cmake_path(NORMAL_PATH gdb_folder)
install(
  FILES "${PROJECT_SOURCE_DIR}/tools/gdb/shmquota.py"
  DESTINATION "${gdb_folder}"
  RENAME libshmquota.so.${PROJECT_VERSION}-gdb.py
  COMPONENT Runtime
)
