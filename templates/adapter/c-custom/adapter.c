/*
 * {{name}}: an adapter for the Nexus gateway. This file: the table that the gateway reads, the options, and the life of an
 * instance. What the server is like stands in protocol.c.
 */
#include "adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal) {(literal), sizeof(literal) - 1}

/* ---------------------------------------------------------------------------------------------- options -- */

/* "writeOnly" marks a secret: the gateway hides its value wherever it would be shown. */
#define OPTIONS_SCHEMA                                                                                              \
  "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"                                            \
  "\"streams\":{\"type\":\"boolean\",\"default\":true,\"description\":\"false: the server cannot stream; it is"      \
  " asked for whole answers\"},"                                                                                    \
  "\"access_token\":{\"type\":\"string\",\"writeOnly\":true,\"description\":\"sent as x-access-token, for servers"   \
  " behind a gate of their own\"}}}"

#define TOKEN_ROOM 1024

/* Says in the host's room what the operator should change. */
static nexus_status refuse(nexus_message *error, const char *message) {
  size_t length = strlen(message);
  if (length > error->capacity) length = error->capacity;
  memcpy(error->ptr, message, length);
  error->length = length;
  return NEXUS_INVALID;
}

/* The host has checked the options against the schema; what a schema cannot say is checked here. */
static nexus_status read_options(nexus_str options, bool *streams, char token[TOKEN_ROOM], nexus_message *error) {
  json rest, name = {NULL, NULL}, value;
  *streams = true;
  token[0] = 0;
  if (options.len == 0) return NEXUS_OK;
  if (!json_parse(options.ptr, options.len, &rest) || json_kind(rest) != '{') {
    return refuse(error, "options must be an object");
  }
  while (json_next(&rest, &name, &value)) {
    if (json_is(name, "streams")) {
      if (json_kind(value) != 't' && json_kind(value) != 'f') return refuse(error, "options.streams must be true or false");
      *streams = json_kind(value) == 't';
    } else if (json_is(name, "access_token")) {
      if (json_kind(value) != '"') return refuse(error, "options.access_token must be a text");
      size_t length = json_text(value, token, TOKEN_ROOM);
      bool is_plain = strcspn(token, "\r\n") == length && length < TOKEN_ROOM - 1;
      /* The words name the option and never its value. */
      if (!is_plain) return refuse(error, "options.access_token must be one line of at most 1000 characters");
    } else {
      char known[64], message[256];
      json_text(name, known, sizeof known);
      snprintf(message, sizeof message, "options.%s is not known; known are: streams, access_token", known);
      return refuse(error, message);
    }
  }
  return NEXUS_OK;
}

/* ------------------------------------------------------------------------------------------------- life -- */

static void destroy(void *instance) {
  backend *self = instance;
  for (size_t index = 0; self->authorizations != NULL && index < self->key_count; index++) free(self->authorizations[index]);
  free(self->authorizations);
  free(self->access_token);
  free(self);
}

/* A new string of two parts; NULL without memory. */
static char *joined(const char *first, nexus_str second) {
  size_t start = strlen(first);
  char *result = malloc(start + second.len + 1);
  if (result == NULL) return NULL;
  memcpy(result, first, start);
  if (second.len > 0) memcpy(result + start, second.ptr, second.len);
  result[start + second.len] = 0;
  return result;
}

/* Keeps the operator's keys: one, several (since ABI 1.1), or none. False: no memory. */
static bool keep_keys(backend *self, const nexus_backend_config *config) {
  const nexus_str *keys = &config->api_key;
  size_t count = config->api_key.len > 0 ? 1 : 0;
  if (NEXUS_HAS(config, api_key_count) && config->api_key_count > 1) {
    keys = config->api_keys;
    count = config->api_key_count;
  }
  self->authorizations = calloc(count + 1, sizeof *self->authorizations);
  if (self->authorizations == NULL) return false;
  for (; self->key_count < count; self->key_count++) {
    char *value = joined("Bearer ", keys[self->key_count]);
    if (value == NULL) return false;
    self->authorizations[self->key_count] = value;
  }
  return true;
}

static nexus_status create(const nexus_backend_config *config, const nexus_host *host,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  char token[TOKEN_ROOM];
  bool streams;
  nexus_status status = read_options(config->options, &streams, token, error);
  if (status != NEXUS_OK) return status;
  backend *self = calloc(1, sizeof *self);
  if (self == NULL) return NEXUS_FAILED;
  self->host = host;
  self->callbacks = callbacks;
  self->streams = streams;
  self->access_token = joined("", text(token));
  if (self->access_token == NULL || !keep_keys(self, config)) {
    destroy(self);
    return NEXUS_FAILED;
  }
  *instance = self;
  return NEXUS_OK;
}

/* ------------------------------------------------------------------------------------------ shared parts -- */

nexus_str text(const char *content) { return (nexus_str){content, strlen(content)}; }

size_t own_headers(const backend *self, size_t key, nexus_header headers[OWN_HEADERS]) {
  size_t count = 0;
  if (self->access_token[0] != 0) headers[count++] = (nexus_header){text("x-access-token"), text(self->access_token)};
  if (key < self->key_count) headers[count++] = (nexus_header){text("authorization"), text(self->authorizations[key])};
  return count;
}

bool shows_secret(const backend *self, const char *text) {
  if (self->access_token[0] != 0 && strstr(text, self->access_token) != NULL) return true;
  for (size_t index = 0; index < self->key_count; index++) {
    if (strstr(text, self->authorizations[index] + strlen("Bearer ")) != NULL) return true;
  }
  return false;
}

size_t next_key(backend *self, size_t key) {
  size_t refused = key, next = (key + 1) % self->key_count;
  atomic_compare_exchange_strong(&self->key, &refused, next);
  return next;
}

nexus_failure_kind kind_of_status(uint32_t status) {
  switch (status) {
    case 401: case 403: return NEXUS_FAIL_AUTH;
    case 404: case 501: return NEXUS_FAIL_UNSUPPORTED; /* the gateway passes a 404 on, and tries 501 elsewhere */
    case 408: case 425: case 429: case 503: return NEXUS_FAIL_BUSY;
    case 504: return NEXUS_FAIL_TIMEOUT;
    default: return status >= 400 && status < 500 ? NEXUS_FAIL_REJECTED : NEXUS_FAIL_UPSTREAM;
  }
}

/* ------------------------------------------------------------------------------------------------ table -- */

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = sizeof(nexus_adapter),
    .type = TEXT("{{name}}"),
    .display_name = TEXT("{{name}}"),
    .version = TEXT("0.1.0"),
    .options_schema = TEXT(OPTIONS_SCHEMA),
    /* Chats alone: clients of Anthropic's and Ollama's APIs are translated to these before they come here. */
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
