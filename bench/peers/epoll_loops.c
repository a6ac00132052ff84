/* Raw epoll echo on several threads: epoll_loops LOOPS [PORT].
 *
 * A loop of its own and a share of the connections for each, and nothing that
 * two of them write to. */
#define PER_LOOP static _Thread_local
#include "epoll.h"

#include <pthread.h>

static int listener;

static void readable(struct conn *c) {
  struct piece p = conn_receive(c);
  if (p.len)
    conn_send(c, p.data, p.len);
}

static void *run(void *arg) {
  epoll_loop((unsigned)(uintptr_t)arg, listener, readable);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t thread;
  loops = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
  if (loops < 1 || loops > LOOPS_MAX) {
    fprintf(stderr, "usage: epoll_loops LOOPS [PORT]\n");
    return 2;
  }
  listener = epoll_open(argc - 1, argv + 1);
  for (unsigned i = 1; i < loops; i++)
    if (pthread_create(&thread, NULL, run, (void *)(uintptr_t)i))
      net_die("pthread_create");
  run(NULL);
}
