/*
 * The header fields of a server's answer, copied in on_head: there they are borrowed for that call only, and the answer
 * to the client begins later. Give all of them to the host with the head of the answer and with a failure. It picks
 * those that a client may see (NEXUS_HEADERS_OF_SERVERS).
 */
#ifndef HEADERS_H
#define HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nexus_plugin.h"

/* Starts as {0}; freed by headers_free. */
typedef struct headers {
  nexus_header *fields; /* with their text behind them, in one allocation */
  size_t count;
} headers;

/* False: no memory, and nothing was copied. */
static inline bool headers_copy(headers *to, const nexus_http_head *head) {
  size_t count = head->header_count < NEXUS_LIMIT_OFFERED_HEADERS ? head->header_count : NEXUS_LIMIT_OFFERED_HEADERS;
  size_t length = 0;
  for (size_t index = 0; index < count; index++) {
    length += head->headers[index].name.len + head->headers[index].value.len;
  }
  nexus_header *fields = malloc(count * sizeof *fields + length + 1);
  if (fields == NULL) return false;
  char *place = (char *)(fields + count);
  for (size_t index = 0; index < count; index++) {
    const nexus_str from[] = {head->headers[index].name, head->headers[index].value};
    nexus_str *const copies[] = {&fields[index].name, &fields[index].value};
    for (size_t part = 0; part < 2; part++) {
      if (from[part].len > 0) memcpy(place, from[part].ptr, from[part].len);
      *copies[part] = (nexus_str){place, from[part].len};
      place += from[part].len;
    }
  }
  *to = (headers){fields, count};
  return true;
}

/* The value of the first field of that name, in any case; `ptr` is NULL if there is none. */
static inline nexus_str headers_find(const headers *self, const char *name) {
  size_t length = strlen(name);
  for (size_t index = 0; index < self->count; index++) {
    nexus_str field = self->fields[index].name;
    if (field.len == length && strncasecmp(field.ptr, name, length) == 0) return self->fields[index].value;
  }
  return (nexus_str){NULL, 0};
}

/* What `retry-after` says, in milliseconds; 0 if it is missing, a date, or more than a day. */
static inline uint32_t headers_retry_after_ms(const headers *self) {
  nexus_str value = headers_find(self, "retry-after");
  uint32_t seconds = 0;
  if (value.len > 5) return 0;
  for (size_t index = 0; index < value.len; index++) {
    if (value.ptr[index] < '0' || value.ptr[index] > '9') return 0;
    seconds = seconds * 10 + (uint32_t)(value.ptr[index] - '0');
  }
  return seconds <= 86400 ? seconds * 1000 : 0;
}

static inline void headers_free(headers *self) {
  free(self->fields);
  *self = (headers){NULL, 0};
}

#endif
