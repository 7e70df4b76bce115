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

# What a user installs: library, headers, pkg-config file, CMake package.
install(TARGETS pippin EXPORT pippin-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS pippin_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/pippin DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT pippin-targets NAMESPACE pippin:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/pippin FILE pippin-config.cmake)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/pippin-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pippin-config-version.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/pippin)
# Found relative to itself, so that an installed folder can be moved.
file(RELATIVE_PATH PIPPIN_PKGCONFIG_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
set(PIPPIN_LIBS_PRIVATE "-lpthread -lm")
if(PIPPIN_WITH_ONEDNN AND DNNL_LIBRARY)
  string(PREPEND PIPPIN_LIBS_PRIVATE "-ldnnl ")
  if(OpenMP_C_FOUND)
    string(APPEND PIPPIN_LIBS_PRIVATE " ${OpenMP_C_FLAGS}")
  endif()
endif()
configure_file(${CMAKE_CURRENT_SOURCE_DIR}/cmake/pippin.pc.in ${CMAKE_CURRENT_BINARY_DIR}/pippin.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pippin.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# In the Python package the library lies beside the modules.
if(PIPPIN_PYTHON_PACKAGE)
  install(FILES $<TARGET_FILE:pippin> DESTINATION pippin/lib COMPONENT python RENAME libpippin${CMAKE_SHARED_LIBRARY_SUFFIX})
endif()
