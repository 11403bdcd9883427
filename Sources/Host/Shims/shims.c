#define _GNU_SOURCE
#include "shims.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

static _Thread_local void *thread_value;

void *nexus_thread_value(void) { return thread_value; }
void nexus_set_thread_value(void *value) { thread_value = value; }

static _Thread_local struct nexus_clock *thread_clock;

struct nexus_clock *nexus_thread_clock(void) { return thread_clock; }
void nexus_set_thread_clock(struct nexus_clock *clock) { thread_clock = clock; }

int nexus_available_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count < 1 ? 1 : count;
}

void nexus_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

void nexus_yield_to_loops(void) {
  static _Thread_local int done;
  if (done) return;
  done = 1;
  /* On Linux this is of the thread alone (setpriority(2), "C library/kernel differences"). A failure changes nothing. */
  (void)setpriority(PRIO_PROCESS, 0, 10);
}

void nexus_wait_until(sem_t *semaphore, uint64_t nanoseconds) {
  struct timespec until = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
  (void)sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
}

int nexus_memfd(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }

int nexus_memfd_seal(int fd) {
  return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

const void *nexus_find_bytes(const void *bytes, size_t length, const void *needle, size_t needle_length) {
  return memmem(bytes, length, needle, needle_length);
}

const void *nexus_find_head_end(const void *bytes, size_t length) {
  const char *at = bytes;
  const char *end = at + length;
  while (end - at >= 4 && (at = memchr(at, '\r', (size_t)(end - at) - 3)) != NULL) {
    if (memcmp(at, "\r\n\r\n", 4) == 0) return at;
    at += 1;
  }
  return NULL;
}
