# CMake toolchain for WebAssembly with WASI, from Debian's packages: clang lld llvm wasi-libc
# libclang-rt-<version of clang>-dev-wasm32. Used by tools/wasm-build.sh; on its own:
#
#   cmake -S test/wasm -B build-wasm -DCMAKE_TOOLCHAIN_FILE=$PWD/cmake/wasm32-wasi.cmake
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_SYSROOT /usr)
# GNU ar makes no index of WebAssembly objects.
find_program(CMAKE_AR NAMES llvm-ar REQUIRED)
find_program(CMAKE_RANLIB NAMES llvm-ranlib REQUIRED)
set(CMAKE_EXECUTABLE_SUFFIX .wasm)
set(CMAKE_EXECUTABLE_SUFFIX_C .wasm)

# Not /usr/include, which belongs to the machine that compiles.
set(CMAKE_C_FLAGS_INIT "-Qunused-arguments -nostdlibinc -isystem /usr/include/wasm32-wasi")
# With the stack first, an overflow leaves memory and traps instead of overwriting data.
set(CMAKE_EXE_LINKER_FLAGS_INIT
    "-L/usr/lib/wasm32-wasi -Wl,--stack-first -Wl,-z,stack-size=1048576 -Wl,--fatal-warnings")

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE NEVER)
