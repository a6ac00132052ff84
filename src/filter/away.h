/* The two halves of a connection whose callbacks run on workers.
 *
 *      reactor: the stream, "home"               strand: the protocol, "away"
 *
 *      made, data, eof, resume, ...  --- inbox of events --->  callbacks
 *      the stream's verbs  <--- reactor's mailbox: orders ---  plait_write(),
 * ...
 *
 * What comes in is leased: an event of data lies in the receive chunk, behind
 * its bytes, and is a reference to it.  What goes out is gathered in orders
 * that are sent when the strand has nothing more to do, or at 64 KiB.  The last
 * event is lost, the last order its acknowledgement, and with that the
 * connection goes.
 *
 * Or it comes home: the strand orders that, home holds back what comes from
 * then on and says |back|, the old instance ends behind all that came before,
 * and with the acknowledgement home switches to the new one, as any stream
 * does.
 *
 * Files: away.c (the strand's job, and the end), callbacks.c (what it calls),
 * input.c (data on the strand), verbs.c (what its transport does), orders.c,
 * alarm.c (timers), pass.c (descriptors), home.c (the reactor's side),
 * homeward.c (coming home).
 */
#ifndef PLAIT_FILTER_AWAY_H
#define PLAIT_FILTER_AWAY_H

#include <stdatomic.h>

#include "core/away.h"
#include "core/pass.h"
#include "pool/pool.h"

typedef struct plait__away plait__away;
typedef struct plait__orders plait__orders;

/* Received bytes on their way to a callback, or held back from it. */
typedef struct plait__lease {
  plait__mail mail;
  plait__chunk *chunk; /* in which it lies; NULL: memory of its own */
  const uint8_t *data;
  size_t len;
  size_t charge;       /* bytes it counts for */
  plait__pass *caught; /* descriptors that came with it */
} plait__lease;

_Static_assert(sizeof(plait__lease) <= PLAIT__LEASE_BYTES,
               "there is room for a lease behind what was read");

/* An event that is in the inbox once at most. */
typedef struct plait__notice {
  plait__mail mail;
  atomic_bool sent;
} plait__notice;

/* What the strand wants of its home, besides orders. */
enum {
  PLAIT__WANT_RESUME_WRITING = 1u << 0, /* a write answered false */
  PLAIT__WANT_PAUSE = 1u << 1,
  PLAIT__WANT_READ = 1u << 2,  /* the opposite */
  PLAIT__WANT_LEASES = 1u << 3 /* enough of them were given back; or the first
                                  ones, see home_made() */
};

/* A switch to an instance on the reactor. */
enum {
  PLAIT__HOMEWARD_NOT,
  PLAIT__HOMEWARD_LEAVES, /* the old instance may still wait for a task */
  PLAIT__HOMEWARD_ASKED,  /* the order is on its way */
  PLAIT__HOMEWARD_BACK    /* nothing more comes from home: it may end */
};

struct plait__away {
  plait_transport head; /* what the protocol sees */
  plait__stream *stream;
  plait_reactor *reactor;
  plait_pool *pool;

  plait__mailbox inbox;
  atomic_int pending;  /* mails that were pushed, less those handled */
  atomic_bool at_home; /* there are no workers any more: it runs there */
  int dropped;         /* why */
  plait__job job;
  atomic_uint busy; /* jobs that run for this connection */
  plait__mail back; /* from home: the last event */
  plait__notice made, eof, resume, timed_out, draining, close, lost;

  /* the strand's */
  plait_protocol *leaving;             /* switched away from, lost is due */
  plait_protocol *follower;            /* on the reactor: nothing here is its */
  plait__mail *held_first, *held_last; /* leases held back */
  plait__lease *current;               /* in data_received */
  plait_slice view;                    /* what it was given */
  plait__orders *orders;
  uint32_t high, low;
  plait__pass *caught; /* descriptors that wait to be taken */
  unsigned catches;    /* at most as many */
  unsigned retained;   /* connection_lost waits for as many */
  int handled;         /* mails that are still counted as pending */
  unsigned wants;      /* not sent yet */
  uint8_t phase;       /* plait__phase: OPEN, FLUSHING or GONE */
  uint8_t homeward;
  bool current_is_held;
  bool paused, held, wr_end, eof_due, rd_told, above;
  plait_call *calls_kept; /* for the instance that follows on the reactor ... */
  bool drain_kept;        /* ... and so is this */
  bool lost_due;          /* it has come, and waits for a task */
  bool over;              /* connection_lost was called, or it came home */
  bool inside;            /* a callback */

  /* both threads' */
  atomic_size_t queued;   /* the stream's, as last published, and on the way */
  atomic_size_t on_way;   /* bytes in orders that were sent */
  atomic_size_t leased;   /* bytes of leases */
  atomic_bool starving;   /* home waits for leases */
  atomic_uint passing;    /* descriptors that are not sent */
  atomic_uint wanted;     /* |wants| that were sent */
  atomic_bool nudging;    /* |nudge| is on its way */
  atomic_uint pushing;    /* threads in plait__away_mail() */
  atomic_flag descriptor; /* locked while it is used or closed */
  _Atomic(uint64_t) received_bytes, sent_bytes;

  /* home's */
  bool lost_sent;
  bool homing; /* nothing is sent any more: what comes is for the instance that
                * follows */
  bool late_close, late_drain;
  plait_call *late_calls;
  plait__attached rest; /* what of it outlives the home, see home.c */
  size_t published;     /* of the stream's queue, in |queued| */
  size_t arrived;       /* since then, of what was on the way */
  uint32_t lease_bytes_max;

  /* to home */
  plait__mail turn, nudge, closes, fail, ack;
  int close_reason;
  plait__closing_event fail_event;
  int fail_code;
};

/* ---- home.c -------------------------------------------------------------- */

plait__away *plait__home_away(const plait__stream *s);
/* The strand's protocol is to be followed by one on the reactor. */
void plait__home_awaits(plait__away *a);
/* The strand is over, and that one follows. */
void plait__home_return(plait__away *a, bool drop);
/* |end|: a list, of the strand or of home, whose last one |call| becomes. */
void plait__calls_append(plait_call **end, plait_call *call);

/* ---- away.c -------------------------------------------------------------- */

/* At home: |mail| is delivered on the strand. */
void plait__away_push(plait__away *a, plait__mail *mail);
/* The transport's: the same on any thread. */
void plait__away_mail(plait_transport *t, plait__mail *mail);
/* At home: unless it is there already. */
void plait__away_notify(plait__away *a, plait__notice *notice,
                        void (*deliver)(plait_reactor *, plait__mail *, bool));
/* The one whose strand the calling thread runs, or NULL. */
plait__away *plait__away_running(void);
void plait__away_init(plait__away *a);

/* ---- callbacks.c --------------------------------------------------------- */

/* Whether they are for an instance on the reactor, since the one that is
 * switched away from waits for no task. */
static inline bool plait__away_departs(const plait__away *a) {
  return a->homeward >= PLAIT__HOMEWARD_ASKED;
}

/* The instance that events other than data go to. */
static inline plait_protocol *plait__away_receiver(const plait__away *a) {
  return a->leaving != NULL ? a->leaving : a->head.protocol;
}

void plait__away_made(plait__away *a);
void plait__away_drain(plait__away *a);
void plait__away_data(plait__away *a, const uint8_t *data, size_t len);
/* The peer's end: a frame that it completes, or the end itself. */
void plait__away_eof(plait__away *a);
void plait__away_perform(plait_transport *t, plait_protocol *p,
                         const char *what, void (*fn)(void *arg), void *arg);
/* connection_lost of |p|, which is freed. */
void plait__away_end(plait__away *a, plait_protocol *p, int reason);

/* Events, as they arrive: deliver() of mails. */
void plait__away_on_made(plait_reactor *r, plait__mail *mail, bool drop);
void plait__away_on_eof(plait_reactor *r, plait__mail *mail, bool drop);
void plait__away_on_resume(plait_reactor *r, plait__mail *mail, bool drop);
void plait__away_on_timed_out(plait_reactor *r, plait__mail *mail, bool drop);
void plait__away_on_draining(plait_reactor *r, plait__mail *mail, bool drop);
void plait__away_on_close(plait_reactor *r, plait__mail *mail, bool drop);
void plait__away_on_call(plait_reactor *r, plait__mail *mail, bool drop);
void plait__away_on_back(plait_reactor *r, plait__mail *mail, bool drop);
void plait__away_on_lost(plait_reactor *r, plait__mail *mail, bool drop);
/* The last callbacks, if nothing has to be waited for any more. */
void plait__away_finish(plait__away *a);

/* ---- input.c ------------------------------------------------------------- */

void plait__away_on_data(plait_reactor *r, plait__mail *mail, bool drop);
/* Whether something was held back that may be delivered now. */
bool plait__away_has_input(const plait__away *a);
/* Delivers what was held back and may flow.  False: there is no such thing. */
bool plait__away_reread(plait__away *a);
/* Puts |len| bytes in front of what is held back.  False: out of memory. */
bool plait__away_keep(plait__away *a, const uint8_t *data, size_t len);
void plait__away_drop_input(plait__away *a);
/* The connection is GONE: so is all input. */
void plait__away_gone(plait__away *a);
/* At home, when the strand is over: what was held back is the stream's.  False:
 * out of memory. */
bool plait__away_return_input(plait__away *a);

/* ---- orders.c ------------------------------------------------------------ */

/* Each has failed the connection if it answers false. */
bool plait__order_write(plait__away *a, const plait_slice *v, size_t n,
                        size_t total);
bool plait__order_owned(plait__away *a, const void *data, size_t len,
                        plait_release_fn *release, void *arg);
bool plait__order_pass(plait__away *a, int fd, const void *data, size_t len);
bool plait__order(plait__away *a, unsigned kind, int64_t x, int64_t y);

enum {
  PLAIT__ORDER_WRITE,
  PLAIT__ORDER_OWNED,
  PLAIT__ORDER_PASS, /* a descriptor, and bytes */
  PLAIT__ORDER_EOF,
  PLAIT__ORDER_TIMEOUT,   /* idle_ms */
  PLAIT__ORDER_CATCHES,   /* descriptors that may come */
  PLAIT__ORDER_HOME,      /* the connection comes home */
  PLAIT__ORDER_WATERMARKS /* high, low */
};

/* Bytes to write that were not sent yet. */
size_t plait__orders_bytes(const plait__away *a);
/* All that was written and the system has not taken. */
static inline size_t plait__away_queued(const plait__away *a) {
  return atomic_load_explicit(&a->queued, memory_order_relaxed) +
         plait__orders_bytes(a);
}
/* Sends what there is, with what the strand wants. */
void plait__orders_send(plait__away *a);
/* At home: does what the strand wants. */
void plait__home_grant(plait__away *a);

/* ---- verbs.c ------------------------------------------------------------- */

extern const plait__transport_ops plait__away_ops;
/* plait_close(), with the reason that follows from the input if |reason| is 0
 * or PLAIT_EOF. */
void plait__away_close_now(plait__away *a, int reason);
/* plait_write()'s hard limit: whether bytes are taken. */
bool plait__away_takes(plait__away *a);
/* The connection is lost with |code|. */
void plait__away_fail(plait__away *a, int code);

/* ---- pass.c -------------------------------------------------------------- */

int plait__away_write_fd(plait_transport *t, int fd, const void *data,
                         size_t len);
int plait__away_set_fds_max(plait_transport *t, unsigned n);
int plait__away_take_fd(plait_transport *t);
/* What came with |lease|, which is going to be delivered, waits to be taken.
 * False: it is too much. */
bool plait__away_catch(plait__away *a, plait__lease *lease);

/* ---- alarm.c ------------------------------------------------------------- */

bool plait__away_timer_start(plait_transport *t, plait_timer *timer,
                             uint64_t after_ms);
void plait__away_timer_stop(plait_transport *t, plait_timer *timer);

#endif
