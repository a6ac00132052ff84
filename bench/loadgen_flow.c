/* Steady load over connections that stay.
 *
 * Closed: every connection keeps |depth| messages in flight; an answer sends
 * the next.  Open (a rate is given): messages leave when they are due, spread
 * over the connections, and latency counts from the time a message was due,
 * so a slow server is not forgiven the messages that could not leave. */
#include "loadgen.h"

static bool more;

static void flow_event(struct conn *c, uint32_t events) {
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    uint64_t now;
    unsigned complete = conn_receive(c, &now);
    if (complete && more && opt.rate <= 0)
      conn_queue(c, complete, now);
  }
  if (c->tx_left && (!c->armed || (events & EPOLLOUT)))
    conn_send(c);
}

static void flow_fill(void) {
  for (int i = 0; i < opt.conns; i++) {
    conn_queue(&conns[i], opt.depth, meter_now());
    conn_send(&conns[i]);
  }
}

/* Sends what has come due since |start|; |issued| of it has left already.  A
 * connection whose |depth| is used up is passed over; when all are, the rest
 * stays due, and late. */
static uint64_t flow_issue(uint64_t start, uint64_t issued) {
  static int next;
  double elapsed = (double)(meter_now() - start) / 1e9;
  uint64_t due = (uint64_t)(elapsed * opt.rate);
  for (int passed = 0; issued < due && passed < opt.conns;) {
    struct conn *c = &conns[next];
    next = next + 1 == opt.conns ? 0 : next + 1;
    if (c->inflight == opt.depth) {
      passed++;
      continue;
    }
    conn_queue(c, 1, start + (uint64_t)((double)issued++ / opt.rate * 1e9));
    if (!c->armed)
      conn_send(c);
  }
  return issued;
}

void flow_slice(void) {
  struct epoll_event events[EVENTS_MAX];
  uint64_t start = meter_now(), issued = 0;
  bool open = opt.rate > 0;
  more = true;
  if (!open)
    flow_fill();
  while (more || conn_inflight) {
    int n = conn_wait(events, open ? 0 : 100);
    for (int i = 0; i < n; i++)
      flow_event(events[i].data.ptr, events[i].events);
    more = more && meter_more();
    if (open && more)
      issued = flow_issue(start, issued);
  }
}
