# Sources made while building: protobuf-c code from src/coreml/proto, data files embedded as C arrays.
set(PIPPIN_GENERATED_DIR ${CMAKE_CURRENT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${PIPPIN_GENERATED_DIR})
set(PIPPIN_GENERATED_SOURCES)

file(GLOB PIPPIN_PROTOS CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/*/proto/*.proto)
foreach(proto ${PIPPIN_PROTOS})
  get_filename_component(directory ${proto} DIRECTORY)
  get_filename_component(name ${proto} NAME_WE)
  set(outputs ${PIPPIN_GENERATED_DIR}/${name}.pb-c.c ${PIPPIN_GENERATED_DIR}/${name}.pb-c.h)
  add_custom_command(OUTPUT ${outputs}
    COMMAND ${PROTOC_C} --proto_path=${directory} --c_out=${PIPPIN_GENERATED_DIR} ${proto}
    DEPENDS ${PIPPIN_PROTOS} VERBATIM)
  list(APPEND PIPPIN_GENERATED_SOURCES ${outputs})
  set_source_files_properties(${PIPPIN_GENERATED_DIR}/${name}.pb-c.c PROPERTIES COMPILE_OPTIONS "-w")
endforeach()

# pippin_embed(FILE SYMBOL): the bytes of FILE as `const char SYMBOL[]` (with a terminating 0) and `const size_t SYMBOL_size`.
function(pippin_embed file symbol)
  set(output ${PIPPIN_GENERATED_DIR}/${symbol}.c)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${output} -DSYMBOL=${symbol} -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${file} ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  set(PIPPIN_GENERATED_SOURCES ${PIPPIN_GENERATED_SOURCES} ${output} PARENT_SCOPE)
endfunction()
pippin_embed(${CMAKE_CURRENT_SOURCE_DIR}/src/aten/schemas.txt ppn_aten_schemas_text)
