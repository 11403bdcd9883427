/* What the parts of the adapter share. */
#ifndef ADAPTER_H
#define ADAPTER_H

#include <stdbool.h>
#include <stddef.h>

#include "headers.h"
#include "nexus_plugin.h"

/* An instance: one configured backend. Nothing of it changes after create(), so all event loops may read it at once. */
typedef struct backend {
  const nexus_host *host;
  const nexus_callbacks *callbacks;
  char *api_key;       /* "" without one */
  char *authorization; /* "Bearer ...", or "" */
  char *models_path;
  char *chat_path;
} backend;

/* The functions of the table that are not in adapter.c. */
void probe(void *instance, nexus_task task);
nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request);

/* ------------------------------------------------------------------------------------------------- text -- */

/* Borrows a C string. */
nexus_str text(const char *content);

/* Bytes that grow up to a limit. Starts as {0}; the memory is freed by buffer_free. */
typedef struct buffer {
  char *bytes;
  size_t length;
  size_t capacity;
} buffer;

/* False: it would exceed the limit, or there is no memory; then nothing was added. */
bool buffer_add(buffer *buffer, const char *bytes, size_t length, size_t limit);
void buffer_free(buffer *buffer);

/* The headers of a request to the server: room for all of them, filled by request_headers, which gives their number.
 * `request` is what the client asked for; NULL for a probe. */
#define HEADER_ROOM (4 + NEXUS_LIMIT_PASSED_HEADERS)
size_t request_headers(const backend *self, const nexus_request *request, nexus_header headers[HEADER_ROOM]);

/* ---------------------------------------------------------------------------------------------- failures -- */

/* Room for a message. */
#define MESSAGE_ROOM 512

/* What the server says in an answer that is an error: {"error":{"message":"..."}}, {"error":"..."}. False: the body is
 * none. */
bool told_error(const char *body, size_t length, char *message, size_t room, uint32_t *status);

/* The failure that an error answer is. `message` is room for its words. */
nexus_failure failure_of_answer(const backend *self, uint32_t status, const char *body, size_t length,
                                char message[MESSAGE_ROOM]);

/* The failure of an HTTP request that did not end well. */
nexus_failure failure_of_end(const nexus_http_end *end);

#endif
