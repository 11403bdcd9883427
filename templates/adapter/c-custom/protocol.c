/* See protocol.h. A JSON value is the place in the text where it stands; strings are passed on as they were written. */
#include "protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char models_path[] = "/list";
const char answer_path[] = "/say";
const char stream_type[] = "application/x-ndjson";

/* ---------------------------------------------------------------------------------------------- models -- */

bool read_models(json answer, json *list) { return json_member(answer, "models", list) && json_kind(*list) == '['; }

bool read_model(json item, json *name, uint64_t *context) {
  json value;
  *context = json_member(item, "context", &value) ? json_count(value, 0) : 0;
  return json_member(item, "name", name) && json_kind(*name) == '"';
}

/* ----------------------------------------------------------------------------------- a client's request -- */

/* Always false. */
static bool refuse(translation *to, nexus_failure_kind kind, const char *words, ...) {
  va_list arguments;
  va_start(arguments, words);
  vsnprintf(to->words, sizeof to->words, words, arguments);
  va_end(arguments);
  to->refusal = kind;
  return false;
}

/* The text of a message. A client may give it as a string, or as a list of parts:
 * [{"type":"text","text":"What is this?"},{"type":"image_url",...}]. Parts that are no text cannot be left out: the answer
 * would be one to another question. */
static bool add_content(translation *to, json content) {
  json part, text;
  if (json_kind(content) == '"') {
    add_inside(&to->body, content);
    return true;
  }
  if (json_kind(content) != '[') {
    return refuse(to, NEXUS_FAIL_REJECTED, "the content of a message must be a text or a list of parts");
  }
  for (bool is_first = true; json_next(&content, NULL, &part); is_first = false) {
    json type = {NULL, NULL};
    if (!json_member(part, "type", &type) || !json_is(type, "text")) {
      char name[64] = "";
      json_text(type, name, sizeof name);
      return refuse(to, NEXUS_FAIL_UNSUPPORTED, "this server reads text alone: it cannot take a part of type \"%s\"", name);
    }
    if (!json_member(part, "text", &text) || json_kind(text) != '"') {
      return refuse(to, NEXUS_FAIL_REJECTED, "a part of type \"text\" must have a \"text\"");
    }
    if (!is_first) add_text(&to->body, "\\n");
    add_inside(&to->body, text);
  }
  return true;
}

static bool add_turns(translation *to, json request) {
  json messages, message, role, content, calls;
  if (!json_member(request, "messages", &messages) || json_kind(messages) != '[') {
    return refuse(to, NEXUS_FAIL_REJECTED, "\"messages\" must be a list");
  }
  add_text(&to->body, ",\"turns\":[");
  for (bool is_first = true; json_next(&messages, NULL, &message); is_first = false) {
    if (!json_member(message, "role", &role) || json_kind(role) != '"') {
      return refuse(to, NEXUS_FAIL_REJECTED, "a message must have a \"role\"");
    }
    if (json_is(role, "tool") || (json_member(message, "tool_calls", &calls) && json_kind(calls) == '[')) {
      return refuse(to, NEXUS_FAIL_UNSUPPORTED, "this server knows no tools");
    }
    if (!is_first) add_text(&to->body, ",");
    add_text(&to->body, "{\"who\":");
    if (json_is(role, "developer")) add_text(&to->body, "\"system\""); /* the newer name of the same */
    else add_value(&to->body, role);
    add_text(&to->body, ",\"says\":\"");
    if (!json_member(message, "content", &content)) content = (json){NULL, NULL};
    if (!add_content(to, content)) return false;
    add_text(&to->body, "\"}");
  }
  add_text(&to->body, "]");
  return true;
}

/* What asks for another answer than this server gives: leaving it out would be wrong. */
static bool can_do(translation *to, json request) {
  json value, type;
  if (json_member(request, "tools", &value) && json_kind(value) == '[' && value.end - value.at > 2) {
    return refuse(to, NEXUS_FAIL_UNSUPPORTED, "this server knows no tools");
  }
  if (json_member(request, "response_format", &value) && json_member(value, "type", &type) && !json_is(type, "text")) {
    return refuse(to, NEXUS_FAIL_UNSUPPORTED, "this server cannot promise an answer in JSON (response_format)");
  }
  if (json_member(request, "n", &value) && json_kind(value) == '0' && json_count(value, 0) != 1) {
    return refuse(to, NEXUS_FAIL_UNSUPPORTED, "this server gives one answer to a request, \"n\" must be 1");
  }
  return true;
}

static bool is_one_of(json name, const char *const *names) {
  for (; *names != NULL; names++) {
    if (json_is(name, *names)) return true;
  }
  return false;
}

/* Notes what only shapes the answer, such as "seed": the request is served without it, and the client is told. */
static void note_dropped(translation *to, json request) {
  static const char *const taken[] = {"model", "messages", "stream", "temperature", "max_tokens", "max_completion_tokens",
                                      NULL};
  /* These change nothing for the reader, or were looked at in can_do. */
  static const char *const silent[] = {"stream_options", "user", "metadata", "store", "service_tier", "safety_identifier",
                                       "prompt_cache_key", "tools", "tool_choice", "parallel_tool_calls",
                                       "response_format", "n", NULL};
  json name = {NULL, NULL}, value;
  size_t count = 0;
  while (json_next(&request, &name, &value)) {
    if (json_kind(value) == 'n' || is_one_of(name, taken) || is_one_of(name, silent)) continue;
    /* It travels in a header field: whatever is not plain, and too many, are not repeated there. */
    size_t length = (size_t)(name.end - name.at) - 2;
    if (length == 0 || length > 40 || strspn(name.at + 1, "abcdefghijklmnopqrstuvwxyz_0123456789") != length) continue;
    if (++count > 10) break;
    if (count > 1) add_text(&to->dropped, ", ");
    add_inside(&to->dropped, name);
  }
  if (count > 0) add_text(&to->dropped, count == 1 ? " was ignored: this server does not take it" : " were ignored: this server does not take them");
}

bool translate(json request, bool stream, translation *to) {
  json value;
  if (!json_member(request, "model", &value)) return refuse(to, NEXUS_FAIL_REJECTED, "\"model\" is missing");
  if (!can_do(to, request)) return false;
  add_text(&to->body, "{\"model\":");
  add_value(&to->body, value);
  if (!add_turns(to, request)) return false;
  add_text(&to->body, stream ? ",\"stream\":true" : ",\"stream\":false");
  if ((json_member(request, "max_completion_tokens", &value) && json_kind(value) == '0') ||
      (json_member(request, "max_tokens", &value) && json_kind(value) == '0')) {
    add_text(&to->body, ",\"max\":");
    add_value(&to->body, value);
  }
  if (json_member(request, "temperature", &value) && json_kind(value) == '0') {
    add_text(&to->body, ",\"temperature\":");
    add_value(&to->body, value);
  }
  add_text(&to->body, "}");
  note_dropped(to, request);
  if (to->body.failed || to->dropped.failed) return refuse(to, NEXUS_FAIL_REJECTED, "the request is too large");
  return true;
}

/* ----------------------------------------------------------------------------------- the server's answer -- */

static uint64_t count_in(json object, const char *name) {
  json value;
  return json_member(object, name, &value) ? json_count(value, NEXUS_TOKENS_UNKNOWN) : NEXUS_TOKENS_UNKNOWN;
}

bool read_piece(json value, piece *to) {
  json why;
  *to = (piece){.text = {NULL, NULL}, .prompt_tokens = count_in(value, "read"), .completion_tokens = count_in(value, "wrote")};
  if (json_member(value, "why", &why) && json_kind(why) == '"') {
    to->is_last = true;
    to->finish_reason = json_is(why, "max") ? "length" : "stop";
  }
  if (json_member(value, "says", &to->text) && json_kind(to->text) == '"') return true;
  to->text = (json){NULL, NULL};
  return to->is_last;
}

bool read_error(json value, char words[WORDS_ROOM]) {
  json problem;
  return json_member(value, "problem", &problem) && json_kind(problem) == '"' && json_text(problem, words, WORDS_ROOM) > 0;
}
