/*
 * A small adapter for servers that speak OpenAI's API, in plain C, that does all the header asks for; and with
 * -DBREAKS=<a name of broken.h> the same adapter with one defect, for the tests of `nexus adapter check`. Its life, its
 * probes and its table are here, its exchanges in broken_exchange.c, its actions in broken_actions.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broken.h"

static const nexus_callbacks *latest_callbacks;

static const nexus_callbacks *callbacks_of(const backend *self) {
  return BREAKS == GLOBAL_CALLBACKS ? latest_callbacks : self->callbacks;
}

static void *sleeping(void *unused) {
  (void)unused;
  for (;;) pause();
  return NULL;
}

static void start_thread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, sleeping, NULL) == 0) pthread_detach(thread);
}

/* -------------------------------------------------------------------------------------- create, destroy ---- */

static nexus_status refuse(nexus_message *error, void **instance, const char *words, nexus_str what) {
  if (BREAKS == NO_MESSAGE) return NEXUS_INVALID;
  if (BREAKS == INSTANCE_ON_REFUSAL) *instance = error;
  const int wanted = snprintf(error->ptr, error->capacity, "%s: %.*s", words, (int)what.len, what.ptr);
  error->length = (size_t)wanted < error->capacity ? (size_t)wanted : error->capacity - 1;
  if (BREAKS == MESSAGE_OVERRUN && (size_t)wanted > error->capacity) memset(error->ptr, 'x', error->capacity + 16);
  return NEXUS_INVALID;
}

static nexus_status create(const nexus_backend_config *config, const nexus_host *host,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  const nexus_str url = config->url, options = config->options;
  if (url.len < 4 || memcmp(url.ptr, "http", 4) != 0) return refuse(error, instance, "url is not http", url);
  if (options.len < 2 || options.ptr[0] != '{' || options.ptr[options.len - 1] != '}') {
    if (BREAKS == SUCCESS_WITHOUT_INSTANCE) return NEXUS_OK;
    return refuse(error, instance, "options must be an object", options);
  }
  if (BREAKS != TAKES_UNKNOWN_OPTIONS && memmem(options.ptr, options.len, "zz_", 3) != NULL)
    return refuse(error, instance, "an option is not known", options);
  backend *made = calloc(1, sizeof *made);
  if (made == NULL) return NEXUS_FAILED;
  made->host = host;
  made->callbacks = latest_callbacks = callbacks;
  snprintf(made->key, sizeof made->key, "%.*s", (int)config->api_key.len, config->api_key.ptr);
  if (BREAKS == LEAKS_FILE && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) abort();
  if (BREAKS == LEAKS_THREAD) start_thread();
  *instance = made;
  return NEXUS_OK;
}

static void destroy(void *instance) {
  const backend *self = instance;
  if (BREAKS == REPORTS_IN_DESTROY) self->callbacks->log(NEXUS_LOG_INFO, "bye", 3);
  if (BREAKS != LEAKS_MEMORY) free(instance);
}

/* ------------------------------------------------------------------------------------------------ probe ---- */

static void report(const backend *self, nexus_health_status status, const char *message) {
  nexus_health health = {.struct_size = sizeof health, .status = status, .latency_ms = -1, .message = text(message),
                         .server = TEXT("broken 1.0")};
  callbacks_of(self)->report_health(&health);
  if (BREAKS == HEALTH_TWICE) callbacks_of(self)->report_health(&health);
}

static size_t report_models(const backend *self, const char *data) {
  static const char mark[] = "{\"id\":\"";
  size_t count = 0, made = 0;
  for (const char *at = data; (at = strstr(at, mark)) != NULL; at++) count++;
  nexus_model *models = calloc(count + 1, sizeof *models);
  if (models == NULL) return 0;
  for (const char *at = data; (at = strstr(at, mark)) != NULL; at++) {
    const char *id = at + sizeof mark - 1;
    if (BREAKS == HUNDRED_MODELS && made == 100) break;
    models[made].struct_size = sizeof *models;
    models[made].id = (nexus_str){id, strcspn(id, "\"")};
    models[made++].context_length = 4096;
  }
  if ((BREAKS == DUPLICATE_MODEL || BREAKS == EMPTY_MODEL) && made < 10) {
    models[made] = models[0];
    if (BREAKS == EMPTY_MODEL) models[made].id = (nexus_str){NULL, 0};
    made++;
  }
  callbacks_of(self)->report_models(models, made);
  free(models);
  return made;
}

void end_probe(call *self, const nexus_http_end *end) {
  char message[2048];
  if (end->result == NEXUS_HTTP_CANCELLED) return;
  if (end->result != NEXUS_HTTP_COMPLETE) {
    if (BREAKS == HEALTHY_WHEN_REFUSED && end->result == NEXUS_HTTP_REFUSED)
      return report(self->self, NEXUS_HEALTHY, "");
    if (BREAKS == EXIT_ON_GARBAGE && end->result == NEXUS_HTTP_GARBAGE) exit(0);
    if (BREAKS == EMPTY_MESSAGE && end->result == NEXUS_HTTP_GARBAGE) return report(self->self, NEXUS_UNHEALTHY, "");
    snprintf(message, sizeof message, "GET /v1/models: %.*s", (int)end->message.len, end->message.ptr);
    return report(self->self, NEXUS_UNHEALTHY, message);
  }
  if (self->status != 200) {
    if (BREAKS == SILENT_ON_500 && self->status == 500) return;
    while (BREAKS == FLOOD_ON_401 && self->status == 401) /* into every descriptor that may be the checker's */
      for (int descriptor = 3; descriptor < 16; descriptor++)
        if (write(descriptor, "{\"end\":1}\n", 10) < 0) continue;
    if (BREAKS == HANG_ON_401 && self->status == 401) sleeping(NULL);
    snprintf(message, sizeof message, "GET /v1/models answered with status %u", self->status);
    if (BREAKS == LONG_MESSAGE) memset(message, 'x', sizeof message - 1), message[sizeof message - 1] = 0;
    return report(self->self, NEXUS_UNHEALTHY, message);
  }
  if (self->data == NULL || self->data[0] != '{' || strstr(self->data, "\"data\"") == NULL)
    return report(self->self, NEXUS_UNHEALTHY, "GET /v1/models did not answer with a list of models");
  if (BREAKS == HEALTH_BEFORE_MODELS) report(self->self, NEXUS_HEALTHY, "");
  report_models(self->self, self->data);
  if (BREAKS != HEALTH_BEFORE_MODELS) report(self->self, NEXUS_HEALTHY, "");
}

static void probe(void *instance, nexus_task task) {
  call *context = calloc(1, sizeof *context);
  if (context == NULL) return report(instance, NEXUS_UNHEALTHY, "no memory is left");
  context->task = task;
  context->is_probe = 1;
  if (BREAKS == SLOW_PROBE) usleep(120000);
  if (BREAKS == UMASK_IN_PROBE) umask(0123);
  if (BREAKS == FORK_IN_PROBE && fork() == 0) sleeping(NULL);
  if (BREAKS == PRINTS_IN_PROBE) printf("probing");
  if (BREAKS == GENERATES_IN_PROBE) {
    call *other = calloc(1, sizeof *other);
    if (other == NULL) abort();
    other->is_over = 1;
    other->task = task;
    start(instance, other, "POST", "/v1/completions", 0);
  }
  start(instance, context, "GET", "/v1/models", 0);
}

/* ----------------------------------------------------------------------------------------- the table ----- */

static const nexus_str urls[] = {TEXT("http://127.0.0.1:8080"),
                                 {BREAKS == BAD_DEFAULT_URL ? "//127.0.0.1:8081/dir" : "http://127.0.0.1:8081", 20}};

static const char schema[] = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                             "\"level\":{\"type\":\"integer\",\"minimum\":1,\"default\":1}}}";
static const char wrong_schema[] = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                                   "\"level\":{\"type\":\"integer\",\"minimum\":1,\"default\":0}}}";
static const char loose_schema[] = "{\"type\":\"object\"}";

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = sizeof(nexus_adapter),
    .type = TEXT("broken"),
    .display_name = TEXT("Broken"),
    .version = {BREAKS == TEXT_NOT_UTF8 ? "1.\xff" : "1.0", 3},
    .options_schema = {BREAKS == TAKES_UNKNOWN_OPTIONS ? loose_schema
                       : BREAKS == BAD_DEFAULT         ? wrong_schema
                                                       : schema,
                       BREAKS == TAKES_UNKNOWN_OPTIONS ? sizeof loose_schema - 1
                       : BREAKS == SCHEMA_NOT_JSON     ? sizeof schema - 4
                                                       : sizeof schema - 1},
    .default_urls = urls,
    .default_url_count = 2,
    .kinds = NEXUS_KIND_CHAT | NEXUS_KIND_COMPLETIONS | (BREAKS == UNKNOWN_KIND ? 1u << 30 : 0),
    .create = create,
    .destroy = destroy,
    .probe = probe,
    .submit = BREAKS == NULL_SUBMIT ? NULL : submit,
    .cancel = cancel,
    .extension = extension,
};

const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error) {
  (void)error;
  if (BREAKS == PRINTS_IN_ENTRY) printf("hello");
  if (BREAKS == THREAD_IN_ENTRY) start_thread();
  if (BREAKS == SIGNAL_IN_ENTRY) signal(SIGUSR1, SIG_IGN);
  if (BREAKS == SLOW_ENTRY) usleep(1200000);
  if (BREAKS == CRASH_IN_ENTRY) *(volatile int *)error = *(volatile int *)0x10;
  if (BREAKS == HANG_IN_ENTRY) sleeping(NULL);
  if (BREAKS == REFUSING_ENTRY) return NULL;
  if (BREAKS == NEEDS_EXACT_HOST && host->struct_size != sizeof *host) return NULL;
  return host->abi_major == NEXUS_ABI_MAJOR ? &table : NULL;
}
