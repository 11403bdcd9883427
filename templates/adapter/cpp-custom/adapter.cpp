// {{name}}: an adapter for the Nexus gateway. This file: the table that the gateway reads, the options, and the life of an
// instance. What the server is like stands in protocol.cpp.
#include "adapter.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "json.hpp"

using nexus::view;

// ---------------------------------------------------------------------------------------------- options ----

// "writeOnly" marks a secret: the gateway hides its value wherever it would be shown.
static constexpr char options_schema[] = R"({"type":"object","additionalProperties":false,"properties":{
  "streams":{"type":"boolean","default":true,"description":"false: the server cannot stream; it is asked for whole answers"},
  "access_token":{"type":"string","writeOnly":true,"description":"sent as x-access-token, for servers behind a gate of their own"}}})";

// What the operator should change. It names the option, and never the value of a secret.
struct Problem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The host has checked the options against the schema; what a schema cannot say is checked here.
static Options read_options(std::string_view text) {
  Options options;
  if (text.empty()) return options;
  auto object = Json::parse(text);
  if (!object || !object->is(Json::Kind::object)) throw Problem("options must be an object");
  for (std::size_t index = 0; index < object->names.size(); index++) {
    const std::string &name = object->names[index];
    const Json &value = object->items[index];
    if (name == "streams") {
      if (!value.is(Json::Kind::boolean)) throw Problem("options.streams must be true or false");
      options.streams = value.truth;
    } else if (name == "access_token") {
      bool is_line = value.text.size() <= 1000 && value.text.find_first_of("\r\n") == std::string::npos;
      if (!value.is(Json::Kind::text) || !is_line) {
        throw Problem("options.access_token must be one line of at most 1000 characters");
      }
      options.access_token = value.text;
    } else {
      throw Problem("options." + name + " is not known; known are: streams, access_token");
    }
  }
  return options;
}

// ------------------------------------------------------------------------------------------------- life ----

static nexus_status create(const nexus_backend_config *config, const nexus_host *host, const nexus_callbacks *callbacks,
                           void **instance, nexus_message *error) {
  return nexus::guarded(NEXUS_FAILED, [&] {
    try {
      auto self = std::make_unique<Backend>();
      self->host = host;
      self->callbacks = callbacks;
      self->options = read_options(view(config->options));
      // One key, several (since ABI 1.1), or none.
      bool has_several = NEXUS_HAS(config, api_key_count) && config->api_key_count > 1;
      for (std::size_t index = 0; index < (has_several ? config->api_key_count : 1); index++) {
        std::string_view key = view(has_several ? config->api_keys[index] : config->api_key);
        if (!key.empty()) self->keys.emplace_back(key);
      }
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

void Backend::add_own(nexus::Headers &headers, std::size_t key) const {
  if (!options.access_token.empty()) headers.add("x-access-token", options.access_token);
  if (key < keys.size()) headers.add("authorization", "Bearer " + keys[key]);
}

std::size_t Backend::next_key(std::size_t key) {
  std::size_t refused = key, next = (key + 1) % keys.size();
  this->key.compare_exchange_strong(refused, next);
  return next;
}

bool Backend::shows_secret(const std::string &text) const {
  auto holds = [&](const std::string &secret) { return !secret.empty() && text.find(secret) != std::string::npos; };
  return holds(options.access_token) || std::any_of(keys.begin(), keys.end(), holds);
}

// ------------------------------------------------------------------------------------------------ table ----

#define TEXT(literal) {(literal), sizeof(literal) - 1}

static const nexus_adapter table = {
    NEXUS_ABI_MAJOR,
    NEXUS_ABI_MINOR,
    sizeof(nexus_adapter),
    TEXT("{{name}}"),  // type
    TEXT("{{name}}"),  // display_name
    TEXT("0.1.0"),     // version
    TEXT(options_schema),
    nullptr,           // default_urls: where the gateway looks for such servers when nothing is configured
    0,
    NEXUS_KIND_CHAT,   // chats alone: clients of Anthropic's and Ollama's APIs are translated to these before they come here
    0,
    create,
    destroy,
    begin_probe,
    begin_exchange,
    nullptr,           // cancel
    nullptr,           // extension
};

const nexus_adapter *nexus_adapter_v1(const nexus_host *, nexus_message *) { return &table; }
