/*
 * An adapter that breaks every rule of the header that can be broken and survived. What it does is chosen by the options of
 * the backend ({"create": ..., "probe": ...}) and, for an exchange, by the model.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nexus_plugin.h"

#define TEXT(literal) {(literal), sizeof(literal) - 1}
#define MILLION 1000000

typedef struct backend {
  const nexus_host *host;
  const nexus_callbacks *callbacks;
  char probe[32];
  nexus_task stale; /* of an exchange that has ended */
  int stays;        /* destroy does not return */
} backend;

/* -------------------------------------------------------------------------------------------- small things ---- */

static int contains(nexus_str text, const char *part) {
  return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static int is(const char *text, const char *other) { return strcmp(text, other) == 0; }

static void report(const nexus_callbacks *callbacks, nexus_health_status status) {
  const nexus_health health = {.struct_size = sizeof health, .status = status, .latency_ms = 1.0};
  callbacks->report_health(&health);
}

/* One model for everything that submit() can do. */
static void report_models(const nexus_callbacks *callbacks) {
  static const char *const ids[] = {"m", "finish-twice", "fail-then-finish", "odd-failure", "odd-sizes", "refuse-after-end",
                                    "status-nobody-knows", "content-type", "begin-only", "keep", "stale", "blocks",
                                    "meddle", "smuggle", "too-much", "crash", "exit", "never"};
  nexus_model models[sizeof ids / sizeof ids[0]];
  memset(models, 0, sizeof models);
  for (size_t index = 0; index < sizeof ids / sizeof ids[0]; index++) {
    models[index].struct_size = sizeof(nexus_model);
    models[index].id = (nexus_str){ids[index], strlen(ids[index])};
  }
  callbacks->report_models(models, sizeof ids / sizeof ids[0]);
}

/* Seconds of a clock that only goes forward. */
static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void hold_up(double seconds) {
  const double end = now() + seconds;
  while (now() < end) {
  }
}

static void ignore(void *user, nexus_task task, nexus_status status) { (void)user, (void)task, (void)status; }

/* Keeps a thread busy with every callback: for so long, or, with no time given, until long after the backend has gone. */
typedef struct stray {
  const nexus_callbacks *callbacks;
  nexus_task task;
  double seconds;
} stray;

/* Turns after the first call that found nobody; a second's worth on a fast machine. */
#define TURNS_AFTER_THE_END 200000

static void *keep_calling(void *argument) {
  const stray self = *(stray *)argument;
  free(argument);
  /* Long enough that a test which waits for its turn on a busy machine still meets the thread. */
  const double end = now() + (self.seconds > 0 ? self.seconds : 3600);
  uint64_t late = 0;
  for (uint64_t turn = 0; now() < end && late < TURNS_AFTER_THE_END; turn++) {
    report(self.callbacks, turn % 2 == 0 ? NEXUS_HEALTHY : NEXUS_UNHEALTHY);
    report_models(self.callbacks);
    self.callbacks->log(NEXUS_LOG_ERROR, "still here", 10);
    if (self.callbacks->post(self.task, ignore, NULL) == NEXUS_STALE) late++;
  }
  return NULL;
}

static void start_stray(const nexus_callbacks *callbacks, nexus_task task, double seconds) {
  stray *self = malloc(sizeof *self);
  pthread_t thread;
  if (self == NULL) return;
  *self = (stray){callbacks, task, seconds};
  if (pthread_create(&thread, NULL, keep_calling, self) == 0) pthread_detach(thread);
}

/* ------------------------------------------------------------------------------------------------- probe ---- */

static void a_million_models(const nexus_callbacks *callbacks) {
  nexus_model *models = calloc(MILLION, sizeof *models);
  char(*names)[16] = calloc(MILLION, sizeof *names);
  if (models == NULL || names == NULL) return;
  for (size_t index = 0; index < MILLION; index++) {
    models[index].struct_size = sizeof(nexus_model);
    models[index].id.ptr = names[index];
    models[index].id.len = (size_t)snprintf(names[index], sizeof names[index], "m%zu", index);
  }
  callbacks->report_models(models, MILLION);
  free(models);
  free(names);
}

static void garbage_models(const nexus_callbacks *callbacks) {
  static char long_id[MILLION];
  memset(long_id, 'x', sizeof long_id);
  const nexus_model models[] = {
      {.struct_size = sizeof(nexus_model), .id = TEXT("good")},
      {.struct_size = sizeof(nexus_model), .id = TEXT("good")},
      {.struct_size = sizeof(nexus_model), .id = {NULL, 0}},
      {.struct_size = sizeof(nexus_model), .id = {NULL, 12}},
      {.struct_size = sizeof(nexus_model), .id = {long_id, sizeof long_id}},
      {.struct_size = sizeof(nexus_model), .id = TEXT("line\nbreak")},
      {.struct_size = sizeof(nexus_model), .id = TEXT("bad\xff\xfeutf8")},
      {.struct_size = sizeof(nexus_model), .id = TEXT("</script><b>")},
      {.struct_size = sizeof(nexus_model), .id = TEXT("numbers"), .capabilities = UINT32_MAX,
       .context_length = UINT64_MAX, .max_output_tokens = UINT64_MAX, .created = INT64_MIN},
      {.struct_size = 3, .id = TEXT("size")},
  };
  callbacks->report_models(models, sizeof models / sizeof models[0]);
  callbacks->report_models(NULL, 5);
}

static void odd_health(const nexus_callbacks *callbacks) {
  nexus_health health = {.struct_size = sizeof health, .status = 4711, .latency_ms = NAN, .message = {NULL, 100},
                         .server = TEXT("\x01\x02\xff")};
  callbacks->report_health(NULL);
  health.struct_size = 0;
  callbacks->report_health(&health);
  health.struct_size = UINT32_MAX;
  callbacks->report_health(&health);
  health.struct_size = sizeof health;
  callbacks->report_health(&health);
  health.status = NEXUS_HEALTHY;
  health.latency_ms = INFINITY;
  callbacks->report_health(&health);
}

static void odd_log(const nexus_callbacks *callbacks) {
  callbacks->log(99, NULL, 50);
  callbacks->log(NEXUS_LOG_INFO, "two\nlines \x1b[31m", 15);
  callbacks->log(NEXUS_LOG_INFO, "length beyond all memory", (size_t)-1);
}

static void probe(void *instance, nexus_task task) {
  backend *self = instance;
  const char *mode = self->probe;
  if (is(mode, "never")) return;
  if (is(mode, "blocks")) hold_up(0.4);
  if (is(mode, "stray")) start_stray(self->callbacks, task, 0);
  if (is(mode, "flood")) {
    for (int thread = 0; thread < 3; thread++) start_stray(self->callbacks, task, 1.0);
  }
  if (is(mode, "million")) a_million_models(self->callbacks);
  else if (is(mode, "garbage")) garbage_models(self->callbacks);
  else report_models(self->callbacks);
  if (is(mode, "garbage")) odd_health(self->callbacks);
  if (is(mode, "garbage")) odd_log(self->callbacks);
  report(self->callbacks, NEXUS_HEALTHY);
  report(self->callbacks, NEXUS_HEALTHY);
}

/* ---------------------------------------------------------------------------------------------- exchanges ---- */

static nexus_status begin(const backend *self, nexus_task exchange) {
  const nexus_response_head head = {.struct_size = sizeof head, .status = 200};
  return self->host->exchange_begin(exchange, &head);
}

static nexus_status put(const backend *self, nexus_task exchange, const char *text) {
  return self->host->exchange_write(exchange, text, strlen(text));
}

static nexus_status finish(const backend *self, nexus_task exchange) {
  const nexus_outcome outcome = {.struct_size = sizeof outcome, .prompt_tokens = UINT64_MAX - 1,
                                 .completion_tokens = (uint64_t)1 << 60};
  return self->host->exchange_finish(exchange, &outcome);
}

static nexus_status fail(const backend *self, nexus_task exchange, const nexus_failure *failure) {
  return self->host->exchange_fail(exchange, failure);
}

/* Answers with the statuses of calls that must be refused. */
static void answer_statuses(const backend *self, nexus_task exchange, const nexus_status *statuses, size_t count) {
  char line[256];
  size_t length = 0;
  for (size_t index = 0; index < count; index++) {
    length += (size_t)snprintf(line + length, sizeof line - length, "%s%d", index == 0 ? "[" : ",", statuses[index]);
  }
  snprintf(line + length, sizeof line - length, "]");
  begin(self, exchange);
  put(self, exchange, "{\"statuses\":");
  put(self, exchange, line);
  put(self, exchange, "}");
  finish(self, exchange);
}

/* A request whose handlers break rules inside the events. */
typedef struct meddler {
  const backend *self;
  nexus_task exchange;
} meddler;

static void meddle_head(void *user, nexus_http request, const nexus_http_head *head) {
  const meddler *meddler = user;
  (void)head;
  meddler->self->host->http_cancel(request);
  meddler->self->host->http_cancel(request);
}

static void meddle_body(void *user, nexus_http request, const char *bytes, size_t length) {
  (void)user, (void)request, (void)bytes, (void)length;
}

static void meddle_end(void *user, nexus_http request, const nexus_http_end *end) {
  meddler *meddler = user;
  const backend *self = meddler->self;
  const nexus_task exchange = meddler->exchange;
  nexus_http other = 0;
  nexus_http_request get = {.struct_size = sizeof get, .method = TEXT("GET"), .path = TEXT("/")};
  nexus_http_handlers handlers = {.struct_size = sizeof handlers, .on_head = meddle_head, .on_body = meddle_body,
                                  .on_end = meddle_end};
  free(meddler);
  const nexus_status statuses[] = {
      self->host->http_cancel(request),
      self->host->http_start(exchange ^ (1u << 20), &get, &handlers, NULL, &other),
      (nexus_status)end->result,
  };
  answer_statuses(self, exchange, statuses, sizeof statuses / sizeof statuses[0]);
}

static void meddle(const backend *self, nexus_task exchange) {
  nexus_http handle = 0;
  nexus_http_request get = {.struct_size = sizeof get, .method = TEXT("GET"), .path = TEXT("/v1/models")};
  nexus_http_handlers handlers = {.struct_size = sizeof handlers, .on_head = meddle_head, .on_body = meddle_body,
                                  .on_end = meddle_end};
  meddler *user = malloc(sizeof *user);
  if (user == NULL) return;
  *user = (meddler){self, exchange};
  if (self->host->http_start(exchange, &get, &handlers, user, &handle) != NEXUS_OK) free(user);
}

static void smuggle(const backend *self, nexus_task exchange) {
  static const nexus_header bad[] = {
      {TEXT("x-a"), TEXT("1\r\nx-b: 2")}, {TEXT("bad name"), TEXT("1")}, {TEXT("Host"), TEXT("evil")},
      {TEXT("Content-Length"), TEXT("5")}, {TEXT("Transfer-Encoding"), TEXT("chunked")}, {{NULL, 3}, TEXT("1")}};
  nexus_http_handlers handlers = {.struct_size = sizeof handlers, .on_head = meddle_head, .on_body = meddle_body,
                                  .on_end = meddle_end};
  nexus_status statuses[9];
  nexus_http handle = 0;
  for (size_t index = 0; index < 6; index++) {
    nexus_http_request get = {.struct_size = sizeof get, .method = TEXT("GET"), .path = TEXT("/"), .headers = &bad[index],
                              .header_count = 1};
    statuses[index] = self->host->http_start(exchange, &get, &handlers, NULL, &handle);
  }
  nexus_http_request path = {.struct_size = sizeof path, .method = TEXT("GET"), .path = TEXT("/ HTTP/1.1\r\nx: y")};
  statuses[6] = self->host->http_start(exchange, &path, &handlers, NULL, &handle);
  nexus_http_request method = {.struct_size = sizeof method, .method = TEXT("GET /x"), .path = TEXT("/")};
  statuses[7] = self->host->http_start(exchange, &method, &handlers, NULL, &handle);
  nexus_http_request headers = {.struct_size = sizeof headers, .method = TEXT("GET"), .path = TEXT("/"),
                                .header_count = (size_t)1 << 40};
  statuses[8] = self->host->http_start(exchange, &headers, &handlers, NULL, &handle);
  answer_statuses(self, exchange, statuses, 9);
}

static void too_much(const backend *self, nexus_task exchange) {
  static char mebibyte[1 << 20];
  memset(mebibyte, ' ', sizeof mebibyte);
  begin(self, exchange);
  put(self, exchange, "{\"x\":1");
  for (int turn = 0; turn < 4096; turn++) {
    if (self->host->exchange_write(exchange, mebibyte, sizeof mebibyte) != NEXUS_OK) return;
  }
  put(self, exchange, "}");
  finish(self, exchange);
}

static nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  backend *self = instance;
  char model[32] = "";
  if (request->model.len < sizeof model) memcpy(model, request->model.ptr, request->model.len);
  const nexus_failure nothing = {.struct_size = sizeof nothing, .kind = 4711, .status = 999999,
                                 .retry_after_ms = UINT32_MAX, .message = {NULL, 77}, .body = TEXT("<html>no json")};
  const nexus_failure busy = {.struct_size = sizeof busy, .kind = NEXUS_FAIL_BUSY};
  if (is(model, "finish-twice")) {
    begin(self, exchange);
    put(self, exchange, "{}");
    finish(self, exchange);
    finish(self, exchange);
    fail(self, exchange, &nothing);
    put(self, exchange, "more");
    begin(self, exchange);
  } else if (is(model, "fail-then-finish")) {
    fail(self, exchange, &nothing);
    begin(self, exchange);
    put(self, exchange, "{}");
    finish(self, exchange);
  } else if (is(model, "odd-failure")) {
    fail(self, exchange, &nothing);
  } else if (is(model, "odd-sizes")) {
    nexus_failure small = busy;
    nexus_response_head head = {.struct_size = 4, .status = 200};
    small.struct_size = 8;
    const nexus_status statuses[] = {fail(self, exchange, &small), self->host->exchange_begin(exchange, &head),
                                     self->host->exchange_write(exchange, NULL, 1),
                                     self->host->exchange_write(exchange, "x", (size_t)1 << 30)};
    answer_statuses(self, exchange, statuses, 4);
  } else if (is(model, "refuse-after-end")) {
    begin(self, exchange);
    put(self, exchange, "{}");
    finish(self, exchange);
    return NEXUS_FAILED;
  } else if (is(model, "status-nobody-knows")) {
    return -4711;
  } else if (is(model, "content-type")) {
    const nexus_response_head head = {.struct_size = sizeof head, .status = 200,
                                      .content_type = TEXT("text/plain\r\nx-injected: yes")};
    self->host->exchange_begin(exchange, &head);
    put(self, exchange, "{}");
    finish(self, exchange);
  } else if (is(model, "begin-only")) {
    begin(self, exchange);
  } else if (is(model, "keep")) {
    self->stale = exchange;
    begin(self, exchange);
    put(self, exchange, "{}");
    finish(self, exchange);
  } else if (is(model, "stale")) {
    const nexus_status statuses[] = {put(self, self->stale, "x"), finish(self, self->stale),
                                     fail(self, self->stale, &busy), put(self, exchange + (1u << 21), "x"),
                                     put(self, UINT64_MAX, "x")};
    answer_statuses(self, exchange, statuses, 5);
  } else if (strncmp(model, "steal-", 6) == 0) {
    const nexus_task other = strtoull(model + 6, NULL, 10);
    const nexus_response_head head = {.struct_size = sizeof head, .status = 200};
    const nexus_status statuses[] = {self->host->exchange_begin(other, &head), put(self, other, "stolen"),
                                     finish(self, other), fail(self, other, &busy)};
    answer_statuses(self, exchange, statuses, 4);
  } else if (is(model, "blocks")) {
    hold_up(0.4);
    begin(self, exchange);
    put(self, exchange, "{}");
    finish(self, exchange);
  } else if (is(model, "meddle")) {
    meddle(self, exchange);
  } else if (is(model, "smuggle")) {
    smuggle(self, exchange);
  } else if (is(model, "too-much")) {
    too_much(self, exchange);
  } else if (is(model, "crash")) {
    *(volatile int *)8 = 1;
  } else if (is(model, "exit")) {
    exit(3);
  } else if (!is(model, "never")) {
    begin(self, exchange);
    put(self, exchange, "{\"ok\":true}");
    finish(self, exchange);
  }
  return NEXUS_OK;
}

static void cancel(void *instance, nexus_task task) {
  const backend *self = instance;
  /* The handle is stale already. */
  put(self, task, "late");
  finish(self, task);
}

/* --------------------------------------------------------------------------------------------------- life ---- */

static nexus_status create(const nexus_backend_config *config, const nexus_host *host, const nexus_callbacks *callbacks,
                           void **instance, nexus_message *error) {
  if (contains(config->options, "\"create\":\"null\"")) return NEXUS_OK;
  if (contains(config->options, "\"create\":\"silent\"")) return NEXUS_FAILED;
  if (contains(config->options, "\"create\":\"long-message\"")) {
    error->length = (size_t)-1;
    memset(error->ptr, 0xff, error->capacity);
    return NEXUS_INVALID;
  }
  if (contains(config->options, "\"create\":\"blocks\"")) {
    for (;;) pause();
  }
  backend *self = calloc(1, sizeof *self);
  if (self == NULL) return NEXUS_FAILED;
  self->host = host;
  self->callbacks = callbacks;
  if (contains(config->options, "\"create\":\"reports\"")) report(callbacks, NEXUS_HEALTHY);
  self->stays = contains(config->options, "\"destroy\":\"never\"");
  static const char *const modes[] = {"never", "blocks", "stray", "flood", "million", "garbage"};
  for (size_t index = 0; index < sizeof modes / sizeof modes[0]; index++) {
    char text[64];
    snprintf(text, sizeof text, "\"probe\":\"%s\"", modes[index]);
    if (contains(config->options, text)) snprintf(self->probe, sizeof self->probe, "%s", modes[index]);
  }
  *instance = self;
  return NEXUS_OK;
}

static void destroy(void *instance) {
  backend *self = instance;
  /* Reports while it is destroyed: too late already. */
  report(self->callbacks, NEXUS_HEALTHY);
  while (self->stays) pause();
  free(self);
}

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = sizeof(nexus_adapter),
    .type = TEXT("hostile"),
    .display_name = TEXT("\xff\xfeHostile"),
    .version = TEXT("1\n2"),
    .options_schema = TEXT("{\"type\":\"object\"}"),
    .kinds = UINT32_MAX,
    .create = create,
    .destroy = destroy,
    .probe = probe,
    .submit = submit,
    .cancel = cancel,
};

const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error) {
  (void)host, (void)error;
  return &table;
}
