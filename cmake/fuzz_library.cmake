# What fuzz targets link: the layers that read files. What executes is left out: it takes long to compile, and gets only what a reader
# has verified. (Here and not in fuzz/, as properties of source files count in one directory only.)
set(PIPPIN_FUZZ_SOURCES ${PIPPIN_SOURCES} ${PIPPIN_GENERATED_SOURCES})
list(FILTER PIPPIN_FUZZ_SOURCES INCLUDE REGEX "/src/(base|tensor|formats|graph|aten|mil|coreml)/|^${PIPPIN_GENERATED_DIR}")
add_library(pippin_fuzz_library STATIC EXCLUDE_FROM_ALL ${PIPPIN_FUZZ_SOURCES})
target_include_directories(pippin_fuzz_library PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include ${CMAKE_CURRENT_SOURCE_DIR}/src
  ${PIPPIN_GENERATED_DIR})
target_compile_definitions(pippin_fuzz_library PRIVATE PPN_VERSION="${PROJECT_VERSION}")
target_link_libraries(pippin_fuzz_library PUBLIC pippin_flags pippin_dependencies)
