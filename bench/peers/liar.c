/* An echo server that lies: the control for the generator's checks.
 *
 *   liar flip     one bit of what it sends back is wrong
 *   liar drop     one byte is missing
 *   liar double   one byte comes twice
 *   liar crossed  two connections get each other's bytes
 *
 * A generator that reports no failure against each of these proves nothing
 * with a clean run.  One lie after the first 10,000 honest bytes; blocking,
 * and for two connections only. */
#include "net.h"

#include <poll.h>

enum { HONEST = 10000 };

static char buffer[READ_BYTES];
static size_t echoed;

static void put(int fd, const char *data, size_t len) {
  while (len) {
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n <= 0)
      exit(0);
    data += n;
    len -= (size_t)n;
  }
}

static void echo(const char *lie, int fd, int other) {
  ssize_t n = recv(fd, buffer, sizeof buffer, 0);
  if (n <= 0)
    exit(0);
  size_t before = echoed, len = (size_t)n, skip = 0;
  echoed += len;
  if (before < HONEST && echoed >= HONEST) {
    if (!strcmp(lie, "flip"))
      buffer[len / 2] ^= 1;
    if (!strcmp(lie, "drop"))
      skip = 1;
    if (!strcmp(lie, "double"))
      put(fd, buffer, 1);
    if (!strcmp(lie, "crossed"))
      fd = other;
  }
  put(fd, buffer + skip, len - skip);
}

int main(int argc, char **argv) {
  const char *lie = argc > 1 ? argv[1] : "flip";
  int listener = net_listen(1, argv);
  struct pollfd p[2];
  for (int i = 0; i < 2; i++) {
    struct pollfd incoming = {.fd = listener, .events = POLLIN};
    if (poll(&incoming, 1, 10000) != 1)
      net_die("nobody came");
    p[i].fd = accept(listener, NULL, NULL);
    p[i].events = POLLIN;
    /* The generator waits for an answer before it opens the second one. */
  }
  while (poll(p, 2, 10000) > 0)
    for (int i = 0; i < 2; i++)
      if (p[i].revents)
        echo(lie, p[i].fd, p[!i].fd);
  return 0;
}
