/* A probe: is the server up, and which models has it? It leads to exactly one report of health, models before it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "json.h"

#define BODY_LIMIT (8u * 1024 * 1024)

/* What one probe needs until on_end. */
typedef struct asking {
  const backend *self;
  uint32_t status;
  bool is_cut;
  buffer body;
} asking;

static void report(const backend *self, nexus_health_status status, const char *message) {
  nexus_health health = {.struct_size = sizeof health, .status = status, .latency_ms = -1, .message = text(message)};
  self->callbacks->report_health(&health);
}

static uint64_t count_in(json object, const char *name) {
  json value;
  return json_member(object, name, &value) ? json_count(value, 0) : 0;
}

/* Reports the models of {"data":[{"id":"..."}]}. False: that is not what the body is, or there is no memory. */
static bool report_models(const backend *self, const buffer *body) {
  json list, data, item, id;
  size_t count = 0;
  if (!json_parse(body->bytes, body->length, &list) || !json_member(list, "data", &data) || json_kind(data) != '[') {
    return false;
  }
  for (json rest = data; json_next(&rest, NULL, &item);) count++;
  nexus_model *models = calloc(count + 1, sizeof *models);
  /* All ids together are shorter than the text they come from, their ends included. */
  char *ids = malloc(body->length + 1);
  if (models == NULL || ids == NULL) {
    free(models);
    free(ids);
    return false;
  }
  char *place = ids;
  count = 0;
  for (json rest = data; json_next(&rest, NULL, &item);) {
    if (!json_member(item, "id", &id)) continue;
    size_t length = json_text(id, place, body->length + 1 - (size_t)(place - ids));
    if (length == 0) continue;
    nexus_model *model = &models[count++];
    model->struct_size = sizeof *model;
    model->id = (nexus_str){place, length};
    model->created = (int64_t)count_in(item, "created");
    model->context_length = count_in(item, "max_model_len");
    if (model->context_length == 0) model->context_length = count_in(item, "context_length");
    /* The list says nothing of what the model can do. Where yours does, set `capabilities`, and in `told` all bits that it
     * speaks of: what is told and missing the model certainly lacks. */
    place += length + 1;
  }
  self->callbacks->report_models(models, count);
  free(models);
  free(ids);
  return true;
}

/* --------------------------------------------------------------------------------------- HTTP events ---- */

static void on_head(void *user, nexus_http request, const nexus_http_head *head) {
  asking *asking = user;
  (void)request;
  asking->status = head->status;
}

static void on_body(void *user, nexus_http request, const char *bytes, size_t length) {
  asking *asking = user;
  (void)request;
  if (!buffer_add(&asking->body, bytes, length, BODY_LIMIT)) asking->is_cut = true;
}

static void conclude(const asking *asking, const nexus_http_end *end) {
  const backend *self = asking->self;
  char message[MESSAGE_ROOM * 2];
  if (end->result == NEXUS_HTTP_CANCELLED) return; /* the probe is over already */
  if (end->result != NEXUS_HTTP_COMPLETE) {
    snprintf(message, sizeof message, "GET %s: %.*s", self->models_path, (int)end->message.len, end->message.ptr);
    report(self, NEXUS_UNHEALTHY, message);
  } else if (asking->status == 401 || asking->status == 403) {
    snprintf(message, sizeof message, "GET %s: the server refuses the API key (status %u); set api_key_env to the "
             "variable that holds it", self->models_path, asking->status);
    report(self, NEXUS_UNHEALTHY, message);
  } else if (asking->status < 200 || asking->status > 299) {
    snprintf(message, sizeof message, "GET %s answered with status %u", self->models_path, asking->status);
    report(self, NEXUS_UNHEALTHY, message);
  } else if (asking->is_cut || !report_models(self, &asking->body)) {
    snprintf(message, sizeof message, "GET %s did not answer with a list of models; is options.path_prefix right?",
             self->models_path);
    report(self, NEXUS_UNHEALTHY, message);
  } else {
    report(self, NEXUS_HEALTHY, "");
  }
}

/* Always the last call: frees what the probe needed. */
static void on_end(void *user, nexus_http request, const nexus_http_end *end) {
  asking *asking = user;
  (void)request;
  conclude(asking, end);
  buffer_free(&asking->body);
  free(asking);
}

void probe(void *instance, nexus_task task) {
  const backend *self = instance;
  static const nexus_http_handlers handlers = {sizeof handlers, 0, on_head, on_body, on_end};
  nexus_header headers[HEADER_ROOM];
  nexus_http handle;
  asking *asking = calloc(1, sizeof *asking);
  if (asking == NULL) {
    report(self, NEXUS_UNHEALTHY, "no memory for a probe");
    return;
  }
  asking->self = self;
  nexus_http_request request = {.struct_size = sizeof request, .method = text("GET"), .headers = headers};
  request.path = text(self->models_path);
  request.header_count = request_headers(self, NULL, headers);
  if (self->host->http_start(task, &request, &handlers, asking, &handle) != NEXUS_OK) {
    free(asking); /* nothing was started, so no on_end comes */
    report(self, NEXUS_UNHEALTHY, "the host did not send the request of a probe");
  }
}
