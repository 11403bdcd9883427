#include "decoders.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "zlib_stream.h"

/* The libraries' binary interfaces, which their sonames promise to keep: zlib.h of libz.so.1, brotli/decode.h of libbrotlidec.so.1,
 * zstd.h of libzstd.so.1. Declared here so that none of them is needed to build. */

enum { BROTLI_ERROR = 0, BROTLI_SUCCESS = 1 };
enum { ZSTD_WINDOW_LOG_MAX = 100, WINDOW_LOG = 23 };

struct zstd_in {
  const void *bytes;
  size_t size, position;
};
struct zstd_out {
  void *bytes;
  size_t size, position;
};

static struct {
  int is_there;
  int (*init)(struct z_stream *, int window_bits, const char *version, int size);
  int (*inflate)(struct z_stream *, int flush);
  int (*reset)(struct z_stream *);
  int (*end)(struct z_stream *);
} zlib;

static struct {
  int is_there;
  void *(*create)(void *, void *, void *);
  int (*run)(void *, size_t *in_left, const uint8_t **in, size_t *out_left, uint8_t **out, size_t *total);
  void (*destroy)(void *);
} brotli;

static struct {
  int is_there;
  void *(*create)(void);
  size_t (*set)(void *, int parameter, int value);
  size_t (*run)(void *, struct zstd_out *, struct zstd_in *);
  unsigned (*is_error)(size_t);
  size_t (*destroy)(void *);
} zstd;

/* POSIX has functions and data have one size, so that a symbol can be copied into a pointer to a function. */
static int find(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

/* What was opened stays open: decoders may be under way as long as the process runs. */
static void load(void) {
  void *library = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
  zlib.is_there = library && find(library, "inflateInit2_", &zlib.init) && find(library, "inflate", &zlib.inflate) &&
                  find(library, "inflateReset", &zlib.reset) && find(library, "inflateEnd", &zlib.end);
  library = dlopen("libbrotlidec.so.1", RTLD_NOW | RTLD_LOCAL);
  brotli.is_there = library && find(library, "BrotliDecoderCreateInstance", &brotli.create) &&
                    find(library, "BrotliDecoderDecompressStream", &brotli.run) &&
                    find(library, "BrotliDecoderDestroyInstance", &brotli.destroy);
  library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
  zstd.is_there = library && find(library, "ZSTD_createDStream", &zstd.create) &&
                  find(library, "ZSTD_DCtx_setParameter", &zstd.set) &&
                  find(library, "ZSTD_decompressStream", &zstd.run) && find(library, "ZSTD_isError", &zstd.is_error) &&
                  find(library, "ZSTD_freeDStream", &zstd.destroy);
}

int nexus_coding_is_there(enum nexus_coding coding) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, load);
  switch (coding) {
    case NEXUS_CODING_GZIP:
    case NEXUS_CODING_ZLIB:
    case NEXUS_CODING_RAW_DEFLATE: return zlib.is_there;
    case NEXUS_CODING_BROTLI: return brotli.is_there;
    case NEXUS_CODING_ZSTD: return zstd.is_there;
  }
  return 0;
}

struct nexus_decoder {
  enum nexus_coding coding;
  /* All that has come is whole. */
  int is_whole;
  /* Of zlib. */
  struct z_stream stream;
  /* Of the others. */
  void *state;
};

static int start(struct nexus_decoder *decoder) {
  /* inflateInit2, zlib.h: 15 bits of window; 16 more for gzip, negative for what has no wrapping. */
  int bits = decoder->coding == NEXUS_CODING_GZIP ? 15 + 16 : decoder->coding == NEXUS_CODING_ZLIB ? 15 : -15;
  switch (decoder->coding) {
    case NEXUS_CODING_BROTLI: return (decoder->state = brotli.create(NULL, NULL, NULL)) != NULL;
    case NEXUS_CODING_ZSTD:
      decoder->state = zstd.create();
      return decoder->state && !zstd.is_error(zstd.set(decoder->state, ZSTD_WINDOW_LOG_MAX, WINDOW_LOG));
    default: return zlib.init(&decoder->stream, bits, "1", (int)sizeof decoder->stream) == Z_OK;
  }
}

struct nexus_decoder *nexus_decoder_new(enum nexus_coding coding) {
  if (!nexus_coding_is_there(coding)) return NULL;
  struct nexus_decoder *decoder = calloc(1, sizeof *decoder);
  if (!decoder) return NULL;
  decoder->coding = coding;
  if (start(decoder)) return decoder;
  nexus_decoder_free(decoder);
  return NULL;
}

void nexus_decoder_free(struct nexus_decoder *decoder) {
  if (!decoder) return;
  switch (decoder->coding) {
    case NEXUS_CODING_BROTLI:
      if (decoder->state) brotli.destroy(decoder->state);
      break;
    case NEXUS_CODING_ZSTD:
      /* Takes NULL as well. */
      (void)zstd.destroy(decoder->state);
      break;
    default:
      /* Refuses what was never started. */
      (void)zlib.end(&decoder->stream);
  }
  free(decoder);
}

static unsigned bounded(size_t count) { return count > UINT_MAX ? UINT_MAX : (unsigned)count; }

static enum nexus_decoding run_zlib(struct nexus_decoder *decoder, const uint8_t *in, size_t *in_count, uint8_t *out,
                                    size_t *out_count) {
  struct z_stream *stream = &decoder->stream;
  if (decoder->is_whole && zlib.reset(stream) != Z_OK) return NEXUS_DECODING_BROKEN;
  unsigned in_given = bounded(*in_count), out_given = bounded(*out_count);
  stream->next_in = in;
  stream->avail_in = in_given;
  stream->next_out = out;
  stream->avail_out = out_given;
  int result = zlib.inflate(stream, 0);
  *in_count = in_given - stream->avail_in;
  *out_count = out_given - stream->avail_out;
  if (result == Z_STREAM_END) return NEXUS_DECODING_WHOLE;
  /* The latter: nothing could be done without more input or room. */
  return result == Z_OK || result == Z_BUF_ERROR ? NEXUS_DECODING_INSIDE : NEXUS_DECODING_BROKEN;
}

static enum nexus_decoding run_brotli(struct nexus_decoder *decoder, const uint8_t *in, size_t *in_count, uint8_t *out,
                                      size_t *out_count) {
  size_t in_left = *in_count, out_left = *out_count;
  int result = brotli.run(decoder->state, &in_left, &in, &out_left, &out, NULL);
  *in_count -= in_left;
  *out_count -= out_left;
  if (result == BROTLI_ERROR) return NEXUS_DECODING_BROKEN;
  return result == BROTLI_SUCCESS ? NEXUS_DECODING_WHOLE : NEXUS_DECODING_INSIDE;
}

static enum nexus_decoding run_zstd(struct nexus_decoder *decoder, const uint8_t *in, size_t *in_count, uint8_t *out,
                                    size_t *out_count) {
  struct zstd_in from = {in, *in_count, 0};
  struct zstd_out to = {out, *out_count, 0};
  size_t result = zstd.run(decoder->state, &to, &from);
  *in_count = from.position;
  *out_count = to.position;
  if (zstd.is_error(result)) return NEXUS_DECODING_BROKEN;
  return result == 0 ? NEXUS_DECODING_WHOLE : NEXUS_DECODING_INSIDE;
}

enum nexus_decoding nexus_decoder_run(struct nexus_decoder *decoder, const uint8_t *in, size_t *in_count, uint8_t *out,
                                      size_t *out_count) {
  /* Whole, and nothing new: there is nothing to begin for. */
  if (decoder->is_whole && *in_count == 0) {
    *out_count = 0;
    return NEXUS_DECODING_WHOLE;
  }
  enum nexus_coding coding = decoder->coding;
  if (decoder->is_whole && coding != NEXUS_CODING_GZIP && coding != NEXUS_CODING_ZSTD) {
    *in_count = *out_count = 0;
    return NEXUS_DECODING_TRAILING;
  }
  enum nexus_decoding result = coding == NEXUS_CODING_BROTLI ? run_brotli(decoder, in, in_count, out, out_count)
                               : coding == NEXUS_CODING_ZSTD ? run_zstd(decoder, in, in_count, out, out_count)
                                                             : run_zlib(decoder, in, in_count, out, out_count);
  decoder->is_whole = result == NEXUS_DECODING_WHOLE;
  return result;
}
