/* What the C library's allocator keeps, and gives back. */
#ifndef NEXUS_MEMORY_H
#define NEXUS_MEMORY_H
#include <stddef.h>

/* Large blocks (bodies, and what is made of them) come from the system one by one and go back to it at once; without this
 * the allocator raises its own threshold with the first large block, and keeps those that follow. Before the first
 * thread. */
void nexus_memory_setup(void);

/* Gives unused pages back to the system, if the process has grown by `growth` bytes since it last did. Threads that allocate
 * may have to wait for it: some 10 ms for each 10 MiB, so never while there is much to do. Nonzero if something was given
 * back. */
int nexus_memory_release(size_t growth);

#endif
