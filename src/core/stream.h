/* A stream: the transport of a descriptor, everything of a connection that is
 * not its protocol.
 *
 * The source is split by what it does: stream.c (its life and its events),
 * stream_read.c, stream_write.c, stream_verbs.c (what its transport is asked
 * for), attend.c (what is done between callbacks),
 * closing.c (how it ends), timeout.c (its one alarm), deliver.c (the only place
 * that calls protocols).
 */
#ifndef PLAIT_CORE_STREAM_H
#define PLAIT_CORE_STREAM_H

#include <plait/error.h>
#include <plait/factory.h>

#include "core/closing.h"
#include "core/queue.h"
#include "core/reactor.h"
#include "core/transport.h"

/* What waits for plait__attend(). */
enum {
  PLAIT__DUE_SWITCH = 1u << 0, /* another instance took over */
  PLAIT__DUE_FLUSH = 1u << 1,  /* something was queued, or our end is due */
  PLAIT__DUE_RESUME = 1u << 2, /* the queue fell to the low mark */
  PLAIT__DUE_READ = 1u << 3,   /* reading was resumed */
  PLAIT__DUE_FAIL = 1u << 4,   /* a write found the descriptor broken */
  PLAIT__DUE_DRAIN = 1u << 5   /* the runtime is stopping */
};

enum {
  PLAIT__READ_LEFTOVER_BYTES = 16 * 1024, /* a read of one that leaves some */
  PLAIT__BIG_BYTES =
      16 * 1024 /* a write that is offered to the system at once */
};

/* Bytes delivered but not consumed: see plait_unread(). */
typedef struct plait__leftover {
  size_t offset, len; /* what is still to be delivered */
  size_t size;
  bool lent; /* it is what data_received has just now */
  uint8_t data[];
} plait__leftover;

/* What is at the other end and lives on when ours is closed: a hold of the
 * stream. */
typedef struct plait__mate {
  /* Our end is going to be closed; |at_once|: the connection was aborted, maybe
   * once more.  Inside any call; it calls no protocol. */
  void (*closed)(struct plait__mate *mate, bool at_once);
  /* Its hold is the last, but for that of a strand.  NULL: not interested. */
  void (*alone)(struct plait__mate *mate);
} plait__mate;

struct plait__stream {
  plait_transport head;
  plait_reactor *reactor;
  plait__stream *next_ready;
  plait__queue queue;
  plait__leftover *leftover;
  union {
    plait_protocol *leaving;        /* OPEN: switched away from, lost is due */
    struct plait__attempt *attempt; /* CONNECTING */
  } u;
  plait_call *waiters; /* for room, or with target 0 for the end */

  plait__alarm alarm; /* idle, flush or linger time-out */
  union {
    uint64_t active_ms;    /* of the last byte in or out */
    uint64_t unsent_bytes; /* GONE: what the system never took */
  };
  uint64_t received_bytes, sent_bytes;
  uint32_t high;
  union {
    uint32_t low;
    uint32_t unacked; /* LINGERING: at the last look */
  };
  union {
    uint32_t idle_ms;   /* OPEN */
    uint32_t discarded; /* LINGERING: bytes */
  };
  int reason;
  int16_t broken; /* DUE_FAIL: what a write or shutdown found */

  uint8_t due;
  uint8_t catches;      /* descriptors of the peer's that may wait */
  uint8_t phase : 4;    /* plait__phase */
  uint8_t holds : 4;    /* connection_lost comes when 0; the descriptor is one,
                         * the thread that is its peer another */
  uint8_t interest : 4; /* what the backend watches */
  bool one_way : 1;     /* there is no end of the peer's to linger for */
  bool mated : 1;       /* |mate| is told when our end is closed */
  bool passes : 1;      /* bytes that are not sent bring descriptors along */
  bool tight : 1;       /* the hard limit is below the high-water mark */
  bool ready : 1;       /* in the reactor's ready list */
  bool paused : 1;      /* by the protocol */
  bool held : 1;        /* data is held back until a task is done */
  bool waiting : 1;     /* a switch waits for the old instance's tasks */
  bool blocked : 1;     /* the system took no more: WRITABLE is due */
  bool above : 1;       /* a write answered false: resume_writing is due */
  bool wr_shut : 1;     /* our end was sent */
  bool rd_end : 1;      /* the peer's end was read */
  bool rd_told : 1;     /* and eof_received called */
  bool hung_up : 1;     /* HANGUP came: watching again would spin */
  bool small_reads : 1; /* the last delivery left something over */
  bool told_drain : 1;  /* draining was called */
  bool published : 1;   /* the slot says that something is queued */
  bool wr_end : 1;      /* plait_write_eof() or plait_close() */

  union {
    struct { /* of plait_address, without the path */
      uint8_t family;
      uint16_t port;
      uint32_t scope;
      uint8_t ip[16];
    } peer;
    struct { /* |mated| */
      uint8_t no_family;
      plait__mate *mate;
    };
  };

  plait__socket socket; /* the last member: the backend's is bigger */
};

/* ---- stream.c ---- */

/* A stream on |fd|, watching nothing yet; with a code |fd| is the caller's. */
int plait__stream_new(plait_reactor *r, int fd, plait__stream **ret);
/* Before it is opened: a pipe has one direction, and the other one of |s| has
 * ended before it began. */
void plait__stream_one_way(plait__stream *s, bool reads);
/* Makes the connection, which |factory| has counted: builds the protocol and
 * calls connection_made.  A code means that the stream is closed and going, no
 * protocol was made, and the count is the caller's to take back. */
int plait__stream_open(plait__stream *s, plait_factory *factory,
                       const plait_address *peer);
/* New and open in one; |fd| is closed on failure. */
int plait__stream_accept(plait_reactor *r, int fd, plait_factory *factory,
                         const plait_address *peer);

static inline plait__stream *plait__stream_of(const plait_transport *t) {
  while (t->below != NULL)
    t = t->below;
  return (plait__stream *)(uintptr_t)t; /* the head comes first */
}

/* Data is held back. */
static inline bool plait__stream_stalled(const plait__stream *s) {
  return s->paused || s->held || s->waiting;
}

/* A pipe into which we write: no end was told of it, and it knows no reset. */
static inline bool plait__stream_only_writes(const plait__stream *s) {
  return s->one_way && !s->mated && s->rd_end && !s->wr_shut;
}

/* True when |p| must get no more data now: it is not the transport's protocol
 * any more, the transport is closing, or data is held back.  Inline, for it is
 * asked behind every frame. */
static inline bool plait__transport_stopped(const plait_transport *t,
                                            const plait_protocol *p) {
  const plait__stream *s = (const plait__stream *)(uintptr_t)t;
  if (t->below != NULL)
    return t->ops->stopped(t, p);
  return t->protocol != p || s->phase != PLAIT__OPEN ||
         plait__stream_stalled(s);
}

/* The limits of its factory, defaults filled in. */
const plait_limits *plait__stream_limits(const plait__stream *s);

/* The descriptor's events of interest, from the stream's state. */
void plait__stream_watch(plait__stream *s);

/* |s| has |due|: it is attended after its running callback, or by the turn. */
void plait__stream_need(plait__stream *s, unsigned due);

void plait__stream_hold(plait__stream *s);
/* |mate| reads what |s| sends, and |s| need not linger for it.  A hold, which
 * is let go of with |mated|. */
void plait__stream_pair(plait__stream *s, plait__mate *mate);
/* The last one calls connection_lost: only from the reactor. */
void plait__stream_unhold(plait__stream *s);

/* ---- stream_read.c ---- */

void plait__stream_read(plait__stream *s);
/* Reads until the error that is known to come, then fails with it (or |code|,
 * if the descriptor does not tell). */
void plait__stream_read_out(plait__stream *s, int code);
/* After reading was resumed: the leftover, then the peer's end. */
void plait__stream_reread(plait__stream *s);
void plait__stream_unread(plait__stream *s, const uint8_t *data, size_t len);
/* Keeps a copy of what the new protocol is to get. */
bool plait__stream_keep(plait__stream *s, const uint8_t *data, size_t len);

/* ---- stream_write.c ---- */

bool plait__stream_writev(plait_transport *t, const plait_slice *v, size_t n);
bool plait__stream_write_owned(plait_transport *t, const void *data, size_t len,
                               plait_release_fn *release, void *arg);
void plait__stream_flush(plait__stream *s);
/* Handles on other threads see how much room the queue has. */
void plait__stream_publish(plait__stream *s);
/* |call|, for which there is a reference to the runtime, runs when |s| is gone.
 */
void plait__stream_when_gone(plait__stream *s, plait_call *call);
/* Takes it back, with the reference. */
void plait__stream_forget(plait__stream *s, plait_call *call);
/* Runs the calls that wait for room, or tells all that |s| is gone. */
void plait__stream_run_waiters(plait__stream *s, plait_protocol *p);

/* ---- stream_verbs.c ---- */

extern const plait__transport_ops plait__stream_ops;

/* ---- attend.c ---- */

void plait__attend(plait__stream *s);
/* A switch takes effect: the old instance goes, the new one starts; unless the
 * old one waits for a task. */
void plait__attend_switch(plait__stream *s);
/* |s| is going to be freed. */
void plait__attend_forget(plait__stream *s);
/* The streams that need attention, a few times each at most. */
void plait__attend_ready(plait_reactor *r);

/* ---- timeout.c ---- */

void plait__timeout_idle(plait__stream *s);
void plait__timeout_flush(plait__stream *s);
void plait__timeout_linger(plait__stream *s);

#endif
