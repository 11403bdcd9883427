/* zlib's state of one stream, as zlib.h of libz.so.1 has it. Declared here so that the library is not needed to build. */
#ifndef NEXUS_ZLIB_STREAM_H
#define NEXUS_ZLIB_STREAM_H
#include <stdint.h>

struct z_stream {
  const uint8_t *next_in;
  unsigned avail_in;
  unsigned long total_in;
  uint8_t *next_out;
  unsigned avail_out;
  unsigned long total_out;
  const char *message;
  void *state;
  void *allocate, *release, *user;
  int data_type;
  unsigned long checksum, reserved;
};
enum { Z_OK = 0, Z_STREAM_END = 1, Z_BUF_ERROR = -5 };

#endif
