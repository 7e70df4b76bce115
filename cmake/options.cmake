option(PIPPIN_BUILD_TOOL "Build the pippin command line tool" ON)
option(PIPPIN_BUILD_TESTS "Build the C tests (needs cmocka)" OFF)
option(PIPPIN_BUILD_FUZZERS "Build the fuzz targets (needs clang)" OFF)
option(PIPPIN_WITH_ONEDNN "Use oneDNN for convolution, matrix multiplication and pooling" ON)
set(PIPPIN_SANITIZE "" CACHE STRING "Sanitizers for all code, for example address,undefined")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)

find_program(PIPPIN_CCACHE ccache)
if(PIPPIN_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  # Relative paths, so that build directories and clones share what they compile.
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_CURRENT_SOURCE_DIR} ${PIPPIN_CCACHE})
endif()

add_library(pippin_flags INTERFACE)
target_compile_definitions(pippin_flags INTERFACE _POSIX_C_SOURCE=200809L _FILE_OFFSET_BITS=64)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  target_compile_definitions(pippin_flags INTERFACE _DEFAULT_SOURCE)
endif()
target_compile_options(pippin_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wpointer-arith
  -fno-strict-aliasing -ffp-contract=off)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  # Loops that ask for vectors and do not get them (under sanitizers) are slower, not wrong.
  target_compile_options(pippin_flags INTERFACE -Wno-pass-failed)
endif()
if(PIPPIN_SANITIZE)
  target_compile_options(pippin_flags INTERFACE -fsanitize=${PIPPIN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_definitions(pippin_flags INTERFACE PPN_SANITIZED=1)
  target_link_options(pippin_flags INTERFACE -fsanitize=${PIPPIN_SANITIZE})
endif()
if(PIPPIN_BUILD_FUZZERS)
  # Checksums are not compared, or no mutated input would get past them.
  target_compile_definitions(pippin_flags INTERFACE FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
endif()
