/*
 * An adapter in one file, as a tutorial: read it from top to bottom.
 *
 * It teaches Nexus a server that does not speak OpenAI's API: one that only completes text, in the way of llama.cpp's
 * own POST /completion. A chat becomes a prompt, the server's pieces become chunks of a chat.
 *
 *     make && nexus adapters list --adapters-dir build
 *
 *     [[backends]]
 *     name = "local"                  # the server has one model without a name: clients ask for this
 *     type = "completion"
 *     url = "http://127.0.0.1:8080"
 *
 * The server's side:
 *
 *     GET /health       200 and {"status":"ok"} when it can answer, 503 while it loads its model
 *     POST /completion  {"prompt":"...","stream":false}: {"content":"...","tokens_evaluated":9,"tokens_predicted":4}
 *                       {"prompt":"...","stream":true}: events {"content":"..."}, the last one with "stop":true
 *
 * check.json says the same to `nexus adapter check --script check.json build/completion.so`.
 * For an adapter of your own start with `nexus adapter new` instead; with `--protocol custom` it is of this kind.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Three small parts that every new adapter gets, see templates/adapter/c. */
#include "events.h"  /* reads server-sent events */
#include "headers.h" /* keeps the headers of an answer */
#include "json.h"    /* reads JSON: a value is the place in the text where it stands */
#include "nexus_plugin.h"

#define TEXT(literal) {(literal), sizeof(literal) - 1}
#define LIMIT (16u * 1024 * 1024) /* bytes of a prompt and of an answer that are held */

/* ------------------------------------------------------------------------- 1. text that grows ---- */

typedef struct text {
  char *bytes;
  size_t length, capacity;
  bool failed; /* no memory, or too long: looked at once, at the end */
} text;

static void add(text *to, const char *bytes, size_t length) {
  if (to->failed || length > LIMIT - to->length) {
    to->failed = true;
    return;
  }
  if (to->length + length > to->capacity) {
    size_t capacity = (to->length + length) * 2;
    char *grown = realloc(to->bytes, capacity);
    if (grown == NULL) {
      to->failed = true;
      return;
    }
    to->bytes = grown;
    to->capacity = capacity;
  }
  if (length > 0) memcpy(to->bytes + to->length, bytes, length);
  to->length += length;
}

static void add_text(text *to, const char *content) { add(to, content, strlen(content)); }

/* A JSON value as it was written. Strings keep their quotes and escapes, so nothing has to be decoded and encoded
 * again. */
static void add_value(text *to, json value) { add(to, value.at, (size_t)(value.end - value.at)); }

static void add_number(text *to, uint64_t number) {
  char digits[24];
  add(to, digits, (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number));
}

/* -------------------------------------------------------------------------- 2. an instance ---- */

/* One configured backend. Event loops use it at the same time: nothing of it changes after create(). */
typedef struct backend {
  const nexus_host *host;
  const nexus_callbacks *callbacks;
  size_t name_length;
  char name[]; /* of its one model */
} backend;

static nexus_status create(const nexus_backend_config *config, const nexus_host *host,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  (void)error; /* there is nothing an operator could set wrongly: this adapter takes no options */
  backend *self = malloc(sizeof *self + config->name.len);
  if (self == NULL) return NEXUS_FAILED;
  self->host = host;
  self->callbacks = callbacks;
  self->name_length = config->name.len; /* `config` is borrowed for this call: what is kept is copied */
  memcpy(self->name, config->name.ptr, config->name.len);
  *instance = self;
  return NEXUS_OK;
}

static void destroy(void *instance) { free(instance); }

/* --------------------------------------------------------------------------------- 3. probes ---- */

/* A probe or an exchange that waits for the server: the `user` of an HTTP request, freed in its on_end. */
typedef struct call {
  const backend *self;
  nexus_task task;
  uint32_t status; /* the server's; 0: it has not answered yet */
  headers headers; /* the server's */
  bool wants_stream, has_begun, is_over;
  text held; /* a whole answer */
  events events;
  text model; /* as the client wrote it, with quotes */
  uint64_t prompt_tokens, completion_tokens;
} call;

static void free_call(call *call) {
  headers_free(&call->headers);
  events_free(&call->events);
  free(call->held.bytes);
  free(call->model.bytes);
  free(call);
}

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  call *call = user;
  (void)request;
  call->status = head->status;
  headers_copy(&call->headers, head); /* without memory for them the client gets none */
}

static void report(const backend *self, nexus_health_status status, const char *message, size_t length) {
  nexus_health health = {.struct_size = sizeof health, .status = status, .latency_ms = -1};
  health.message = (nexus_str){message, length};
  self->callbacks->report_health(&health);
}

static void on_probe_body(void *user, nexus_http request, const char *bytes, size_t length) {
  (void)request;
  add(&((call *)user)->held, bytes, length);
}

static void on_probe_end(void *user, nexus_http request, const nexus_http_end *end) {
  call *call = user;
  const backend *self = call->self;
  json health;
  (void)request;
  if (end->result == NEXUS_HTTP_COMPLETE && call->status == 200 &&
      !(json_parse(call->held.bytes, call->held.length, &health) && json_kind(health) == '{')) {
    static const char message[] = "GET /health did not answer with a JSON object; is this a server of that kind?";
    report(self, NEXUS_UNHEALTHY, message, sizeof message - 1);
  } else if (end->result == NEXUS_HTTP_COMPLETE && call->status == 200) {
    /* Models first: the report of health ends the probe, and both appear together. */
    /* A plain prompt is made of every chat. So it is known what never reaches the model: requests that need it go elsewhere. */
    nexus_model model = {
        .struct_size = sizeof model,
        .id = {self->name, self->name_length},
        .capabilities = NEXUS_MODEL_COMPLETION,
        .told = NEXUS_MODEL_COMPLETION | NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS | NEXUS_MODEL_EMBEDDING,
    };
    self->callbacks->report_models(&model, 1);
    report(self, NEXUS_HEALTHY, "", 0);
  } else if (end->result == NEXUS_HTTP_COMPLETE) {
    char message[64];
    int length = snprintf(message, sizeof message, "GET /health answered with status %u", call->status);
    report(self, call->status == 503 ? NEXUS_LOADING : NEXUS_UNHEALTHY, message, (size_t)length);
  } else if (end->result != NEXUS_HTTP_CANCELLED) {
    report(self, NEXUS_UNHEALTHY, end->message.ptr, end->message.len);
  }
  free_call(call);
}

static void probe(void *instance, nexus_task task) {
  static const nexus_http_handlers handlers = {sizeof handlers, 0, on_head, on_probe_body, on_probe_end};
  const backend *self = instance;
  call *call = calloc(1, sizeof *call);
  nexus_http handle;
  if (call == NULL) return; /* no report by the deadline counts as a failed probe */
  call->self = self;
  nexus_http_request request = {.struct_size = sizeof request, .method = TEXT("GET"), .path = TEXT("/health")};
  /* NEXUS_OK: events come, later, and on_end is the last of them. Else none comes, and `call` is still ours. */
  if (self->host->http_start(task, &request, &handlers, call, &handle) != NEXUS_OK) {
    static const char message[] = "the host did not send GET /health";
    report(self, NEXUS_UNHEALTHY, message, sizeof message - 1);
    free_call(call);
  }
}

/* ------------------------------------------------------------------- 4. the client's request ---- */

/* {"messages":[{"role":"user","content":"Hi"}]}  ->  {"prompt":"user: Hi\nassistant:", ...}. False: a message is no
 * text. `deadline_ms`: the time that is left; 0: no end is known. */
static bool make_prompt(text *out, json request, bool stream, uint64_t deadline_ms) {
  static const char *const kept[] = {"temperature", "top_p", "seed", "stop"};
  json messages, message, role, content, value;
  add_text(out, "{\"prompt\":\"");
  if (!json_member(request, "messages", &messages) || json_kind(messages) != '[') return false;
  while (json_next(&messages, NULL, &message)) {
    if (!json_member(message, "role", &role) || !json_member(message, "content", &content)) return false;
    if (json_kind(role) != '"' || json_kind(content) != '"') return false;
    add(out, role.at + 1, (size_t)(role.end - role.at - 2)); /* without its quotes, inside ours */
    add_text(out, ": ");
    add(out, content.at + 1, (size_t)(content.end - content.at - 2));
    add_text(out, "\\n");
  }
  add_text(out, stream ? "assistant:\",\"stream\":true" : "assistant:\",\"stream\":false");
  if (json_member(request, "max_tokens", &value) || json_member(request, "max_completion_tokens", &value)) {
    add_text(out, ",\"n_predict\":");
    add_value(out, value);
  }
  /* In time the server then stops by itself, and the client gets what there is. A stream may go on: the gateway ends none
   * that still gives pieces. */
  if (deadline_ms > 0 && !stream) {
    add_text(out, ",\"t_max_predict_ms\":");
    add_number(out, deadline_ms);
  }
  for (size_t index = 0; index < sizeof kept / sizeof *kept; index++) {
    if (!json_member(request, kept[index], &value)) continue;
    add_text(out, ",\"");
    add_text(out, kept[index]);
    add_text(out, "\":");
    add_value(out, value);
  }
  add_text(out, "}");
  return true;
}

/* ------------------------------------------------------------------------ 5. the server's answer ---- */

/* Both end the exchange: exactly one of them is called, once. */

static void fail(call *call, nexus_failure_kind kind, nexus_str message) {
  nexus_failure failure = {.struct_size = sizeof failure, .kind = kind, .status = call->status, .message = message,
                           .retry_after_ms = headers_retry_after_ms(&call->headers),
                           .prompt_tokens = call->prompt_tokens, .completion_tokens = call->completion_tokens,
                           .headers = call->headers.fields, .header_count = call->headers.count};
  call->is_over = true;
  call->self->host->exchange_fail(call->task, &failure);
}

static void finish(call *call) {
  nexus_outcome outcome = {.struct_size = sizeof outcome, .prompt_tokens = call->prompt_tokens,
                           .completion_tokens = call->completion_tokens, .cached_tokens = NEXUS_TOKENS_UNKNOWN};
  call->is_over = true;
  call->self->host->exchange_finish(call->task, &outcome);
}

/* Until the first write the gateway may still try another backend; so nothing is written before there is something to
 * say. */
static void put(call *call, const text *bytes) {
  /* All of the server's headers: the host picks those that a client may see, such as x-request-id. */
  nexus_response_head head = {.struct_size = sizeof head, .status = 200, .headers = call->headers.fields,
                              .header_count = call->headers.count};
  if (!call->has_begun) call->self->host->exchange_begin(call->task, &head);
  call->has_begun = true;
  call->self->host->exchange_write(call->task, bytes->bytes, bytes->length);
}

/* What whole answers and chunks have in common, up to the choice. */
static void add_start(text *out, const call *call, const char *object) {
  add_text(out, "{\"id\":\"completion\",\"object\":\"");
  add_text(out, object);
  add_text(out, "\",\"created\":");
  add_number(out, (uint64_t)time(NULL));
  add_text(out, ",\"model\":");
  add(out, call->model.bytes, call->model.length);
  add_text(out, ",\"choices\":[{\"index\":0,");
}

static const char *finish_reason(json answer) {
  json type;
  return json_member(answer, "stop_type", &type) && json_is(type, "limit") ? "length" : "stop";
}

static void take_counts(call *call, json answer) {
  json value;
  const uint64_t unknown = NEXUS_TOKENS_UNKNOWN;
  if (json_member(answer, "tokens_evaluated", &value)) call->prompt_tokens = json_count(value, unknown);
  if (json_member(answer, "tokens_predicted", &value)) call->completion_tokens = json_count(value, unknown);
}

static void whole_answer(call *call) {
  json answer, content;
  text out = {0};
  if (!json_parse(call->held.bytes, call->held.length, &answer) || !json_member(answer, "content", &content) ||
      json_kind(content) != '"') {
    fail(call, NEXUS_FAIL_UPSTREAM, (nexus_str)TEXT("the server's answer has no \"content\""));
    return;
  }
  take_counts(call, answer);
  add_start(&out, call, "chat.completion");
  add_text(&out, "\"message\":{\"role\":\"assistant\",\"content\":");
  add_value(&out, content);
  add_text(&out, "},\"finish_reason\":\"");
  add_text(&out, finish_reason(answer));
  add_text(&out, "\"}]");
  if (call->prompt_tokens != NEXUS_TOKENS_UNKNOWN && call->completion_tokens != NEXUS_TOKENS_UNKNOWN) {
    add_text(&out, ",\"usage\":{\"prompt_tokens\":");
    add_number(&out, call->prompt_tokens);
    add_text(&out, ",\"completion_tokens\":");
    add_number(&out, call->completion_tokens);
    add_text(&out, ",\"total_tokens\":");
    add_number(&out, call->prompt_tokens + call->completion_tokens);
    add_text(&out, "}");
  }
  add_text(&out, "}");
  if (out.failed) {
    fail(call, NEXUS_FAIL_INTERNAL, (nexus_str)TEXT("no memory for the answer"));
  } else {
    put(call, &out);
    finish(call);
  }
  free(out.bytes);
}

/* The data of one event of the server becomes one chunk; the last one becomes two and the end mark. */
static void take_event(call *call, nexus_str data) {
  json event, content, stop;
  text out = {0};
  if (!json_parse(data.ptr, data.len, &event)) {
    fail(call, NEXUS_FAIL_UPSTREAM, (nexus_str)TEXT("the server sent an event that is no JSON"));
    return;
  }
  if (!json_member(event, "content", &content) || json_kind(content) != '"') {
    fail(call, NEXUS_FAIL_UPSTREAM, (nexus_str)TEXT("the server sent an event without \"content\""));
    return;
  }
  add_text(&out, "data: ");
  add_start(&out, call, "chat.completion.chunk");
  add_text(&out, "\"delta\":{\"content\":");
  add_value(&out, content);
  add_text(&out, "},\"finish_reason\":null}]}\n\n");
  bool is_last = json_member(event, "stop", &stop) && json_kind(stop) == 't';
  if (is_last) {
    take_counts(call, event);
    add_text(&out, "data: ");
    add_start(&out, call, "chat.completion.chunk");
    add_text(&out, "\"delta\":{},\"finish_reason\":\"");
    add_text(&out, finish_reason(event));
    add_text(&out, "\"}]}\n\ndata: [DONE]\n\n");
  }
  if (out.failed) {
    fail(call, NEXUS_FAIL_INTERNAL, (nexus_str)TEXT("no memory for an event"));
  } else {
    put(call, &out);
    if (is_last) finish(call);
  }
  free(out.bytes);
}

/* Pieces of a body are cut anywhere: the reader keeps what is not a whole event yet. */
static void take_events(call *call, const char *bytes, size_t length) {
  event event;
  events_result result = EVENTS_NONE;
  while (!call->is_over && (result = events_next(&call->events, &bytes, &length, &event)) == EVENTS_ONE) {
    if (event.data.ptr != NULL) take_event(call, event.data); /* else a comment */
  }
  if (result == EVENTS_TOO_LARGE) {
    fail(call, NEXUS_FAIL_UPSTREAM, (nexus_str)TEXT("the server sent an event that is too large"));
  }
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  call *call = user;
  (void)request;
  if (call->is_over || length == 0) return;
  if (call->wants_stream && call->status == 200) {
    take_events(call, bytes, length);
    return;
  }
  add(&call->held, bytes, length);
  if (call->held.failed) fail(call, NEXUS_FAIL_UPSTREAM, (nexus_str)TEXT("the server's answer is too large"));
}

/* The answer was an error. Its kind decides whether the gateway tries another backend, so it has to be right. */
static void fail_with_status(call *call) {
  char message[64];
  int length = snprintf(message, sizeof message, "the server answered with status %u", call->status);
  nexus_failure_kind kind = NEXUS_FAIL_UPSTREAM;
  if (call->status == 401 || call->status == 403) kind = NEXUS_FAIL_AUTH;
  else if (call->status == 404 || call->status == 501) kind = NEXUS_FAIL_UNSUPPORTED;
  else if (call->status == 429 || call->status == 503) kind = NEXUS_FAIL_BUSY;
  else if (call->status >= 400 && call->status < 500) kind = NEXUS_FAIL_REJECTED;
  fail(call, kind, (nexus_str){message, (size_t)length});
}

static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  call *call = user;
  (void)request;
  if (call->is_over || end->result == NEXUS_HTTP_CANCELLED) {
    /* Nothing to say: it is answered, or the client has gone. */
  } else if (call->status != 0 && call->status != 200) {
    fail_with_status(call);
  } else if (end->result == NEXUS_HTTP_REFUSED) {
    fail(call, NEXUS_FAIL_CONNECT, end->message);
  } else if (end->result == NEXUS_HTTP_TIMED_OUT) {
    fail(call, NEXUS_FAIL_TIMEOUT, end->message);
  } else if (end->result != NEXUS_HTTP_COMPLETE) {
    fail(call, NEXUS_FAIL_UPSTREAM, end->message);
  } else if (call->wants_stream) {
    fail(call, NEXUS_FAIL_UPSTREAM, (nexus_str)TEXT("the server closed the stream before it was finished"));
  } else {
    whole_answer(call);
  }
  free_call(call); /* always the last call with this `user` */
}

static nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  static const nexus_http_handlers handlers = {sizeof handlers, 0, on_head, on_body, on_end};
  nexus_header headers[1 + NEXUS_LIMIT_PASSED_HEADERS] = {{TEXT("content-type"), TEXT("application/json")}};
  size_t header_count = 1;
  const backend *self = instance;
  json body, model;
  nexus_http handle;
  text prompt = {0};
  call *call = calloc(1, sizeof *call);
  if (call == NULL) return NEXUS_FAILED;
  call->self = self;
  call->task = exchange;
  call->wants_stream = (request->flags & NEXUS_REQUEST_STREAM) != 0;
  call->events.limit = LIMIT;
  call->prompt_tokens = call->completion_tokens = NEXUS_TOKENS_UNKNOWN;
  /* What came later than version 1.0 of the interface may be missing: a gateway can be older than this adapter. */
  uint64_t deadline_ms = NEXUS_HAS(request, deadline_ms) ? request->deadline_ms : 0;
  if (NEXUS_HAS(request, header_count)) {
    /* The client's headers that a server may see: its software's name, trace context and a few more. */
    for (size_t index = 0; index < request->header_count && index < NEXUS_LIMIT_PASSED_HEADERS; index++) {
      headers[header_count++] = request->headers[index];
    }
  }

  /* The host has checked that the body is an object with a string "model"; what it does not check is ours to check. To refuse
   * with words that the client reads, an exchange is failed in here, and NEXUS_OK says that it was ended. */
  nexus_status status = NEXUS_FAILED;
  if (!json_parse(request->body.ptr, request->body.len, &body) || !json_member(body, "model", &model) ||
      !make_prompt(&prompt, body, call->wants_stream, deadline_ms)) {
    static const char words[] = "this server completes text: each message must have a role and a content that is a text";
    fail(call, NEXUS_FAIL_UNSUPPORTED, (nexus_str){words, sizeof words - 1}); /* another backend may understand it */
    free_call(call);
    free(prompt.bytes);
    return NEXUS_OK;
  }
  add_value(&call->model, model);
  nexus_http_request upstream = {.struct_size = sizeof upstream, .method = TEXT("POST"), .path = TEXT("/completion"),
                                 .headers = headers, .header_count = header_count,
                                 .body = {prompt.bytes, prompt.length}};
  if (!prompt.failed && !call->model.failed) status = self->host->http_start(exchange, &upstream, &handlers, call, &handle);
  free(prompt.bytes); /* http_start has copied it */
  if (status != NEXUS_OK) free_call(call);
  return status;
}

/* --------------------------------------------------------------------------------- 6. the table ---- */

static const nexus_adapter table = {
    .abi_major = NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = sizeof(nexus_adapter),
    .type = TEXT("completion"),
    .display_name = TEXT("Plain completion"),
    .version = TEXT("1.0"),
    .kinds = NEXUS_KIND_CHAT,
    .create = create,
    .destroy = destroy,
    .probe = probe,
    .submit = submit,
};

/* The one symbol that the file exports. */
const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error) {
  (void)host, (void)error;
  return &table;
}
