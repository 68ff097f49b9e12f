# SPDX-License-Identifier: MIT
#
# Toolchain file for 64-bit ARM on a Debian machine of another kind: Debian's cross compiler, and libraries for arm64 in
# a folder of their own, which tests/aarch64/run fills. Programs are static, so that they run under qemu-user as they are.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

set(SHMQUOTA_SYSROOT "${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-sysroot" CACHE PATH "Where libraries for arm64 are unpacked")
# CMake reads this file again for each of its probes, in projects that do not know the variable.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SHMQUOTA_SYSROOT)
set(CMAKE_CROSSCOMPILING_EMULATOR "${SHMQUOTA_SYSROOT}/usr/bin/qemu-aarch64")

set(CMAKE_FIND_ROOT_PATH "${SHMQUOTA_SYSROOT}" /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${SHMQUOTA_SYSROOT}")
set(ENV{PKG_CONFIG_LIBDIR} "${SHMQUOTA_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig")

# pkg-config leaves out what it takes for the system's own folders.
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES
    "${SHMQUOTA_SYSROOT}/usr/include/aarch64-linux-gnu" "${SHMQUOTA_SYSROOT}/usr/include"
)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
