/* Connections that come and go, and connections that only stay.
 *
 * Churn keeps |conns| connections on their way, each of which connects, has
 * one message echoed and closes in order (FIN, not reset); what is counted as
 * a message is thus a connection.  Idle opens |conns| connections, has one
 * message echoed on each, and reports what the server's resident memory grew
 * by.  The first of them is open before the first reading, so that what the
 * server sets up once is not charged to the connections. */
#include "loadgen.h"

#include <stdio.h>
#include <unistd.h>

static unsigned serial;

static void churn_event(struct conn *c, uint32_t events) {
  uint64_t now;
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    if (!conn_receive(c, &now))
      return;
    close(c->fd);
    if (meter_more())
      conn_start(c, serial++);
  } else if (c->tx_left) {
    conn_send(c);
  }
}

void churn_slice(void) {
  struct epoll_event events[EVENTS_MAX];
  for (int i = 0; i < opt.conns; i++)
    conn_start(&conns[i], serial++);
  while (conn_inflight) {
    int n = conn_wait(events, 100);
    for (int i = 0; i < n; i++)
      churn_event(events[i].data.ptr, events[i].events);
  }
}

void idle_run(void) {
  conn_connect(0, 1, true);
  usleep(100000);
  long before = meter_resident();
  conn_connect(1, opt.conns, true);
  usleep(200000);
  long grown = meter_resident() - before;
  printf("conns=%d size=%zu resident_before=%ld resident_grown=%ld "
         "bytes_per_conn=%.1f\n",
         opt.conns, opt.size, before, grown,
         (double)grown / (opt.conns > 1 ? opt.conns - 1 : 1));
  fflush(stdout);
  usleep((useconds_t)(opt.seconds * 1e6));
  conn_reset_all();
}
