// An exchange: a client's request is translated, sent, and what the server answers becomes an answer in OpenAI's shape. The
// client asks for a whole answer or for a stream, and the server gives what it can: all four cases end here. It ends in
// exactly one exchange_finish or exchange_fail.
#include <ctime>

#include "adapter.hpp"
#include "protocol.hpp"

using nexus::Failure;
using nexus::lend;
using nexus::view;

namespace {

constexpr std::size_t answer_limit = 16u * 1024 * 1024;  // of a whole answer, and of one line of a stream

// What is asked of the server; kept, for the case that it refuses a key and another one is left.
struct Order {
  Backend &backend;  // an instance outlives its tasks
  nexus_task task;
  bool wants_stream;  // the client
  bool wants_usage;   // at the end of a stream
  std::string request_id;
  protocol::Translation sent;
  nexus::Headers headers;
  std::size_t key;
  std::size_t tried;
};

nexus_status ask(Order order);

class Answer : public nexus::Handler {
 public:
  explicit Answer(Order order) : order_(std::move(order)) {
    outcome_.prompt_tokens = outcome_.completion_tokens = outcome_.cached_tokens = NEXUS_TOKENS_UNKNOWN;
  }

  const Order &order() const { return order_; }

  void head(const nexus_http_head &head) override {
    status_ = head.status;
    headers_ = nexus::Headers(head.headers, head.header_count);
    is_stream_ = nexus::begins(headers_.find("content-type"), protocol::stream_type);
  }

  // Pieces of a body are cut anywhere: what is no whole line yet is held.
  void body(std::string_view bytes) override {
    while (!is_over_ && is_stream_ && status_ <= 299) {
      std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) break;
      hold(bytes.substr(0, end));
      bytes.remove_prefix(end + 1);
      std::string line = std::exchange(held_, "");
      if (!is_over_ && !line.empty()) take(line, "the server sent a line that is no piece of an answer");
    }
    if (!is_over_) hold(bytes);
  }

  void end(const nexus_http_end &end) override {
    if (is_over_ || end.result == NEXUS_HTTP_CANCELLED) return;  // the exchange is over already: no one is left to tell
    if (end.result == NEXUS_HTTP_COMPLETE && goes_to_next_key()) return;
    if (status_ > 299) {
      auto value = Json::parse(held_);
      fail_told(status_, value ? protocol::error(*value) : std::nullopt);
    } else if (end.result != NEXUS_HTTP_COMPLETE) {
      fail(nexus::failure_of_end(end));
    } else if (is_stream_ && held_.empty()) {
      fail_broken("the server closed the stream before it was finished");
    } else {
      // A whole answer, or a last line without an end.
      take(held_, "the server's answer is none, or half of one");
      if (!is_over_) fail_broken("the server's answer ends before it is finished");
    }
  }

  void broken() noexcept override {
    if (is_over_) return;
    auto failure = nexus::fresh<nexus_failure>();
    failure.kind = NEXUS_FAIL_INTERNAL;
    failure.message = lend("the adapter failed; is there memory?");
    is_over_ = true;
    order_.backend.host->exchange_fail(order_.task, &failure);
  }

 private:
  Order order_;
  bool is_stream_ = false;  // what the server sends
  bool has_begun_ = false;
  bool is_over_ = false;  // finished or failed: whatever still comes is ignored
  std::uint32_t status_ = 0;
  nexus::Headers headers_;  // the server's
  std::string held_;        // a whole answer, the body of an error, or a line that is not complete yet
  std::string said_;        // the text so far, for a client that wants it whole
  nexus_outcome outcome_ = nexus::fresh<nexus_outcome>();
  std::time_t created_ = std::time(nullptr);

  void hold(std::string_view bytes) {
    if (held_.size() + bytes.size() > answer_limit) fail_broken("the server's answer is too large");
    else held_ += bytes;
  }

  // The server refuses this key or has enough of it: the next one is tried, once each.
  bool goes_to_next_key() {
    std::size_t count = order_.backend.keys.size();
    bool is_about_key = status_ == 401 || status_ == 403 || status_ == 429;
    if (!is_about_key || order_.tried + 1 >= count) return false;
    Order again = order_;
    again.tried++;
    again.key = again.backend.next_key(again.key);
    return ask(std::move(again)) == NEXUS_OK;
  }

  // ------------------------------------------------------------------------------- the answer, for OpenAI ----

  // A line of the server's stream, or its whole answer: a client that wants a stream gets it at once, any other at the end.
  void take(std::string_view bytes, const char *is_none) {
    auto value = Json::parse(bytes);
    if (!value) return fail_broken(is_none);
    if (auto words = protocol::error(*value)) return fail_told(502, words);
    auto piece = protocol::piece(*value);
    if (!piece) return fail_broken(is_none);
    outcome_.prompt_tokens = piece->prompt_tokens.value_or(outcome_.prompt_tokens);
    outcome_.completion_tokens = piece->completion_tokens.value_or(outcome_.completion_tokens);
    if (piece->text && order_.wants_stream) {
      put(chunk("{\"role\":\"assistant\",\"content\":" + quoted(*piece->text) + "}", "null"));
    } else if (piece->text) {
      said_ += *piece->text;
      if (said_.size() > answer_limit) return fail_broken("the server's answer is too large");
    }
    if (!piece->finish_reason) return;
    put(order_.wants_stream ? end_of_stream(*piece->finish_reason) : whole(*piece->finish_reason));
    is_over_ = true;
    order_.backend.host->exchange_finish(order_.task, &outcome_);
  }

  // What answers and chunks have in common.
  std::string start(const char *object) const {
    return "{\"id\":" + quoted("chatcmpl-" + order_.request_id) + ",\"object\":\"" + object +
           "\",\"created\":" + std::to_string(created_) + ",\"model\":" + quoted(order_.sent.model) + ",\"choices\":[";
  }

  std::string chunk(const std::string &delta, const std::string &reason) const {
    return "data: " + start("chat.completion.chunk") + "{\"index\":0,\"delta\":" + delta + ",\"finish_reason\":" + reason +
           "}]}\n\n";
  }

  std::string end_of_stream(const std::string &reason) const {
    std::string end = chunk("{}", quoted(reason));
    if (order_.wants_usage && has_usage()) end += "data: " + start("chat.completion.chunk") + "]" + usage() + "}\n\n";
    return end + "data: [DONE]\n\n";
  }

  std::string whole(const std::string &reason) const {
    return start("chat.completion") + "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":" + quoted(said_) +
           "},\"finish_reason\":" + quoted(reason) + "}]" + (has_usage() ? usage() : "") + "}";
  }

  bool has_usage() const {
    return outcome_.prompt_tokens != NEXUS_TOKENS_UNKNOWN && outcome_.completion_tokens != NEXUS_TOKENS_UNKNOWN;
  }

  std::string usage() const {
    return ",\"usage\":{\"prompt_tokens\":" + std::to_string(outcome_.prompt_tokens) +
           ",\"completion_tokens\":" + std::to_string(outcome_.completion_tokens) +
           ",\"total_tokens\":" + std::to_string(outcome_.prompt_tokens + outcome_.completion_tokens) + "}";
  }

  // ----------------------------------------------------------------------------------------- what is told ----

  // Until the first write the gateway may still try another backend, so nothing is written before there is something to say.
  void put(const std::string &text) {
    if (!has_begun_) {
      // What was left out of the request is told in x-nexus-warning. Of the server's headers the host takes those that a
      // client may see.
      auto fields = headers_.fields();
      auto head = nexus::fresh<nexus_response_head>();
      head.status = 200;
      head.warning = lend(order_.sent.dropped);
      head.headers = fields.data();
      head.header_count = fields.size();
      order_.backend.host->exchange_begin(order_.task, &head);
      has_begun_ = true;
    }
    order_.backend.host->exchange_write(order_.task, text.data(), text.size());
  }

  // The server's answer is none.
  void fail_broken(std::string_view message) { fail({NEXUS_FAIL_UPSTREAM, std::string(message), status_, ""}); }

  // An error of the server, in its own words if it has any.
  void fail_told(std::uint32_t status, const std::optional<std::string> &words) {
    Failure failure{nexus::kind_of_status(status), "the server answered with status " + std::to_string(status), status, ""};
    if (failure.kind == NEXUS_FAIL_AUTH) {
      failure.message = "the server wants an API key or refuses the one it got (status " + std::to_string(status) +
                        "); see api_key_env";
    } else if (words && !order_.backend.shows_secret(*words)) {
      failure.message = *words;
    }
    fail(failure);
  }

  // Tells what is known of the exchange as well: the server's headers, for the client, and the tokens.
  void fail(const Failure &failure) {
    auto fields = headers_.fields();
    auto told = nexus::fresh<nexus_failure>();
    told.kind = failure.kind;
    told.status = failure.status;
    told.retry_after_ms = headers_.retry_after_ms();
    told.message = lend(failure.message);
    told.prompt_tokens = outcome_.prompt_tokens;
    told.completion_tokens = outcome_.completion_tokens;
    told.headers = fields.data();
    told.header_count = fields.size();
    is_over_ = true;
    order_.backend.host->exchange_fail(order_.task, &told);
  }
};

nexus_status ask(Order order) {
  auto answer = std::make_unique<Answer>(std::move(order));
  const Order &kept = answer->order();
  nexus::Headers headers = kept.headers;
  kept.backend.add_own(headers, kept.key);
  auto fields = headers.fields();
  auto request = nexus::fresh<nexus_http_request>();
  request.method = lend("POST");
  request.path = lend(protocol::answer_path);
  request.headers = fields.data();
  request.header_count = fields.size();
  request.body = lend(kept.sent.body);
  return nexus::start(kept.backend.host, kept.task, request, std::move(answer));
}

// The headers that go with the request, whichever key does.
nexus::Headers headers_of(const nexus_request &request) {
  nexus::Headers headers;
  headers.add("content-type", "application/json");
  headers.add("accept", "*/*");
  if (request.request_id.len > 0) headers.add("x-request-id", view(request.request_id));
  // The client's own headers that may go to a server. A gateway from before ABI 1.2 does not give them.
  if (!NEXUS_HAS(&request, header_count)) return headers;
  for (std::size_t index = 0; index < request.header_count; index++) {
    headers.add(view(request.headers[index].name), view(request.headers[index].value));
  }
  return headers;
}

}  // namespace

// Refusing with words: exchange_fail says why, and NEXUS_OK that the exchange was ended. Any other status would end it as
// well, but a client would only read that the adapter did not take its request.
nexus_status submit(Backend &backend, nexus_task task, const nexus_request &request) {
  if (request.kind != NEXUS_KIND_CHAT) return NEXUS_UNSUPPORTED;  // the gateway never asks for another one
  bool wants_stream = (request.flags & NEXUS_REQUEST_STREAM) != 0;
  bool wants_usage = (request.flags & NEXUS_REQUEST_INCLUDE_USAGE) != 0;
  try {
    auto body = Json::parse(view(request.body)).value_or(Json());
    auto sent = protocol::translate(body, wants_stream && backend.options.streams);
    return ask({backend, task, wants_stream, wants_usage, std::string(view(request.request_id)), std::move(sent),
                headers_of(request), backend.key, 0});
  } catch (const protocol::Refusal &refusal) {
    auto failure = nexus::fresh<nexus_failure>();
    failure.kind = refusal.kind;
    failure.message = lend(refusal.what());
    backend.host->exchange_fail(task, &failure);
    return NEXUS_OK;
  }
}
