#define _GNU_SOURCE
#include "process_state.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

uint64_t nexus_signal_action(int signal) {
  struct sigaction action;
  if (sigaction(signal, NULL, &action) != 0) return 0;
  return (uint64_t)(uintptr_t)action.sa_handler ^ (uint64_t)(uint32_t)action.sa_flags << 40;
}

uint64_t nexus_stream_buffering(void) {
  /* A size of 0: not used yet; 1: without a buffer, as standard error is. */
  const uint64_t out = (uint64_t)(__fbufsize(stdout) == 1) << 1 | (__flbf(stdout) != 0);
  const uint64_t error = (uint64_t)(__fbufsize(stderr) > 1) << 1 | (__flbf(stderr) != 0);
  return out << 2 | error;
}

size_t nexus_heap_in_use(void) {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

void nexus_die_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

int nexus_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

void nexus_limit_resources(uint64_t data, uint64_t file) {
  const struct rlimit none = {0, 0}, bytes = {data, data}, size = {file, file};
  setrlimit(RLIMIT_CORE, &none);
  setrlimit(RLIMIT_DATA, &bytes);
  setrlimit(RLIMIT_FSIZE, &size);
}

void nexus_limit_processor_time(uint64_t seconds) {
  struct rusage used;
  struct rlimit limit;
  if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0) return;
  limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + seconds + 1;
  if (limit.rlim_cur < limit.rlim_max) setrlimit(RLIMIT_CPU, &limit);
}
