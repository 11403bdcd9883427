#ifndef NEXUS_COUNTING_H
#define NEXUS_COUNTING_H

#include <stdint.h>

/* Calls `work` once. Tools that count find the work by this function's name: callgrind --toggle-collect=nexus_counted. */
void nexus_counted(void (*work)(void *context), void *context);

/* Blocks of memory that this process has asked for so far. The program that holds this library has its allocator counted. */
uint64_t nexus_allocations(void);

#endif
