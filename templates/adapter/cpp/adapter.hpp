// What the parts of the adapter share.
#ifndef ADAPTER_HPP
#define ADAPTER_HPP

#include <string>

#include "nexus.hpp"

// An instance: one configured backend. Nothing of it changes after create(), so all event loops may read it at once.
struct Backend {
  const nexus_host *host = nullptr;
  const nexus_callbacks *callbacks = nullptr;
  std::string api_key;  // empty without one
  std::string models_path;
  std::string chat_path;

  // The headers of a request to the server. `request` is what the client asked for; null for a probe.
  nexus::Headers headers(const nexus_request *request) const;
};

void probe(const Backend &backend, nexus_task task);
nexus_status submit(const Backend &backend, nexus_task task, const nexus_request &request);

#endif
