/* Decoders of content codings (RFC 9110, section 8.4.1), from libraries that are loaded when the machine has them: libz, libbrotlidec,
 * libzstd. The program starts without any. Callable from any thread; one decoder is used by one thread at a time. */
#ifndef NEXUS_DECODERS_H
#define NEXUS_DECODERS_H
#include <stddef.h>
#include <stdint.h>

enum nexus_coding {
  /* RFC 1952, several members behind one another too. */
  NEXUS_CODING_GZIP,
  /* RFC 1950. */
  NEXUS_CODING_ZLIB,
  /* RFC 1951, without anything around it. */
  NEXUS_CODING_RAW_DEFLATE,
  /* RFC 7932, without large windows. */
  NEXUS_CODING_BROTLI,
  /* RFC 8878, several frames behind one another too; windows of at most 8 MiB (RFC 9659). */
  NEXUS_CODING_ZSTD
};

/* Whether the library for it could be loaded. The first call loads, which reads files. */
int nexus_coding_is_there(enum nexus_coding coding);

struct nexus_decoder;

/* NULL: there is no library, or no memory. Ends with `nexus_decoder_free`. */
struct nexus_decoder *nexus_decoder_new(enum nexus_coding coding);
void nexus_decoder_free(struct nexus_decoder *decoder);

enum nexus_decoding {
  /* What came so far ends in the middle. */
  NEXUS_DECODING_INSIDE = 0,
  /* What came so far is whole, and all of it has been given out. */
  NEXUS_DECODING_WHOLE = 1,
  /* It is not of this coding, or asks for more memory than it may. */
  NEXUS_DECODING_BROKEN = -1,
  /* Bytes follow behind its end. */
  NEXUS_DECODING_TRAILING = -2
};

/* Reads at most `*in_count` bytes from `in` and writes at most `*out_count` to `out`; both counts become what was read and written.
 * Once it has said that the input is no good, the decoder may only be freed. */
enum nexus_decoding nexus_decoder_run(struct nexus_decoder *decoder, const uint8_t *in, size_t *in_count, uint8_t *out,
                                      size_t *out_count);

#endif
