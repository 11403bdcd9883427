/*
 * The other side of the benchmark of the ABI: times calls into the host from where an adapter makes them, and passes pieces of
 * an answer on as the thinnest adapter does.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nexus_plugin.h"

#define TEXT(literal) {(literal), sizeof(literal) - 1}
#define TURNS 1000000

typedef struct backend {
  const nexus_host *host;
  const nexus_callbacks *callbacks;
} backend;

/* One exchange that is passed on; lives until on_end. */
typedef struct passage {
  const nexus_host *host;
  nexus_task exchange;
} passage;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void posted(void *user, nexus_task task, nexus_status status) { (void)user, (void)task, (void)status; }

/* Nanoseconds of one call each: a bound callback that finds nothing to do, one that reports, and a call of the host's table. */
static void measure(const backend *self, nexus_task exchange) {
  const nexus_health health = {.struct_size = sizeof health, .status = NEXUS_HEALTHY, .latency_ms = 1.0};
  const nexus_response_head head = {.struct_size = sizeof head, .status = 200};
  const nexus_outcome outcome = {.struct_size = sizeof outcome};
  char line[160];
  const double start = now();
  for (int turn = 0; turn < TURNS; turn++) self->callbacks->post(0, posted, NULL);
  const double bound = now();
  for (int turn = 0; turn < TURNS; turn++) self->callbacks->report_health(&health);
  const double report = now();
  for (int turn = 0; turn < TURNS; turn++) self->host->exchange_write(exchange, "", 0);
  const double table = now();
  const int length = snprintf(line, sizeof line, "{\"callback\":%.1f,\"report\":%.1f,\"table\":%.1f}", (bound - start) / TURNS,
                              (report - bound) / TURNS, (table - report) / TURNS);
  self->host->exchange_begin(exchange, &head);
  self->host->exchange_write(exchange, line, (size_t)length);
  self->host->exchange_finish(exchange, &outcome);
}

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  const passage *self = user;
  const nexus_response_head answer = {.struct_size = sizeof answer, .status = head->status};
  (void)request;
  self->host->exchange_begin(self->exchange, &answer);
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  const passage *self = user;
  (void)request;
  self->host->exchange_write(self->exchange, bytes, length);
}

static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  const passage *self = user;
  const nexus_outcome outcome = {.struct_size = sizeof outcome, .prompt_tokens = NEXUS_TOKENS_UNKNOWN,
                                 .completion_tokens = NEXUS_TOKENS_UNKNOWN, .cached_tokens = NEXUS_TOKENS_UNKNOWN};
  const nexus_failure failure = {.struct_size = sizeof failure, .kind = NEXUS_FAIL_UPSTREAM, .message = end->message};
  (void)request;
  if (end->result == NEXUS_HTTP_COMPLETE) {
    self->host->exchange_finish(self->exchange, &outcome);
  } else {
    self->host->exchange_fail(self->exchange, &failure);
  }
  free(user);
}

static nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  static const nexus_header headers[] = {{TEXT("content-type"), TEXT("application/json")}};
  static const nexus_http_handlers handlers = {.struct_size = sizeof handlers, .on_head = on_head, .on_body = on_body,
                                               .on_end = on_end};
  const backend *self = instance;
  if (request->model.len == 5 && memcmp(request->model.ptr, "calls", 5) == 0) {
    measure(self, exchange);
    return NEXUS_OK;
  }
  const nexus_http_request post = {.struct_size = sizeof post, .flags = NEXUS_HTTP_EXCHANGE_BODY, .method = TEXT("POST"),
                                   .path = TEXT("/v1/chat/completions"), .headers = headers, .header_count = 1};
  passage *user = malloc(sizeof *user);
  nexus_http handle;
  if (user == NULL) return NEXUS_FAILED;
  *user = (passage){self->host, exchange};
  const nexus_status status = self->host->http_start(exchange, &post, &handlers, user, &handle);
  if (status != NEXUS_OK) free(user);
  return status;
}

static void probe(void *instance, nexus_task task) {
  const backend *self = instance;
  const nexus_model model = {.struct_size = sizeof model, .id = TEXT("bench")};
  const nexus_health health = {.struct_size = sizeof health, .status = NEXUS_HEALTHY, .latency_ms = 1.0};
  (void)task;
  self->callbacks->report_models(&model, 1);
  self->callbacks->report_health(&health);
}

static nexus_status create(const nexus_backend_config *config, const nexus_host *host, const nexus_callbacks *callbacks,
                           void **instance, nexus_message *error) {
  backend *self = malloc(sizeof *self);
  (void)config, (void)error;
  if (self == NULL) return NEXUS_FAILED;
  *self = (backend){host, callbacks};
  *instance = self;
  return NEXUS_OK;
}

static void destroy(void *instance) { free(instance); }

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR, .abi_minor = NEXUS_ABI_MINOR, .struct_size = sizeof(nexus_adapter),
    .type = TEXT("thin"), .display_name = TEXT("Thin"), .version = TEXT("1"), .kinds = NEXUS_KIND_CHAT,
    .create = create, .destroy = destroy, .probe = probe, .submit = submit,
};

const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error) {
  (void)host, (void)error;
  return &table;
}
