#define _GNU_SOURCE
#include "crash_note.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local const char *current;

const char *nexus_note_swap(const char *note) {
  const char *before = current;
  current = note;
  return before;
}

/* Only what signal-safety(7) allows. */
static void put(const char *text) { (void)!write(STDERR_FILENO, text, strlen(text)); }

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
  const char *note = current;
  if (note != NULL) {
    put("nexus: the process ends with ");
    put(name(signal));
    put(", which came while a thread was in ");
    put(note);
    put("\n");
  }
  /* SA_RESETHAND has put the default back; returning would run the faulty instruction again, which also ends it. */
  raise(signal);
}

static void exited(void) {
  const char *note = current;
  if (note != NULL) {
    put("nexus: the process ends because exit() was called in ");
    put(note);
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
