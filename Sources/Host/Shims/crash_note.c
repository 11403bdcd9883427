#define _GNU_SOURCE
#include "crash_note.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The lowest bit says that the thread is in the gateway's own code, which the adapter has called. Texts are at even addresses. */
static _Thread_local const char *current;

#define HOST ((uintptr_t)1)

const char *nexus_note_swap(const char *note) {
  const char *before = current;
  current = note;
  return before;
}

const char *nexus_note_enter_host(void) {
  const char *before = current;
  current = (const char *)((uintptr_t)before | HOST);
  return before;
}

/* The parts of what the thread is in; NULL for what there is not. */
typedef struct place {
  const char *host;
  const char *note;
} place;

static place where(void) {
  const uintptr_t word = (uintptr_t)current;
  const char *note = (const char *)(word & ~HOST);
  if ((word & HOST) == 0) return (place){NULL, note};
  return (place){"the gateway itself, which was called by ", note != NULL ? note : "a thread of an adapter"};
}

size_t nexus_note_describe(char *buffer, size_t capacity) {
  const place place = where();
  const char *const parts[] = {place.host, place.note};
  size_t length = 0;
  for (size_t index = 0; index < sizeof parts / sizeof parts[0]; index++) {
    for (const char *text = parts[index]; text != NULL && *text != '\0' && length + 1 < capacity; text++) {
      buffer[length++] = *text;
    }
  }
  if (capacity > 0) buffer[length] = '\0';
  return length;
}

/* Only what signal-safety(7) allows. A log whose reader has stopped must not keep the process from its end, so nothing is
 * written where that could block: a pipe that is ready takes PIPE_BUF bytes at once (pipe(7)), which is more than a text has. */
static void put(const char *text) {
  struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&log, 1, 0) == 1) (void)!write(STDERR_FILENO, text, strlen(text));
}

static const char *name(int signal) {
  switch (signal) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGILL: return "SIGILL";
    case SIGFPE: return "SIGFPE";
    case SIGABRT: return "SIGABRT";
    case SIGTRAP: return "SIGTRAP";
    default: return "a signal";
  }
}

static void crashed(int signal) {
  const place place = where();
  if (place.note != NULL) {
    put("nexus: the process ends with ");
    put(name(signal));
    put(", which came while a thread was in ");
    if (place.host != NULL) put(place.host);
    put(place.note);
    put("\n");
  }
  /* SA_RESETHAND has put the default back; returning would run the faulty instruction again, which also ends it. */
  raise(signal);
}

static void exited(void) {
  const place place = where();
  if (place.note != NULL) {
    put("nexus: the process ends because exit() was called in ");
    if (place.host != NULL) put(place.host);
    put(place.note);
    put("\n");
  }
}

void nexus_note_install(void) {
  static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
  static char stack[16384];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  (void)sigaltstack(&alternate, NULL);
  for (size_t index = 0; index < sizeof fatal / sizeof fatal[0]; index++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = crashed;
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
    (void)sigaction(fatal[index], &action, NULL);
  }
  (void)atexit(exited);
}
