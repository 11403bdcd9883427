/* What a process shares with the adapters in it, read without changing it: for `nexus adapter check`. */
#ifndef NEXUS_PROCESS_STATE_H
#define NEXUS_PROCESS_STATE_H
#include <stddef.h>
#include <stdint.h>

/* The action of a signal: its handler's address with the flags mixed in; 0 for the default one or no such signal. */
uint64_t nexus_signal_action(int signal);

/* Whether standard output and standard error are without a buffer, and whether by line. */
uint64_t nexus_stream_buffering(void);

/* Bytes that malloc has given out, in all arenas. */
size_t nexus_heap_in_use(void);

/* Has the kernel kill this process when the thread that started it ends. */
void nexus_die_with_parent(void);

/* A pipe whose ends are closed on exec; 0, or -1 and errno. */
int nexus_pipe(int ends[2]);

/* Limits of this process: no core file, bytes of data, bytes of one file. */
void nexus_limit_resources(uint64_t data, uint64_t file);

/* Allows this process so many more seconds of processor time; then SIGXCPU ends it. */
void nexus_limit_processor_time(uint64_t seconds);

#endif
