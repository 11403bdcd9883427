/* Text that grows. It starts as {0} and is freed by buffer_free. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define BUFFER_LIMIT (16u * 1024 * 1024) /* bytes; nothing that strangers send may grow without end */

typedef struct buffer {
  char *bytes;
  size_t length;
  size_t capacity;
  bool failed; /* no memory, or too long: looked at once, at the end */
} buffer;

static inline void add(buffer *to, const char *bytes, size_t length) {
  if (to->failed || length > BUFFER_LIMIT - to->length) {
    to->failed = true;
    return;
  }
  if (to->length + length > to->capacity) {
    size_t capacity = (to->length + length) * 2;
    char *grown = realloc(to->bytes, capacity);
    if (grown == NULL) {
      to->failed = true;
      return;
    }
    to->bytes = grown;
    to->capacity = capacity;
  }
  if (length > 0) memcpy(to->bytes + to->length, bytes, length);
  to->length += length;
}

static inline void add_text(buffer *to, const char *text) { add(to, text, strlen(text)); }

/* A JSON value as it was written. Strings keep their quotes and escapes: nothing is decoded and encoded again. */
static inline void add_value(buffer *to, json value) { add(to, value.at, (size_t)(value.end - value.at)); }

/* What stands between the quotes of a JSON string, for a string that is made of several. */
static inline void add_inside(buffer *to, json string) { add(to, string.at + 1, (size_t)(string.end - string.at) - 2); }

static inline void add_number(buffer *to, uint64_t number) {
  char digits[24];
  add(to, digits, (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number));
}

static inline void buffer_free(buffer *self) {
  free(self->bytes);
  *self = (buffer){NULL, 0, 0, false};
}

#endif
