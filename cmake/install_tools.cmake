# SPDX-License-Identifier: MIT
#
# What comes with the programs: completions, units of systemd, AppArmor's abstractions, monitoring, examples. Read by
# install.cmake.

# ---- Completions. A shell looks for a file under the name of each program -------------------------------------------

set(completions "${PROJECT_SOURCE_DIR}/tools/completions")
foreach(program IN ITEMS shmquota shm-dump)
  install(
    FILES "${completions}/shmquota.bash"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
    RENAME ${program}
    COMPONENT Tools
  )
  install(
    FILES "${completions}/shmquota.fish"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d"
    RENAME ${program}.fish
    COMPONENT Tools
  )
endforeach()
if(SHMQUOTA_DEBIAN)
  set(zsh_folder vendor-completions)
else()
  set(zsh_folder site-functions)
endif()
install(FILES "${completions}/_shmquota" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/${zsh_folder}" COMPONENT Tools)

# ---- Units ------------------------------------------------------------------------------------------------------------

foreach(unit IN ITEMS shmquota@.service shmquota-audit@.service shmquota-export.service shmquota-serve.service)
  configure_file("${PROJECT_SOURCE_DIR}/tools/systemd/${unit}.in" "${PROJECT_BINARY_DIR}/systemd/${unit}" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/systemd/${unit}" DESTINATION lib/systemd/system COMPONENT Tools)
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/tools/systemd/shmquota.conf" DESTINATION lib/tmpfiles.d COMPONENT Tools)

# ---- AppArmor. Below /usr it is /etc ------------------------------------------------------------------------------------

cmake_path(
  RELATIVE_PATH
  CMAKE_INSTALL_FULL_SYSCONFDIR
  BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}"
  OUTPUT_VARIABLE sysconf_folder
)
install(
  FILES "${PROJECT_SOURCE_DIR}/tools/apparmor/shmquota" "${PROJECT_SOURCE_DIR}/tools/apparmor/shmquota-control"
  DESTINATION "${sysconf_folder}/apparmor.d/abstractions"
  COMPONENT Tools
)

# ---- To read and to copy -----------------------------------------------------------------------------------------------

install(
  FILES
    "${PROJECT_SOURCE_DIR}/tools/monitoring/README.md"
    "${PROJECT_SOURCE_DIR}/tools/monitoring/alerts.yml"
    "${PROJECT_SOURCE_DIR}/tools/monitoring/dashboard.json"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/shmquota/monitoring"
  COMPONENT Tools
)
configure_file("${PROJECT_SOURCE_DIR}/tools/bpftrace/shmquota.bt.in" "${PROJECT_BINARY_DIR}/shmquota.bt" @ONLY)
install(PROGRAMS "${PROJECT_BINARY_DIR}/shmquota.bt" DESTINATION "${CMAKE_INSTALL_DATADIR}/shmquota" COMPONENT Tools)
install(FILES "${PROJECT_SOURCE_DIR}/docs/examples/policy.ini" DESTINATION "${doc_of_Tools}/examples" COMPONENT Tools)
