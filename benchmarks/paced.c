/*
 * Requests at a fixed rate, whatever the answers take: an open loop, so that a stall of the gateway is felt by all that come in it.
 *
 *   paced PORT RATE SECONDS BODY
 *
 * Prints the number of answers, and percentiles of the time from when a request was due to its whole answer, in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define LANES 64

static struct { int fd, busy; uint64_t due; char in[8192]; size_t have; } lanes[LANES];
static uint32_t *times;
static size_t answers, late;

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int compare(const void *a, const void *b) {
  uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
  return one < other ? -1 : one > other;
}

/* Whether the answer is whole: it has a length. */
static int is_whole(const char *in, size_t have) {
  const char *end = memmem(in, have, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  if (memcmp(in, "HTTP/1.1 200", 12) != 0) {
    fprintf(stderr, "%.*s\n", (int)have, in);
    exit(1);
  }
  const char *field = memmem(in, (size_t)(end - in), "content-length: ", 16);
  if (field == NULL) exit(3);
  return have >= (size_t)(end + 4 - in) + strtoul(field + 16, NULL, 10);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int port = atoi(argv[1]);
  double rate = atof(argv[2]), seconds = atof(argv[3]);
  size_t total = (size_t)(rate * seconds), sent = 0;
  times = calloc(total + 1, sizeof *times);
  char request[8192];
  int length = snprintf(request, sizeof request,
                        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                        "content-length: %zu\r\n\r\n%s", strlen(argv[4]), argv[4]);
  if (times == NULL || length >= (int)sizeof request) return 2;
  int poller = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int lane = 0; lane < LANES; lane++) {
    int fd = lanes[lane].fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)lane};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }
  uint64_t gap = (uint64_t)(1e9 / rate), start = now_ns() + 1000000;
  struct itimerspec every = {.it_interval.tv_nsec = (long)gap, .it_value.tv_sec = (time_t)(start / 1000000000),
                             .it_value.tv_nsec = (long)(start % 1000000000)};
  if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &every, NULL) != 0) die("timerfd");
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = LANES};
  epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
  while (answers < total) {
    struct epoll_event events[LANES + 1];
    int found = epoll_wait(poller, events, LANES + 1, 10000);
    if (found == 0) die("no answer in ten seconds");
    for (int index = 0; index < found; index++) {
      uint32_t lane = events[index].data.u32;
      if (lane == LANES) {
        uint64_t ticks;
        if (read(timer, &ticks, sizeof ticks) != sizeof ticks) continue;
        while (sent < total && start + sent * gap <= now_ns()) {
          int free = 0;
          while (free < LANES && lanes[free].busy) free++;
          if (free == LANES) {
            late++;
            break;
          }
          lanes[free].busy = 1;
          lanes[free].due = start + sent++ * gap;
          lanes[free].have = 0;
          if (write(lanes[free].fd, request, (size_t)length) != length) die("write");
        }
      } else {
        ssize_t got = read(lanes[lane].fd, lanes[lane].in + lanes[lane].have, sizeof lanes[lane].in - lanes[lane].have);
        if (got <= 0) die("read");
        lanes[lane].have += (size_t)got;
        if (!is_whole(lanes[lane].in, lanes[lane].have)) continue;
        lanes[lane].busy = 0;
        times[answers++] = (uint32_t)((now_ns() - lanes[lane].due) / 1000);
      }
    }
  }
  qsort(times, answers, sizeof *times, compare);
  printf("{\"answers\":%zu,\"late\":%zu,\"p50\":%u,\"p90\":%u,\"p99\":%u,\"max\":%u}\n", answers, late, times[answers / 2],
         times[answers * 9 / 10], times[answers * 99 / 100], times[answers - 1]);
  return 0;
}
