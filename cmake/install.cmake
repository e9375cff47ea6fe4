# What `make install` copies, and the Debian package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# An installed tree can be moved as a whole: the command finds its modules, and pkg-config and CMake find the library, from
# where they themselves are.
file(RELATIVE_PATH LIBDIR_FROM_BINDIR "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
file(RELATIVE_PATH PREFIX_FROM_PC "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
set_source_files_properties(src/base/module.c PROPERTIES COMPILE_DEFINITIONS
  CLIPSEG_MODULE_DIRECTORY="${LIBDIR_FROM_BINDIR}/clipseg")
install(TARGETS command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${STATIC_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/clipseg.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES docs/clipseg.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright) # as Debian calls it
install(FILES tools/completion/clipseg.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME clipseg)
install(FILES tools/completion/_clipseg DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
foreach(MODULE figure network)
  if(TARGET ${MODULE})
    install(TARGETS ${MODULE} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/clipseg)
  endif()
endforeach()

configure_file(cmake/clipseg.pc.in clipseg.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/clipseg.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
configure_package_config_file(cmake/clipsegConfig.cmake.in clipsegConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/clipseg PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(clipsegConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/clipsegConfig.cmake ${CMAKE_BINARY_DIR}/clipsegConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/clipseg)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME clipseg)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The clipseg.c authors <clipseg@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "zero-shot image segmentation with CLIPSeg on the CPU")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "Cuts out of a picture whatever a phrase or another picture names. The package\nhas the command, a small built-in model to try it, and the C library.")
set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR})
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/debian.cmake)
file(WRITE ${CMAKE_BINARY_DIR}/debian/triggers "activate-noawait ldconfig\n")
file(WRITE ${CMAKE_BINARY_DIR}/debian/shlibs "libclipseg 0 clipseg (>= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/debian/triggers ${CMAKE_BINARY_DIR}/debian/shlibs)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)
