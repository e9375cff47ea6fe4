/* utf8.h: well-formed UTF-8 in texts that are shown or stored. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* The length of the valid UTF-8 sequence at `text` (NUL-terminated), 0 if there is none (overlong, surrogate,
 * cut off). */
size_t utf8_sequence(const char *text);

/* Control characters and bytes that are no UTF-8 become '?': safe to print on one line. */
void utf8_one_line(char *text);

#endif
