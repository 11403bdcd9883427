/*
 * An adapter in plain C with a thread of its own, which uses what the host offers to such adapters: reports and posts
 * from any thread, a timer, and blocking work. It needs no server. A request goes
 *
 *   submit [loop] -> queue -> the instance's thread -> post -> timer_start [loop] -> run_blocking -> answer [loop]
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "nexus_plugin.h"

#define TEXT(literal) {(literal), sizeof(literal) - 1}

/* A task on its way. It is freed where the last function that knows it is called, or would have been. */
typedef struct job {
  struct backend *self;
  struct job *next;
  nexus_task task;
  int is_probe, is_stream;
  const char *answer;
} job;

typedef struct backend {
  const nexus_host *host;
  const nexus_callbacks *callbacks;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  job *first, **last;
  int is_over;
} backend;

/* ------------------------------------------------------------------------------------ on the task's loop ---- */

static void fail(const job *job, const char *why) {
  nexus_failure failure = {.struct_size = sizeof failure, .kind = NEXUS_FAIL_INTERNAL, .message = {why, strlen(why)}};
  job->self->host->exchange_fail(job->task, &failure);
}

static void answered(void *user, nexus_task task, nexus_status status) {
  job *job = user;
  const nexus_host *host = job->self->host;
  if (status == NEXUS_OK) {
    nexus_response_head head = {.struct_size = sizeof head, .status = 200};
    nexus_outcome outcome = {.struct_size = sizeof outcome, .prompt_tokens = NEXUS_TOKENS_UNKNOWN,
                             .completion_tokens = 1, .cached_tokens = NEXUS_TOKENS_UNKNOWN};
    host->exchange_begin(task, &head);
    host->exchange_write(task, job->answer, strlen(job->answer));
    host->exchange_finish(task, &outcome);
  }
  free(job);
}

/* On a thread that may block. */
static void work(void *user) {
  job *job = user;
  job->answer = job->is_stream ? "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n"
                                 "data: [DONE]\n\n"
                               : "{\"choices\":[{\"message\":{\"content\":\"hi\"}}]}";
}

static void fired(void *user, nexus_timer timer, nexus_status status) {
  job *job = user;
  (void)timer;
  if (status == NEXUS_OK) {
    if (job->self->host->run_blocking(job->task, work, answered, job) == NEXUS_OK) return;
    /* The limit is reached: it is no long work. */
    work(job);
    answered(job, job->task, NEXUS_OK);
    return;
  }
  free(job);
}

static void returned(void *user, nexus_task task, nexus_status status) {
  job *job = user;
  nexus_timer timer;
  if (status == NEXUS_OK) {
    if (job->self->host->timer_start(task, 250, fired, job, &timer) == NEXUS_OK) return;
    fail(job, "no timer is to be had");
  }
  free(job);
}

/* ------------------------------------------------------------------------------- the instance's own thread ---- */

static void report(const backend *self) {
  nexus_model model = {.struct_size = sizeof model, .id = TEXT("threaded")};
  nexus_health health = {.struct_size = sizeof health, .status = NEXUS_HEALTHY, .latency_ms = -1};
  self->callbacks->report_models(&model, 1);
  self->callbacks->report_health(&health);
}

static void *run(void *argument) {
  backend *self = argument;
  pthread_mutex_lock(&self->mutex);
  for (;;) {
    job *job = self->first;
    if (job == NULL && self->is_over) break;
    if (job == NULL) {
      pthread_cond_wait(&self->changed, &self->mutex);
      continue;
    }
    self->first = job->next;
    if (self->first == NULL) self->last = &self->first;
    /* No lock is held in a call of the host. */
    pthread_mutex_unlock(&self->mutex);
    if (job->is_probe) {
      report(self);
      free(job);
    } else if (self->callbacks->post(job->task, returned, job) != NEXUS_OK) {
      free(job);
    }
    pthread_mutex_lock(&self->mutex);
  }
  pthread_mutex_unlock(&self->mutex);
  return NULL;
}

static void hand_over(backend *self, nexus_task task, int is_probe, int is_stream) {
  job *made = calloc(1, sizeof *made);
  if (made == NULL) abort();
  made->self = self;
  made->task = task;
  made->is_probe = is_probe;
  made->is_stream = is_stream;
  pthread_mutex_lock(&self->mutex);
  *self->last = made;
  self->last = &made->next;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->mutex);
}

/* ---------------------------------------------------------------------------------------------- the table ---- */

static nexus_status create(const nexus_backend_config *config, const nexus_host *host,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  static const char no_thread[] = "no thread is to be had";
  backend *self = calloc(1, sizeof *self);
  (void)config;
  if (self == NULL) return NEXUS_FAILED;
  self->host = host;
  self->callbacks = callbacks;
  self->last = &self->first;
  pthread_mutex_init(&self->mutex, NULL);
  pthread_cond_init(&self->changed, NULL);
  if (pthread_create(&self->thread, NULL, run, self) != 0) {
    memcpy(error->ptr, no_thread, sizeof no_thread - 1);
    error->length = sizeof no_thread - 1;
    free(self);
    return NEXUS_FAILED;
  }
  *instance = self;
  return NEXUS_OK;
}

static void destroy(void *instance) {
  backend *self = instance;
  pthread_mutex_lock(&self->mutex);
  self->is_over = 1;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->mutex);
  pthread_join(self->thread, NULL);
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

static void probe(void *instance, nexus_task task) { hand_over(instance, task, 1, 0); }

static nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  if (request->kind != NEXUS_KIND_CHAT) return NEXUS_UNSUPPORTED;
  hand_over(instance, exchange, 0, (request->flags & NEXUS_REQUEST_STREAM) != 0);
  return NEXUS_OK;
}

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = sizeof(nexus_adapter),
    .type = TEXT("threaded"),
    .display_name = TEXT("Threaded"),
    .version = TEXT("1.0"),
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
