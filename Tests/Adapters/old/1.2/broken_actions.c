/*
 * The actions of the adapter in broken.c.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broken.h"

/* What the server answered to an action. */
typedef struct answer {
  uint32_t status, result;
  char data[4096];
  size_t length;
} answer;

static const nexus_action_host *services(const backend *self) { return self->host->extension(NEXUS_ACTIONS); }

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  answer *got = user;
  (void)request;
  got->status = head->status;
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  answer *got = user;
  (void)request;
  if (length > sizeof got->data - got->length) length = sizeof got->data - got->length;
  memcpy(got->data + got->length, bytes, length);
  got->length += length;
}

static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  answer *got = user;
  (void)request;
  got->result = end->result;
}

static nexus_status ask(const backend *self, nexus_task action, const char *path, nexus_str body, answer *got) {
  static const nexus_http_handlers handlers = {.struct_size = sizeof handlers, .on_head = on_head, .on_body = on_body,
                                               .on_end = on_end};
  char authorization[160];
  snprintf(authorization, sizeof authorization, "Bearer %s", self->key);
  const nexus_header headers[] = {{TEXT("content-type"), TEXT("application/json")},
                                  {TEXT("authorization"), text(authorization)},
                                  {TEXT("host"), TEXT("other.example")}};
  nexus_http_request request = {.struct_size = sizeof request, .method = TEXT("POST"), .path = text(path),
                                .headers = headers, .header_count = self->key[0] ? 2 : 1, .body = body};
  memset(got, 0, sizeof *got);
  if (BREAKS == FORBIDDEN_HEADER_IN_ACTION) {
    request.header_count = 3;
    if (services(self)->http(action, &request, &handlers, got) == NEXUS_OK) return NEXUS_OK;
    request.header_count = 1;
  }
  return services(self)->http(action, &request, &handlers, got);
}

static void tell(const backend *self, nexus_task action, uint64_t done, uint64_t total, const char *message) {
  const nexus_progress progress = {.struct_size = sizeof progress, .done = done, .total = total,
                                   .message = text(message)};
  services(self)->progress(action, &progress);
}

static nexus_status fail(const backend *self, nexus_task action, nexus_failure_kind kind, uint32_t status,
                         const char *message) {
  const nexus_failure failure = {.struct_size = sizeof failure, .kind = kind, .status = status,
                                 .message = text(BREAKS == EMPTY_ERROR ? "" : message)};
  services(self)->error(action, &failure);
  return NEXUS_FAILED;
}

typedef struct foreign {
  const backend *self;
  nexus_task action;
} foreign;

static void *ask_elsewhere(void *argument) {
  const foreign *here = argument;
  answer got;
  ask(here->self, here->action, "/models/load", text("{}"), &got);
  return NULL;
}

/* Sends one request about a model; a success is a 2xx. */
static nexus_status manage(const backend *self, nexus_task action, const char *path, nexus_str model, answer *got) {
  char body[512], message[256];
  const int length = snprintf(body, sizeof body, "{\"model\":\"%.*s\"}", (int)model.len, model.ptr);
  if (BREAKS == HTTP_FROM_THREAD) {
    pthread_t thread;
    foreign here = {self, action};
    if (pthread_create(&thread, NULL, ask_elsewhere, &here) == 0) pthread_join(thread, NULL);
  }
  nexus_status sent = ask(self, action, path, (nexus_str){body, (size_t)length}, got);
  while (BREAKS == IGNORES_CANCEL && sent == NEXUS_STALE) {
    /* The defect is that it goes on for ever; it need not burn a core meanwhile. */
    usleep(1000);
    sent = ask(self, action, path, (nexus_str){body, (size_t)length}, got);
  }
  if (BREAKS == CANCELLED_AS_SUCCESS && (sent == NEXUS_STALE || got->result == NEXUS_HTTP_CANCELLED)) return NEXUS_OK;
  if (sent != NEXUS_OK) return fail(self, action, NEXUS_FAIL_INTERNAL, 0, "the host sent no request");
  if (got->result != NEXUS_HTTP_COMPLETE)
    return fail(self, action, NEXUS_FAIL_UPSTREAM, 0, "the request did not come to its end");
  if (BREAKS == STATUS_NOT_LOOKED_AT) return NEXUS_OK;
  if (BREAKS == KEY_IN_ERROR && got->status == 401) {
    snprintf(message, sizeof message, "the server refuses the key %s", self->key);
    return fail(self, action, NEXUS_FAIL_AUTH, got->status, message);
  }
  snprintf(message, sizeof message, "POST %s answered with status %u", path, got->status);
  if (got->status < 200 || got->status > 299) return fail(self, action, NEXUS_FAIL_UPSTREAM, got->status, message);
  return NEXUS_OK;
}

static nexus_status load(void *instance, nexus_task action, nexus_str model) {
  const backend *self = instance;
  answer got;
  tell(self, action, BREAKS == PROGRESS_FALLS ? 1 : 0, 2, "loading");
  if (BREAKS == KEY_IN_PROGRESS) tell(self, action, 1, 2, self->key);
  if (BREAKS == PROGRESS_NOT_UTF8) tell(self, action, 1, 2, "\xff");
  const nexus_status status = manage(self, action, "/models/load", model, &got);
  if (status != NEXUS_OK) return status;
  tell(self, action, BREAKS == PROGRESS_FALLS ? 0 : BREAKS == PROGRESS_BEYOND_TOTAL ? 3 : 2, 2, "loading");
  if (BREAKS == NO_RESULT) return NEXUS_OK;
  if (BREAKS == RESULT_NOT_JSON) got.length--;
  const nexus_status taken = services(self)->result(action, got.data, got.length);
  return BREAKS == RESULT_NOT_JSON ? NEXUS_OK : taken;
}

static nexus_status unload(void *instance, nexus_task action, nexus_str model) {
  answer got;
  const nexus_status status = manage(instance, action, "/models/unload", model, &got);
  if (BREAKS == FAILS_SILENTLY && status == NEXUS_OK) return NEXUS_FAILED;
  return BREAKS == STATUS_ABOVE_ZERO && status == NEXUS_OK ? 1 : status;
}

static const nexus_action actions[] = {
    {.struct_size = sizeof(nexus_action), .name = TEXT("unload"), .help = TEXT("Frees the memory of a model."),
     .signature = TEXT("(model: string) -> none"), .function = (void (*)(void))unload},
    {.struct_size = sizeof(nexus_action), .name = TEXT("load"), .help = TEXT("Loads a model."),
     .signature = TEXT("(model: string) -> json"), .function = (void (*)(void))load},
    {.struct_size = sizeof(nexus_action),
     .flags = NEXUS_ACTION_DESTRUCTIVE,
     .name = {BREAKS == SAME_ACTION_TWICE ? "unload" : "delete", 6},
     .help = {"Deletes a model.", BREAKS == NO_HELP ? 0 : 16},
     .signature = {BREAKS == BAD_SIGNATURE ? "(model: strong) -> none" : "(model: string) -> none", 23},
     .function = BREAKS == NULL_ACTION ? NULL : (void (*)(void))unload},
};

static const nexus_actions table = {.struct_size = sizeof table, .actions = actions,
                                    .count = sizeof actions / sizeof actions[0]};

const void *extension(const char *id) {
  return strcmp(id, NEXUS_ACTIONS) == 0 || BREAKS == ANY_EXTENSION ? &table : NULL;
}
