# What Debian wants to see in a package beyond what is installed elsewhere; runs between installing and packing.
set(SHARE ${CPACK_TEMPORARY_INSTALL_DIRECTORY}${CPACK_PACKAGING_INSTALL_PREFIX}/share)
file(GLOB MANUALS ${SHARE}/man/man1/*.1)
string(TIMESTAMP DATE "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH if set
file(WRITE ${SHARE}/doc/clipseg/changelog
  "clipseg (${CPACK_PACKAGE_VERSION}) unstable; urgency=low\n\n  * Version ${CPACK_PACKAGE_VERSION}.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${DATE}\n")
execute_process(COMMAND gzip -9nf ${MANUALS} ${SHARE}/doc/clipseg/changelog COMMAND_ERROR_IS_FATAL ANY)
