/*
 * The defects of the adapter in broken.c, and what its sources share. See there.
 */
#ifndef BROKEN_H
#define BROKEN_H

#include <string.h>

#include "nexus_plugin.h"

enum {
  NOTHING,
  /* while it is loaded */
  EXPORTS_MORE, PRINTS_IN_ENTRY, THREAD_IN_ENTRY, SIGNAL_IN_ENTRY, SLOW_ENTRY, TEXT_NOT_UTF8, UNKNOWN_KIND, BAD_DEFAULT,
  SCHEMA_NOT_JSON, NEEDS_EXACT_HOST, BAD_DEFAULT_URL, NULL_SUBMIT, REFUSING_ENTRY, CRASH_IN_ENTRY, HANG_IN_ENTRY,
  /* create and destroy */
  NO_MESSAGE, INSTANCE_ON_REFUSAL, SUCCESS_WITHOUT_INSTANCE, MESSAGE_OVERRUN, TAKES_UNKNOWN_OPTIONS, LEAKS_MEMORY,
  LEAKS_FILE, LEAKS_THREAD, GLOBAL_CALLBACKS, REPORTS_IN_DESTROY,
  /* probe */
  HEALTH_TWICE, HEALTH_BEFORE_MODELS, SILENT_ON_500, HEALTHY_WHEN_REFUSED, EMPTY_MESSAGE, DUPLICATE_MODEL, EMPTY_MODEL,
  HUNDRED_MODELS, SLOW_PROBE, GENERATES_IN_PROBE, FIRST_PIECE_ONLY, UMASK_IN_PROBE, FORK_IN_PROBE, PRINTS_IN_PROBE, HANG_ON_401, FLOOD_ON_401, SILENT_WHEN_REFUSED,
  EXIT_ON_GARBAGE, LONG_MESSAGE,
  /* exchanges */
  FINISH_TWICE, WRITE_AFTER_END, WRITE_BEFORE_BEGIN, TAKES_ANY_KIND, USAGE_ZERO, USAGE_LOST, BUSY_AS_REJECTED,
  NO_RETRY_AFTER, CLOSED_AS_END, ERROR_INSIDE_PASSED, LOSES_SPLIT_CHARACTER, KEEPS_POINTER, UNBOUNDED_LINE, KEY_IN_LOG,
  KEY_IN_FAILURE, FORBIDDEN_HEADER, CALLS_FROM_THREAD, ABORT_IN_CANCEL, LEAKS_EXCHANGE, LOCALE_IN_SUBMIT,
  PRINTS_IN_SUBMIT, BAD_CONTENT_TYPE, WRITES_TWICE, NO_END_MARK, TIMEOUT_AS_UPSTREAM, BODY_NOT_JSON, NEVER_ENDS_NONSENSE,
  HANGS_WHEN_REFUSED, REFUSES_UNKNOWN_FLAGS, ENDED_AS_FINISH, FORGED_HANDLE, SHORT_STRUCT, CLIENT_HEADER_TWICE,
  INVENTS_HEADER, REFUSES_LONG_DEADLINE, READS_BEYOND,
  /* actions */
  BAD_SIGNATURE, SAME_ACTION_TWICE, NO_HELP, NULL_ACTION, ANY_EXTENSION, FAILS_SILENTLY, STATUS_ABOVE_ZERO, NO_RESULT,
  RESULT_NOT_JSON, PROGRESS_FALLS, PROGRESS_BEYOND_TOTAL, PROGRESS_NOT_UTF8, FORBIDDEN_HEADER_IN_ACTION,
  HTTP_FROM_THREAD, IGNORES_CANCEL, CANCELLED_AS_SUCCESS, EMPTY_ERROR, STATUS_NOT_LOOKED_AT, KEY_IN_ERROR,
  KEY_IN_PROGRESS
};

#ifndef BREAKS
#define BREAKS NOTHING
#endif
#define TEXT(literal) {(literal), sizeof(literal) - 1}

typedef struct backend {
  const nexus_host *host;
  const nexus_callbacks *callbacks;
  char key[128];
} backend;

/* One HTTP request: of an exchange, or of a probe. */
typedef struct call {
  const backend *self;
  nexus_task task;
  int is_probe, is_stream, has_begun, is_over;
  uint32_t status, retry_after_ms;
  uint64_t prompt_tokens, completion_tokens;
  char *data;
  size_t length, room;
  const char *borrowed;
  char beta[128]; /* the client's anthropic-beta; empty: it has none */
} call;

static nexus_str text(const char *content) {
  nexus_str result = {content, strlen(content)};
  return result;
}

/* Starts a request; `context` is freed at its end. */
void start(const backend *self, call *context, const char *method, const char *path, uint32_t flags);

/* What was collected of a probe's answer tells how the server is. */
void end_probe(call *self, const nexus_http_end *end);

nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request);
void cancel(void *instance, nexus_task task);

const void *extension(const char *id);

#endif
