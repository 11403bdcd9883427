#define _GNU_SOURCE
#include "crash_note.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* The lowest bit says that the thread is in the gateway's own code, which the adapter has called. Notes are at even addresses. */
static _Thread_local const nexus_note *current;

#define HOST ((uintptr_t)1)

const nexus_note *nexus_note_swap(const nexus_note *note) {
  const nexus_note *before = current;
  current = note;
  return before;
}

const nexus_note *nexus_note_enter_host(void) {
  const nexus_note *before = current;
  current = (const nexus_note *)((uintptr_t)before | HOST);
  return before;
}

/* The parts of what the thread is in; NULL for what there is not. */
typedef struct place {
  const char *host;
  const char *note;
  const char *record;
} place;

static place where(void) {
  const uintptr_t word = (uintptr_t)current;
  const nexus_note *note = (const nexus_note *)(word & ~HOST);
  const char *words = note != NULL ? note->words : NULL;
  const char *record = note != NULL ? note->record : NULL;
  if ((word & HOST) == 0) return (place){NULL, words, record};
  return (place){"the gateway itself, which was called by ", words != NULL ? words : "a thread of an adapter", record};
}

/* Appends a text as far as there is room for it and a NUL. */
static size_t append(char *buffer, size_t capacity, size_t length, const char *text) {
  for (; text != NULL && *text != '\0' && length + 1 < capacity; text++) buffer[length++] = *text;
  return length;
}

size_t nexus_note_describe(char *buffer, size_t capacity) {
  const place place = where();
  size_t length = append(buffer, capacity, 0, place.host);
  length = append(buffer, capacity, length, place.note);
  if (capacity > 0) buffer[length] = '\0';
  return length;
}

/* Only what signal-safety(7) allows. A log whose reader has stopped must not keep the process from its end, so nothing is
 * written where that could block: a pipe that is ready takes PIPE_BUF bytes at once (pipe(7)), which is more than a text has. */
static void put(const char *text) {
  struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&log, 1, 0) == 1) (void)!write(STDERR_FILENO, text, strlen(text));
}

static size_t append_number(char *buffer, size_t capacity, size_t length, uint64_t number) {
  char digits[21];
  size_t first = sizeof digits - 1;
  digits[first] = '\0';
  do {
    digits[--first] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return append(buffer, capacity, length, digits + first);
}

size_t nexus_note_line(char *buffer, size_t capacity, const char *end) {
  const place place = where();
  if (capacity > 0) buffer[0] = '\0';
  if (place.record == NULL || strlen(place.record) >= NEXUS_NOTE_RECORD_LIMIT) return 0;
  const time_t now = time(NULL);
  size_t length = append(buffer, capacity, 0, "{\"end\":\"");
  length = append(buffer, capacity, length, end);
  length = append(buffer, capacity, length, place.host != NULL ? "\",\"in_gateway\":true,\"at\":" : "\",\"in_gateway\":false,\"at\":");
  length = append_number(buffer, capacity, length, now > 0 ? (uint64_t)now : 0);
  length = append(buffer, capacity, length, ",\"adapter\":");
  length = append(buffer, capacity, length, place.record);
  length = append(buffer, capacity, length, "}\n");
  if (capacity > 0) buffer[length] = '\0';
  return length;
}

/* Where the line goes, and whose it is: a child that an adapter has forked ends nothing but itself. */
static _Atomic int kept = -1;
static _Atomic pid_t owner;

void nexus_note_keep(int descriptor) {
  owner = getpid();
  kept = descriptor;
}

/* One write, so that what is there is whole; of two threads that end the process at once the first one counts. */
static void keep(const char *end) {
  static char line[NEXUS_NOTE_RECORD_LIMIT + 256];
  if (where().record == NULL || getpid() != owner) return;
  const int descriptor = atomic_exchange(&kept, -1);
  if (descriptor < 0) return;
  const size_t length = nexus_note_line(line, sizeof line, end);
  if (length > 0) (void)!write(descriptor, line, length);
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

static atomic_bool writes_json;

void nexus_note_log_json(bool json) { writes_json = json; }

/* Appends a text as it stands within a string of JSON. */
static size_t append_escaped(char *buffer, size_t capacity, size_t length, const char *text) {
  static const char digits[] = "0123456789abcdef";
  for (; text != NULL && *text != '\0'; text++) {
    const unsigned char byte = (unsigned char)*text;
    char escape[7] = {*text, '\0'};
    if (byte == '"' || byte == '\\') {
      escape[0] = '\\', escape[1] = *text, escape[2] = '\0';
    } else if (byte < 0x20) {
      memcpy(escape, "\\u00", 4);
      escape[4] = digits[byte >> 4], escape[5] = digits[byte & 15], escape[6] = '\0';
    }
    if (length + strlen(escape) + 1 >= capacity) break;
    length = append(buffer, capacity, length, escape);
  }
  return length;
}

static size_t append_padded(char *buffer, size_t capacity, size_t length, int64_t number, int64_t above) {
  for (; above > 1 && number < above; above /= 10) length = append(buffer, capacity, length, "0");
  return append_number(buffer, capacity, length, (uint64_t)number);
}

/* Like "2026-01-02T03:04:05.000Z". gmtime_r is not among what signal-safety(7) allows. Years begin in March here, so that the leap
 * day is the last of its year, in eras of 400 years. */
static size_t append_time(char *buffer, size_t capacity, size_t length) {
  const int64_t now = time(NULL);
  const int64_t day = now / 86400 + 719468, second = now % 86400;
  const int64_t era = day / 146097, of_era = day % 146097;
  const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const int64_t month = (5 * of_year + 2) / 153;
  const int64_t civil = month < 10 ? month + 3 : month - 9;
  length = append_padded(buffer, capacity, length, year + era * 400 + (civil <= 2), 1000);
  length = append(buffer, capacity, length, "-");
  length = append_padded(buffer, capacity, length, civil, 10);
  length = append(buffer, capacity, length, "-");
  length = append_padded(buffer, capacity, length, of_year - (153 * month + 2) / 5 + 1, 10);
  length = append(buffer, capacity, length, "T");
  length = append_padded(buffer, capacity, length, second / 3600, 10);
  length = append(buffer, capacity, length, ":");
  length = append_padded(buffer, capacity, length, second / 60 % 60, 10);
  length = append(buffer, capacity, length, ":");
  length = append_padded(buffer, capacity, length, second % 60, 10);
  return append(buffer, capacity, length, ".000Z");
}

size_t nexus_note_log_line(char *buffer, size_t capacity, const char *what, const char *end) {
  const place place = where();
  size_t length = 0;
  if (capacity > 0) buffer[0] = '\0';
  if (place.note == NULL || capacity < 256) return 0;
  if (writes_json) {
    /* What ends the line is not cut off. */
    const size_t room = capacity - 4;
    length = append(buffer, room, length, "{\"time\":\"");
    length = append_time(buffer, room, length);
    length = append(buffer, room, length, "\",\"level\":\"critical\",\"component\":\"adapters\",\"message\":\"");
    length = append_escaped(buffer, room, length, what);
    length = append_escaped(buffer, room, length, end);
    length = append_escaped(buffer, room, length, place.host);
    length = append_escaped(buffer, room, length, place.note);
    length = append(buffer, capacity, length, "\"}\n");
  } else {
    length = append(buffer, capacity - 2, length, "nexus: ");
    length = append(buffer, capacity - 2, length, what);
    length = append(buffer, capacity - 2, length, end);
    length = append(buffer, capacity - 2, length, place.host);
    length = append(buffer, capacity - 2, length, place.note);
    length = append(buffer, capacity, length, "\n");
  }
  buffer[length] = '\0';
  return length;
}

/* Tells the log. What does not come to its end at once is not waited for. */
static void tell(const char *what, const char *end) {
  static char line[NEXUS_NOTE_RECORD_LIMIT];
  if (nexus_note_log_line(line, sizeof line, what, end) > 0) put(line);
}

static const char *within(int signal) {
  switch (signal) {
    case SIGSEGV: return "SIGSEGV, which came while a thread was in ";
    case SIGBUS: return "SIGBUS, which came while a thread was in ";
    case SIGILL: return "SIGILL, which came while a thread was in ";
    case SIGFPE: return "SIGFPE, which came while a thread was in ";
    case SIGABRT: return "SIGABRT, which came while a thread was in ";
    case SIGTRAP: return "SIGTRAP, which came while a thread was in ";
    default: return "a signal, which came while a thread was in ";
  }
}

static void crashed(int signal) {
  /* First, since a log may be slow. */
  keep(name(signal));
  tell("the process ends with ", within(signal));
  /* SA_RESETHAND has put the default back; returning would run the faulty instruction again, which also ends it. */
  raise(signal);
}

static void exited(void) {
  keep("exit");
  tell("the process ends because exit() was called in ", "");
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
