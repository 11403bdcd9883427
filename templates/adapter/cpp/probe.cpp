// A probe: is the server up, and which models has it? It leads to exactly one report of health, models before it.
#include "adapter.hpp"
#include "json.hpp"

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

std::uint64_t count_in(const Json &object, std::string_view name) {
  const Json *value = object.member(name);
  return value == nullptr ? 0 : value->count().value_or(0);
}

// Reports the models of {"data":[{"id":"..."}]}. False: that is not what the body is.
bool report_models(const Backend &backend, std::string_view body) {
  auto list = Json::parse(body);
  const Json *data = list ? list->member("data", Json::Kind::list) : nullptr;
  if (data == nullptr) return false;
  std::vector<nexus_model> models;
  for (const Json &item : data->items) {
    const Json *id = item.member("id", Json::Kind::text);
    if (id == nullptr || id->text.empty()) continue;
    auto model = nexus::fresh<nexus_model>();
    model.id = lend(id->text);
    model.created = static_cast<std::int64_t>(count_in(item, "created"));
    model.context_length = count_in(item, "max_model_len");
    if (model.context_length == 0) model.context_length = count_in(item, "context_length");
    model.device_memory = UINT64_MAX;
    // The list says nothing of what the model can do. Where yours does, set `capabilities`, and in `told` all bits that it
    // speaks of: what is told and missing the model certainly lacks.
    models.push_back(model);
  }
  backend.callbacks->report_models(models.data(), models.size());
  return true;
}

class Asking : public nexus::Handler {
 public:
  explicit Asking(const Backend &backend) : backend_(backend) {}

  void head(const nexus_http_head &head) override { status_ = head.status; }

  void body(std::string_view bytes) override {
    is_cut_ = is_cut_ || body_.size() + bytes.size() > body_limit;
    if (!is_cut_) body_ += bytes;
  }

  void end(const nexus_http_end &end) override {
    std::string asked = "GET " + backend_.models_path;
    std::string status = std::to_string(status_);
    if (end.result == NEXUS_HTTP_CANCELLED) return;  // the probe is over already
    if (end.result != NEXUS_HTTP_COMPLETE) {
      unhealthy(asked + ": " + std::string(view(end.message)));
    } else if (status_ == 401 || status_ == 403) {
      unhealthy(asked + ": the server refuses the API key (status " + status +
                "); set api_key_env to the variable that holds it");
    } else if (status_ < 200 || status_ > 299) {
      unhealthy(asked + " answered with status " + status);
    } else if (is_cut_ || !report_models(backend_, body_)) {
      unhealthy(asked + " did not answer with a list of models; is options.path_prefix right?");
    } else {
      report(backend_, NEXUS_HEALTHY, "");
    }
  }

  void broken() noexcept override { report(backend_, NEXUS_UNHEALTHY, "the adapter failed; is there memory?"); }

 private:
  const Backend &backend_;  // an instance outlives its tasks
  std::uint32_t status_ = 0;
  bool is_cut_ = false;
  std::string body_;

  void unhealthy(const std::string &message) { report(backend_, NEXUS_UNHEALTHY, message); }
};

}  // namespace

void probe(const Backend &backend, nexus_task task) {
  auto headers = backend.headers(nullptr);
  auto fields = headers.fields();
  auto request = nexus::fresh<nexus_http_request>();
  request.method = lend("GET");
  request.path = lend(backend.models_path);
  request.headers = fields.data();
  request.header_count = fields.size();
  if (nexus::start(backend.host, task, request, std::make_unique<Asking>(backend)) != NEXUS_OK) {
    report(backend, NEXUS_UNHEALTHY, "the host did not send the request of a probe");
  }
}
