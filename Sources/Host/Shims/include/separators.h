/* Characters at which readers of lines end a line although no line ends there. */
#ifndef NEXUS_SEPARATORS_H
#define NEXUS_SEPARATORS_H
#include <stddef.h>
#include <stdint.h>

/* The first place in valid UTF-8 of vertical tab, form feed, U+001C...U+001F, U+0085, U+2028 or U+2029, or of the first bytes of one at
 * the end of `bytes`; `length` if there is none. Gives in `size` how many bytes of it are there, and in `character` which it is, 0
 * while that is open. */
size_t nexus_find_separator(const uint8_t *bytes, size_t length, size_t *size, uint32_t *character);

/* How many line feeds there are in `bytes`. */
size_t nexus_count_line_feeds(const uint8_t *bytes, size_t length);

#endif
