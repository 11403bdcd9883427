#include "separators.h"

enum { BLOCK = 16 };

/* Whether a separator may begin with the byte. U+0085 is C2 85; U+2028 and U+2029 are E2 80 A8 and E2 80 A9. */
static inline uint8_t may_begin(uint8_t byte) {
  return (uint8_t)((uint8_t)(byte - 0x0B) <= 1) | (uint8_t)((uint8_t)(byte - 0x1C) <= 3) | (byte == 0xC2) | (byte == 0xE2);
}

/* How many bytes of a separator stand at the start of `bytes`; 0: there is none. */
static size_t separator(const uint8_t *bytes, size_t length, uint32_t *character) {
  *character = 0;
  if (bytes[0] < 0x80) {
    *character = bytes[0];
    return 1;
  }
  if (length == 1) return 1;
  if (bytes[0] == 0xC2) {
    if (bytes[1] != 0x85) return 0;
    *character = 0x85;
    return 2;
  }
  if (bytes[1] != 0x80) return 0;
  if (length == 2) return 2;
  if ((bytes[2] | 1) != 0xA9) return 0;
  *character = 0x2000u + (bytes[2] & 0x3F);
  return 3;
}

/* Whether any byte of a block may begin one. Without a branch, so that compilers look at many bytes at once. */
static inline int block_may(const uint8_t *bytes) {
  uint8_t any = 0;
  for (size_t place = 0; place < BLOCK; place++) any |= may_begin(bytes[place]);
  return any;
}

size_t nexus_find_separator(const uint8_t *bytes, size_t length, size_t *size, uint32_t *character) {
  size_t index = 0;
  while (index < length) {
    size_t end = index + BLOCK;
    if (end <= length) {
      if (!block_may(bytes + index)) {
        index = end;
        continue;
      }
    } else {
      /* What is left is less than a block: the last one reaches back. */
      if (length >= BLOCK && !block_may(bytes + length - BLOCK)) return length;
      end = length;
    }
    for (; index < end; index++) {
      if (may_begin(bytes[index]) && (*size = separator(bytes + index, length - index, character)) > 0) return index;
    }
  }
  return length;
}

/* Bytes whose count fits into one byte, in whole blocks. */
enum { COUNTED = 15 * BLOCK };

size_t nexus_count_line_feeds(const uint8_t *bytes, size_t length) {
  size_t count = 0;
  while (length > 0) {
    size_t part = length < COUNTED ? length : COUNTED;
    uint8_t few = 0;
    for (size_t place = 0; place < part; place++) few += bytes[place] == 0x0A;
    count += few;
    bytes += part;
    length -= part;
  }
  return count;
}
