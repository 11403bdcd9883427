/*
 * {{name}}: an adapter for the Nexus gateway. This file: the table that the gateway reads, and the life of an instance.
 */
#define _POSIX_C_SOURCE 200809L
#include "adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define TEXT(literal) {(literal), sizeof(literal) - 1}

/* Says in the host's room what the operator should change. */
static nexus_status refuse(nexus_message *error, const char *message) {
  size_t length = strlen(message);
  if (length > error->capacity) length = error->capacity;
  memcpy(error->ptr, message, length);
  error->length = length;
  return NEXUS_INVALID;
}

/* ---------------------------------------------------------------------------------------------- options -- */

#define PREFIX_ROOM 128

/* The host has checked the options against the schema below; what a schema cannot say is checked here. */
static nexus_status read_options(nexus_str options, char prefix[PREFIX_ROOM], nexus_message *error) {
  json rest, name = {NULL, NULL}, value;
  strcpy(prefix, "/v1");
  if (options.len == 0) return NEXUS_OK;
  if (!json_parse(options.ptr, options.len, &rest) || json_kind(rest) != '{') {
    return refuse(error, "options must be an object");
  }
  while (json_next(&rest, &name, &value)) {
    if (json_is(name, "path_prefix")) {
      size_t length = json_text(value, prefix, PREFIX_ROOM);
      bool is_path = length == 0 || (prefix[0] == '/' && prefix[length - 1] != '/' && length < PREFIX_ROOM - 1);
      if (json_kind(value) != '"' || !is_path) {
        return refuse(error, "options.path_prefix must be a text like \"/v1\", without a slash at its end, or empty");
      }
    } else {
      char known[64], message[256];
      json_text(name, known, sizeof known);
      snprintf(message, sizeof message, "options.%s is not known; known are: path_prefix", known);
      return refuse(error, message);
    }
  }
  return NEXUS_OK;
}

/* ------------------------------------------------------------------------------------------------- life -- */

static void destroy(void *instance) {
  backend *self = instance;
  free(self->api_key);
  free(self->authorization);
  free(self->models_path);
  free(self->chat_path);
  free(self);
}

/* A new string of two parts; NULL without memory. */
static char *joined(const char *first, const char *second, size_t length) {
  size_t start = strlen(first);
  char *result = malloc(start + length + 1);
  if (result == NULL) return NULL;
  memcpy(result, first, start);
  if (length > 0) memcpy(result + start, second, length);
  result[start + length] = 0;
  return result;
}

static nexus_status create(const nexus_backend_config *config, const nexus_host *host,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  char prefix[PREFIX_ROOM];
  nexus_status status = read_options(config->options, prefix, error);
  if (status != NEXUS_OK) return status;
  backend *self = calloc(1, sizeof *self);
  if (self == NULL) return NEXUS_FAILED;
  self->host = host;
  self->callbacks = callbacks;
  self->api_key = joined("", config->api_key.ptr, config->api_key.len);
  self->authorization = joined(config->api_key.len > 0 ? "Bearer " : "", config->api_key.ptr, config->api_key.len);
  self->models_path = joined(prefix, "/models", strlen("/models"));
  self->chat_path = joined(prefix, "/chat/completions", strlen("/chat/completions"));
  if (!self->api_key || !self->authorization || !self->models_path || !self->chat_path) {
    destroy(self);
    return NEXUS_FAILED;
  }
  *instance = self;
  return NEXUS_OK;
}

/* ------------------------------------------------------------------------------------------ shared parts -- */

nexus_str text(const char *content) {
  nexus_str result = {content, strlen(content)};
  return result;
}

bool buffer_add(buffer *buffer, const char *bytes, size_t length, size_t limit) {
  if (length > limit || buffer->length > limit - length) return false;
  if (buffer->length + length > buffer->capacity) {
    size_t capacity = buffer->capacity == 0 ? 4096 : buffer->capacity;
    while (capacity < buffer->length + length) capacity *= 2;
    char *grown = realloc(buffer->bytes, capacity);
    if (grown == NULL) return false;
    buffer->bytes = grown;
    buffer->capacity = capacity;
  }
  if (length > 0) memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
  return true;
}

void buffer_free(buffer *buffer) {
  free(buffer->bytes);
  buffer->bytes = NULL;
  buffer->length = buffer->capacity = 0;
}

size_t request_headers(const backend *self, const nexus_request *request, nexus_header headers[HEADER_ROOM]) {
  size_t count = 0;
  headers[count++] = (nexus_header){text("accept"), text("application/json, text/event-stream")};
  if (self->authorization[0] != 0) headers[count++] = (nexus_header){text("authorization"), text(self->authorization)};
  if (request == NULL) return count;
  headers[count++] = (nexus_header){text("content-type"), text("application/json")};
  if (request->request_id.len > 0) headers[count++] = (nexus_header){text("x-request-id"), request->request_id};
  /* The client's own headers that may go to a server. A gateway from before ABI 1.2 does not give them. */
  if (!NEXUS_HAS(request, header_count)) return count;
  for (size_t index = 0; index < request->header_count && count < HEADER_ROOM; index++) {
    headers[count++] = request->headers[index];
  }
  return count;
}

/* ------------------------------------------------------------------------------------------------ table -- */

static const nexus_str default_urls[] = {TEXT("http://127.0.0.1:8080")};

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = sizeof(nexus_adapter),
    .type = TEXT("{{name}}"),
    .display_name = TEXT("{{name}}"),
    .version = TEXT("0.1.0"),
    .options_schema = TEXT("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                           "\"path_prefix\":{\"type\":\"string\",\"description\":\"before /models and"
                           " /chat/completions\",\"default\":\"/v1\"}}}"),
    /* Where the gateway looks for such servers when nothing is configured: leave it out until that is wanted. */
    .default_urls = default_urls,
    .default_url_count = 0,
    .kinds = NEXUS_KIND_CHAT,
    .create = create,
    .destroy = destroy,
    .probe = probe,
    .submit = submit,
};

const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error) {
  (void)host;
  (void)error;
  return &table;
}
