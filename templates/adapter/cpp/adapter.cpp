// {{name}}: an adapter for the Nexus gateway. This file: the table that the gateway reads, and the life of an instance.
#include "adapter.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "json.hpp"

using nexus::lend;
using nexus::view;

// ---------------------------------------------------------------------------------------------- options ----

static constexpr char options_schema[] = R"({"type":"object","additionalProperties":false,"properties":{
  "path_prefix":{"type":"string","description":"before /models and /chat/completions","default":"/v1"}}})";

// What the operator should change.
struct Problem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The host has checked the options against the schema; what a schema cannot say is checked here.
static std::string path_prefix(std::string_view options) {
  std::string prefix = "/v1";
  if (options.empty()) return prefix;
  auto object = Json::parse(options);
  if (!object || !object->is(Json::Kind::object)) throw Problem("options must be an object");
  for (std::size_t index = 0; index < object->names.size(); index++) {
    const Json &value = object->items[index];
    if (object->names[index] != "path_prefix") {
      throw Problem("options." + object->names[index] + " is not known; known are: path_prefix");
    }
    prefix = value.text;
    bool is_path = prefix.empty() || (prefix.front() == '/' && prefix.back() != '/');
    if (!value.is(Json::Kind::text) || !is_path) {
      throw Problem("options.path_prefix must be a text like \"/v1\", without a slash at its end, or empty");
    }
  }
  return prefix;
}

// ------------------------------------------------------------------------------------------------- life ----

static nexus_status create(const nexus_backend_config *config, const nexus_host *host, const nexus_callbacks *callbacks,
                           void **instance, nexus_message *error) {
  return nexus::guarded(NEXUS_FAILED, [&] {
    try {
      auto self = std::make_unique<Backend>();
      std::string prefix = path_prefix(view(config->options));
      self->host = host;
      self->callbacks = callbacks;
      self->api_key = view(config->api_key);
      self->models_path = prefix + "/models";
      self->chat_path = prefix + "/chat/completions";
      *instance = self.release();
      return NEXUS_OK;
    } catch (const Problem &problem) {
      error->length = std::min(std::strlen(problem.what()), error->capacity);
      std::memcpy(error->ptr, problem.what(), error->length);
      return NEXUS_INVALID;
    }
  });
}

// All tasks of the instance have ended before.
static void destroy(void *instance) { delete static_cast<Backend *>(instance); }

static void begin_probe(void *instance, nexus_task task) {
  nexus::guarded(0, [&] { return probe(*static_cast<Backend *>(instance), task), 0; });
}

static nexus_status begin_exchange(void *instance, nexus_task task, const nexus_request *request) {
  return nexus::guarded(NEXUS_FAILED, [&] { return submit(*static_cast<Backend *>(instance), task, *request); });
}

nexus::Headers Backend::headers(const nexus_request *request) const {
  nexus::Headers headers;
  headers.add("accept", "application/json, text/event-stream");
  if (!api_key.empty()) headers.add("authorization", "Bearer " + api_key);
  if (request == nullptr) return headers;
  headers.add("content-type", "application/json");
  if (request->request_id.len > 0) headers.add("x-request-id", view(request->request_id));
  // The client's own headers that may go to a server. A gateway from before ABI 1.2 does not give them.
  if (!NEXUS_HAS(request, header_count)) return headers;
  for (std::size_t index = 0; index < request->header_count; index++) {
    headers.add(view(request->headers[index].name), view(request->headers[index].value));
  }
  return headers;
}

// ------------------------------------------------------------------------------------------------ table ----

#define TEXT(literal) {(literal), sizeof(literal) - 1}

static const nexus_adapter table = {
    NEXUS_ABI_MAJOR,
    NEXUS_ABI_MINOR,
    sizeof(nexus_adapter),
    TEXT("{{name}}"),      // type
    TEXT("{{name}}"),      // display_name
    TEXT("0.1.0"),         // version
    TEXT(options_schema),
    nullptr,               // default_urls: where the gateway looks for such servers when nothing is configured
    0,
    NEXUS_KIND_CHAT,       // kinds
    0,
    create,
    destroy,
    begin_probe,
    begin_exchange,
    nullptr,               // cancel
    nullptr,               // extension
};

const nexus_adapter *nexus_adapter_v1(const nexus_host *, nexus_message *) { return &table; }
