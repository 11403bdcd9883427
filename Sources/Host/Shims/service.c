#define _GNU_SOURCE
#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int nexus_notify(const uint8_t *path, size_t path_length, const char *text, size_t length, int descriptor) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (path_length == 0 || path_length > sizeof address.sun_path) return ENAMETOOLONG;
  memcpy(address.sun_path, path, path_length);
  struct iovec bytes = {(void *)(uintptr_t)text, length};
  struct msghdr message = {
      .msg_name = &address,
      .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length),
      .msg_iov = &bytes,
      .msg_iovlen = 1,
  };
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  if (descriptor >= 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.room;
    message.msg_controllen = sizeof control.room;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  const int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sender < 0) return errno;
  const struct timeval patience = {.tv_sec = 1};
  (void)setsockopt(sender, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ssize_t sent;
  do sent = sendmsg(sender, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  const int problem = sent < 0 ? errno : 0;
  close(sender);
  return problem;
}

static int option(int descriptor, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

int nexus_socket_look(int descriptor, nexus_socket_facts *facts) {
  memset(facts, 0, sizeof *facts);
  facts->family = -1;
  struct stat status;
  if (fstat(descriptor, &status) != 0) return errno;
  if (!S_ISSOCK(status.st_mode)) return 0;
  facts->family = option(descriptor, SO_DOMAIN);
  facts->type = option(descriptor, SO_TYPE);
  facts->listens = option(descriptor, SO_ACCEPTCONN) > 0;
  union {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_storage room;
  } address = {0};
  socklen_t size = sizeof address;
  if (getsockname(descriptor, &address.any, &size) != 0) return 0;
  if (address.any.sa_family == AF_INET) {
    (void)inet_ntop(AF_INET, &address.four.sin_addr, facts->host, sizeof facts->host);
    facts->port = ntohs(address.four.sin_port);
  } else if (address.any.sa_family == AF_INET6) {
    (void)inet_ntop(AF_INET6, &address.six.sin6_addr, facts->host, sizeof facts->host);
    facts->port = ntohs(address.six.sin6_port);
  }
  return 0;
}
