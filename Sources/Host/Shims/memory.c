#include "memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* Bytes from which a block is mapped: far above what small requests need, so that the hot path has none. */
#define MAPPED_BLOCK (256 * 1024)

void nexus_memory_setup(void) {
  mallopt(M_MMAP_THRESHOLD, MAPPED_BLOCK);
  mallopt(M_TRIM_THRESHOLD, 4 * MAPPED_BLOCK);
}

/* Bytes of this process in memory; 0: unknown. */
static size_t resident(void) {
  FILE *file = fopen("/proc/self/statm", "re");
  if (file == NULL) return 0;
  unsigned long size = 0, pages = 0;
  int count = fscanf(file, "%lu %lu", &size, &pages);
  fclose(file);
  return count == 2 ? pages * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

int nexus_memory_release(size_t growth) {
  static atomic_size_t after;
  size_t before = atomic_load(&after);
  if (before != 0 && resident() < before + growth) return 0;
  int released = malloc_trim(0);
  atomic_store(&after, resident());
  return released;
}
