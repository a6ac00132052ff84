/* What the files of the load generator share.
 *
 *   loadgen.c        options and main
 *   loadgen_table.c  the bytes that are sent and expected back
 *   loadgen_conn.c   connections: open, send, receive and compare
 *   loadgen_meter.c  a slice of load: CPU, memory, latency, allocations
 *   loadgen_flow.c   the steady loop (closed or open)
 *   loadgen_churn.c  connect-echo-close, and idle connections
 *
 * One thread, one epoll descriptor.  A check that does not hold ends the
 * program at once with a line that starts with FAIL and exit status 1;
 * status 2 means that the generator itself could not work. */
#ifndef LOADGEN_H
#define LOADGEN_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

enum { PIDS_MAX = 8, EVENTS_MAX = 512, READ_BYTES = 256 * 1024 };

enum mode { MODE_RAW, MODE_LINE, MODE_LEN };
enum kind { KIND_FLOW, KIND_CHURN, KIND_IDLE };

struct options {
  const char *host;
  const char *congestion; /* TCP congestion control, or NULL */
  const char *alloc_path; /* counters of count_alloc.so, or NULL */
  enum mode mode;
  enum kind kind;
  int port;
  int conns;
  unsigned depth; /* messages in flight on each connection */
  int cpu;        /* negative: not pinned */
  size_t size;    /* bytes of a message, framing included */
  bool driven;    /* slices as lines on stdin ask for them */
  double seconds; /* of the slice, or held open when idle */
  double warm_seconds;
  double rate;          /* messages per second; 0: closed loop */
  uint64_t messages;    /* in the slice; 0: |seconds| decides */
  pid_t pids[PIDS_MAX]; /* the server's processes */
  int pid_count;
};
extern struct options opt;

/* Ends the program: a check failed (1), or a system call did (2). */
_Noreturn void fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
_Noreturn void die(const char *what);

/* ---- loadgen_table.c ---- */

struct table {
  unsigned char *bytes;
  size_t period;     /* bytes before it repeats */
  unsigned messages; /* messages in one period */
};
extern struct table table;

void table_make(void);
size_t table_start(unsigned serial); /* where connection |serial| enters */

/* ---- loadgen_conn.c ---- */

struct conn {
  int fd;
  bool armed;            /* EPOLLOUT is asked for */
  size_t tx_pos, rx_pos; /* places in the table */
  size_t tx_left;        /* bytes that are due */
  size_t rx_part;        /* bytes so far of the message that is arriving */
  unsigned first, inflight;
  uint64_t *due; /* ring of |depth| times */
};
extern struct conn *conns;
extern uint64_t conn_inflight; /* messages, over all connections */

void conn_setup(void);

/* Connects |conns[from]| up to |conns[to - 1]|, and sees the server answer on
 * every one (|each|) or on every 256th, so that its backlog never overflows. */
void conn_connect(int from, int to, bool each);

/* Starts connection |serial| without waiting for it, with one message due. */
void conn_start(struct conn *c, unsigned serial);

void conn_queue(struct conn *c, unsigned n, uint64_t due);
void conn_send(struct conn *c);

/* Reads once and compares; the number of messages that are now complete. */
unsigned conn_receive(struct conn *c, uint64_t *ret_now);

/* Events of all connections; fails when nothing happened for ten seconds. */
int conn_wait(struct epoll_event *events, int timeout_ms);

/* Resets all connections: no TIME_WAIT is left for the next run. */
void conn_reset_all(void);

/* ---- loadgen_meter.c ---- */

uint64_t meter_now(void);

/* A slice begins; it lasts |seconds|, and as long as the options ask for. */
void meter_begin(double seconds);
bool meter_more(void); /* shall more messages be sent? */
void meter_count(size_t bytes, unsigned messages);
void meter_latency(uint64_t ns);
void meter_report(void);   /* the slice is over, and everything came back */
long meter_resident(void); /* bytes resident in the server's processes */

/* ---- the three kinds of load ---- */

void flow_slice(void);  /* sends while meter_more(), then drains */
void churn_slice(void); /* likewise */
void idle_run(void);

#endif
