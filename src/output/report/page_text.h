/* page_text.h: page.html, which the build puts into the command. */
#ifndef OUTPUT_REPORT_PAGE_TEXT_H
#define OUTPUT_REPORT_PAGE_TEXT_H

extern const char report_page_text[] __attribute__((visibility("hidden"))); /* ends with NUL */

#endif
