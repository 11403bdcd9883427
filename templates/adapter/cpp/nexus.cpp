#include "nexus.hpp"

#include <algorithm>

namespace nexus {

static bool same(std::string_view left, std::string_view right) {
  auto lower = [](char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte; };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char one, char other) { return lower(one) == lower(other); });
}

bool begins(std::string_view text, std::string_view with) { return same(text.substr(0, with.size()), with); }

// --------------------------------------------------------------------------------------------- headers ----

Headers::Headers(const nexus_header *fields, std::size_t count) {
  for (std::size_t index = 0; index < std::min<std::size_t>(count, NEXUS_LIMIT_OFFERED_HEADERS); index++) {
    add(view(fields[index].name), view(fields[index].value));
  }
}

void Headers::add(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }

std::string_view Headers::find(std::string_view name) const {
  for (const auto &field : fields_) {
    if (same(field.first, name)) return field.second;
  }
  return {};
}

std::uint32_t Headers::retry_after_ms() const {
  std::string_view value = find("retry-after");
  std::uint32_t seconds = 0;
  if (value.size() > 5) return 0;
  for (char digit : value) {
    if (digit < '0' || digit > '9') return 0;
    seconds = seconds * 10 + static_cast<std::uint32_t>(digit - '0');
  }
  return seconds <= 86400 ? seconds * 1000 : 0;
}

std::vector<nexus_header> Headers::fields() const {
  std::vector<nexus_header> result;
  for (const auto &field : fields_) result.push_back({lend(field.first), lend(field.second)});
  return result;
}

// --------------------------------------------------------------------------------------- HTTP requests ----

extern "C" {

static void nexus_on_head(void *user, nexus_http, const nexus_http_head *head) {
  auto handler = static_cast<Handler *>(user);
  try {
    handler->head(*head);
  } catch (...) {
    handler->broken();
  }
}

static void nexus_on_body(void *user, nexus_http, const char *bytes, std::size_t length) {
  auto handler = static_cast<Handler *>(user);
  try {
    handler->body(std::string_view(bytes, length));
  } catch (...) {
    handler->broken();
  }
}

// Always the last call: takes the handler back.
static void nexus_on_end(void *user, nexus_http, const nexus_http_end *end) {
  std::unique_ptr<Handler> handler(static_cast<Handler *>(user));
  try {
    handler->end(*end);
  } catch (...) {
    handler->broken();
  }
}

}  // extern "C"

nexus_status start(const nexus_host *host, nexus_task task, const nexus_http_request &request,
                   std::unique_ptr<Handler> handler) {
  static const nexus_http_handlers handlers = {sizeof(nexus_http_handlers), 0, nexus_on_head, nexus_on_body, nexus_on_end};
  nexus_http handle = 0;
  nexus_status status = host->http_start(task, &request, &handlers, handler.get(), &handle);
  if (status == NEXUS_OK) handler.release();  // on_end comes, and frees it
  return status;
}

// ------------------------------------------------------------------------------------------- failures ----

nexus_failure_kind kind_of_status(std::uint32_t status) {
  switch (status) {
    case 401: case 403: return NEXUS_FAIL_AUTH;
    case 404: case 501: return NEXUS_FAIL_UNSUPPORTED;  // the gateway passes a 404 on, and tries 501 elsewhere
    case 408: case 425: case 429: case 503: return NEXUS_FAIL_BUSY;
    case 504: return NEXUS_FAIL_TIMEOUT;
    default: return status >= 400 && status < 500 ? NEXUS_FAIL_REJECTED : NEXUS_FAIL_UPSTREAM;
  }
}

Failure failure_of_end(const nexus_http_end &end) {
  Failure failure;
  failure.kind = end.result == NEXUS_HTTP_REFUSED     ? NEXUS_FAIL_CONNECT
                 : end.result == NEXUS_HTTP_TIMED_OUT ? NEXUS_FAIL_TIMEOUT
                                                      : NEXUS_FAIL_UPSTREAM;
  failure.message = view(end.message);
  return failure;
}

}  // namespace nexus
