/*
 * An adapter in plain C that uses everything that ABI 1.1 brought: more kinds, path and type of a request, several keys,
 * a warning, times of the work, the load of the server, and what is known of a model beside its id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nexus_plugin.h"

#define TEXT(literal) {(literal), sizeof(literal) - 1}

typedef struct backend {
  const nexus_host *host;
  const nexus_callbacks *callbacks;
  size_t keys;
} backend;

static nexus_status create(const nexus_backend_config *config, const nexus_host *host,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  (void)error;
  backend *made = calloc(1, sizeof *made);
  if (made == NULL) return NEXUS_FAILED;
  made->host = host;
  made->callbacks = callbacks;
  if (NEXUS_HAS(config, api_key_count)) made->keys = config->api_key_count;
  *instance = made;
  return NEXUS_OK;
}

static void destroy(void *instance) { free(instance); }

static void probe(void *instance, nexus_task task) {
  const backend *self = instance;
  (void)task;
  const nexus_model model = {.struct_size = sizeof model, .id = TEXT("m"), .context_length = 4096,
                             .state = NEXUS_MODEL_LOADED, .loaded_until = -1, .size = 11, .memory = 22,
                             .device_memory = 0, .details = TEXT("{\"family\":\"llama\"}")};
  const nexus_load load = {.struct_size = sizeof load, .slots = 4, .running = 1, .waiting = NEXUS_LOAD_UNKNOWN,
                           .cache_use = 0.5};
  const nexus_health health = {.struct_size = sizeof health, .status = NEXUS_HEALTHY, .latency_ms = -1,
                               .kinds = NEXUS_KIND_RERANK};
  self->callbacks->report_models(&model, 1);
  if (NEXUS_HAS(self->callbacks, report_load)) self->callbacks->report_load(&load);
  self->callbacks->report_health(&health);
}

static nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  const backend *self = instance;
  char text[512];
  const int length =
      snprintf(text, sizeof text, "{\"path\":\"%.*s\",\"type\":\"%.*s\",\"keys\":%zu}", (int)request->path.len,
               request->path.ptr, (int)request->content_type.len, request->content_type.ptr, self->keys);
  const nexus_response_head head = {.struct_size = sizeof head, .status = 200, .warning = TEXT("logprobs left out")};
  const nexus_outcome outcome = {.struct_size = sizeof outcome, .prompt_tokens = 3, .completion_tokens = 5,
                                 .cached_tokens = 0, .flags = NEXUS_OUTCOME_ESTIMATED, .prompt_us = 7,
                                 .completion_us = 9};
  self->host->exchange_begin(exchange, &head);
  self->host->exchange_write(exchange, text, (size_t)length);
  self->host->exchange_finish(exchange, &outcome);
  return NEXUS_OK;
}

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = sizeof(nexus_adapter),
    .type = TEXT("later"),
    .display_name = TEXT("What 1.1 brought"),
    .version = TEXT("1.0"),
    .kinds = NEXUS_KIND_CHAT | NEXUS_KIND_RERANK,
    .create = create,
    .destroy = destroy,
    .probe = probe,
    .submit = submit,
};

const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error) {
  (void)host, (void)error;
  return &table;
}
