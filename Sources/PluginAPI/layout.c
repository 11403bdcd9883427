/* Compiling this file checks the layout that other images rely on. A failing line means: an ABI break. */
#include "nexus_plugin.h"

#define OFFSET(type, field, offset) \
  _Static_assert(offsetof(type, field) == (offset), #type "." #field " has moved: the ABI is append-only")

_Static_assert(sizeof(void *) == 8, "Nexus supports 64-bit machines only");
OFFSET(nexus_adapter, type, 8);
OFFSET(nexus_adapter, options_schema, 56);
OFFSET(nexus_adapter, default_urls, 72);
OFFSET(nexus_adapter, kinds, 88);
OFFSET(nexus_adapter, create, 96);
OFFSET(nexus_adapter, destroy, 104);
OFFSET(nexus_adapter, probe, 112);
OFFSET(nexus_adapter, submit, 120);
OFFSET(nexus_adapter, cancel, 128);
OFFSET(nexus_adapter, extension, 136);
OFFSET(nexus_host, version, 8);
OFFSET(nexus_host, http_start, 24);
OFFSET(nexus_host, exchange_write, 48);
OFFSET(nexus_host, extension, 72);
OFFSET(nexus_host, timer_start, 80);
OFFSET(nexus_host, run_blocking, 96);
OFFSET(nexus_callbacks, report_health, 8);
OFFSET(nexus_callbacks, report_models, 16);
OFFSET(nexus_callbacks, log, 24);
OFFSET(nexus_callbacks, post, 32);
OFFSET(nexus_request, model, 16);
OFFSET(nexus_request, body, 32);
OFFSET(nexus_http_request, headers, 40);
OFFSET(nexus_http_request, timeout_ms, 72);
OFFSET(nexus_failure, message, 16);
OFFSET(nexus_outcome, prompt_tokens, 8);
OFFSET(nexus_model, context_length, 40);
OFFSET(nexus_health, latency_ms, 8);
