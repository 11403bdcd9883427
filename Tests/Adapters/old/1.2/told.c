/*
 * An adapter in plain C that answers with what ABI 1.2 tells it. What it does is chosen by the model a client asks for:
 *
 *   told     answers with the deadline and the headers of the request, and gives the client headers
 *   fail     fails, with headers for the client
 *   http     asks its server, and answers with the times of that
 *   silent   never answers
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nexus_plugin.h"

#define TEXT(literal) {(literal), sizeof(literal) - 1}

static const nexus_host *host;
static int instance_place;

static const nexus_header given[] = {
    {TEXT("Retry-After"), TEXT("3")},          {TEXT("set-cookie"), TEXT("a=b")},
    {TEXT("X-Request-Id"), TEXT("up-1")},      {TEXT("x-ratelimit-limit-tokens"), TEXT("sk-0123456789abcdef")},
    {TEXT("x-should-retry"), TEXT("a\r\nb")},
};

static nexus_status create(const nexus_backend_config *config, const nexus_host *table,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  (void)config, (void)callbacks, (void)error;
  host = table;
  *instance = &instance_place;
  return NEXUS_OK;
}

static void destroy(void *instance) { (void)instance; }
static void probe(void *instance, nexus_task task) { (void)instance, (void)task; }

static void put(nexus_task exchange, const char *text) { host->exchange_write(exchange, text, strlen(text)); }

static void answer(nexus_task exchange, const nexus_header *headers, size_t count, const char *text) {
  const nexus_response_head head = {.struct_size = sizeof head, .status = 200, .headers = headers,
                                    .header_count = count};
  const nexus_outcome outcome = {.struct_size = sizeof outcome, .prompt_tokens = NEXUS_TOKENS_UNKNOWN,
                                 .completion_tokens = NEXUS_TOKENS_UNKNOWN, .cached_tokens = NEXUS_TOKENS_UNKNOWN};
  host->exchange_begin(exchange, &head);
  put(exchange, text);
  host->exchange_finish(exchange, &outcome);
}

static void tell(nexus_task exchange, const nexus_request *request) {
  static char text[16384];
  size_t length = (size_t)snprintf(text, sizeof text, "{\"deadline\":%llu,\"headers\":{",
                                   (unsigned long long)request->deadline_ms);
  for (size_t index = 0; index < request->header_count; index++) {
    const nexus_header *field = &request->headers[index];
    length += (size_t)snprintf(text + length, sizeof text - length, "%s\"%.*s\":\"%.*s\"", index == 0 ? "" : ",",
                               (int)field->name.len, field->name.ptr, (int)field->value.len, field->value.ptr);
  }
  snprintf(text + length, sizeof text - length, "}}");
  answer(exchange, given, sizeof given / sizeof given[0], text);
}

static void fail(nexus_task exchange) {
  const nexus_failure failure = {.struct_size = sizeof failure, .kind = NEXUS_FAIL_BUSY, .status = 429,
                                 .message = TEXT("as it was asked to"), .headers = given,
                                 .header_count = sizeof given / sizeof given[0]};
  host->exchange_fail(exchange, &failure);
}

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  (void)user, (void)request, (void)head;
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  (void)user, (void)request, (void)bytes, (void)length;
}

static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  nexus_task *exchange = user;
  char text[256];
  (void)request;
  snprintf(text, sizeof text, "{\"result\":%u,\"connected\":%llu,\"first_byte\":%llu,\"reused\":%s}", end->result,
           (unsigned long long)end->connected_us, (unsigned long long)end->first_byte_us,
           end->flags & NEXUS_HTTP_END_REUSED ? "true" : "false");
  answer(*exchange, NULL, 0, text);
  free(exchange);
}

static nexus_status ask(nexus_task exchange) {
  static const nexus_http_handlers handlers = {sizeof handlers, 0, on_head, on_body, on_end};
  static const nexus_http_request request = {.struct_size = sizeof request, .method = TEXT("GET"), .path = TEXT("/")};
  nexus_http handle;
  nexus_task *kept = malloc(sizeof *kept);
  if (kept == NULL) return NEXUS_FAILED;
  *kept = exchange;
  const nexus_status status = host->http_start(exchange, &request, &handlers, kept, &handle);
  if (status != NEXUS_OK) free(kept);
  return status;
}

static int is(nexus_str model, const char *name) {
  return model.len == strlen(name) && memcmp(model.ptr, name, model.len) == 0;
}

static nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  (void)instance;
  if (is(request->model, "told")) tell(exchange, request);
  if (is(request->model, "fail")) fail(exchange);
  return is(request->model, "http") ? ask(exchange) : NEXUS_OK;
}

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = sizeof(nexus_adapter),
    .type = TEXT("told"),
    .display_name = TEXT("Told"),
    .version = TEXT("1.0"),
    .kinds = NEXUS_KIND_CHAT,
    .create = create,
    .destroy = destroy,
    .probe = probe,
    .submit = submit,
};

const nexus_adapter *nexus_adapter_v1(const nexus_host *given_host, nexus_message *error) {
  (void)given_host, (void)error;
  return &table;
}
