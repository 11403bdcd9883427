#include "watch.h"

#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

int nexus_watch_open(void) { return inotify_init1(IN_CLOEXEC | IN_NONBLOCK); }

void nexus_watch_add(int inotify, const char *directory) {
  if (inotify < 0) return;
  (void)inotify_add_watch(inotify, directory,
                          IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                              IN_ONLYDIR);
}

int nexus_wakeup_open(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void nexus_wakeup(int descriptor) {
  const uint64_t one = 1;
  if (descriptor >= 0) (void)!write(descriptor, &one, sizeof one);
}

int nexus_watch_wait(int inotify, int wakeup, int milliseconds) {
  struct pollfd waiting[2] = {{.fd = inotify, .events = POLLIN}, {.fd = wakeup, .events = POLLIN}};
  if (poll(waiting, 2, milliseconds) <= 0 || (waiting[0].revents & POLLIN) == 0) return 0;
  _Alignas(struct inotify_event) char events[4096];
  while (read(inotify, events, sizeof events) > 0) {
  }
  return 1;
}
