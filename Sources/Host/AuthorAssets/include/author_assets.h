/* What `nexus adapter new` makes projects of: files of this repository, put into the binary by C23's #embed, so that a
 * project's header and kit are those of the nexus that made it. */
#ifndef NEXUS_AUTHOR_ASSETS_H
#define NEXUS_AUTHOR_ASSETS_H
#include <stddef.h>

typedef struct nexus_author_file {
  const char *path; /* in this repository, e.g. "Sources/AdapterKit/Host.swift" */
  const char *text; /* UTF-8, terminated */
} nexus_author_file;

/* Number of files; nexus_author_file_at(i) for 0 <= i < count. They live as long as the process. */
size_t nexus_author_file_count(void);
nexus_author_file nexus_author_file_at(size_t index);

#endif
