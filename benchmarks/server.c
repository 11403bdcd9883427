/*
 * The LLM server behind the gateways of the benchmark: one thread, no work of its own worth mentioning.
 *
 *   server PORT PIECES GAP_MS     a stream has PIECES events, GAP_MS milliseconds apart; 0: as fast as they go
 *
 * Answers the model list, and every POST with a chat completion: whole, or as events when the body has "stream":true.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 32768
#define IN_CAPACITY 65536

typedef struct client {
  char *in;          /* IN_CAPACITY bytes, while the connection lives */
  size_t in_length;
  char out[4096];    /* what the socket did not take */
  size_t out_length;
  int left;          /* events to send; 0: no stream is under way */
  uint64_t due;      /* milliseconds */
  int ready;         /* place in the list of streams without a gap, or -1 */
} client;

static client clients[MAX_FD];
static int ready[MAX_FD], ready_count;
static int pieces, gap;
static int poller;
/* No client has a higher descriptor: a look at all of them ends here. */
static int highest;
/* When the first of the streams with a gap is due, in milliseconds. */
static uint64_t first_due = UINT64_MAX;

static const char LIST[] =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 70\r\n\r\n"
    "{\"object\":\"list\",\"data\":[{\"id\":\"bench\",\"object\":\"model\",\"created\":1}]}";
static const char NOT_FOUND[] = "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";
static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
static char answer[2048], piece[512], last[512];
static size_t answer_length, piece_length, last_length;

static uint64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* Writes what each kind of answer consists of, once. */
static void prepare(void) {
  static const char body[] =
      "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\",\"choices\":[{"
      "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"A reverse proxy takes requests in the place of a "
      "server and hands them on; it has done so since the first years of the web.\"},\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":180,\"completion_tokens\":30,\"total_tokens\":210}}";
  static const char event[] =
      "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
      "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]}\n\n";
  static const char end[] =
      "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
      "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
  answer_length = (size_t)snprintf(answer, sizeof answer,
                                   "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                                   sizeof body - 1, body);
  piece_length = (size_t)snprintf(piece, sizeof piece, "%zx\r\n%s\r\n", sizeof event - 1, event);
  last_length = (size_t)snprintf(last, sizeof last, "%zx\r\n%s\r\n0\r\n\r\n", sizeof end - 1, end);
}

static void leave_ready(client *self) {
  if (self->ready < 0) return;
  int moved = ready[--ready_count];
  ready[self->ready] = moved;
  clients[moved].ready = self->ready;
  self->ready = -1;
}

static void drop(int fd) {
  client *self = &clients[fd];
  leave_ready(self);
  free(self->in);
  self->in = NULL;
  close(fd);
}

/* 0: all was taken, now or into `out`; -1: the connection is gone. */
static int put(int fd, const char *bytes, size_t length) {
  client *self = &clients[fd];
  ssize_t taken = self->out_length > 0 ? 0 : send(fd, bytes, length, MSG_NOSIGNAL);
  if (taken < 0 && errno != EAGAIN) return -1;
  size_t rest = length - (size_t)(taken > 0 ? taken : 0);
  if (rest == 0) return 0;
  if (rest > sizeof self->out - self->out_length) return -1;
  memcpy(self->out + self->out_length, bytes + (length - rest), rest);
  self->out_length += rest;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = fd};
  epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
  return 0;
}

static int flush(int fd) {
  client *self = &clients[fd];
  ssize_t taken = send(fd, self->out, self->out_length, MSG_NOSIGNAL);
  if (taken < 0) return errno == EAGAIN ? 0 : -1;
  memmove(self->out, self->out + taken, self->out_length - (size_t)taken);
  self->out_length -= (size_t)taken;
  if (self->out_length == 0) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
  }
  return 0;
}

static void set_due(client *self, uint64_t now) {
  self->due = now + (uint64_t)gap;
  if (self->due < first_due) first_due = self->due;
}

static int send_piece(int fd, uint64_t now) {
  client *self = &clients[fd];
  self->left--;
  set_due(self, now);
  if (self->left > 0) return put(fd, piece, piece_length);
  leave_ready(self);
  return put(fd, last, last_length);
}

/* Answers the complete requests that have come. */
static int serve(int fd, uint64_t now) {
  client *self = &clients[fd];
  while (self->left == 0) {
    char *end = memmem(self->in, self->in_length, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    size_t head = (size_t)(end - self->in) + 4, body = 0;
    *end = 0;
    char *field = strcasestr(self->in, "\r\ncontent-length:");
    if (field != NULL) body = strtoul(field + 17, NULL, 10);
    *end = '\r';
    if (self->in_length < head + body) return 0;
    int failed;
    if (memcmp(self->in, "POST ", 5) != 0) {
      int is_list = memmem(self->in, head, " /v1/models ", 12) != NULL;
      failed = is_list ? put(fd, LIST, sizeof LIST - 1) : put(fd, NOT_FOUND, sizeof NOT_FOUND - 1);
    } else if (memmem(self->in + head, body, "\"stream\":true", 13) != NULL) {
      self->left = pieces;
      set_due(self, now);
      failed = put(fd, STREAM_HEAD, sizeof STREAM_HEAD - 1);
      if (gap == 0) {
        self->ready = ready_count;
        ready[ready_count++] = fd;
      }
    } else {
      failed = put(fd, answer, answer_length);
    }
    if (failed) return -1;
    memmove(self->in, self->in + head + body, self->in_length - head - body);
    self->in_length -= head + body;
  }
  return 0;
}

static int receive(int fd, uint64_t now) {
  client *self = &clients[fd];
  ssize_t got = recv(fd, self->in + self->in_length, IN_CAPACITY - self->in_length, 0);
  if (got < 0) return errno == EAGAIN ? 0 : -1;
  if (got == 0) return -1;
  self->in_length += (size_t)got;
  return serve(fd, now);
}

static void take_connections(int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    char *in = fd < MAX_FD ? malloc(IN_CAPACITY) : NULL;
    if (in == NULL) {
      close(fd);
      continue;
    }
    clients[fd] = (client){.in = in, .ready = -1};
    if (fd > highest) highest = fd;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }
}

/* One event for each stream whose time has come, so that all go on evenly. */
static void advance(uint64_t now) {
  if (gap == 0) {
    for (int index = ready_count - 1; index >= 0; index--) {
      int fd = ready[index];
      if (clients[fd].out_length == 0 && (send_piece(fd, now) || (clients[fd].left == 0 && serve(fd, now)))) drop(fd);
    }
    return;
  }
  if (now < first_due) return;
  first_due = UINT64_MAX;
  for (int fd = 0; fd <= highest; fd++) {
    client *self = &clients[fd];
    if (self->in == NULL || self->left == 0) continue;
    /* Of what the socket does not take the next look is with the next turn. */
    if (self->due <= now && self->out_length > 0) self->due = now + 1;
    if (self->due > now) {
      if (self->due < first_due) first_due = self->due;
      continue;
    }
    if (send_piece(fd, now) || (self->left == 0 && serve(fd, now))) drop(fd);
  }
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  pieces = atoi(arguments[2]);
  gap = atoi(arguments[3]);
  signal(SIGPIPE, SIG_IGN);
  prepare();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0) {
    perror("server");
    return 1;
  }
  poller = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    struct epoll_event events[256];
    int found = epoll_wait(poller, events, 256, ready_count > 0 ? 0 : gap > 0 ? 5 : -1);
    uint64_t now = now_ms();
    for (int index = 0; index < found; index++) {
      int fd = events[index].data.fd;
      if (fd == listener) {
        take_connections(listener);
      } else if (clients[fd].in != NULL) {
        int gone = events[index].events & (EPOLLERR | EPOLLHUP);
        if (!gone && events[index].events & EPOLLOUT) gone = flush(fd);
        if (!gone && events[index].events & EPOLLIN) gone = receive(fd, now);
        if (gone) drop(fd);
      }
    }
    advance(now);
  }
}
