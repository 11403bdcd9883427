/*
 * Adapters that must not be loaded, one for each FAULT given to the compiler. None of them is ever asked to do anything.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "nexus_plugin.h"

#define WRONG_MAJOR 1
#define SHORT_TABLE 2
#define NULL_FUNCTION 3
#define BAD_TYPE 4
#define REFUSES 5
#define OTHER_ENTRY 6
#define NO_ENTRY 7
#define UNRESOLVED 8
#define HUGE_TABLE 9
#define OTHER_SHAPE 10 /* of the next major version, whose table looks like nothing we know */
#define BLOCKS 11

#define TEXT(literal) {(literal), sizeof(literal) - 1}

#if FAULT == NO_ENTRY
int not_an_adapter(void) { return 0; }
#else

static nexus_status create(const nexus_backend_config *config, const nexus_host *host,
                           const nexus_callbacks *callbacks, void **instance, nexus_message *error) {
  (void)config, (void)host, (void)callbacks, (void)instance, (void)error;
  return NEXUS_FAILED;
}

static void destroy(void *instance) { (void)instance; }
static void probe(void *instance, nexus_task task) { (void)instance, (void)task; }

static nexus_status submit(void *instance, nexus_task exchange, const nexus_request *request) {
  (void)instance, (void)exchange, (void)request;
  return NEXUS_UNSUPPORTED;
}

#if FAULT == BAD_TYPE
#define TYPE "Not A Type"
#else
#define TYPE "faulty"
#endif

static const nexus_adapter table = {
    .abi_major = FAULT == WRONG_MAJOR || FAULT == OTHER_SHAPE ? NEXUS_ABI_MAJOR + 1 : NEXUS_ABI_MAJOR,
    .abi_minor = NEXUS_ABI_MINOR,
    .struct_size = FAULT == SHORT_TABLE || FAULT == OTHER_SHAPE ? 16 : FAULT == HUGE_TABLE ? 4104 : sizeof(nexus_adapter),
    .type = TEXT(TYPE),
    .kinds = NEXUS_KIND_CHAT,
    .create = create,
    .destroy = destroy,
    .probe = FAULT == NULL_FUNCTION ? NULL : probe,
    .submit = submit,
};

#if FAULT == UNRESOLVED
void function_that_nobody_defines(void);
#endif

#if FAULT == OTHER_ENTRY
NEXUS_EXPORT const nexus_adapter *nexus_adapter_v2(const nexus_host *host, nexus_message *error);
const nexus_adapter *nexus_adapter_v2(const nexus_host *host, nexus_message *error) {
#else
const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error) {
#endif
  (void)host;
  while (FAULT == BLOCKS) pause();
#if FAULT == UNRESOLVED
  function_that_nobody_defines();
#endif
  if (FAULT == REFUSES) {
    static const char reason[] = "no licence was found";
    memcpy(error->ptr, reason, sizeof reason - 1);
    error->length = sizeof reason - 1;
    return NULL;
  }
  return &table;
}
#endif
