/* The plain other side of a test: blocking sockets that know nothing of
 * plait. */
#ifndef PLAIT_TESTS_PEER_H
#define PLAIT_TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connects to a client endpoint, "tcp:127.0.0.1:80" or "unix:/path".  The
 * descriptor; -errno if that fails. */
int peer_connect(const char *endpoint);
/* The client endpoint of "tcp:80:interface=127.0.0.1" or of a path. */
void peer_endpoint(const char *listening, char *ret, size_t size);

/* A TCP connection within the machine, both ends of it. */
void peer_tcp_pair(int fds[2]);

/* Sends |len| bytes of support/pattern.h, all of them; false if it cannot. */
bool peer_send(int fd, uint64_t len);
/* Reads to the end and compares with the pattern.  The bytes that came in
 * order; |ret_error| is 0 for an end in order, else an errno. */
uint64_t peer_read_all(int fd, int *ret_error);
/* Whether |fd| can be read within |wait_ms|. */
bool peer_readable(int fd, int wait_ms);

/* Raises the limit of descriptors to |n|; aborts if that is not allowed. */
void peer_raise_limit(unsigned n);

#endif
