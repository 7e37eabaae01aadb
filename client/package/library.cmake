# The library: libmuster.so and libmuster.a, of the same objects as the programs, and what a
# program that uses it needs to find it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(map ${PROJECT_SOURCE_DIR}/client/package/libmuster.map)

add_library(muster SHARED $<TARGET_OBJECTS:muster_client> $<TARGET_OBJECTS:muster_worker>)
add_library(muster::muster ALIAS muster)
set_target_properties(
  muster PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0 LINK_DEPENDS ${map})
target_link_options(muster PRIVATE -Wl,--version-script=${map} -Wl,--as-needed)
target_link_libraries(muster PRIVATE muster_proto PkgConfig::ZMQ Threads::Threads)
target_include_directories(
  muster INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/client/include>
                   $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# One object with all of it, in which nothing but the public functions is global: then no name of
# ours can meet one of the program's.
set(archive ${CMAKE_CURRENT_BINARY_DIR}/libmuster.a)
set(object ${CMAKE_CURRENT_BINARY_DIR}/muster-all.o)
add_custom_command(
  OUTPUT ${archive}
  COMMAND
    ${CMAKE_LINKER} -r -o ${object} $<TARGET_OBJECTS:muster_client>
    $<TARGET_OBJECTS:muster_worker> $<TARGET_FILE:muster_proto> $<TARGET_FILE:muster_base>
  COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=muster_* ${object}
  COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
  COMMAND ${CMAKE_AR} qcs ${archive} ${object}
  DEPENDS muster_client muster_worker muster_proto muster_base
          $<TARGET_OBJECTS:muster_client> $<TARGET_OBJECTS:muster_worker>
  COMMAND_EXPAND_LISTS VERBATIM
  COMMENT "Linking libmuster.a")
add_custom_target(muster_static ALL DEPENDS ${archive})

# ---- what `cmake --install` installs ----

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/muster)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/client/package/musterConfig.cmake.in ${PROJECT_BINARY_DIR}/musterConfig.cmake
  INSTALL_DESTINATION ${package}
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/musterConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
# The prefix is known when it is installed.
install(
  CODE "set(CMAKE_INSTALL_FULL_LIBDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}\")
        set(CMAKE_INSTALL_FULL_INCLUDEDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}\")
        set(PROJECT_VERSION ${PROJECT_VERSION})
        configure_file(${PROJECT_SOURCE_DIR}/client/package/muster.pc.in ${PROJECT_BINARY_DIR}/muster.pc @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/muster.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_BINARY_DIR}/musterConfig.cmake
              ${PROJECT_BINARY_DIR}/musterConfigVersion.cmake DESTINATION ${package})
install(TARGETS muster EXPORT musterTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT musterTargets NAMESPACE muster:: DESTINATION ${package})
install(FILES ${archive} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/client/include/muster
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS musterd muster-worker muster-cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
