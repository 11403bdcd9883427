/* The gzip coding (RFC 1952), made by libz, which is loaded when the machine has it. Callable from any thread. */
#ifndef NEXUS_ENCODERS_H
#define NEXUS_ENCODERS_H
#include <stddef.h>
#include <stdint.h>

/* Whether libz could be loaded. The first call loads, which reads files. */
int nexus_gzip_is_there(void);

/* Bytes that `count` bytes come to at most; 0: there is no library, or no memory. */
size_t nexus_gzip_bound(size_t count);

/* Writes all of `in` as gzip to `out`, which has room for `room` bytes. `level`: 1 is fast, 9 is small. Gives the bytes written; 0: there
 * is no library, no memory, or no room. */
size_t nexus_gzip(const uint8_t *in, size_t count, int level, uint8_t *out, size_t room);

#endif
