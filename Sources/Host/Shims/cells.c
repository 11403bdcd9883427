#define _XOPEN_SOURCE 700
#include "cells.h"

#include <locale.h>
#include <pthread.h>
#include <wchar.h>

static locale_t unicode;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Widths are known only in a locale that knows Unicode; the C library brings this one with it. */
static void make(void) { unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0); }

int nexus_cell_width(uint32_t scalar) {
  pthread_once(&once, make);
  if (unicode == (locale_t)0) return 1;
  const locale_t before = uselocale(unicode);
  const int width = wcwidth((wchar_t)scalar);
  uselocale(before);
  return width;
}
