/*
 * Reads a stream of server-sent events that comes in pieces, cut anywhere. It knows all line ends (LF, CR LF, CR), a
 * byte order mark at the start, and events with several lines of data. It holds one event, up to a limit.
 *
 *     events stream = {.limit = 16u * 1024 * 1024};
 *
 *     event event;
 *     events_result result;
 *     while ((result = events_next(&stream, &bytes, &length, &event)) == EVENTS_ONE) {
 *       if (event.data.ptr != NULL) take(event.data);
 *     }
 *     if (result == EVENTS_TOO_LARGE) give_up();
 *
 *     events_free(&stream);
 *
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nexus_plugin.h"

typedef struct events_bytes {
  char *bytes;
  size_t length, capacity;
} events_bytes;

/* A reader. Set `limit` and leave the rest zero. */
typedef struct events {
  size_t limit;      /* bytes of one event */
  events_bytes text; /* the event so far; every line ends with LF */
  events_bytes data; /* its lines of data, with an LF between them */
  size_t line;       /* where in `text` the last line begins */
  bool has_data;
  bool is_given;     /* the caller has had this event: it makes room for the next */
  bool after_return; /* the last byte was CR: if LF comes now, both are one line end */
  bool has_begun;    /* the first line of the stream is complete */
} events;

/* One event, valid until the next call with its reader. */
typedef struct event {
  nexus_str text; /* all of it, up to and with the empty line, for an adapter that passes it on; lines end with LF */
  nexus_str data; /* its data. `ptr` is NULL if it has none, like a comment that only keeps the connection alive */
} event;

typedef enum events_result {
  EVENTS_NONE,     /* no more events in this piece. All of it was taken */
  EVENTS_ONE,      /* here is an event. Call again, for the rest of the piece */
  EVENTS_TOO_LARGE /* the event exceeds the limit, or there is no memory for it. The stream cannot be read further */
} events_result;

static inline bool events_add(events_bytes *to, const char *bytes, size_t length) {
  if (length > to->capacity - to->length) {
    size_t capacity = to->capacity < 1024 ? 1024 : to->capacity;
    while (capacity - to->length < length) capacity *= 2;
    char *grown = realloc(to->bytes, capacity);
    if (grown == NULL) return false;
    to->bytes = grown;
    to->capacity = capacity;
  }
  if (length > 0) memcpy(to->bytes + to->length, bytes, length);
  to->length += length;
  return true;
}

/* Takes away a byte order mark at the start of the stream. */
static inline void events_begin(events *self) {
  static const char mark[] = "\xEF\xBB\xBF";
  if (!self->has_begun && self->text.length >= 3 && memcmp(self->text.bytes, mark, 3) == 0) {
    self->text.length -= 3;
    memmove(self->text.bytes, self->text.bytes + 3, self->text.length);
  }
  self->has_begun = true;
}

/* Looks at the last line, which has just become complete. False: no memory. */
static inline bool events_end_line(events *self) {
  const char *line = self->text.bytes + self->line;
  size_t length = self->text.length - self->line;
  /* "data" alone is a line of data without a value; one space after the colon does not belong to the value. */
  if (length >= 4 && memcmp(line, "data", 4) == 0 && (length == 4 || line[4] == ':')) {
    size_t start = length == 4 ? 4 : length > 5 && line[5] == ' ' ? 6 : 5;
    if (self->has_data && !events_add(&self->data, "\n", 1)) return false;
    if (!events_add(&self->data, line + start, length - start)) return false;
    self->has_data = true;
  }
  return events_add(&self->text, "\n", 1);
}

/* Takes bytes up to the end of the next event, and moves `*bytes` and `*length` behind them. */
static inline events_result events_next(events *self, const char **bytes, size_t *length, event *event) {
  if (self->is_given) {
    self->text.length = self->data.length = self->line = 0;
    self->is_given = self->has_data = false;
  }
  while (*length > 0) {
    const char *piece = *bytes;
    size_t skipped = self->after_return && *piece == '\n' ? 1 : 0;
    size_t end = skipped;
    self->after_return = false;
    while (end < *length && piece[end] != '\n' && piece[end] != '\r') end++;
    bool is_complete = end < *length;
    size_t size = end - skipped + (is_complete ? 1 : 0); /* with its line end */
    if (size > self->limit - self->text.length) return EVENTS_TOO_LARGE;
    if (!events_add(&self->text, piece + skipped, end - skipped)) return EVENTS_TOO_LARGE;
    *bytes += is_complete ? end + 1 : end;
    *length -= is_complete ? end + 1 : end;
    if (!is_complete) break;
    self->after_return = piece[end] == '\r';
    events_begin(self);
    bool is_empty = self->text.length == self->line;
    if (!events_end_line(self)) return EVENTS_TOO_LARGE;
    if (is_empty && self->line > 0) {
      self->is_given = true;
      event->text = (nexus_str){self->text.bytes, self->text.length};
      event->data = (nexus_str){NULL, self->data.length};
      if (self->has_data) event->data.ptr = self->data.length > 0 ? self->data.bytes : "";
      return EVENTS_ONE;
    }
    if (is_empty) self->text.length = 0; /* an empty line before the event */
    self->line = self->text.length;
  }
  return EVENTS_NONE;
}

static inline void events_free(events *self) {
  free(self->text.bytes);
  free(self->data.bytes);
  self->text = self->data = (events_bytes){NULL, 0, 0};
}

#endif
