/*
 * Dashboards that are open: subscribers of /ws which read what comes, as cheaply as can be, and some that never read.
 *
 *   subscribers PORT COUNT SILENT PATH     PATH such as /ws?updates=deltas
 *
 * Prints "ready" when all are connected. Then each line on stdin is answered by one: how many bytes and frames have come since the
 * line before, and how many connections have closed, as JSON. Ends with stdin.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FD 8192

/* Where a connection stands in what the gateway sends: bytes of the frame under way that are still to come. */
static struct { uint64_t left; unsigned char head[10]; int have, ping; } peers[MAX_FD];
static uint64_t bytes, frames, closed;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int connect_to(int port, const char *path) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || fd >= MAX_FD) die("socket");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
  char text[512];
  int length = snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n", path);
  if (write(fd, text, (size_t)length) != length) die("write");
  /* The head byte by byte, so that no frame is lost with it. */
  char end[4] = {0}, first[16] = {0};
  for (int at = 0; memcmp(end, "\r\n\r\n", 4) != 0; at++) {
    memmove(end, end + 1, 3);
    if (read(fd, end + 3, 1) != 1) die("read");
    if (at < 12) first[at] = end[3];
  }
  if (strncmp(first, "HTTP/1.1 101", 12) != 0) {
    fprintf(stderr, "not a WebSocket: %s\n", first);
    exit(1);
  }
  return fd;
}

/* Counts frames, and answers pings, so that a peer stays. */
static void took(int fd, const unsigned char *at, size_t count) {
  bytes += count;
  while (count > 0) {
    if (peers[fd].left > 0) {
      size_t part = count < peers[fd].left ? count : (size_t)peers[fd].left;
      peers[fd].left -= part;
      at += part;
      count -= part;
      continue;
    }
    peers[fd].head[peers[fd].have++] = *at++;
    count--;
    unsigned char *head = peers[fd].head;
    int need = peers[fd].have < 2 ? 2 : head[1] == 126 ? 4 : head[1] == 127 ? 10 : 2;
    if (peers[fd].have < need) continue;
    uint64_t length = head[1];
    if (need > 2) {
      length = 0;
      for (int index = 2; index < need; index++) length = length << 8 | head[index];
    }
    peers[fd].left = length;
    peers[fd].have = 0;
    frames++;
    if ((head[0] & 0x0F) == 9) {
      static const unsigned char pong[6] = {0x8A, 0x80};
      if (write(fd, pong, sizeof pong) < 0 && errno != EAGAIN) closed++;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int port = atoi(argv[1]), count = atoi(argv[2]), silent = atoi(argv[3]);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  for (int index = 0; index < count + silent; index++) {
    int fd = connect_to(port, argv[4]);
    if (index >= count) continue;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }
  struct epoll_event input = {.events = EPOLLIN, .data.fd = 0};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input) != 0) die("epoll_ctl");
  puts("ready");
  fflush(stdout);
  static unsigned char buffer[1 << 18];
  for (;;) {
    struct epoll_event events[256];
    int found = epoll_wait(poller, events, 256, -1);
    for (int index = 0; index < found; index++) {
      int fd = events[index].data.fd;
      ssize_t got = read(fd, buffer, sizeof buffer);
      if (fd == 0) {
        if (got <= 0) return 0;
        printf("{\"bytes\":%llu,\"frames\":%llu,\"closed\":%llu}\n", (unsigned long long)bytes, (unsigned long long)frames,
               (unsigned long long)closed);
        fflush(stdout);
        bytes = frames = 0;
      } else if (got > 0) {
        took(fd, buffer, (size_t)got);
      } else if (got == 0 || errno != EAGAIN) {
        epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
        closed++;
      }
    }
    /* As a browser's network process does not run at each packet, so that reading costs this machine little. */
    usleep(5000);
  }
}
