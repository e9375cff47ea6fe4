# The report's page becomes part of the command's read-only data.
set(REPORT_PAGE ${CMAKE_SOURCE_DIR}/src/output/report/page.html)
set(REPORT_SOURCE ${CMAKE_BINARY_DIR}/report_page.c)
file(CONFIGURE OUTPUT ${REPORT_SOURCE} CONTENT [[
/* Written by cmake/report.cmake. */
#include "output/report/page_text.h"

__asm__(".pushsection .rodata\n.hidden report_page_text\n.globl report_page_text\nreport_page_text:\n"
        ".incbin \"@REPORT_PAGE@\"\n.byte 0\n.popsection\n");
]] @ONLY)
set_source_files_properties(${REPORT_SOURCE} PROPERTIES OBJECT_DEPENDS ${REPORT_PAGE})
