// The ABI in C++: text, structures, and HTTP requests with a handler. No exception leaves a function that the gateway calls.
#ifndef NEXUS_HPP
#define NEXUS_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nexus_plugin.h"

namespace nexus {

// Borrows: it has to live until the call that gets it has returned.
inline nexus_str lend(std::string_view text) { return {text.data(), text.size()}; }

// Valid for the call that brought it.
inline std::string_view view(nexus_str text) {
  return text.len == 0 ? std::string_view() : std::string_view(text.ptr, text.len);
}

// Whether a text begins with another, in any case.
bool begins(std::string_view text, std::string_view with);

// A structure that says nothing yet, with its size.
template <class Structure>
Structure fresh() {
  Structure result{};
  result.struct_size = sizeof result;
  return result;
}

// A failure with its words.
struct Failure {
  nexus_failure_kind kind = NEXUS_FAIL_INTERNAL;
  std::string message;
  std::uint32_t status = 0;  // the server's; 0: none
  std::string body;          // the server's own error answer, as JSON, for the client; empty: none
};

// Runs the body of a function that the gateway calls; what is thrown becomes `otherwise`.
template <class Result, class Body>
Result guarded(Result otherwise, Body body) noexcept {
  try {
    return body();
  } catch (...) {
    return otherwise;
  }
}

// Header fields that are kept: those of an answer are borrowed in on_head, and the answer to the client begins later. Give
// all of them to the gateway, which picks those that a client may see (NEXUS_HEADERS_OF_SERVERS).
class Headers {
 public:
  Headers() = default;
  Headers(const nexus_header *fields, std::size_t count);

  void add(std::string_view name, std::string_view value);

  // The value of the first field of that name, in any case; empty if there is none.
  std::string_view find(std::string_view name) const;

  // What `retry-after` says; 0 if it is missing, a date, or more than a day.
  std::uint32_t retry_after_ms() const;

  // The same for the gateway, borrowed from these.
  std::vector<nexus_header> fields() const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Receives the events of one HTTP request. It lives until `end` has returned.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void head(const nexus_http_head &head) = 0;  // at most once, first
  virtual void body(std::string_view bytes) = 0;       // a piece, cut anywhere
  virtual void end(const nexus_http_end &end) = 0;     // exactly once, last
  virtual void broken() noexcept = 0;                  // one of these has thrown
};

// Starts a request. On NEXUS_OK the events follow, never inside this call; otherwise the handler is gone.
nexus_status start(const nexus_host *host, nexus_task task, const nexus_http_request &request,
                   std::unique_ptr<Handler> handler);

// Which failure an error answer is: it decides whether the gateway tries another backend, and what the client sees.
nexus_failure_kind kind_of_status(std::uint32_t status);

// The failure of an HTTP request that did not end well.
Failure failure_of_end(const nexus_http_end &end);

}  // namespace nexus

#endif
