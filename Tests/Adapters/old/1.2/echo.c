/*
 * An adapter in plain C, compiled with nothing but the ABI's header. It needs no server: it answers by itself, so that
 * the tests can drive every function of the ABI. What it does is chosen by the model a client asks for:
 *
 *   echo         answers with the request's own body inside an OpenAI-shaped answer or stream
 *   misuse       calls the host's services wrongly in every way and answers with the statuses it got
 *   fail-busy    fails before anything was written; another backend may be asked
 *   fail-late    writes one event and then fails
 *   refuse       returns an error from submit itself
 *   silent       never answers
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nexus_plugin.h"

#ifndef VERSION
#define VERSION "1.0"
#endif

#define TEXT(literal) {(literal), sizeof(literal) - 1}

typedef struct backend {
  const nexus_host *host;
  const nexus_callbacks *callbacks;
  char name[64];
} backend;

static nexus_str text(const char *content) {
  nexus_str result = {content, strlen(content)};
  return result;
}

/* ------------------------------------------------------------------------------------------ life ---- */

static nexus_status create(const nexus_backend_config *config, const nexus_host *host,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  static const char refused[] = "the name \"refused\" is refused by this adapter";
#ifdef REFUSES_ALL
  memcpy(error->ptr, refused, sizeof refused - 1);
  error->length = sizeof refused - 1;
  return NEXUS_INVALID;
#endif
  if (config->name.len == strlen("refused") && memcmp(config->name.ptr, "refused", config->name.len) == 0) {
    memcpy(error->ptr, refused, sizeof refused - 1);
    error->length = sizeof refused - 1;
    return NEXUS_INVALID;
  }
  backend *made = calloc(1, sizeof *made);
  if (made == NULL) return NEXUS_FAILED;
  made->host = host;
  made->callbacks = callbacks;
  snprintf(made->name, sizeof made->name, "%.*s", (int)config->name.len, config->name.ptr);
  *instance = made;
  return NEXUS_OK;
}

static void destroy(void *instance) { free(instance); }

static void probe(void *instance, nexus_task task) {
  const backend *self = instance;
  static const char *const ids[] = {"echo", "misuse", "fail-busy", "fail-late", "refuse", "silent"};
  nexus_model models[sizeof ids / sizeof ids[0]];
  const size_t count = sizeof ids / sizeof ids[0];
  (void)task;
  memset(models, 0, sizeof models);
  for (size_t index = 0; index < count; index++) {
    models[index].struct_size = sizeof(nexus_model);
    models[index].id = text(ids[index]);
    models[index].context_length = 4096;
    models[index].capabilities = NEXUS_MODEL_JSON_MODE;
  }
  self->callbacks->report_models(models, count);
  nexus_health health = {.struct_size = sizeof health, .status = NEXUS_HEALTHY, .latency_ms = 1.0,
                         .server = TEXT("echo 1.0")};
  self->callbacks->report_health(&health);
  self->callbacks->log(NEXUS_LOG_DEBUG, "probed", strlen("probed"));
}

/* --------------------------------------------------------------------------------------- answers ---- */

static nexus_status begin(const backend *self, nexus_task exchange, uint32_t status) {
  nexus_response_head head = {.struct_size = sizeof head, .status = status};
  return self->host->exchange_begin(exchange, &head);
}

static nexus_status put(const backend *self, nexus_task exchange, const char *content) {
  return self->host->exchange_write(exchange, content, strlen(content));
}

static nexus_status finish(const backend *self, nexus_task exchange) {
  nexus_outcome outcome = {.struct_size = sizeof outcome, .prompt_tokens = 3, .completion_tokens = 5,
                           .cached_tokens = NEXUS_TOKENS_UNKNOWN};
  return self->host->exchange_finish(exchange, &outcome);
}

static nexus_failure failure_of(nexus_failure_kind kind, uint32_t status) {
  const nexus_failure failure = {.struct_size = sizeof failure, .kind = kind, .status = status,
                                 .message = TEXT("the echo adapter fails as it was asked to")};
  return failure;
}

static nexus_status fail(const backend *self, nexus_task exchange, nexus_failure_kind kind, uint32_t status) {
  const nexus_failure failure = failure_of(kind, status);
  return self->host->exchange_fail(exchange, &failure);
}

static void echo(const backend *self, nexus_task exchange, const nexus_request *request) {
  begin(self, exchange, 200);
  if (request->flags & NEXUS_REQUEST_STREAM) {
    put(self, exchange,
        "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"echo\"},"
        "\"finish_reason\":null}]}\n\n");
    put(self, exchange,
        "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},"
        "\"finish_reason\":\"stop\"}]}\n\n");
    put(self, exchange, "data: [DONE]\n\n");
  } else {
    put(self, exchange, "{\"object\":\"chat.completion\",\"backend\":\"");
    put(self, exchange, self->name);
    put(self, exchange, "\",\"request\":");
    self->host->exchange_write(exchange, request->body.ptr, request->body.len);
    put(self, exchange, "}");
  }
  finish(self, exchange);
}

typedef struct foreign {
  const backend *self;
  nexus_task exchange;
  nexus_status status;
} foreign;

static void *call_from_elsewhere(void *argument) {
  foreign *call = argument;
  call->status = begin(call->self, call->exchange, 200);
  return NULL;
}

static void no_head(void *user, nexus_http request, const nexus_http_head *head) {
  (void)user, (void)request, (void)head;
}

static void no_body(void *user, nexus_http request, const char *bytes, size_t length) {
  (void)user, (void)request, (void)bytes, (void)length;
}

static void no_end(void *user, nexus_http request, const nexus_http_end *end) {
  (void)user, (void)request, (void)end;
}

/* Every wrong use that the header describes; the answer lists what the host said to each. */
static void misuse(const backend *self, nexus_task exchange) {
  const nexus_host *host = self->host;
  nexus_http handle = 0;
  nexus_http_request request = {.struct_size = sizeof request};
  const nexus_header header = {TEXT("x-one"), TEXT("1")};
  const nexus_http_request endless = {.struct_size = sizeof endless, .method = TEXT("GET"), .path = TEXT("/"),
                                      .headers = &header, .header_count = (size_t)-1};
  const nexus_http_handlers ignored = {.struct_size = sizeof ignored, .on_head = no_head, .on_body = no_body,
                                       .on_end = no_end};
  pthread_t thread;
  foreign call = {self, exchange, NEXUS_OK};
  if (pthread_create(&thread, NULL, call_from_elsewhere, &call) == 0) pthread_join(thread, NULL);

  const struct {
    const char *what;
    nexus_status status;
  } before[] = {
      {"other_thread", call.status},
      {"write_before_begin", put(self, exchange, "x")},
      {"finish_before_begin", finish(self, exchange)},
      {"begin_with_500", begin(self, exchange, 500)},
      {"begin_null", host->exchange_begin(exchange, NULL)},
      {"forged_handle", put(self, exchange ^ 0x100000u, "x")},
      {"zero_handle", put(self, 0, "x")},
      {"http_start_null", host->http_start(exchange, NULL, NULL, NULL, &handle)},
      {"http_start_without_handlers", host->http_start(exchange, &request, NULL, NULL, &handle)},
      {"http_cancel_forged", host->http_cancel(12345)},
      {"begin", begin(self, exchange, 200)},
      {"begin_twice", begin(self, exchange, 200)},
      {"write_null", host->exchange_write(exchange, NULL, 5)},
      {"write_too_large", host->exchange_write(exchange, "x", (size_t)1 << 40)},
      {"write_beyond_memory", host->exchange_write(exchange, "x", (size_t)-1)},
      {"headers_beyond_memory", host->http_start(exchange, &endless, &ignored, NULL, &handle)},
      {"fail_null", host->exchange_fail(exchange, NULL)},
      {"unknown_extension", host->extension("nexus.nothing/9") == NULL ? NEXUS_OK : NEXUS_FAILED},
  };
  put(self, exchange, "{");
  for (size_t index = 0; index < sizeof before / sizeof before[0]; index++) {
    char line[128];
    snprintf(line, sizeof line, "%s\"%s\":%d", index == 0 ? "" : ",", before[index].what, before[index].status);
    put(self, exchange, line);
  }
  put(self, exchange, "}");
  finish(self, exchange);
  if (finish(self, exchange) != NEXUS_STALE || put(self, exchange, "x") != NEXUS_STALE ||
      fail(self, exchange, NEXUS_FAIL_UPSTREAM, 500) != NEXUS_STALE) {
    static const char wrong[] = "a call after the end was not answered with NEXUS_STALE";
    self->callbacks->log(NEXUS_LOG_ERROR, wrong, sizeof wrong - 1);
  }
}

static int is(nexus_str model, const char *name) {
  return model.len == strlen(name) && memcmp(model.ptr, name, model.len) == 0;
}

static nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  const backend *self = instance;
  if (request->kind != NEXUS_KIND_CHAT) return NEXUS_UNSUPPORTED;
  if (is(request->model, "misuse")) {
    misuse(self, exchange);
  } else if (is(request->model, "fail-busy")) {
    fail(self, exchange, NEXUS_FAIL_BUSY, 429);
  } else if (is(request->model, "fail-late")) {
    begin(self, exchange, 200);
    put(self, exchange, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n");
    nexus_failure failure = failure_of(NEXUS_FAIL_UPSTREAM, 500);
#if NEXUS_ABI_MINOR >= 2
    failure.prompt_tokens = NEXUS_TOKENS_UNKNOWN;
    failure.completion_tokens = 1;
    failure.flags = NEXUS_OUTCOME_ESTIMATED;
#endif
    self->host->exchange_fail(exchange, &failure);
  } else if (is(request->model, "refuse")) {
    return NEXUS_UNSUPPORTED;
  } else if (!is(request->model, "silent")) {
    echo(self, exchange, request);
  }
  return NEXUS_OK;
}

/* ----------------------------------------------------------------------------------------- table ---- */

#ifdef DEFAULT_URL
static const nexus_str default_urls[] = {TEXT(DEFAULT_URL)};
#endif

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = sizeof(nexus_adapter),
    .type = TEXT("echo"),
    .display_name = TEXT("Echo"),
    .version = TEXT(VERSION),
    .options_schema = TEXT("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                           "\"greeting\":{\"type\":\"string\"}}}"),
#ifdef DEFAULT_URL
    .default_urls = default_urls,
    .default_url_count = 1,
#endif
    .kinds = NEXUS_KIND_CHAT,
    .create = create,
    .destroy = destroy,
    .probe = probe,
    .submit = submit,
};

const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error) {
  (void)error;
  return host->abi_major == NEXUS_ABI_MAJOR ? &table : NULL;
}
