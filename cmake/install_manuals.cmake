# SPDX-License-Identifier: MIT
#
# The manuals. A page that stands for several names is found under each of them: the others, which it lists under NAME,
# are symbolic links to it. Debian's are compressed. Read by install.cmake.

set(manuals_Tools
    shm-dump.1
    shmquota.1
    shmquota-audit.1
    shmquota-check.1
    shmquota-create.1
    shmquota-export.1
    shmquota-list.1
    shmquota-policy.1
    shmquota-register.1
    shmquota-top.1
    shmquota-try.1
    shmquota-verify.1
    shmquota-why.1
    shmquota-segment.5
    shmquota.ini.5
    shmquota-counters.7
    shmquota-probes.7
)
set(manuals_Development
    shmq_check_capability.3
    shmq_component_find.3
    shmq_component_register.3
    shmq_event_read.3
    shmq_housekeep.3
    shmq_manifest_load.3
    shmq_memory_set.3
    shmq_parse_size.3
    shmq_policy_load.3
    shmq_policy_rule.3
    shmq_reserve.3
    shmq_segment_create.3
    shmq_segment_verify.3
    shmq_status.3
    shmq_strerror.3
    shmq_try_consume.3
    shmquota.3
)

# The names that a page lists besides its own.
function(manual_names out source page)
  file(READ "${source}" text)
  string(REGEX REPLACE "\n\\.Nd .*" "" text "${text}")
  string(REGEX MATCHALL "\n\\.Nm [A-Za-z0-9_.-]+" names "${text}")
  list(TRANSFORM names REPLACE "^\n\\.Nm " "")
  cmake_path(GET page STEM LAST_ONLY own_name)
  list(REMOVE_ITEM names "${own_name}")
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

function(install_manual component page)
  set(source "${PROJECT_SOURCE_DIR}/docs/man/${page}")
  set(work "${PROJECT_BINARY_DIR}/man")
  set(suffix "")
  cmake_path(GET page EXTENSION LAST_ONLY section)
  string(SUBSTRING "${section}" 1 -1 number)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  manual_names(names "${source}" "${page}")

  if(SHMQUOTA_DEBIAN)
    set(suffix .gz)
    execute_process(
      COMMAND gzip -9nc "${source}" OUTPUT_FILE "${work}/${page}.gz" COMMAND_ERROR_IS_FATAL ANY
    )
    set(source "${work}/${page}.gz")
  endif()
  set(files "${source}")
  foreach(name IN LISTS names)
    file(CREATE_LINK "${page}${suffix}" "${work}/${name}${section}${suffix}" SYMBOLIC)
    list(APPEND files "${work}/${name}${section}${suffix}")
  endforeach()
  install(FILES ${files} DESTINATION "${CMAKE_INSTALL_MANDIR}/man${number}" COMPONENT ${component})
endfunction()

# Links of pages that have lost a name must not stay.
file(REMOVE_RECURSE "${PROJECT_BINARY_DIR}/man")
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/man")
foreach(component IN ITEMS Tools Development)
  foreach(page IN LISTS manuals_${component})
    if(component STREQUAL Development OR SHMQUOTA_TOOLS)
      install_manual(${component} ${page})
    endif()
  endforeach()
endforeach()
