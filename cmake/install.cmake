# What `make install` copies, and the Debian package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_source_files_properties(src/base/module.c PROPERTIES COMPILE_DEFINITIONS
  CLIPSEG_MODULE_DIRECTORY="${CMAKE_INSTALL_FULL_LIBDIR}/clipseg")
install(TARGETS command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${STATIC_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/clipseg.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES docs/clipseg.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
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
set(CPACK_PACKAGE_CONTACT "The clipseg.c authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Zero-shot image segmentation with CLIPSeg on the CPU")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)
