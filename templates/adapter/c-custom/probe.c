/* A probe: is the server up, and which models has it? It leads to exactly one report of health, models before it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"

/* What one probe needs until its last on_end. */
typedef struct asking {
  backend *self;
  nexus_task task;
  size_t key, tried;
  uint32_t status;
  buffer body;
} asking;

static void report(const backend *self, nexus_health_status status, const char *message) {
  nexus_health health = {.struct_size = sizeof health, .status = status, .latency_ms = -1, .message = text(message)};
  self->callbacks->report_health(&health);
}

/* False: the answer is no list of models, or there is no memory. */
static bool report_models(const backend *self, const buffer *body) {
  json answer, list, item, name;
  uint64_t context;
  size_t count = 0;
  if (body->failed || !json_parse(body->bytes, body->length, &answer) || !read_models(answer, &list)) return false;
  for (json rest = list; json_next(&rest, NULL, &item);) count++;
  nexus_model *models = calloc(count + 1, sizeof *models);
  /* All names together are shorter than the text they come from, their ends included. */
  char *names = malloc(body->length + 1);
  if (models == NULL || names == NULL) {
    free(models);
    free(names);
    return false;
  }
  char *place = names;
  count = 0;
  for (json rest = list; json_next(&rest, NULL, &item);) {
    if (!read_model(item, &name, &context)) continue;
    size_t length = json_text(name, place, body->length + 1 - (size_t)(place - names));
    if (length == 0) continue;
    models[count++] = (nexus_model){
        .struct_size = sizeof *models,
        .id = {place, length},
        .context_length = context,
        .device_memory = UINT64_MAX,
        /* What `told` names and `capabilities` does not, the model certainly lacks: requests that need it go elsewhere, and
         * if all backends lack it they are refused, before they come here. */
        .capabilities = NEXUS_MODEL_COMPLETION,
        .told = NEXUS_MODEL_COMPLETION | NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE |
                NEXUS_MODEL_EMBEDDING,
    };
    place += length + 1;
  }
  self->callbacks->report_models(models, count);
  free(models);
  free(names);
  return true;
}

/* --------------------------------------------------------------------------------------- HTTP events ---- */

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  (void)request;
  ((asking *)user)->status = head->status;
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  (void)request;
  add(&((asking *)user)->body, bytes, length);
}

static void conclude(const asking *asking, const nexus_http_end *end) {
  const backend *self = asking->self;
  char message[WORDS_ROOM];
  if (end->result == NEXUS_HTTP_CANCELLED) return; /* the probe is over already */
  if (end->result != NEXUS_HTTP_COMPLETE) {
    snprintf(message, sizeof message, "GET %s: %.*s", models_path, (int)end->message.len, end->message.ptr);
  } else if (asking->status == 401 || asking->status == 403) {
    snprintf(message, sizeof message, "GET %s: the server refuses the API key (status %u); set api_key_env to the variable"
             " that holds it", models_path, asking->status);
  } else if (asking->status < 200 || asking->status > 299) {
    snprintf(message, sizeof message, "GET %s answered with status %u", models_path, asking->status);
  } else if (!report_models(self, &asking->body)) {
    snprintf(message, sizeof message, "GET %s did not answer with a list of models; is url right?", models_path);
  } else {
    report(self, NEXUS_HEALTHY, "");
    return;
  }
  report(self, NEXUS_UNHEALTHY, message);
}

static nexus_status ask(asking *asking);

/* Another key may be good, where the server refuses this one. True: it is asked again. */
static bool tries_next_key(asking *asking) {
  backend *self = asking->self;
  if ((asking->status != 401 && asking->status != 403) || ++asking->tried >= self->key_count) return false;
  asking->key = next_key(self, asking->key);
  asking->body.length = 0;
  return ask(asking) == NEXUS_OK;
}

/* Always the last call for a request: frees what the probe needed, unless it asks once more. */
static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  asking *asking = user;
  (void)request;
  if (end->result == NEXUS_HTTP_COMPLETE && tries_next_key(asking)) return;
  conclude(asking, end);
  buffer_free(&asking->body);
  free(asking);
}

static nexus_status ask(asking *asking) {
  static const nexus_http_handlers handlers = {sizeof handlers, 0, on_head, on_body, on_end};
  nexus_header headers[1 + OWN_HEADERS] = {{text("accept"), text("application/json")}};
  nexus_http handle;
  nexus_http_request request = {.struct_size = sizeof request, .method = text("GET"), .path = text(models_path)};
  request.headers = headers;
  request.header_count = 1 + own_headers(asking->self, asking->key, headers + 1);
  return asking->self->host->http_start(asking->task, &request, &handlers, asking, &handle);
}

void probe(void *instance, nexus_task task) {
  backend *self = instance;
  asking *asking = calloc(1, sizeof *asking);
  if (asking == NULL) {
    report(self, NEXUS_UNHEALTHY, "no memory for a probe");
    return;
  }
  asking->self = self;
  asking->task = task;
  asking->key = atomic_load(&self->key);
  if (ask(asking) != NEXUS_OK) {
    free(asking); /* nothing was started, so no on_end comes */
    report(self, NEXUS_UNHEALTHY, "the host did not send the request of a probe");
  }
}
