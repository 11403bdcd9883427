#include "encoders.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "zlib_stream.h"

/* The library's binary interface, which its soname promises to keep: zlib.h of libz.so.1. */
enum { Z_FINISH = 4, Z_DEFLATED = 8, MEMORY_LEVEL = 9, GZIP_WINDOW = 15 + 16 };

static struct {
  int is_there;
  int (*init)(struct z_stream *, int level, int method, int window_bits, int memory, int strategy, const char *version,
              int size);
  int (*deflate)(struct z_stream *, int flush);
  int (*end)(struct z_stream *);
} zlib;

static int find(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static void load(void) {
  void *library = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
  zlib.is_there = library && find(library, "deflateInit2_", &zlib.init) && find(library, "deflate", &zlib.deflate) &&
                  find(library, "deflateEnd", &zlib.end);
}

int nexus_gzip_is_there(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, load);
  return zlib.is_there;
}

/* What zlib's compressBound() gives for any settings, and the frame of gzip. */
size_t nexus_gzip_bound(size_t count) {
  if (!nexus_gzip_is_there() || count > INT_MAX) return 0;
  return count + (count >> 3) + (count >> 6) + 64;
}

size_t nexus_gzip(const uint8_t *in, size_t count, int level, uint8_t *out, size_t room) {
  if (!nexus_gzip_is_there() || count > INT_MAX || room > INT_MAX) return 0;
  struct z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (zlib.init(&stream, level, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, 0, "1", (int)sizeof stream) != Z_OK) return 0;
  stream.next_in = in;
  stream.avail_in = (unsigned)count;
  stream.next_out = out;
  stream.avail_out = (unsigned)room;
  int result = zlib.deflate(&stream, Z_FINISH);
  size_t written = room - stream.avail_out;
  (void)zlib.end(&stream);
  return result == Z_STREAM_END ? written : 0;
}
