/*
 * An exchange: a client's request goes to the server as it is, and the answer comes back as it is. On the way the
 * adapter looks at the answer, so that an error is told as one, a broken stream is never passed off as a whole one, and
 * tokens are counted. It ends in exactly one exchange_finish or exchange_fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter.h"
#include "json.h"

#define ANSWER_LIMIT (16u * 1024 * 1024) /* of a whole answer, and of one event of a stream */
#define ERROR_LIMIT NEXUS_LIMIT_FAILURE_BODY

typedef struct exchange {
  const backend *self;
  nexus_task task;
  bool wants_stream;
  bool is_stream; /* the server sends one */
  bool has_begun;
  bool is_over; /* finished or failed: whatever still comes is of no interest */
  uint32_t status;
  uint32_t retry_after_ms;
  buffer held;   /* a whole answer, or the start of an event that is not complete yet */
  size_t looked; /* bytes of it that are known to hold no empty line */
  nexus_outcome outcome;
} exchange;

/* ---------------------------------------------------------------------------------------------- the ends -- */

static void end_failed(exchange *this, nexus_failure_kind kind, const char *message) {
  this->is_over = true;
  fail(this->self, this->task, kind, this->status, message);
}

static void end_well(exchange *this) {
  this->is_over = true;
  this->self->host->exchange_finish(this->task, &this->outcome);
}

static void pass_on(exchange *this, const char *bytes, size_t length) {
  if (!this->has_begun) {
    nexus_response_head head = {.struct_size = sizeof head, .status = this->status};
    this->self->host->exchange_begin(this->task, &head);
    this->has_begun = true;
  }
  this->self->host->exchange_write(this->task, bytes, length);
}

/* Takes the token counts of an answer or of an event, if it has any. */
static void count_tokens(exchange *this, json answer) {
  json usage, value, details;
  if (!json_member(answer, "usage", &usage) || json_kind(usage) != '{') return;
  if (json_member(usage, "prompt_tokens", &value)) {
    this->outcome.prompt_tokens = json_count(value, NEXUS_TOKENS_UNKNOWN);
  }
  if (json_member(usage, "completion_tokens", &value)) {
    this->outcome.completion_tokens = json_count(value, NEXUS_TOKENS_UNKNOWN);
  }
  if (json_member(usage, "prompt_tokens_details", &details) && json_member(details, "cached_tokens", &value)) {
    this->outcome.cached_tokens = json_count(value, NEXUS_TOKENS_UNKNOWN);
  }
}

/* Fails the exchange if these bytes are an error inside an answer that claims to be none. */
static bool is_error(exchange *this, const char *bytes, size_t length) {
  char message[MESSAGE_ROOM];
  uint32_t status = 502;
  if (!told_error(bytes, length, message, sizeof message, &status)) return false;
  this->is_over = true;
  fail_with_answer(this->self, this->task, status, 0, bytes, length);
  return true;
}

/* --------------------------------------------------------------------------------------------- a stream -- */

/* One event without the empty line at its end, and `length` with it. */
static void take_event(exchange *this, const char *event, size_t length) {
  const char *end = event + length;
  for (const char *line = event; line < end;) {
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    if (stop == NULL) stop = end;
    size_t size = (size_t)(stop - line);
    if (size > 0 && line[size - 1] == '\r') size--;
    if (size >= 5 && memcmp(line, "data:", 5) == 0) {
      const char *data = line + 5;
      size -= 5;
      while (size > 0 && *data == ' ') data++, size--;
      json value;
      if (size >= 6 && memcmp(data, "[DONE]", 6) == 0) {
        pass_on(this, event, length);
        end_well(this);
        return;
      }
      if (is_error(this, data, size)) return;
      if (!json_parse(data, size, &value)) {
        end_failed(this, NEXUS_FAIL_UPSTREAM, "the server sent an event that is no JSON, or half of one");
        return;
      }
      count_tokens(this, value);
      pass_on(this, event, length);
      return;
    }
    line = stop + 1;
  }
  /* Comments keep a connection alive. Before the first event they would only take the gateway's chance to try
   * elsewhere. */
  if (this->has_begun) pass_on(this, event, length);
}

/* Behind the first empty line; 0: there is none yet. `from`: where to begin to look. */
static size_t event_length(const char *bytes, size_t length, size_t from) {
  for (size_t index = from > 0 ? from : 1; index < length; index++) {
    if (bytes[index] != '\n') continue;
    if (bytes[index - 1] == '\n' || (index >= 2 && bytes[index - 1] == '\r' && bytes[index - 2] == '\n')) {
      return index + 1;
    }
  }
  return 0;
}

static void take_events(exchange *this) {
  size_t start = 0, length;
  while (!this->is_over &&
         (length = event_length(this->held.bytes + start, this->held.length - start, this->looked)) > 0) {
    take_event(this, this->held.bytes + start, length);
    start += length;
    this->looked = 0;
  }
  this->looked = this->held.length - start;
  if (start == 0) return;
  this->held.length -= start;
  memmove(this->held.bytes, this->held.bytes + start, this->held.length);
}

/* ------------------------------------------------------------------------------------------ HTTP events -- */

static nexus_str header(const nexus_http_head *head, const char *name) {
  for (size_t index = 0; index < head->header_count; index++) {
    nexus_str field = head->headers[index].name;
    if (field.len == strlen(name) && strncasecmp(field.ptr, name, field.len) == 0) return head->headers[index].value;
  }
  return (nexus_str){NULL, 0};
}

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  exchange *this = user;
  static const char stream[] = "text/event-stream";
  nexus_str type = header(head, "content-type"), retry = header(head, "retry-after");
  (void)request;
  this->status = head->status;
  this->is_stream = type.len >= sizeof stream - 1 && strncasecmp(type.ptr, stream, sizeof stream - 1) == 0;
  if (retry.len > 0 && retry.len <= 5) {
    json seconds = {retry.ptr, retry.ptr + retry.len};
    this->retry_after_ms = (uint32_t)json_count(seconds, 0) * 1000;
  }
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  exchange *this = user;
  (void)request;
  if (this->is_over) return;
  bool is_good = this->status <= 299;
  if (!is_good) {
    /* Of an error the first part will do. */
    buffer_add(&this->held, bytes, length, ERROR_LIMIT);
  } else if (!buffer_add(&this->held, bytes, length, ANSWER_LIMIT)) {
    end_failed(this, NEXUS_FAIL_UPSTREAM, "the server's answer, or one event of it, is too large");
  } else if (this->is_stream && this->wants_stream) {
    take_events(this);
  }
}

static void conclude(exchange *this, const nexus_http_end *end) {
  json value;
  const char *body = this->held.bytes;
  size_t length = this->held.length;
  if (end->result == NEXUS_HTTP_CANCELLED) return; /* the exchange is over already: nobody is left to be told */
  if (this->status > 299) {
    fail_with_answer(this->self, this->task, this->status, this->retry_after_ms, body, length);
  } else if (end->result != NEXUS_HTTP_COMPLETE) {
    fail_with_end(this->self, this->task, end);
  } else if (this->is_stream && this->wants_stream) {
    /* The last event may lack its empty line. */
    if (buffer_add(&this->held, "\n\n", 2, ANSWER_LIMIT)) take_events(this);
    if (!this->is_over) end_failed(this, NEXUS_FAIL_UPSTREAM, "the server closed the stream before it was finished");
  } else if (!json_parse(body, length, &value) || json_kind(value) != '{') {
    end_failed(this, NEXUS_FAIL_UPSTREAM, "the server's answer is no JSON object");
  } else if (is_error(this, body, length)) {
    return;
  } else if (this->wants_stream || this->is_stream) {
    end_failed(this, NEXUS_FAIL_UPSTREAM, "the server did not answer in the way that was asked for: streamed or whole");
  } else {
    count_tokens(this, value);
    pass_on(this, body, length);
    end_well(this);
  }
}

/* Always the last call: frees what the exchange needed. */
static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  exchange *this = user;
  (void)request;
  if (!this->is_over) conclude(this, end);
  buffer_free(&this->held);
  free(this);
}

nexus_status submit(void *instance, nexus_task task, const nexus_request *request) {
  const backend *self = instance;
  static const nexus_http_handlers handlers = {sizeof handlers, 0, on_head, on_body, on_end};
  nexus_header headers[HEADER_ROOM];
  nexus_http handle;
  if (request->kind != NEXUS_KIND_CHAT) return NEXUS_UNSUPPORTED;
  exchange *this = calloc(1, sizeof *this);
  if (this == NULL) return NEXUS_FAILED;
  this->self = self;
  this->task = task;
  this->wants_stream = (request->flags & NEXUS_REQUEST_STREAM) != 0;
  this->outcome = (nexus_outcome){.struct_size = sizeof this->outcome, .prompt_tokens = NEXUS_TOKENS_UNKNOWN,
                                  .completion_tokens = NEXUS_TOKENS_UNKNOWN, .cached_tokens = NEXUS_TOKENS_UNKNOWN};
  /* NEXUS_HTTP_EXCHANGE_BODY: the client's body, with the model's name as this backend knows it. */
  nexus_http_request upstream = {.struct_size = sizeof upstream, .flags = NEXUS_HTTP_EXCHANGE_BODY};
  upstream.method = text("POST");
  upstream.path = text(self->chat_path);
  upstream.headers = headers;
  upstream.header_count = request_headers(self, "application/json", request->request_id, headers);
  nexus_status status = self->host->http_start(task, &upstream, &handlers, this, &handle);
  if (status != NEXUS_OK) free(this); /* nothing was started, so no on_end comes */
  return status;
}
