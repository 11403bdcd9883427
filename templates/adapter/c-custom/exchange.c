/*
 * An exchange: a client's request is translated, sent, and what the server answers becomes an answer in OpenAI's shape. The
 * client asks for a whole answer or for a stream, and the server gives what it can: all four cases end here. It ends in
 * exactly one exchange_finish or exchange_fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "adapter.h"
#include "headers.h"

#define SENT_HEADERS (3 + NEXUS_LIMIT_PASSED_HEADERS)

typedef struct exchange {
  backend *self;
  nexus_task task;
  bool wants_stream; /* the client */
  bool wants_usage;  /* at the end of a stream */
  bool is_stream;    /* what the server sends */
  bool has_begun;
  bool is_over; /* finished or failed: whatever still comes is ignored */
  /* What is sent, kept for the case that the server refuses a key and another one is left. */
  translation sent;
  headers sent_headers;
  size_t key, tried;
  /* What comes back. */
  uint32_t status;
  headers headers;
  buffer held; /* a whole answer, the body of an error, or a line that is not complete yet */
  buffer said; /* the text so far, for a client that wants it whole */
  buffer model, id;
  bool has_ended; /* the last piece has come */
  nexus_outcome outcome;
} exchange;

static void free_exchange(exchange *this) {
  buffer_free(&this->sent.body);
  buffer_free(&this->sent.dropped);
  headers_free(&this->sent_headers);
  headers_free(&this->headers);
  buffer_free(&this->held);
  buffer_free(&this->said);
  buffer_free(&this->model);
  buffer_free(&this->id);
  free(this);
}

/* ---------------------------------------------------------------------------------------------- the ends -- */

/* Tells what is known of the exchange as well: the server's headers, for the client, and the tokens. */
static void fail(exchange *this, nexus_failure_kind kind, nexus_str message) {
  nexus_failure failure = {.struct_size = sizeof failure, .kind = kind, .status = this->status, .message = message,
                           .retry_after_ms = headers_retry_after_ms(&this->headers),
                           .prompt_tokens = this->outcome.prompt_tokens,
                           .completion_tokens = this->outcome.completion_tokens,
                           .headers = this->headers.fields, .header_count = this->headers.count};
  this->is_over = true;
  this->self->host->exchange_fail(this->task, &failure);
}

/* The server's answer is none. */
static void fail_broken(exchange *this, const char *message) { fail(this, NEXUS_FAIL_UPSTREAM, text(message)); }

/* An error of the server, in its own words if it has any. */
static void fail_told(exchange *this, uint32_t status, const char *words) {
  char message[WORDS_ROOM];
  nexus_failure_kind kind = kind_of_status(status);
  this->status = status;
  if (kind == NEXUS_FAIL_AUTH) {
    snprintf(message, sizeof message, "the server wants an API key or refuses the one it got (status %u); see api_key_env",
             status);
  } else if (words[0] == 0 || shows_secret(this->self, words)) {
    snprintf(message, sizeof message, "the server answered with status %u", status);
  } else {
    snprintf(message, sizeof message, "%s", words);
  }
  fail(this, kind, text(message));
}

static void finish(exchange *this) {
  this->is_over = true;
  this->self->host->exchange_finish(this->task, &this->outcome);
}

/* Until the first write the gateway may still try another backend, so nothing is written before there is something to say. */
static void put(exchange *this, buffer *bytes) {
  if (bytes->failed) {
    fail_broken(this, "the server's answer is too large");
  } else {
    if (!this->has_begun) {
      /* What was left out of the request is told in x-nexus-warning. Of the server's headers the host takes those that a
       * client may see. */
      nexus_response_head head = {.struct_size = sizeof head, .status = 200, .headers = this->headers.fields,
                                  .header_count = this->headers.count};
      head.warning = (nexus_str){this->sent.dropped.bytes, this->sent.dropped.length};
      this->self->host->exchange_begin(this->task, &head);
      this->has_begun = true;
    }
    this->self->host->exchange_write(this->task, bytes->bytes, bytes->length);
  }
  buffer_free(bytes);
}

/* --------------------------------------------------------------------------------- the answer, for OpenAI -- */

/* What answers and chunks have in common. */
static void add_start(buffer *to, const exchange *this, const char *object) {
  add_text(to, "{\"id\":\"chatcmpl-");
  add(to, this->id.bytes, this->id.length);
  add_text(to, "\",\"object\":\"");
  add_text(to, object);
  add_text(to, "\",\"created\":");
  add_number(to, (uint64_t)time(NULL));
  add_text(to, ",\"model\":");
  add(to, this->model.bytes, this->model.length);
}

static bool has_usage(const exchange *this) {
  return this->outcome.prompt_tokens != NEXUS_TOKENS_UNKNOWN && this->outcome.completion_tokens != NEXUS_TOKENS_UNKNOWN;
}

static void add_usage(buffer *to, const exchange *this) {
  add_text(to, ",\"usage\":{\"prompt_tokens\":");
  add_number(to, this->outcome.prompt_tokens);
  add_text(to, ",\"completion_tokens\":");
  add_number(to, this->outcome.completion_tokens);
  add_text(to, ",\"total_tokens\":");
  add_number(to, this->outcome.prompt_tokens + this->outcome.completion_tokens);
  add_text(to, "}");
}

/* One event of a stream. */
static void put_text(exchange *this, json said) {
  buffer out = {0};
  add_text(&out, "data: ");
  add_start(&out, this, "chat.completion.chunk");
  add_text(&out, ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":");
  add_value(&out, said);
  add_text(&out, "},\"finish_reason\":null}]}\n\n");
  put(this, &out);
}

static void end_stream(exchange *this, const char *reason) {
  buffer out = {0};
  add_text(&out, "data: ");
  add_start(&out, this, "chat.completion.chunk");
  add_text(&out, ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"");
  add_text(&out, reason);
  add_text(&out, "\"}]}\n\n");
  if (this->wants_usage && has_usage(this)) {
    add_text(&out, "data: ");
    add_start(&out, this, "chat.completion.chunk");
    add_text(&out, ",\"choices\":[]");
    add_usage(&out, this);
    add_text(&out, "}\n\n");
  }
  add_text(&out, "data: [DONE]\n\n");
  put(this, &out);
}

static void put_whole(exchange *this, const char *reason) {
  buffer out = {0};
  add_start(&out, this, "chat.completion");
  add_text(&out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
  add(&out, this->said.bytes, this->said.length);
  add_text(&out, "\"},\"finish_reason\":\"");
  add_text(&out, reason);
  add_text(&out, "\"}]");
  if (has_usage(this)) add_usage(&out, this);
  add_text(&out, "}");
  if (this->said.failed) out.failed = true;
  put(this, &out);
}

/* A line of the server's stream, or its whole answer: a client that wants a stream gets it at once, any other at the end. */
static void take(exchange *this, const char *bytes, size_t length, const char *is_none) {
  char words[WORDS_ROOM];
  json value;
  piece piece;
  if (!json_parse(bytes, length, &value)) {
    fail_broken(this, is_none);
  } else if (read_error(value, words)) {
    fail_told(this, 502, words);
  } else if (!read_piece(value, &piece)) {
    fail_broken(this, is_none);
  } else {
    if (piece.prompt_tokens != NEXUS_TOKENS_UNKNOWN) this->outcome.prompt_tokens = piece.prompt_tokens;
    if (piece.completion_tokens != NEXUS_TOKENS_UNKNOWN) this->outcome.completion_tokens = piece.completion_tokens;
    if (piece.text.at != NULL) {
      if (this->wants_stream) put_text(this, piece.text);
      else add_inside(&this->said, piece.text);
    }
    if (!piece.is_last || this->is_over) return;
    if (this->wants_stream) end_stream(this, piece.finish_reason);
    else put_whole(this, piece.finish_reason);
    if (!this->is_over) finish(this);
  }
}

/* ------------------------------------------------------------------------------------------ HTTP events -- */

static nexus_status ask(exchange *this);

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  exchange *this = user;
  (void)request;
  this->status = head->status;
  headers_copy(&this->headers, head); /* without memory for them the client gets none */
  nexus_str type = headers_find(&this->headers, "content-type");
  this->is_stream = type.len >= strlen(stream_type) && strncasecmp(type.ptr, stream_type, strlen(stream_type)) == 0;
}

/* Pieces of a body are cut anywhere: what is no whole line yet is held. */
static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  exchange *this = user;
  (void)request;
  const char *end;
  while (!this->is_over && this->is_stream && this->status <= 299 && (end = memchr(bytes, '\n', length)) != NULL) {
    size_t size = (size_t)(end - bytes);
    add(&this->held, bytes, size);
    bytes += size + 1;
    length -= size + 1;
    if (!this->held.failed && this->held.length > 0) {
      take(this, this->held.bytes, this->held.length, "the server sent a line that is no piece of an answer");
    }
    this->held.length = 0;
  }
  if (this->is_over) return;
  add(&this->held, bytes, length);
  if (this->held.failed) fail_broken(this, "the server's answer is too large");
}

/* The server refuses this key or has enough of it: the next one is tried, once each. True: the request is sent again. */
static bool tries_next_key(exchange *this) {
  bool is_about_key = this->status == 401 || this->status == 403 || this->status == 429;
  if (!is_about_key || ++this->tried >= this->self->key_count) return false;
  this->key = next_key(this->self, this->key);
  headers_free(&this->headers);
  this->held.length = 0;
  uint32_t status = this->status;
  this->status = 0;
  if (ask(this) == NEXUS_OK) return true;
  this->status = status;
  return false;
}

static void conclude(exchange *this, const nexus_http_end *end) {
  char words[WORDS_ROOM] = "";
  json value;
  if (end->result == NEXUS_HTTP_CANCELLED) return; /* the exchange is over already: no one is left to tell */
  if (this->status > 299) {
    if (json_parse(this->held.bytes, this->held.length, &value) && !read_error(value, words)) words[0] = 0;
    fail_told(this, this->status, words);
  } else if (end->result == NEXUS_HTTP_REFUSED) {
    fail(this, NEXUS_FAIL_CONNECT, end->message);
  } else if (end->result == NEXUS_HTTP_TIMED_OUT) {
    fail(this, NEXUS_FAIL_TIMEOUT, end->message);
  } else if (end->result != NEXUS_HTTP_COMPLETE) {
    fail(this, NEXUS_FAIL_UPSTREAM, end->message);
  } else if (this->is_stream && this->held.length == 0) {
    fail_broken(this, "the server closed the stream before it was finished");
  } else {
    /* A whole answer, or a last line without an end. */
    take(this, this->held.bytes, this->held.length, "the server's answer is none, or half of one");
    if (!this->is_over) fail_broken(this, "the server's answer ends before it is finished");
  }
}

/* Always the last call for a request: frees what the exchange needed, unless it is asked once more. */
static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  exchange *this = user;
  (void)request;
  if (!this->is_over && end->result == NEXUS_HTTP_COMPLETE && tries_next_key(this)) return;
  if (!this->is_over) conclude(this, end);
  free_exchange(this);
}

/* ------------------------------------------------------------------------------------------- the request -- */

static nexus_status ask(exchange *this) {
  static const nexus_http_handlers handlers = {sizeof handlers, 0, on_head, on_body, on_end};
  nexus_header headers[SENT_HEADERS + OWN_HEADERS];
  nexus_http handle;
  size_t count = own_headers(this->self, this->key, headers);
  for (size_t index = 0; index < this->sent_headers.count; index++) headers[count++] = this->sent_headers.fields[index];
  nexus_http_request request = {.struct_size = sizeof request, .method = text("POST"), .path = text(answer_path),
                                .headers = headers, .header_count = count};
  request.body = (nexus_str){this->sent.body.bytes, this->sent.body.length};
  return this->self->host->http_start(this->task, &request, &handlers, this, &handle);
}

/* Copies the headers that go with the request, whichever key does. False: no memory. */
static bool keep_headers(exchange *this, const nexus_request *request) {
  nexus_header fields[SENT_HEADERS] = {{text("content-type"), text("application/json")},
                                       {text("accept"), text("*/*")},
                                       {text("x-request-id"), request->request_id}};
  size_t count = request->request_id.len > 0 ? 3 : 2;
  /* The client's own headers that may go to a server. A gateway from before ABI 1.2 does not give them. */
  if (NEXUS_HAS(request, header_count)) {
    for (size_t index = 0; index < request->header_count && count < SENT_HEADERS; index++) {
      fields[count++] = request->headers[index];
    }
  }
  nexus_http_head all = {.struct_size = sizeof all, .headers = fields, .header_count = count};
  return headers_copy(&this->sent_headers, &all);
}

static bool prepare(exchange *this, const nexus_request *request) {
  json body, model;
  if (!json_parse(request->body.ptr, request->body.len, &body) || !json_member(body, "model", &model)) {
    this->sent.refusal = NEXUS_FAIL_REJECTED;
    snprintf(this->sent.words, sizeof this->sent.words, "the request is no JSON object with a \"model\"");
    return false;
  }
  add_value(&this->model, model);
  add(&this->id, request->request_id.ptr, request->request_id.len);
  return translate(body, this->wants_stream && this->self->streams, &this->sent);
}

/*
 * Refusing with words: exchange_fail says why, and NEXUS_OK that the exchange was ended. Any other status would end it as
 * well, but a client would only read that the adapter did not take its request.
 */
nexus_status submit(void *instance, nexus_task task, const nexus_request *request) {
  if (request->kind != NEXUS_KIND_CHAT) return NEXUS_UNSUPPORTED; /* the gateway never asks for another one */
  exchange *this = calloc(1, sizeof *this);
  if (this == NULL) return NEXUS_FAILED;
  this->self = instance;
  this->task = task;
  this->key = atomic_load(&this->self->key);
  this->wants_stream = (request->flags & NEXUS_REQUEST_STREAM) != 0;
  this->wants_usage = (request->flags & NEXUS_REQUEST_INCLUDE_USAGE) != 0;
  this->outcome = (nexus_outcome){.struct_size = sizeof this->outcome, .prompt_tokens = NEXUS_TOKENS_UNKNOWN,
                                  .completion_tokens = NEXUS_TOKENS_UNKNOWN, .cached_tokens = NEXUS_TOKENS_UNKNOWN};
  nexus_status status = NEXUS_OK;
  if (!prepare(this, request)) {
    fail(this, this->sent.refusal, text(this->sent.words));
  } else if (!keep_headers(this, request) || this->model.failed || this->id.failed) {
    status = NEXUS_FAILED;
  } else {
    status = ask(this);
    if (status == NEXUS_OK) return NEXUS_OK; /* on_end comes, and frees it */
  }
  free_exchange(this);
  return status;
}
