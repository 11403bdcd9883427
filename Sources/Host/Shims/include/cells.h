/* Widths of characters in a terminal. */
#ifndef NEXUS_CELLS_H
#define NEXUS_CELLS_H
#include <stdint.h>

/* Cells that a Unicode scalar takes: 0, 1 or 2; -1 if it is none that can be printed. On any thread. */
int nexus_cell_width(uint32_t scalar);

#endif
