/* A model of the mailbox, for spin: no wake-up is lost, each entry is
 * delivered exactly once, and the entries of one thread stay in order.
 *
 *   here                        there
 *   push()                      plait__mailbox_push(), mailbox.c
 *   take(), pop()               mailbox_take(), plait__mailbox_pop()
 *   mail()                      plait__reactor_mail(), reactor.c
 *   turn()                      plait__turn() with turn_mail()
 *   wake()                      plait__uv_wake(), ../uv/loop.c
 *   loop_turn()                 loop_turn()
 *   prepare()                   loop_on_prepare(): how long it looks is its
 *                               own business
 *   async_send(), pending, fd   libuv's uv_async_send() and uv__async_io()
 *   owner                       libuv's iteration, as at the top of loop.c
 *
 * Foreign threads push MESSAGES entries each.  The owner pushes to itself: in
 * an event's callback; in a turn, when that is delivered or later; and in a
 * closed event, which is no part of a batch.
 *
 * What is wrong shows as an invalid end state (the owner waits though
 * something was pushed), an assertion, or (LIVE) a fair run in which something
 * is never delivered.
 *
 * Memory order: the model is sequentially consistent.  The C code is as good
 * as that:
 * - the CAS of |pushed| is a release and the exchange an acquire, so the owner
 *   sees the entry and its |next|;
 * - that plait__mailbox_any() is relaxed does no harm: a push that it does not
 *   see yet has found the stack as the owner left it, empty, and wakes;
 * - |woken| and |awake| are seq_cst where one side sets the first and looks
 *   at the second, and the other side does the opposite;
 * - |woken| is set and cleared by exchanges, so of two wakes, and a wake and
 *   the turn that ends it, the later one sees what came before the other.  A
 *   relaxed store could clear it behind the owner's look into the mailbox:
 *   BUG_CLEARED_LATE;
 * - libuv reads |pending| without order.  Ahead of the CAS that would not do:
 *   BUG_PENDING.  But it comes behind a seq_cst look at |awake|, which comes
 *   behind a seq_cst store. */

#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef OWN
#define OWN 1 /* 0: the owner pushes nothing */
#endif
#define TURN_MAIL 2 /* PLAIT__TURN_MAIL */

#define FOREIGN (PRODUCERS * MESSAGES)
#define OWN_EVENT (FOREIGN + 1) /* the owner's, and where it is pushed */
#define OWN_TURN (FOREIGN + 2)
#define OWN_CLOSED (FOREIGN + 3)

/* Entries are numbers; 0 is NULL. */
byte pushed;
byte next[OWN_CLOSED + 1];

bool woken, awake, fd;
byte pending; /* 1: about to write to fd, 2: written */

/* What the model knows beyond the code. */
byte finished;    /* producers */
byte undelivered; /* that were pushed */

#define ALL_DELIVERED (finished == PRODUCERS && undelivered == 0)

/* ---- the backend --------------------------------------------------------- */

inline async_send() {
  if
  :: d_step { pending == 0 -> pending = 1 }
    fd = true;
    d_step { assert(pending == 1); pending = 2 }
  :: pending != 0
  fi
}

inline wake() {
#ifdef BUG_LOOKS_FIRST
  if
  :: awake -> woken = true
  :: !awake -> woken = true; async_send()
  fi
#else
  if
  :: woken
  :: d_step { !woken -> woken = true }
    if
    :: awake
#ifdef BUG_PENDING
    :: !awake && early
    :: !awake && !early -> async_send()
#else
    :: !awake -> async_send()
#endif
    fi
  fi
#endif
}

inline async_io() {
  fd = false;
  if
  :: pending == 2 -> pending = 0 /* 1 is waited for: uv__async_spin() */
  :: pending == 0
  fi
}

/* ---- the mailbox --------------------------------------------------------- */

inline push(m) {
  do
  :: d_step { top = pushed; next[m] = top }
    if
    :: d_step { pushed == top -> pushed = m; undelivered++ } break
    :: pushed != top
    fi
  od
}

inline take() {
  d_step { m = pushed; pushed = 0 }
#ifdef BUG_NOT_TURNED
  taken = m
#else
  d_step {
    do
    :: m != 0 -> older = next[m]; next[m] = taken; taken = m; m = older
    :: else -> break
    od
  }
#endif
}

/* |m| becomes 0 if there is none. */
inline pop() {
  if
  :: taken == 0 -> take()
  :: else
  fi;
  d_step {
    m = taken;
    if
    :: m != 0 -> taken = next[m]
    :: else
    fi
  }
}

/* ---- the reactor --------------------------------------------------------- */

inline mail(m) {
#ifdef BUG_PENDING
  early = pending != 0;
#endif
#ifdef BUG_WAKE_FIRST
  if
  :: pushed == 0 -> wake()
  :: pushed != 0
  fi;
  push(m);
#else
  push(m);
  if
  :: top == 0 -> wake()
  :: else
  fi;
#endif
  top = 0
}

/* The owner's. */
inline own_mail(m) {
  push(m);
  if
  :: top == 0 -> own_wake()
  :: else
  fi;
  top = 0
}

/* With |in_batch|: the turn finds it. */
inline mail_in_batch(m) {
  push(m);
  top = 0
}

inline deliver() {
  d_step {
    i = (m <= FOREIGN -> (m - 1) / MESSAGES : PRODUCERS);
    assert(m > last[i]); /* none twice, and in order */
    last[i] = m;
    undelivered--;
    i = 0
  }
}

inline turn_mail() {
  do
  :: n < TURN_MAIL ->
    n++;
    pop();
    if
    :: m == 0 -> break
    :: m == OWN_EVENT ->
      deliver();
      if
      :: !did_turn -> did_turn = true; mail_in_batch(OWN_TURN)
      :: true
      fi
    :: else -> deliver()
    fi
  :: else -> break
  od;
  n = 0;
  m = 0;
  older = 0
}

inline turn_work() {
  turn_mail();
  if /* a timer rings, a stream needs attention */
  :: did_event && !did_turn -> did_turn = true; mail_in_batch(OWN_TURN)
  :: true
  fi
}

/* In the poll. */
inline turn() {
  turn_work();
  if
  :: taken != 0 || pushed != 0 -> wake()
  :: else
  fi
}

/* The owner's, outside of it. */
inline own_wake() {
  assert(awake);
  woken = true
}

inline own_turn() {
  turn_work();
#ifndef BUG_NO_REWAKE
  if
  :: taken != 0 || pushed != 0 -> own_wake()
  :: else
  fi
#endif
}

inline loop_turn() {
#ifdef BUG_CLEARED_LATE
  own_turn();
  woken = false
#else
  woken = false;
  own_turn()
#endif
}

inline prepare() {
  awake = false;
#ifndef BUG_NOT_SEEN
  if
  :: woken -> awake = true; loop_turn(); waits = false
  :: !woken -> waits = true
  fi
#endif
}

/* ---- the threads --------------------------------------------------------- */

active [PRODUCERS] proctype producer() {
  byte sent, top;
  bool early;
  do
  :: sent < MESSAGES ->
    sent++;
    mail(_pid * MESSAGES + sent)
  :: else -> break
  od;
  finished++
}

active proctype owner() {
  byte taken, n, i, m, older, top;
  byte last[PRODUCERS + 1]; /* that came, of each thread */
  bool early, waits = true;
  bool did_event = !OWN, did_turn = !OWN, did_closed = !OWN;
  do
  :: true ->
    prepare();
    if
    :: ALL_DELIVERED -> break
    :: !waits || !did_event || fd
    fi;
    if
    :: !did_event -> /* plait__dispatch() */
      did_event = true;
      mail_in_batch(OWN_EVENT);
      if
      :: turn() /* it was the 256th event */
      :: true
      fi
    :: else
    fi;
    if
    :: fd -> async_io()
    :: !fd
    fi;
    awake = true; /* the check handle */
    loop_turn();
    if /* plait__uv_tell_closed() */
#ifdef BUG_CLOSED_UNWOKEN
    :: did_turn && !did_closed -> did_closed = true; mail_in_batch(OWN_CLOSED)
#else
    :: did_turn && !did_closed -> did_closed = true; own_mail(OWN_CLOSED)
#endif
    :: else
    fi
  od
}

#ifdef LIVE
ltl all_delivered { <> ALL_DELIVERED }
#endif
