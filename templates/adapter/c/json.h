/* A small reader for JSON text in memory: no allocation, no copy, never reads beyond `end`. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One value, as the part of the text where it stands. */
typedef struct json {
  const char *at;
  const char *end;
} json;

/* The value that `text` begins with. False: it does not begin with one that is complete. */
bool json_parse(const char *text, size_t length, json *value);

/* '{', '[', '"', 't', 'f', 'n', or '0' for every number. */
char json_kind(json value);

/* The member `name` of an object. False: there is none, or `object` is none. */
bool json_member(json object, const char *name, json *value);

/* The next item of an array, or member of an object (then `name` is set, to a string; else it may be NULL). Start with
 * `*rest` being the array or object. False: there is none. */
bool json_next(json *rest, json *name, json *value);

/* A string decoded into `out` and terminated, cut at `room` - 1 bytes. Gives its length, 0 if it is no string. Decoded
 * text is never longer than the text it comes from. */
size_t json_text(json value, char *out, size_t room);

/* Whether it is a string with exactly this content, written without escapes. */
bool json_is(json value, const char *text);

/* A whole number that is not negative; `otherwise` if it is something else. */
uint64_t json_count(json value, uint64_t otherwise);

#endif
