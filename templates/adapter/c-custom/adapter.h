/* What the parts of the adapter share. */
#ifndef ADAPTER_H
#define ADAPTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "nexus_plugin.h"
#include "protocol.h"

/* An instance: one configured backend. All event loops use it at once: nothing of it changes after create(), but for the
 * number of the key in use, which is atomic. */
typedef struct backend {
  const nexus_host *host;
  const nexus_callbacks *callbacks;
  bool streams;            /* options.streams */
  char *access_token;      /* options.access_token; "" without one */
  char **authorizations;   /* "Bearer ..." for each key */
  size_t key_count;
  atomic_size_t key;       /* the one in use */
} backend;

/* The functions of the table that are not in adapter.c. */
void probe(void *instance, nexus_task task);
nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request);

/* Borrows a C string. */
nexus_str text(const char *content);

/* The operator's own headers, and that of a key: gives their number. */
#define OWN_HEADERS 2
size_t own_headers(const backend *self, size_t key, nexus_header headers[OWN_HEADERS]);

/* Whether a text holds a secret of this backend. Servers like to repeat a key that they refuse: such a text goes nowhere. */
bool shows_secret(const backend *self, const char *text);

/* The server refuses a key, or has enough of it: gives the next one, which others begin with, too. */
size_t next_key(backend *self, size_t key);

/* Which failure an error answer is: it decides whether the gateway tries another backend, and what the client sees. */
nexus_failure_kind kind_of_status(uint32_t status);

#endif
