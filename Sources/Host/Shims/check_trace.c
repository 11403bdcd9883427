#define _GNU_SOURCE
#include "check_trace.h"

#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel asks for more than a constant where registers are large, and the unwinder for some more. */
#define STACK_SIZE 131072
#define FRAMES 48
/* Of the names of images: the dynamic linker's are paths. */
#define NAME_LIMIT 200
/* Seconds for a line that needs the dynamic linker, whose lock the crash may have left closed. */
#define PATIENCE 2

static int pipe_end = -1;
static atomic_flag is_told = ATOMIC_FLAG_INIT;

typedef struct line {
  char bytes[FRAMES * (NAME_LIMIT + 32)];
  size_t length;
} line;

static void add(line *to, const char *text, size_t limit) {
  for (; *text != '\0' && limit > 0 && to->length < sizeof to->bytes; text++, limit--) to->bytes[to->length++] = *text;
}

/* A name as it stands within a string of JSON: what would have to be escaped is no part of any path that matters here. */
static void add_name(line *to, const char *name) {
  for (size_t index = 0; name[index] != '\0' && index < NAME_LIMIT; index++) {
    const unsigned char byte = (unsigned char)name[index];
    const char shown[2] = {byte < 0x20 || byte == '"' || byte == '\\' || byte > 0x7E ? '?' : (char)byte, '\0'};
    add(to, shown, 1);
  }
}

static void add_number(line *to, uintptr_t number) {
  char digits[24];
  size_t first = sizeof digits - 1;
  digits[first] = '\0';
  do {
    digits[--first] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  add(to, digits + first, sizeof digits);
}

static void put(const line *line) {
  for (size_t sent = 0; sent < line->length;) {
    const ssize_t count = write(pipe_end, line->bytes + sent, line->length - sent);
    if (count <= 0) return;
    sent += (size_t)count;
  }
}

typedef struct place {
  uintptr_t address;
  const char *name;
  uintptr_t offset;
} place;

static int find(struct dl_phdr_info *image, size_t size, void *user) {
  place *place = user;
  (void)size;
  for (size_t index = 0; index < image->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &image->dlpi_phdr[index];
    const uintptr_t start = image->dlpi_addr + part->p_vaddr;
    if (part->p_type != PT_LOAD || place->address < start || place->address - start >= part->p_memsz) continue;
    place->name = image->dlpi_name;
    place->offset = place->address - image->dlpi_addr;
    return 1;
  }
  return 0;
}

static const char *name_of(int signal) {
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
  static line text;
  if (atomic_flag_test_and_set(&is_told)) {
    /* A second thread, or the search for frames: the first line is out. */
    raise(signal);
    return;
  }
  add(&text, "{\"crash\":\"", SIZE_MAX);
  add(&text, name_of(signal), SIZE_MAX);
  add(&text, "\"}\n", SIZE_MAX);
  put(&text);
  struct sigaction otherwise;
  memset(&otherwise, 0, sizeof otherwise);
  otherwise.sa_handler = SIG_DFL;
  (void)sigaction(SIGALRM, &otherwise, NULL);
  (void)alarm(PATIENCE);
  void *addresses[FRAMES + 2];
  const int count = backtrace(addresses, FRAMES + 2);
  text.length = 0;
  add(&text, "{\"frames\":[", SIZE_MAX);
  /* The first two are this handler, and what the kernel returns to from it. */
  for (int index = 2; index < count; index++) {
    /* All but the faulty one are addresses that calls return to, behind the call. */
    place place = {.address = (uintptr_t)addresses[index] - (index > 2 ? 1 : 0), .name = "?", .offset = 0};
    (void)dl_iterate_phdr(find, &place);
    add(&text, index > 2 ? ",[\"" : "[\"", SIZE_MAX);
    add_name(&text, place.name);
    add(&text, "\",", SIZE_MAX);
    add_number(&text, place.offset);
    add(&text, "]", SIZE_MAX);
  }
  add(&text, "]}\n", SIZE_MAX);
  put(&text);
  /* SA_RESETHAND has put the default back. */
  raise(signal);
}

void nexus_trace_crashes(int descriptor) {
  static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
  static char stack[STACK_SIZE];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  void *first[1];
  pipe_end = descriptor;
  /* The first call loads the unwinder, which a handler may not. */
  (void)backtrace(first, 1);
  (void)sigaltstack(&alternate, NULL);
  for (size_t index = 0; index < sizeof fatal / sizeof fatal[0]; index++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = crashed;
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
    (void)sigaction(fatal[index], &action, NULL);
  }
}

int nexus_trace_thread(void) { return (int)syscall(SYS_gettid); }

void nexus_trace_interrupt(int process, int thread) { (void)syscall(SYS_tgkill, process, thread, SIGTRAP); }
