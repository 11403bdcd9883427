/* The dashboard's files, put into the binary by C23's #embed. */
#ifndef NEXUS_DASHBOARD_ASSETS_H
#define NEXUS_DASHBOARD_ASSETS_H
#include <stddef.h>

typedef struct nexus_asset {
  const char *name; /* e.g. "dashboard.js" */
  const unsigned char *bytes;
  size_t length;
} nexus_asset;

/* Number of assets; nexus_asset_at(i) for 0 <= i < count. They live as long as the process. */
size_t nexus_asset_count(void);
nexus_asset nexus_asset_at(size_t index);

#endif
