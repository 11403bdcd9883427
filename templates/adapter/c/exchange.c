/*
 * An exchange: a client's request goes to the server as it is, and the answer comes back as it is. On the way the
 * adapter looks at the answer, so that an error fails the exchange, a broken stream never looks like a whole one, and
 * tokens are counted. It ends in exactly one exchange_finish or exchange_fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter.h"
#include "events.h"
#include "json.h"

#define ANSWER_LIMIT (16u * 1024 * 1024) /* of a whole answer, and of one event of a stream */
#define ERROR_LIMIT NEXUS_LIMIT_FAILURE_BODY

typedef struct exchange {
  const backend *self;
  nexus_task task;
  bool wants_stream;
  bool is_stream; /* the server sends one */
  bool has_begun;
  bool is_over; /* finished or failed: whatever still comes is ignored */
  uint32_t status;
  headers headers; /* the server's */
  buffer held;     /* a whole answer, or the body of an error */
  events events;
  nexus_outcome outcome;
} exchange;

/* ---------------------------------------------------------------------------------------------- the ends -- */

/* Completes the failure with what is known of the exchange: the server's headers, for the client, and the tokens. */
static void end_failed(exchange *this, nexus_failure failure) {
  this->is_over = true;
  failure.headers = this->headers.fields;
  failure.header_count = this->headers.count;
  failure.prompt_tokens = this->outcome.prompt_tokens;
  failure.completion_tokens = this->outcome.completion_tokens;
  failure.cached_tokens = this->outcome.cached_tokens;
  this->self->host->exchange_fail(this->task, &failure);
}

/* The server's answer is none. */
static void end_broken(exchange *this, const char *message) {
  end_failed(this, (nexus_failure){.struct_size = sizeof(nexus_failure), .kind = NEXUS_FAIL_UPSTREAM,
                                   .status = this->status, .message = text(message)});
}

static void end_well(exchange *this) {
  this->is_over = true;
  this->self->host->exchange_finish(this->task, &this->outcome);
}

static void pass_on(exchange *this, nexus_str bytes) {
  if (!this->has_begun) {
    nexus_response_head head = {.struct_size = sizeof head, .status = this->status, .headers = this->headers.fields,
                                .header_count = this->headers.count};
    this->self->host->exchange_begin(this->task, &head);
    this->has_begun = true;
  }
  this->self->host->exchange_write(this->task, bytes.ptr, bytes.len);
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
static bool is_error(exchange *this, nexus_str bytes) {
  char message[MESSAGE_ROOM];
  uint32_t status = 502;
  if (!told_error(bytes.ptr, bytes.len, message, sizeof message, &status)) return false;
  end_failed(this, failure_of_answer(this->self, status, bytes.ptr, bytes.len, message));
  return true;
}

/* --------------------------------------------------------------------------------------------- a stream -- */

static void take_event(exchange *this, const event *event) {
  nexus_str data = event->data;
  json value;
  if (data.ptr == NULL) {
    /* A comment keeps a connection alive. Before the first event it would only take the gateway's chance to try
     * elsewhere. */
    if (this->has_begun) pass_on(this, event->text);
  } else if (data.len >= 6 && memcmp(data.ptr, "[DONE]", 6) == 0) {
    pass_on(this, event->text);
    end_well(this);
  } else if (is_error(this, data)) {
    return;
  } else if (!json_parse(data.ptr, data.len, &value)) {
    end_broken(this, "the server sent an event that is no JSON, or half of one");
  } else {
    count_tokens(this, value);
    pass_on(this, event->text);
  }
}

static void take_events(exchange *this, const char *bytes, size_t length) {
  event event;
  events_result result = EVENTS_NONE;
  while (!this->is_over && (result = events_next(&this->events, &bytes, &length, &event)) == EVENTS_ONE) {
    take_event(this, &event);
  }
  if (result == EVENTS_TOO_LARGE) end_broken(this, "the server sent an event that is too large");
}

/* ------------------------------------------------------------------------------------------ HTTP events -- */

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  exchange *this = user;
  static const char stream[] = "text/event-stream";
  (void)request;
  this->status = head->status;
  if (!headers_copy(&this->headers, head)) {
    end_failed(this, (nexus_failure){.struct_size = sizeof(nexus_failure), .kind = NEXUS_FAIL_INTERNAL,
                                     .message = text("no memory for the answer's headers")});
    return;
  }
  nexus_str type = headers_find(&this->headers, "content-type");
  this->is_stream = type.len >= sizeof stream - 1 && strncasecmp(type.ptr, stream, sizeof stream - 1) == 0;
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  exchange *this = user;
  (void)request;
  if (this->is_over) return;
  bool is_good = this->status <= 299;
  if (!is_good) {
    /* Of an error the first part will do. */
    buffer_add(&this->held, bytes, length, ERROR_LIMIT);
  } else if (this->is_stream && this->wants_stream) {
    take_events(this, bytes, length);
  } else if (!buffer_add(&this->held, bytes, length, ANSWER_LIMIT)) {
    end_broken(this, "the server's answer is too large");
  }
}

static void conclude(exchange *this, const nexus_http_end *end) {
  char message[MESSAGE_ROOM];
  json value;
  nexus_str body = {this->held.bytes, this->held.length};
  if (end->result == NEXUS_HTTP_CANCELLED) return; /* the exchange is over already: no one is left to tell */
  if (this->status > 299) {
    nexus_failure failure = failure_of_answer(this->self, this->status, body.ptr, body.len, message);
    failure.retry_after_ms = headers_retry_after_ms(&this->headers);
    end_failed(this, failure);
  } else if (end->result != NEXUS_HTTP_COMPLETE) {
    end_failed(this, failure_of_end(end));
  } else if (this->is_stream && this->wants_stream) {
    take_events(this, "\n\n", 2); /* the last event may lack its empty line */
    if (!this->is_over) end_broken(this, "the server closed the stream before it was finished");
  } else if (!json_parse(body.ptr, body.len, &value) || json_kind(value) != '{') {
    end_broken(this, "the server's answer is no JSON object");
  } else if (is_error(this, body)) {
    return;
  } else if (this->wants_stream || this->is_stream) {
    end_broken(this, "the server did not answer in the way that was asked for: streamed or whole");
  } else {
    count_tokens(this, value);
    pass_on(this, body);
    end_well(this);
  }
}

/* Always the last call: frees what the exchange needed. */
static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  exchange *this = user;
  (void)request;
  if (!this->is_over) conclude(this, end);
  buffer_free(&this->held);
  events_free(&this->events);
  headers_free(&this->headers);
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
  this->events.limit = ANSWER_LIMIT;
  this->wants_stream = (request->flags & NEXUS_REQUEST_STREAM) != 0;
  this->outcome = (nexus_outcome){.struct_size = sizeof this->outcome, .prompt_tokens = NEXUS_TOKENS_UNKNOWN,
                                  .completion_tokens = NEXUS_TOKENS_UNKNOWN, .cached_tokens = NEXUS_TOKENS_UNKNOWN};
  /* NEXUS_HTTP_EXCHANGE_BODY: the client's body, with the model's name as this backend knows it. */
  nexus_http_request upstream = {.struct_size = sizeof upstream, .flags = NEXUS_HTTP_EXCHANGE_BODY};
  upstream.method = text("POST");
  upstream.path = text(self->chat_path);
  upstream.headers = headers;
  upstream.header_count = request_headers(self, request, headers);
  nexus_status status = self->host->http_start(task, &upstream, &handlers, this, &handle);
  if (status != NEXUS_OK) free(this); /* nothing was started, so no on_end comes */
  return status;
}
