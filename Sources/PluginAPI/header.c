/* The header alone, so that it is a module. */
#include "nexus_plugin.h"

_Static_assert(sizeof(void *) == 8, "Nexus supports 64-bit machines only");
