# libpippin, shared and static, from the same objects; only what include/pippin/ declares is visible.
add_library(pippin_static STATIC $<TARGET_OBJECTS:pippin_objects>)
add_library(pippin SHARED $<TARGET_OBJECTS:pippin_objects>)
foreach(target pippin pippin_static)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:pippin_flags> $<BUILD_INTERFACE:pippin_dependencies>)
endforeach()
set_target_properties(pippin PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} C_VISIBILITY_PRESET hidden)
set_target_properties(pippin_static PROPERTIES OUTPUT_NAME pippin)
