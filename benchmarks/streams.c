/*
 * The client of the benchmark's streams: CONNECTIONS at once, one request after another on each, for SECONDS or until
 * TOTAL streams have ended.
 *
 *   streams PORT CONNECTIONS SECONDS TOTAL BODY
 *
 * Prints one line of JSON: streams that ended well and not, events, seconds, and the time to the first event.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct stream {
  int fd;
  size_t sent;       /* bytes of the request */
  char tail[64];     /* the newest bytes received */
  size_t tail_length;
  char before;       /* the byte before the current one */
  int started, marked;
  double began;
} stream;

static int port, poller;
static char *request;
static size_t request_length;
static long well, badly, events_seen, running, left;
static double first_sum;
static long first_count;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void watch(stream *self, int operation, uint32_t wanted) {
  struct epoll_event event = {.events = wanted, .data.ptr = self};
  epoll_ctl(poller, operation, self->fd, &event);
}

static void push_request(stream *self) {
  while (self->sent < request_length) {
    ssize_t taken = send(self->fd, request + self->sent, request_length - self->sent, MSG_NOSIGNAL);
    if (taken <= 0) {
      watch(self, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      return;
    }
    self->sent += (size_t)taken;
  }
  watch(self, EPOLL_CTL_MOD, EPOLLIN);
}

/* Begins the next request on the connection, if there is one left. */
static void ask(stream *self) {
  if (left == 0) return;
  left--;
  running++;
  self->sent = self->tail_length = 0;
  self->started = self->marked = 0;
  self->before = 0;
  self->began = now();
  push_request(self);
}

static void open_connection(stream *self) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  self->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(self->fd, (struct sockaddr *)&address, sizeof address) != 0) {
    perror("streams");
    exit(1);
  }
  setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = self};
  epoll_ctl(poller, EPOLL_CTL_ADD, self->fd, &event);
}

static void ended(stream *self, int is_well) {
  running--;
  if (is_well) well++;
  else badly++;
  if (!is_well) {
    close(self->fd);
    open_connection(self);
  }
  ask(self);
}

/* An event ends with an empty line; the whole ends with the mark and the last chunk. */
static void look(stream *self, const char *bytes, size_t length) {
  for (const char *at = bytes; (at = memchr(at, '\n', length - (size_t)(at - bytes))) != NULL; at++) {
    char previous = at == bytes ? self->before : at[-1];
    if (previous != '\n') continue;
    events_seen++;
    if (!self->started) {
      self->started = 1;
      first_sum += now() - self->began;
      first_count++;
    }
  }
  self->before = bytes[length - 1];
  size_t kept = length < 32 ? length : 32, room = sizeof self->tail - kept;
  if (self->tail_length > room) {
    memmove(self->tail, self->tail + (self->tail_length - room), room);
    self->tail_length = room;
  }
  memcpy(self->tail + self->tail_length, bytes + (length - kept), kept);
  self->tail_length += kept;
  if (memmem(self->tail, self->tail_length, "[DONE]", 6) != NULL) self->marked = 1;
  if (self->tail_length >= 5 && memcmp(self->tail + self->tail_length - 5, "0\r\n\r\n", 5) == 0) ended(self, self->marked);
}

int main(int count, char **arguments) {
  if (count != 6) return 2;
  port = atoi(arguments[1]);
  int connections = atoi(arguments[2]);
  double seconds = atof(arguments[3]);
  left = atol(arguments[4]);
  request_length = (size_t)asprintf(&request,
                                    "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: "
                                    "application/json\r\ncontent-length: %zu\r\n\r\n%s",
                                    strlen(arguments[5]), arguments[5]);
  poller = epoll_create1(0);
  stream *streams = calloc((size_t)connections, sizeof *streams);
  for (int index = 0; index < connections; index++) open_connection(&streams[index]);
  double began = now(), end = began + seconds;
  for (int index = 0; index < connections; index++) ask(&streams[index]);
  static char bytes[262144];
  while (running > 0) {
    struct epoll_event events[256];
    int found = epoll_wait(poller, events, 256, 1000);
    if (now() > end) left = 0;
    if (now() > end + 30) break;
    for (int index = 0; index < found; index++) {
      stream *self = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) push_request(self);
      if (!(events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
      ssize_t got = recv(self->fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (got > 0) look(self, bytes, (size_t)got);
      else if (got == 0 || errno != EAGAIN) ended(self, 0);
    }
  }
  printf("{\"well\":%ld,\"badly\":%ld,\"events\":%ld,\"seconds\":%.3f,\"first_ms\":%.3f}\n", well, badly + running,
         events_seen, now() - began, first_count > 0 ? first_sum / (double)first_count * 1000 : 0);
  return 0;
}
