#include "json.h"

#include <string.h>

static const char *skip_space(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return at;
}

/* Behind the string that begins at `at`; NULL: it does not end. */
static const char *string_end(const char *at, const char *end) {
  for (at++; at < end; at++) {
    if (*at == '\\') {
      if (++at == end) return NULL;
    } else if (*at == '"') {
      return at + 1;
    }
  }
  return NULL;
}

/* Behind the object or array that begins at `at`; NULL: it does not end. Brackets are counted, not nested: no depth of
 * a hostile text can exhaust the stack. */
static const char *bracket_end(const char *at, const char *end) {
  size_t depth = 0;
  while (at < end) {
    if (*at == '"') {
      at = string_end(at, end);
      if (at == NULL) return NULL;
      continue;
    }
    if (*at == '{' || *at == '[') depth++;
    if ((*at == '}' || *at == ']') && --depth == 0) return at + 1;
    at++;
  }
  return NULL;
}

static bool is_word(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '+' || byte == '.' ||
         byte == 'E';
}

bool json_parse(const char *text, size_t length, json *value) {
  if (text == NULL) return false;
  const char *end = text + length;
  const char *at = skip_space(text, end);
  const char *stop = NULL;
  if (at == end) return false;
  if (*at == '"') {
    stop = string_end(at, end);
  } else if (*at == '{' || *at == '[') {
    stop = bracket_end(at, end);
  } else if (is_word(*at)) {
    for (stop = at; stop < end && is_word(*stop);) stop++;
  }
  if (stop == NULL) return false;
  *value = (json){at, stop};
  return true;
}

char json_kind(json value) {
  if (value.at == NULL || value.at >= value.end) return 0;
  return (*value.at >= '0' && *value.at <= '9') || *value.at == '-' ? '0' : *value.at;
}

bool json_next(json *rest, json *name, json *value) {
  if (rest->at == NULL || rest->at >= rest->end) return false;
  /* The first call stands on the bracket, later ones behind a value. A name and a colon tell an object. */
  const char *at = skip_space(rest->at, rest->end);
  if (at < rest->end && (*at == '{' || *at == '[' || *at == ',')) at++;
  at = skip_space(at, rest->end);
  json first;
  if (at >= rest->end || *at == '}' || *at == ']') return false;
  if (!json_parse(at, (size_t)(rest->end - at), &first)) return false;
  at = skip_space(first.end, rest->end);
  if (at < rest->end && *at == ':') {
    if (name != NULL) *name = first;
    if (!json_parse(at + 1, (size_t)(rest->end - at - 1), &first)) return false;
    at = skip_space(first.end, rest->end);
  }
  if (at >= rest->end || (*at != ',' && *at != '}' && *at != ']')) return false;
  *value = first;
  rest->at = at;
  return true;
}

bool json_member(json object, const char *name, json *value) {
  json member, key = {NULL, NULL};
  bool found = false;
  if (json_kind(object) != '{') return false;
  while (json_next(&object, &key, &member)) {
    if (!json_is(key, name)) continue;
    *value = member; /* the last one of that name counts */
    found = true;
  }
  return found;
}

bool json_is(json value, const char *text) {
  size_t length = strlen(text);
  return json_kind(value) == '"' && (size_t)(value.end - value.at) == length + 2 &&
         memcmp(value.at + 1, text, length) == 0;
}

uint64_t json_count(json value, uint64_t otherwise) {
  uint64_t count = 0;
  if (json_kind(value) != '0' || value.end - value.at > 18) return otherwise;
  for (const char *at = value.at; at < value.end; at++) {
    if (*at < '0' || *at > '9') return otherwise;
    count = count * 10 + (uint64_t)(*at - '0');
  }
  return count;
}

/* ---------------------------------------------------------------------------------------------- strings -- */

static bool hex4(const char *at, const char *end, uint32_t *unit) {
  *unit = 0;
  if (end - at < 4) return false;
  for (int index = 0; index < 4; index++) {
    char digit = at[index];
    uint32_t number = 0;
    if (digit >= '0' && digit <= '9') number = (uint32_t)(digit - '0');
    else if (digit >= 'a' && digit <= 'f') number = (uint32_t)(digit - 'a' + 10);
    else if (digit >= 'A' && digit <= 'F') number = (uint32_t)(digit - 'A' + 10);
    else return false;
    *unit = *unit << 4 | number;
  }
  return true;
}

static size_t encode(uint32_t code, char *out) {
  if (code < 0x80) return out[0] = (char)code, 1;
  if (code < 0x800) return out[0] = (char)(0xC0 | code >> 6), out[1] = (char)(0x80 | (code & 0x3F)), 2;
  if (code < 0x10000) {
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3F));
    out[2] = (char)(0x80 | (code & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 0x3F));
  out[2] = (char)(0x80 | (code >> 6 & 0x3F));
  out[3] = (char)(0x80 | (code & 0x3F));
  return 4;
}

/* Decodes what follows a backslash; moves `*at` behind it. */
static size_t escape(const char **at, const char *end, char *out) {
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
  char letter = *(*at)++;
  if (letter == 'u') {
    uint32_t code, low;
    if (!hex4(*at, end, &code)) return encode('?', out);
    *at += 4;
    if (code >= 0xD800 && code < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' &&
        hex4(*at + 2, end, &low) && low >= 0xDC00 && low < 0xE000) {
      *at += 6;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return encode(code >= 0xD800 && code < 0xE000 ? 0xFFFD : code, out);
  }
  const char *known = letter == 0 ? NULL : strchr(from, letter);
  *out = known != NULL ? to[known - from] : letter;
  return 1;
}

size_t json_text(json value, char *out, size_t room) {
  size_t length = 0;
  if (room == 0) return 0;
  if (json_kind(value) == '"') {
    const char *end = value.end - 1;
    for (const char *at = value.at + 1; at < end;) {
      char piece[4];
      size_t count = 1;
      if (*at == '\\' && at + 1 < end) {
        at++;
        count = escape(&at, end, piece);
      } else {
        piece[0] = *at++;
      }
      if (length + count >= room) break;
      memcpy(out + length, piece, count);
      length += count;
    }
  }
  out[length] = 0;
  return length;
}
