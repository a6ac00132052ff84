/* Raw epoll echo: the reference all ratios of echo are taken to.
 *
 * What was read is sent at once: two system calls per message. */
#include "epoll.h"

static void readable(struct conn *c) {
  struct piece p = conn_receive(c);
  if (p.len)
    conn_send(c, p.data, p.len);
}

int main(int argc, char **argv) {
  epoll_serve(argc, argv, readable);
}
