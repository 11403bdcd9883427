/*
 * Reads an event stream from a file with templates/adapter/c/events.h and prints what it is: "data" and "text" of each
 * event in hexadecimal, then the result. Arguments: the file, bytes of a piece, the limit. Each piece lies in memory of
 * exactly its size, so that the sanitizers see what reads beyond it.
 */
#include <stdio.h>

#include "events.h"

static void print(const char *name, nexus_str text) {
  if (text.ptr == NULL) {
    printf("%s -\n", name);
    return;
  }
  printf("%s ", name);
  for (size_t index = 0; index < text.len; index++) printf("%02x", (unsigned char)text.ptr[index]);
  printf("\n");
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  FILE *file = fopen(argv[1], "rb");
  size_t size = strtoul(argv[2], NULL, 10), count;
  char *piece = malloc(size);
  events stream = {.limit = strtoul(argv[3], NULL, 10)};
  events_result result = EVENTS_NONE;
  if (file == NULL || piece == NULL) return 2;
  while (result != EVENTS_TOO_LARGE && (count = fread(piece, 1, size, file)) > 0) {
    char *exact = malloc(count);
    if (exact == NULL) return 2;
    memcpy(exact, piece, count);
    const char *bytes = exact;
    event event;
    while ((result = events_next(&stream, &bytes, &count, &event)) == EVENTS_ONE) {
      print("data", event.data);
      print("text", event.text);
    }
    free(exact);
  }
  printf("%s\n", result == EVENTS_TOO_LARGE ? "too large" : "end");
  events_free(&stream);
  free(piece);
  fclose(file);
  return 0;
}
