// What the parts of the adapter share.
#ifndef ADAPTER_HPP
#define ADAPTER_HPP

#include <atomic>
#include <string>
#include <vector>

#include "nexus.hpp"

struct Options {
  bool streams = true;
  std::string access_token;  // empty: none
};

// An instance: one configured backend. All event loops use it at once: nothing of it changes after create(), but for the
// number of the key in use.
struct Backend {
  const nexus_host *host = nullptr;
  const nexus_callbacks *callbacks = nullptr;
  Options options;
  std::vector<std::string> keys;
  std::atomic<std::size_t> key{0};

  // The operator's own headers, and that of a key.
  void add_own(nexus::Headers &headers, std::size_t key) const;

  // The server refuses a key, or has enough of it: gives the next one, which others begin with, too.
  std::size_t next_key(std::size_t key);

  // Whether a text holds a secret of this backend. Servers like to repeat a key that they refuse: such a text goes nowhere.
  bool shows_secret(const std::string &text) const;
};

void probe(Backend &backend, nexus_task task);
nexus_status submit(Backend &backend, nexus_task task, const nexus_request &request);

#endif
