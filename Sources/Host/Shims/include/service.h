/* What a service manager is told, and what it has given (sd_notify(3), sd_listen_fds(3)). */
#ifndef NEXUS_SERVICE_H
#define NEXUS_SERVICE_H
#include <stddef.h>
#include <stdint.h>

/* Sends a text as one datagram to a Unix socket, and waits at most a second for room. `path` is what stands in sun_path: a path, or NUL
 * and a name of the abstract namespace. `descriptor` goes with it; -1: none does. 0, or an errno. On any thread that may block. */
int nexus_notify(const uint8_t *path, size_t path_length, const char *text, size_t length, int descriptor);

/* What a descriptor is. */
typedef struct nexus_socket_facts {
  /* AF_INET, AF_INET6, AF_UNIX, ...; -1: it is no socket. */
  int family;
  /* SOCK_STREAM, SOCK_DGRAM, ... */
  int type;
  /* Nonzero: it listens. */
  int listens;
  /* Of an internet address: where it is bound, the address ended by NUL. */
  char host[64];
  uint16_t port;
} nexus_socket_facts;

/* 0, or an errno: there is no such descriptor. */
int nexus_socket_look(int descriptor, nexus_socket_facts *facts);

#endif
