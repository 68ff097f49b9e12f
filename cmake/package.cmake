# SPDX-License-Identifier: MIT
#
# Debian packages, one per component: `cmake --workflow --preset deb`.
set(CPACK_PACKAGE_NAME shmquota)
set(CPACK_PACKAGE_VENDOR "shmquota contributors")
set(CPACK_PACKAGE_CONTACT "shmquota contributors <shmquota@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL Runtime Development Tools)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The tools link the library that was just built, which no installed package knows.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}/lib")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)

# The symbols of libraries and programs go into packages of their own, for gdb.
set(CPACK_DEBIAN_DEBUGINFO_PACKAGE ON)

set(runtime_package libshmquota${PROJECT_VERSION_MAJOR})

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${runtime_package})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
    "Hosts that run components in many processes keep limits of storage, messages,
network, CPU and memory for each of them: what all processes together use never
passes a limit, and what a killed process held is given back.

This is the shared library."
)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libshmquota-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "${runtime_package} (= ${PROJECT_VERSION}), liburcu-dev (>= 0.13), libinih-dev (>= 55)"
)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "Hosts that run components in many processes keep limits of storage, messages,
network, CPU and memory for each of them: what all processes together use never
passes a limit, and what a killed process held is given back.

These are the header, the static library, what CMake and pkg-config read, the
manuals of all functions, and examples."
)

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME shmquota-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${runtime_package} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS "apparmor, bash-completion, bpftrace, prometheus-node-exporter")
set(CPACK_COMPONENT_TOOLS_DESCRIPTION
    "Hosts that run components in many processes keep limits of storage, messages,
network, CPU and memory for each of them: what all processes together use never
passes a limit, and what a killed process held is given back.

These are the programs shmquota, which creates segments, publishes policies and
shows who uses what, and shm-dump, with their manuals, completions, units for
systemd, abstractions for AppArmor, and alerts and a dashboard for Prometheus."
)

foreach(component IN ITEMS RUNTIME DEVELOPMENT)
  set(CPACK_DEBIAN_${component}_PACKAGE_MULTIARCH same)
endforeach()
if(SHMQUOTA_DEBIAN)
  # CPack looks for them when everything is built.
  foreach(program IN ITEMS dpkg-shlibdeps file)
    find_program(SHMQUOTA_${program} ${program})
    mark_as_advanced(SHMQUOTA_${program})
    if(NOT SHMQUOTA_${program})
      message(FATAL_ERROR "${program} is missing, which CPack needs for Debian packages: tools/setup package installs it")
    endif()
  endforeach()
  set(scripts "${PROJECT_SOURCE_DIR}/cmake/debian")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/debian/conffiles" "${PROJECT_BINARY_DIR}/debian/conffiles" @ONLY)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
      "${scripts}/runtime/triggers" "${scripts}/runtime/postinst" "${scripts}/runtime/postrm"
  )
  set(CPACK_DEBIAN_TOOLS_PACKAGE_CONTROL_EXTRA
      "${PROJECT_BINARY_DIR}/debian/conffiles" "${scripts}/postinst" "${scripts}/prerm" "${scripts}/postrm"
  )
  foreach(component IN ITEMS RUNTIME TOOLS)
    set(CPACK_DEBIAN_${component}_PACKAGE_CONTROL_STRICT_PERMISSION ON)
  endforeach()
endif()

include(CPack)
