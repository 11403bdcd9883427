// An exchange: a client's request goes to the server as it is, and the answer comes back as it is. On the way the adapter
// looks at the answer, so that an error fails the exchange, a broken stream never looks like a whole one, and tokens are
// counted. It ends in exactly one exchange_finish or exchange_fail.
#include "adapter.hpp"
#include "events.hpp"
#include "json.hpp"

using nexus::Failure;
using nexus::lend;
using nexus::view;

namespace {

constexpr std::size_t answer_limit = 16u * 1024 * 1024;  // of a whole answer, and of one event of a stream

// What a server says in an error: {"error":{"message":"..."}} or {"error":"..."}. Nothing: the value is none.
struct Told {
  std::string message;
  std::uint32_t status;  // that the error names itself; 502 if it does not
};

std::optional<Told> told(const Json &value) {
  const Json *error = value.member("error");
  if (error == nullptr) return std::nullopt;
  if (error->is(Json::Kind::text)) return Told{error->text, 502};
  if (!error->is(Json::Kind::object)) return std::nullopt;
  const Json *words = error->member("message", Json::Kind::text), *code = error->member("code");
  std::uint64_t status = code == nullptr ? 0 : code->count().value_or(0);
  bool has_words = words != nullptr && !words->text.empty();
  return Told{has_words ? words->text : "the server reported an error without a message",
              status >= 400 && status <= 599 ? static_cast<std::uint32_t>(status) : 502};
}

class Exchange : public nexus::Handler {
 public:
  Exchange(const Backend &backend, nexus_task task, bool wants_stream)
      : backend_(backend), task_(task), wants_stream_(wants_stream) {
    outcome_.prompt_tokens = outcome_.completion_tokens = outcome_.cached_tokens = NEXUS_TOKENS_UNKNOWN;
  }

  void head(const nexus_http_head &head) override {
    status_ = head.status;
    headers_ = nexus::Headers(head.headers, head.header_count);
    is_stream_ = nexus::begins(headers_.find("content-type"), "text/event-stream");
  }

  void body(std::string_view bytes) override {
    if (is_over_) return;
    if (status_ > 299) {
      held_ += bytes.substr(0, NEXUS_LIMIT_FAILURE_BODY - held_.size());  // of an error the first part will do
    } else if (is_stream_ && wants_stream_) {
      take_events(bytes);
    } else if (held_.size() + bytes.size() > answer_limit) {
      fail_broken("the server's answer is too large");
    } else {
      held_ += bytes;
    }
  }

  void end(const nexus_http_end &end) override {
    if (is_over_ || end.result == NEXUS_HTTP_CANCELLED) return;  // the exchange is over already: no one is left to tell
    if (status_ > 299) {
      auto value = Json::parse(held_);
      fail_told(status_, value ? told(*value) : std::nullopt, held_);
    } else if (end.result != NEXUS_HTTP_COMPLETE) {
      fail(nexus::failure_of_end(end));
    } else if (is_stream_ && wants_stream_) {
      take_events("\n\n");  // the last event may lack its empty line
      if (!is_over_) fail_broken("the server closed the stream before it was finished");
    } else {
      end_whole();
    }
  }

  void broken() noexcept override {
    if (is_over_) return;
    auto failure = nexus::fresh<nexus_failure>();
    failure.kind = NEXUS_FAIL_INTERNAL;
    failure.message = lend("the adapter failed; is there memory?");
    is_over_ = true;
    backend_.host->exchange_fail(task_, &failure);
  }

 private:
  const Backend &backend_;  // an instance outlives its tasks
  nexus_task task_;
  bool wants_stream_;
  bool is_stream_ = false;  // the server sends one
  bool has_begun_ = false;
  bool is_over_ = false;  // finished or failed: whatever still comes is ignored
  std::uint32_t status_ = 0;
  nexus::Headers headers_;  // the server's
  std::string held_;        // a whole answer, or the body of an error
  Events events_{answer_limit};
  nexus_outcome outcome_ = nexus::fresh<nexus_outcome>();

  void end_whole() {
    auto value = Json::parse(held_);
    if (!value || !value->is(Json::Kind::object)) return fail_broken("the server's answer is no JSON object");
    if (auto error = told(*value)) return fail_told(error->status, error, held_);
    if (wants_stream_ || is_stream_) {
      return fail_broken("the server did not answer in the way that was asked for: streamed or whole");
    }
    count_tokens(*value);
    pass_on(held_);
    finish();
  }

  void take_events(std::string_view bytes) {
    try {
      while (!is_over_) {
        auto event = events_.next(bytes);
        if (!event) return;
        take(*event);
      }
    } catch (const Events::TooLarge &problem) {
      fail_broken(problem.what());
    }
  }

  void take(const Event &event) {
    if (!event.data) {
      // A comment keeps a connection alive. Before the first event it would only take the gateway's chance to try elsewhere.
      if (has_begun_) pass_on(event.text);
    } else if (event.data->rfind("[DONE]", 0) == 0) {
      pass_on(event.text);
      finish();
    } else if (auto value = Json::parse(*event.data); !value) {
      fail_broken("the server sent an event that is no JSON, or half of one");
    } else if (auto error = told(*value)) {
      fail_told(error->status, error, *event.data);
    } else {
      count_tokens(*value);
      pass_on(event.text);
    }
  }

  // Takes the token counts of an answer or of an event, if it has any.
  void count_tokens(const Json &answer) {
    const Json *usage = answer.member("usage", Json::Kind::object);
    if (usage == nullptr) return;
    auto take = [](const Json *from, const char *name, std::uint64_t &to) {
      const Json *value = from->member(name);
      if (value != nullptr) to = value->count().value_or(NEXUS_TOKENS_UNKNOWN);
    };
    take(usage, "prompt_tokens", outcome_.prompt_tokens);
    take(usage, "completion_tokens", outcome_.completion_tokens);
    if (const Json *details = usage->member("prompt_tokens_details")) take(details, "cached_tokens", outcome_.cached_tokens);
  }

  // -------------------------------------------------------------------------------------- what is told ----

  void pass_on(std::string_view bytes) {
    if (!has_begun_) {
      auto fields = headers_.fields();
      auto head = nexus::fresh<nexus_response_head>();
      head.status = status_;
      head.headers = fields.data();
      head.header_count = fields.size();
      backend_.host->exchange_begin(task_, &head);
      has_begun_ = true;
    }
    backend_.host->exchange_write(task_, bytes.data(), bytes.size());
  }

  void finish() {
    is_over_ = true;
    backend_.host->exchange_finish(task_, &outcome_);
  }

  // The server's answer is none.
  void fail_broken(std::string_view message) { fail({NEXUS_FAIL_UPSTREAM, std::string(message), status_, ""}); }

  // An error of the server, in its own words if it has any.
  void fail_told(std::uint32_t status, const std::optional<Told> &error, const std::string &body) {
    Failure failure{nexus::kind_of_status(status), "the server answered with status " + std::to_string(status), status, ""};
    // Servers like to repeat a key they refuse: nothing that holds it goes on.
    bool shows_key = !backend_.api_key.empty() && body.find(backend_.api_key) != std::string::npos;
    if (failure.kind == NEXUS_FAIL_AUTH) {
      failure.message = "the server wants an API key or refuses the one it got (status " + std::to_string(status) +
                        "); see api_key_env";
    } else if (error && !shows_key) {
      failure.message = error->message;
      failure.body = body;
    }
    fail(failure);
  }

  // Completes the failure with what is known of the exchange: the server's headers, for the client, and the tokens.
  void fail(const Failure &failure) {
    auto fields = headers_.fields();
    auto told = nexus::fresh<nexus_failure>();
    told.kind = failure.kind;
    told.status = failure.status;
    told.retry_after_ms = headers_.retry_after_ms();
    told.message = lend(failure.message);
    told.body = lend(failure.body);
    told.prompt_tokens = outcome_.prompt_tokens;
    told.completion_tokens = outcome_.completion_tokens;
    told.cached_tokens = outcome_.cached_tokens;
    told.headers = fields.data();
    told.header_count = fields.size();
    is_over_ = true;
    backend_.host->exchange_fail(task_, &told);
  }
};

}  // namespace

nexus_status submit(const Backend &backend, nexus_task task, const nexus_request &request) {
  if (request.kind != NEXUS_KIND_CHAT) return NEXUS_UNSUPPORTED;  // the gateway never asks for another one
  auto headers = backend.headers(&request);
  auto fields = headers.fields();
  auto upstream = nexus::fresh<nexus_http_request>();
  upstream.flags = NEXUS_HTTP_EXCHANGE_BODY;  // the client's body, with the model's name as this backend knows it
  upstream.method = lend("POST");
  upstream.path = lend(backend.chat_path);
  upstream.headers = fields.data();
  upstream.header_count = fields.size();
  bool wants_stream = (request.flags & NEXUS_REQUEST_STREAM) != 0;
  return nexus::start(backend.host, task, upstream, std::make_unique<Exchange>(backend, task, wants_stream));
}
