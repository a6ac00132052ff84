/* Hands bytes and ends on, both ways.
 *
 * As a background function: two of them with a socket pair in between join two
 * connections, each of which has a function for its peer. */
#ifndef PLAIT_TESTS_RELAY_H
#define PLAIT_TESTS_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/* What it does with descriptors, whose numbers are these calls'. */
struct relay_calls {
  /* Without waiting: a count, or a code; PLAIT_EAGAIN, or how it broke. */
  ptrdiff_t (*read)(int fd, void *bytes, size_t len);
  ptrdiff_t (*write)(int fd, const void *bytes, size_t len);
  /* No more is read, or else written. */
  void (*end)(int fd, bool reading);
  /* As poll(2), for however long; an error of it is nothing that came. */
  void (*wait)(struct pollfd *p, unsigned n);
};

/* Between |fd| and two others: |in| is read and |out| written, which may be one
 * socket or two ends of pipes that do not block.  Until both directions have
 * ended; all of them are still the caller's. */
void relay_between(const struct relay_calls *calls, int fd, int in, int out);

/* The kernel's. */
extern const struct relay_calls relay_kernel;

/* A background function: |arg| is a descriptor as a pointer; it is closed at
 * the end.  Returns 0 once both directions have ended. */
int relay(int fd, void *arg);

#endif
