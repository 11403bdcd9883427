/* Facts of Linux that Swift's importer does not show: macros, thread-local storage, memfd flags. */
#ifndef NEXUS_SHIMS_H
#define NEXUS_SHIMS_H
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>

#include "cells.h"
#include "check_trace.h"
#include "decoders.h"
#include "encoders.h"
#include "memory.h"
#include "process_state.h"
#include "sealing.h"
#include "separators.h"
#include "service.h"

/* The value bound to the calling thread, or NULL. Each event loop's thread binds its own LoopServices. */
void *nexus_thread_value(void);
void nexus_set_thread_value(void *value);

/* Nanoseconds of clocks that a thread has of its own: a simulation's. `wall` counts from 1970. `shortage` is when something of the
 * simulated process last ran out, by `monotonic`; 0: never. */
struct nexus_clock {
  uint64_t monotonic;
  uint64_t wall;
  uint64_t shortage;
};

/* The calling thread's own clock, or NULL: the system's counts. `clock` must outlive its being set. */
struct nexus_clock *nexus_thread_clock(void);
void nexus_set_thread_clock(struct nexus_clock *clock);

/* Number of processors this process may run on (its affinity mask), at least 1. */
int nexus_available_processors(void);

/* Names the calling thread for the system's tools; at most 15 bytes count. */
void nexus_name_thread(const char *name);

/* From its first call on the calling thread has less of a processor than those that have not called it (nice(2) of one thread).
 * Cheap when called again. */
void nexus_yield_to_loops(void);

/* Waits for the semaphore, but no longer than until that time of the monotonic clock (sem_clockwait(3)). Returns early, as if
 * signalled, on a signal of the system. */
void nexus_wait_until(sem_t *semaphore, uint64_t nanoseconds);

/* An anonymous file that is closed on exec and can be sealed; -1 and errno on failure. */
int nexus_memfd(const char *name);

/* Seals the file against writing, growing and shrinking; 0, or -1 and errno. */
int nexus_memfd_seal(int fd);

/* The first place of `needle` in `bytes`, or NULL. */
const void *nexus_find_bytes(const void *bytes, size_t length, const void *needle, size_t needle_length);

/* The first empty line behind a line: the first place of CR LF CR LF, or NULL. For heads, of which every line is short, this is
   several times faster than a general search. */
const void *nexus_find_head_end(const void *bytes, size_t length);

#endif
