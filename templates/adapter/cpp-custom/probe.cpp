// A probe: is the server up, and which models has it? It leads to exactly one report of health, models before it.
#include "adapter.hpp"
#include "protocol.hpp"

using nexus::lend;
using nexus::view;

namespace {

constexpr std::size_t body_limit = 8u * 1024 * 1024;

void report(const Backend &backend, nexus_health_status status, std::string_view message) {
  auto health = nexus::fresh<nexus_health>();
  health.status = status;
  health.latency_ms = -1;
  health.message = lend(message);
  backend.callbacks->report_health(&health);
}

// False: the answer is no list of models.
bool report_models(const Backend &backend, std::string_view body) {
  auto answer = Json::parse(body);
  auto told = answer ? protocol::models(*answer) : std::nullopt;
  if (!told) return false;
  std::vector<nexus_model> models;
  for (const auto &one : *told) {
    auto model = nexus::fresh<nexus_model>();
    model.id = lend(one.name);
    model.context_length = one.context;
    model.device_memory = UINT64_MAX;
    // What `told` names and `capabilities` does not, the model certainly lacks: requests that need it go elsewhere, and if all
    // backends lack it they are refused, before they come here.
    model.capabilities = NEXUS_MODEL_COMPLETION;
    model.told = NEXUS_MODEL_COMPLETION | NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE | NEXUS_MODEL_EMBEDDING;
    models.push_back(model);
  }
  backend.callbacks->report_models(models.data(), models.size());
  return true;
}

nexus_status ask(Backend &backend, nexus_task task, std::size_t key, std::size_t tried);

class Asking : public nexus::Handler {
 public:
  Asking(Backend &backend, nexus_task task, std::size_t key, std::size_t tried)
      : backend_(backend), task_(task), key_(key), tried_(tried) {}

  void head(const nexus_http_head &head) override { status_ = head.status; }

  void body(std::string_view bytes) override {
    is_cut_ = is_cut_ || body_.size() + bytes.size() > body_limit;
    if (!is_cut_) body_ += bytes;
  }

  void end(const nexus_http_end &end) override {
    std::string asked = std::string("GET ") + protocol::models_path;
    std::string status = std::to_string(status_);
    if (end.result == NEXUS_HTTP_CANCELLED) return;  // the probe is over already
    // Another key may be good, where the server refuses this one.
    bool is_refused = end.result == NEXUS_HTTP_COMPLETE && (status_ == 401 || status_ == 403);
    if (is_refused && tried_ + 1 < backend_.keys.size() &&
        ask(backend_, task_, backend_.next_key(key_), tried_ + 1) == NEXUS_OK) {
      return;
    }
    if (end.result != NEXUS_HTTP_COMPLETE) {
      unhealthy(asked + ": " + std::string(view(end.message)));
    } else if (status_ == 401 || status_ == 403) {
      unhealthy(asked + ": the server refuses the API key (status " + status +
                "); set api_key_env to the variable that holds it");
    } else if (status_ < 200 || status_ > 299) {
      unhealthy(asked + " answered with status " + status);
    } else if (is_cut_ || !report_models(backend_, body_)) {
      unhealthy(asked + " did not answer with a list of models; is url right?");
    } else {
      report(backend_, NEXUS_HEALTHY, "");
    }
  }

  void broken() noexcept override { report(backend_, NEXUS_UNHEALTHY, "the adapter failed; is there memory?"); }

 private:
  Backend &backend_;  // an instance outlives its tasks
  nexus_task task_;
  std::size_t key_;
  std::size_t tried_;
  std::uint32_t status_ = 0;
  bool is_cut_ = false;
  std::string body_;

  void unhealthy(const std::string &message) { report(backend_, NEXUS_UNHEALTHY, message); }
};

nexus_status ask(Backend &backend, nexus_task task, std::size_t key, std::size_t tried) {
  nexus::Headers headers;
  headers.add("accept", "application/json");
  backend.add_own(headers, key);
  auto fields = headers.fields();
  auto request = nexus::fresh<nexus_http_request>();
  request.method = lend("GET");
  request.path = lend(protocol::models_path);
  request.headers = fields.data();
  request.header_count = fields.size();
  return nexus::start(backend.host, task, request, std::make_unique<Asking>(backend, task, key, tried));
}

}  // namespace

void probe(Backend &backend, nexus_task task) {
  if (ask(backend, task, backend.key, 0) != NEXUS_OK) {
    report(backend, NEXUS_UNHEALTHY, "the host did not send the request of a probe");
  }
}
