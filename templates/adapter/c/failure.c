/* Which failure is which: it decides whether the gateway tries another backend, and what the client sees. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "adapter.h"
#include "json.h"

static nexus_failure_kind kind_of(uint32_t status) {
  switch (status) {
    case 401: case 403: return NEXUS_FAIL_AUTH;
    case 404: case 501: return NEXUS_FAIL_UNSUPPORTED; /* the gateway passes a 404 on, and tries 501 elsewhere */
    case 408: case 429: case 503: return NEXUS_FAIL_BUSY;
    case 504: return NEXUS_FAIL_TIMEOUT;
    default: return status >= 400 && status < 500 ? NEXUS_FAIL_REJECTED : NEXUS_FAIL_UPSTREAM;
  }
}

bool told_error(const char *body, size_t length, char *message, size_t room, uint32_t *status) {
  json value, error, told, code;
  if (!json_parse(body, length, &value) || !json_member(value, "error", &error)) return false;
  if (json_kind(error) == '"') {
    json_text(error, message, room);
    return true;
  }
  if (json_kind(error) != '{') return false;
  if (!json_member(error, "message", &told) || json_text(told, message, room) == 0) {
    snprintf(message, room, "the server reported an error without a message");
  }
  if (json_member(error, "code", &code)) {
    uint64_t number = json_count(code, 0);
    if (number >= 400 && number <= 599) *status = (uint32_t)number;
  }
  return true;
}

nexus_failure failure_of_answer(const backend *self, uint32_t status, const char *body, size_t length,
                                char message[MESSAGE_ROOM]) {
  uint32_t ignored = 0;
  bool told = told_error(body, length, message, MESSAGE_ROOM, &ignored);
  /* Servers like to repeat a key they refuse: nothing that holds it goes on. */
  bool shows_key = self->api_key[0] != 0 && length > 0 && memmem(body, length, self->api_key, strlen(self->api_key));
  nexus_failure failure = {.struct_size = sizeof failure, .kind = kind_of(status), .status = status};
  if (failure.kind == NEXUS_FAIL_AUTH) {
    snprintf(message, MESSAGE_ROOM,
             "the server wants an API key or refuses the one it got (status %u); see api_key_env", status);
  } else if (!told || shows_key) {
    snprintf(message, MESSAGE_ROOM, "the server answered with status %u", status);
  } else {
    failure.body = (nexus_str){body, length};
  }
  failure.message = text(message);
  return failure;
}

nexus_failure failure_of_end(const nexus_http_end *end) {
  nexus_failure failure = {.struct_size = sizeof failure, .message = end->message};
  switch (end->result) {
    case NEXUS_HTTP_REFUSED: failure.kind = NEXUS_FAIL_CONNECT; break;
    case NEXUS_HTTP_TIMED_OUT: failure.kind = NEXUS_FAIL_TIMEOUT; break;
    default: failure.kind = NEXUS_FAIL_UPSTREAM;
  }
  return failure;
}
