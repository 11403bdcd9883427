/*
 * The exchanges of the adapter in broken.c, and its HTTP requests.
 */
#define _GNU_SOURCE
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broken.h"

/* Bytes of one event. */
#define EVENT_LIMIT ((size_t)(BREAKS == UNBOUNDED_LINE ? 1 << 30 : 1 << 20))
#define BODY_LIMIT ((size_t)64 << 20)

static int keep(call *self, const char *bytes, size_t length) {
  if (self->length + length + 1 > self->room) {
    size_t room = self->room == 0 ? 4096 : self->room;
    while (room < self->length + length + 1) room *= 2;
    char *grown = realloc(self->data, room);
    if (grown == NULL) return 0;
    self->data = grown;
    self->room = room;
  }
  memcpy(self->data + self->length, bytes, length);
  self->length += length;
  self->data[self->length] = 0;
  return 1;
}

static void release(call *self) {
  free(self->data);
  if (BREAKS != LEAKS_EXCHANGE) free(self);
}

/* --------------------------------------------------------------------------------------------- exchange ---- */

static void begin(call *self) {
  if (self->has_begun) return;
  self->has_begun = 1;
  nexus_response_head head = {.struct_size = BREAKS == SHORT_STRUCT ? 8 : sizeof head, .status = 200};
  static const nexus_header invented = {TEXT("retry-after"), TEXT("99")};
  if (BREAKS == INVENTS_HEADER) head.headers = &invented, head.header_count = 1;
  if (BREAKS == BAD_CONTENT_TYPE) head.content_type = text("text/plain");
  if (BREAKS == WRITE_BEFORE_BEGIN) self->self->host->exchange_write(self->task, "x", 1);
  if (BREAKS == FORGED_HANDLE) self->self->host->exchange_write(self->task + 12345, "x", 1);
  self->self->host->exchange_begin(self->task, &head);
  head.struct_size = sizeof head;
  if (BREAKS == SHORT_STRUCT) self->self->host->exchange_begin(self->task, &head);
}

static void put(const call *self, const char *bytes, size_t length) {
  self->self->host->exchange_write(self->task, bytes, length);
}

static void finish(call *self) {
  const uint64_t unknown = BREAKS == USAGE_ZERO ? 0 : NEXUS_TOKENS_UNKNOWN;
  const int is_known = self->prompt_tokens != NEXUS_TOKENS_UNKNOWN && BREAKS != USAGE_LOST;
  nexus_outcome outcome = {.struct_size = sizeof outcome,
                           .prompt_tokens = is_known ? self->prompt_tokens : unknown,
                           .completion_tokens = is_known ? self->completion_tokens : unknown,
                           .cached_tokens = NEXUS_TOKENS_UNKNOWN};
  self->is_over = 1;
  self->self->host->exchange_finish(self->task, &outcome);
  if (BREAKS == FINISH_TWICE) self->self->host->exchange_finish(self->task, &outcome);
  if (BREAKS == WRITE_AFTER_END) put(self, "x", 1);
}

static void fail(call *self, nexus_failure_kind kind, const char *message, nexus_str body) {
  nexus_failure failure = {.struct_size = sizeof failure, .kind = kind, .status = self->status,
                           .retry_after_ms = self->retry_after_ms, .message = text(message), .body = body};
  self->is_over = 1;
  self->self->host->exchange_fail(self->task, &failure);
}

static void fail_upstream(call *self, const char *message) {
  fail(self, NEXUS_FAIL_UPSTREAM, message, (nexus_str){NULL, 0});
}

static void fail_status(call *self) {
  char message[1024];
  nexus_failure_kind kind = NEXUS_FAIL_UPSTREAM;
  nexus_str body = {self->data, self->length};
  if (self->status >= 400 && self->status < 500) kind = NEXUS_FAIL_REJECTED;
  if (self->status == 429 || self->status == 503) kind = NEXUS_FAIL_BUSY;
  if (BREAKS == BUSY_AS_REJECTED && self->status == 429) kind = NEXUS_FAIL_REJECTED;
  if (self->status == 401 || self->status == 403) {
    kind = NEXUS_FAIL_AUTH;
    if (BREAKS != KEY_IN_FAILURE) body.len = 0; /* it may hold the key */
  }
  if (body.len > 0 && body.ptr[0] != '{') body.len = 0;
  if (BREAKS == BODY_NOT_JSON) body = text("oh no");
  if (BREAKS == NO_RETRY_AFTER) self->retry_after_ms = 0;
  snprintf(message, sizeof message, "the server answered with status %u", self->status);
  fail(self, kind, message, body);
}

static void scan_usage(call *self, const char *bytes, size_t length) {
  static const char prompt[] = "\"prompt_tokens\":", completion[] = "\"completion_tokens\":";
  const char *found = memmem(bytes, length, prompt, sizeof prompt - 1);
  if (found != NULL) self->prompt_tokens = strtoull(found + sizeof prompt - 1, NULL, 10);
  found = memmem(bytes, length, completion, sizeof completion - 1);
  if (found != NULL) self->completion_tokens = strtoull(found + sizeof completion - 1, NULL, 10);
}

static int starts(const char *bytes, size_t length, const char *with) {
  return length >= strlen(with) && memcmp(bytes, with, strlen(with)) == 0;
}

/* One whole event, with the empty line that ends it. */
#ifdef CRASHES_IN_STREAM
/* Not among the defects: it fails most checks. */
static __attribute__((noinline)) void crash_deep(volatile int *place) { *place = 1; }
static __attribute__((noinline)) void crash_here(void) {
  crash_deep((volatile int *)8);
  __asm__ volatile("");
}
#endif

static void take_event(call *self, const char *event, size_t length) {
#ifdef CRASHES_IN_STREAM
  crash_here();
#endif
  if (!starts(event, length, "data:") && !starts(event, length, ":")) {
    if (BREAKS == NEVER_ENDS_NONSENSE) {
      self->is_over = 1;
      return;
    }
    return fail_upstream(self, "the server sent what is no event");
  }
  if (starts(event, length, "data: {\"error\"") && BREAKS != ERROR_INSIDE_PASSED)
    return fail_upstream(self, "the server reported an error inside the stream");
  scan_usage(self, event, length);
  begin(self);
  const int is_end = starts(event, length, "data: [DONE]");
  if (!is_end || BREAKS != NO_END_MARK) put(self, event, length);
  if (is_end) finish(self);
}

static void feed(call *self, const char *bytes, size_t length) {
  if (BREAKS == LOSES_SPLIT_CHARACTER && (bytes[0] & 0xC0) == 0x80) bytes++, length--;
  const size_t known = self->length;
  if (!keep(self, bytes, length)) return fail_upstream(self, "no memory is left");
  size_t done = 0, from = known > 0 ? known - 1 : 0;
  while (!self->is_over) {
    const char *end = memmem(self->data + from, self->length - from, "\n\n", 2);
    if (end == NULL) break;
    const size_t next = (size_t)(end - self->data) + 2;
    take_event(self, self->data + done, next - done);
    done = from = next;
  }
  memmove(self->data, self->data + done, self->length - done);
  self->length -= done;
  if (!self->is_over && self->length > EVENT_LIMIT) fail_upstream(self, "the server sent an event that is too long");
}

static void end_exchange(call *self, const nexus_http_end *end) {
  const int is_success = self->status >= 200 && self->status < 300;
  switch (end->result) {
    case NEXUS_HTTP_COMPLETE: break;
    case NEXUS_HTTP_CANCELLED: return;
    case NEXUS_HTTP_REFUSED: return fail(self, NEXUS_FAIL_CONNECT, "the server is not there", (nexus_str){NULL, 0});
    case NEXUS_HTTP_TIMED_OUT:
      return fail(self, BREAKS == TIMEOUT_AS_UPSTREAM ? NEXUS_FAIL_UPSTREAM : NEXUS_FAIL_TIMEOUT,
                  "the server did not answer in time", (nexus_str){NULL, 0});
    default:
      if (BREAKS == CLOSED_AS_END && self->has_begun) return finish(self);
      return fail_upstream(self, "the connection ended too early");
  }
  if (!is_success) return fail_status(self);
  if (self->is_stream && BREAKS == ENDED_AS_FINISH && self->has_begun) return finish(self);
  if (self->is_stream) return fail_upstream(self, "the stream has no end mark");
  if (self->length < 2 || self->data[0] != '{' || self->data[self->length - 1] != '}')
    return fail_upstream(self, "the answer is no JSON object");
  scan_usage(self, self->data, self->length);
  begin(self);
  if (self->borrowed != NULL) memcpy(self->data, self->borrowed, 1);
  put(self, self->data, self->length);
  if (BREAKS == WRITES_TWICE) put(self, self->data, self->length);
  finish(self);
}

typedef struct foreign {
  const backend *self;
  nexus_task task;
} foreign;

static void *begin_elsewhere(void *argument) {
  const foreign *here = argument;
  nexus_response_head head = {.struct_size = sizeof head, .status = 200};
  here->self->host->exchange_begin(here->task, &head);
  return NULL;
}

nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  const backend *self = instance;
  const char *path = request->kind == NEXUS_KIND_CHAT ? "/v1/chat/completions" : "/v1/completions";
  const int is_known = request->kind == NEXUS_KIND_CHAT || request->kind == NEXUS_KIND_COMPLETIONS;
  if (BREAKS == REFUSES_LONG_DEADLINE && NEXUS_HAS(request, deadline_ms) && request->deadline_ms > UINT32_MAX)
    return NEXUS_INVALID;
  if (BREAKS == READS_BEYOND && request->deadline_ms > (uint64_t)1 << 60) return NEXUS_INVALID;
  if (BREAKS == REFUSES_UNKNOWN_FLAGS && request->flags > 0xFF) return NEXUS_INVALID;
  if (!is_known && BREAKS != TAKES_ANY_KIND) return NEXUS_UNSUPPORTED;
  if (BREAKS == LOCALE_IN_SUBMIT) setlocale(LC_ALL, "C.UTF-8");
  if (BREAKS == PRINTS_IN_SUBMIT) fprintf(stderr, "submit\n");
  if (BREAKS == KEY_IN_LOG) self->callbacks->log(NEXUS_LOG_DEBUG, self->key, strlen(self->key));
  if (BREAKS == CALLS_FROM_THREAD) {
    pthread_t thread;
    foreign here = {self, exchange};
    if (pthread_create(&thread, NULL, begin_elsewhere, &here) == 0) pthread_join(thread, NULL);
  }
  call *context = calloc(1, sizeof *context);
  if (context == NULL) return NEXUS_FAILED;
  context->task = exchange;
  context->is_stream = (request->flags & NEXUS_REQUEST_STREAM) != 0;
  context->prompt_tokens = context->completion_tokens = NEXUS_TOKENS_UNKNOWN;
  for (size_t index = 0; NEXUS_HAS(request, header_count) && index < request->header_count; index++) {
    const nexus_header *field = &request->headers[index];
    if (field->name.len == strlen("anthropic-beta") && memcmp(field->name.ptr, "anthropic-beta", field->name.len) == 0)
      snprintf(context->beta, sizeof context->beta, "%.*s", (int)field->value.len, field->value.ptr);
  }
  start(self, context, "POST", path, NEXUS_HTTP_EXCHANGE_BODY);
  return NEXUS_OK;
}

void cancel(void *instance, nexus_task task) {
  (void)instance, (void)task;
  if (BREAKS == ABORT_IN_CANCEL) abort();
}

/* ----------------------------------------------------------------------------------------- HTTP events ---- */

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  call *self = user;
  (void)request;
  self->status = head->status;
  for (size_t index = 0; index < head->header_count; index++) {
    const nexus_header *field = &head->headers[index];
    if (field->name.len == 11 && strncasecmp(field->name.ptr, "retry-after", 11) == 0)
      for (size_t digit = 0; digit < field->value.len; digit++)
        self->retry_after_ms = self->retry_after_ms * 10 + (uint32_t)(field->value.ptr[digit] - '0') * 1000;
  }
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  call *self = user;
  (void)request;
  if (self->is_over) return;
  if (self->is_probe && BREAKS == FIRST_PIECE_ONLY && self->length > 0) return;
  if (self->is_stream && self->status == 200) return feed(self, bytes, length);
  if (BREAKS == KEEPS_POINTER && !self->is_probe && self->length == 0) self->borrowed = bytes;
  if (self->length + length <= BODY_LIMIT) keep(self, bytes, length);
}

static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  call *self = user;
  (void)request;
  if (!self->is_over) {
    if (self->is_probe) end_probe(self, end); else end_exchange(self, end);
  }
  release(self);
}

void start(const backend *self, call *context, const char *method, const char *path, uint32_t flags) {
  static const nexus_http_handlers handlers = {.struct_size = sizeof handlers, .on_head = on_head, .on_body = on_body,
                                               .on_end = on_end};
  static const nexus_http_end unsent = {.struct_size = sizeof unsent, .result = NEXUS_HTTP_CLOSED,
                                        .message = TEXT("the host sent no request")};
  char authorization[160];
  snprintf(authorization, sizeof authorization, "Bearer %s", self->key);
  nexus_header headers[5] = {{TEXT("content-type"), TEXT("application/json")}};
  size_t count = 1;
  if (self->key[0] != 0) headers[count++] = (nexus_header){TEXT("authorization"), text(authorization)};
  if (context->beta[0] != 0) headers[count++] = (nexus_header){TEXT("anthropic-beta"), text(context->beta)};
  if (context->beta[0] != 0 && BREAKS == CLIENT_HEADER_TWICE) headers[count] = headers[count - 1], count++;
  headers[count] = (nexus_header){TEXT("connection"), TEXT("close")};
  nexus_http_request request = {.struct_size = sizeof request, .flags = flags, .method = text(method),
                                .path = text(path), .headers = headers, .header_count = count};
  nexus_http handle;
  context->self = self;
  if (BREAKS == FORBIDDEN_HEADER) {
    request.header_count = count + 1;
    if (self->host->http_start(context->task, &request, &handlers, context, &handle) == NEXUS_OK) return;
    request.header_count = count;
  }
  if (self->host->http_start(context->task, &request, &handlers, context, &handle) == NEXUS_OK) return;
  if (!context->is_probe && BREAKS != HANGS_WHEN_REFUSED) fail(context, NEXUS_FAIL_INTERNAL, "the host sent no request", (nexus_str){NULL, 0});
  if (context->is_probe && BREAKS != SILENT_WHEN_REFUSED) end_probe(context, &unsent);
  release(context);
}
