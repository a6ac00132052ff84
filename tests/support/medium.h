/* What a connection between two ends may go over, and the descriptors of those
 * that are no sockets. */
#ifndef PLAIT_TESTS_MEDIUM_H
#define PLAIT_TESTS_MEDIUM_H

#include <plait.h>

/* BACKGROUND: a pair of background functions, each the peer of one end.
 * PROCESS: the client's is the standard input and output of a child, whose end
 * of them is the server's: the child itself only waits to be ended.
 * STDIO: the client's is our standard input and output, which are two pipes to
 * a relay behind the server's socket.
 *
 * UP, DOWN: a pipe, as one of a child's, through which only the client writes
 * and only the server reads, and the other way round.
 * PTY_CLIENT, PTY_SERVER: a terminal in raw mode, as a child's; the client, or
 * the server, has the master and the other one the slave. */
enum medium {
  MEDIUM_TCP,
  MEDIUM_UNIX,
  MEDIUM_PAIR,
  MEDIUM_BACKGROUND,
  MEDIUM_PROCESS,
  MEDIUM_STDIO,
  MEDIUM_UP,
  MEDIUM_DOWN,
  MEDIUM_PTY_CLIENT,
  MEDIUM_PTY_SERVER,
  MEDIA
};

extern const char *const medium_names[MEDIA];

/* A pipe or a terminal of the kernel's. */
static inline bool medium_is_file(enum medium medium) {
  return medium >= MEDIUM_UP;
}

static inline bool medium_is_pty(enum medium medium) {
  return medium >= MEDIUM_PTY_CLIENT;
}

/* Makes one, without blocking. */
void medium_open(enum medium medium, int *ret_server, int *ret_client);

/* plait_adopt() for such a descriptor, which that takes no other end of: it
 * becomes what it is in a child's parent. */
void medium_adopt(plait_reactor *reactor, int fd, plait_factory *factory);

/* How the end of the server's, or the client's, hears that the other one has
 * gone in order: a pattern. */
const char *medium_gone(enum medium medium, bool server);

#endif
