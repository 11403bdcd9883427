/*
 * An adapter in plain C that exports actions: one with every type, and some that go wrong in the ways an action can.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nexus_plugin.h"

#define TEXT(literal) {(literal), sizeof(literal) - 1}

static const nexus_host *host;

static nexus_str text(const char *content) {
  nexus_str result = {content, strlen(content)};
  return result;
}

static const nexus_action_host *services(void) { return host->extension(NEXUS_ACTIONS); }

/* ------------------------------------------------------------------------------------ the adapter ---- */

static int instance_place;

static nexus_status create(const nexus_backend_config *config, const nexus_host *given,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  (void)config, (void)callbacks, (void)error;
  host = given;
  *instance = &instance_place;
  return NEXUS_OK;
}

static void destroy(void *instance) { (void)instance; }
static void probe(void *instance, nexus_task task) { (void)instance, (void)task; }

static nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  (void)instance, (void)exchange, (void)request;
  return NEXUS_UNSUPPORTED;
}

/* -------------------------------------------------------------------------------------- the actions ---- */

static nexus_status give(nexus_task action, const char *json) {
  return services()->result(action, json, strlen(json));
}

static nexus_status every_type(void *instance, nexus_task action, nexus_str name, int64_t count, double ratio,
                               int32_t flag, nexus_str value, nexus_str note, int32_t on, int64_t least) {
  char json[1024];
  snprintf(json, sizeof json,
           "{\"instance\":%s,\"name\":\"%.*s\",\"count\":\"%lld\",\"ratio\":%g,\"flag\":%d,\"value\":%.*s,"
           "\"note\":%s%.*s%s,\"on\":%d,\"least\":\"%lld\"}",
           instance == &instance_place ? "true" : "false", (int)name.len, name.ptr, (long long)count, ratio, (int)flag,
           (int)value.len, value.ptr, note.ptr == NULL ? "null" : "\"", (int)note.len, note.ptr == NULL ? "" : note.ptr,
           note.ptr == NULL ? "" : "\"", (int)on, (long long)least);
  return give(action, json);
}

static nexus_status nothing(void *instance, nexus_task action) {
  (void)instance, (void)action;
  return NEXUS_OK;
}

/* Runs until it is cancelled. */
static nexus_status wait_for_cancel(void *instance, nexus_task action) {
  (void)instance;
  nexus_progress progress = {sizeof progress, 0, 0, 0, text("waiting")};
  while (services()->check(action) == NEXUS_OK) {
    progress.done++;
    services()->progress(action, &progress);
    /* An action that takes its time, as a download does; the test waits for what it reports, not for the clock. */
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  return NEXUS_FAILED;
}

/* Tells its progress `steps` times as fast as it can. */
static nexus_status count_up(void *instance, nexus_task action, int64_t steps) {
  (void)instance;
  for (int64_t step = 1; step <= steps; step++) {
    nexus_progress progress = {sizeof progress, 0, (uint64_t)step, (uint64_t)steps, text("counting")};
    if (services()->progress(action, &progress) != NEXUS_OK) return NEXUS_FAILED;
  }
  return NEXUS_OK;
}

static nexus_status fail(void *instance, nexus_task action, nexus_str why) {
  (void)instance;
  nexus_failure failure;
  memset(&failure, 0, sizeof failure);
  failure.struct_size = sizeof failure;
  failure.kind = NEXUS_FAIL_UPSTREAM;
  failure.message = why;
  services()->error(action, &failure);
  failure.message = text("a later one that does not count");
  services()->error(action, &failure);
  return NEXUS_FAILED;
}

static nexus_status silent_failure(void *instance, nexus_task action) {
  (void)instance, (void)action;
  return NEXUS_BAD_STATE;
}

static nexus_status bad_result(void *instance, nexus_task action) {
  (void)instance;
  return give(action, "{not json") == NEXUS_INVALID ? NEXUS_OK : NEXUS_FAILED;
}

/* The statuses of calls that are not allowed. */
static nexus_status misuse(void *instance, nexus_task action) {
  (void)instance;
  char json[256];
  nexus_http_request request;
  memset(&request, 0, sizeof request);
  request.struct_size = sizeof request;
  snprintf(json, sizeof json, "[%d,%d,%d,%d,%d]", services()->check(action ^ 0x100000u), services()->progress(action, NULL),
           services()->result(0, "1", 1), services()->error(action, NULL),
           services()->http(action, &request, NULL, NULL));
  return give(action, json);
}

typedef struct fetched {
  unsigned status;
  size_t bytes;
  size_t heads;
  unsigned result;
} fetched;

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  fetched *self = user;
  (void)request;
  self->status = head->status;
  self->heads++;
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  fetched *self = user;
  (void)request, (void)bytes;
  self->bytes += length;
}

static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  fetched *self = user;
  (void)request;
  self->result = end->result;
}

/* Fetches a path of the server and tells what came. */
static nexus_status fetch(void *instance, nexus_task action, nexus_str path, int64_t timeout) {
  (void)instance;
  fetched got = {0, 0, 0, 99};
  nexus_http_handlers handlers = {sizeof handlers, 0, on_head, on_body, on_end};
  nexus_http_request request;
  memset(&request, 0, sizeof request);
  request.struct_size = sizeof request;
  request.method = text("GET");
  request.path = path;
  request.timeout_ms = (uint32_t)timeout;
  nexus_status status = services()->http(action, &request, &handlers, &got);
  char json[256];
  snprintf(json, sizeof json, "{\"call\":%d,\"status\":%u,\"heads\":%zu,\"bytes\":%zu,\"result\":%u}", status,
           got.status, got.heads, got.bytes, got.result);
  return give(action, json);
}

/* ---------------------------------------------------------------------------------------- the table ---- */

#define ACTION(name, help, signature, function) \
  {sizeof(nexus_action), 0, TEXT(name), TEXT(help), TEXT(signature), (void (*)(void))(function)}

static const nexus_action actions[] = {
    ACTION("every_type", "Tells what it was given.",
           "(name: string, count: int, ratio: double, flag: bool, value: json, note: string?, on: bool = true, "
           "least: int = -9223372036854775808) -> json",
           every_type),
    ACTION("nothing", "Does nothing.", "() -> none", nothing),
    ACTION("wait", "Runs until it is cancelled.", "() -> none", wait_for_cancel),
    ACTION("count_up", "Tells its progress often.", "(steps: int) -> none", count_up),
    ACTION("fail", "Fails.", "(why: string = \"it broke\") -> none", fail),
    ACTION("silent_failure", "Fails without a reason.", "() -> none", silent_failure),
    ACTION("bad_result", "Gives a result that is not JSON.", "() -> json", bad_result),
    ACTION("misuse", "Calls the host wrongly.", "() -> json", misuse),
    ACTION("fetch", "Fetches a path of the server.", "(path: string, timeout: int = 0) -> json", fetch),
    ACTION("hidden", "Is never offered.", "() -> none", nothing),
    /* These are left out. */
    ACTION("Bad-Name", "Has a bad name.", "() -> none", nothing),
    ACTION("nothing", "Has a name that is there already.", "() -> none", nothing),
    ACTION("no_help", "", "() -> none", nothing),
    ACTION("bad_signature", "Has a bad signature.", "(x: strng) -> none", nothing),
    ACTION("no_function", "Has no function.", "() -> none", NULL),
};

static int32_t offers(void *instance, nexus_str name) {
  (void)instance;
  return !(name.len == strlen("hidden") && memcmp(name.ptr, "hidden", name.len) == 0);
}

static const nexus_actions table_of_actions = {sizeof table_of_actions, 0, actions,
                                               sizeof actions / sizeof actions[0], offers};

static const void *extension(const char *id) { return strcmp(id, NEXUS_ACTIONS) == 0 ? &table_of_actions : NULL; }

static const nexus_adapter table = {
    NEXUS_ABI_MAJOR, NEXUS_ABI_MINOR, sizeof table, TEXT("actions"), TEXT("Actions"), TEXT("1.0"), TEXT(""), NULL, 0,
    NEXUS_KIND_CHAT, 0, create, destroy, probe, submit, NULL, extension,
};

NEXUS_EXPORT const nexus_adapter *nexus_adapter_v1(const nexus_host *given, nexus_message *error) {
  (void)given, (void)error;
  return &table;
}
