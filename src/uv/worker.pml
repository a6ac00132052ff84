/* A model of how workers park, for spin: a wake that comes while a step runs,
 * or on the way to the park, is not lost; the worker ends, and is freed once.
 *
 *   here           there (worker.c)
 *   step()         a step: it takes what there is to do, as lane.c does, and
 *                  may take its time
 *   park()         worker_park() with worker_wait(); how long it looks before,
 *                  in plait__uv_wait_a_moment(), is its own business
 *   cond_wait()    pthread_cond_wait(), pthread_cond_timedwait(): both may
 *                  also return without a reason, the latter when time is up
 *   wake()         plait__uv_worker_wake()
 *   worker         worker_main()
 *   waker          threads that leave something to do, and wake
 *   ender          the thread that joins the worker (plait__uv_worker_join()),
 *                  or, while a step takes its time and is told to be the last
 *                  one, detaches it (plait__uv_worker_detach())
 *
 * Only so many parks have a deadline, and one wait ends without a reason: else
 * these would make up for what is lost.
 *
 * A lost wake shows as an invalid end state: the worker waits without a
 * deadline, and there is something to do; or (LIVE) as a fair run that does not
 * end.
 *
 * Memory order: the model is sequentially consistent.  |state| and |fate| are
 * seq_cst where they are changed, and the rest is the mutex's.  In two places
 * this would not do for any step: when time is up, and when the look before the
 * park, which is relaxed, has found NOTIFIED.  Then RUNNING is stored, and what
 * it overwrites was not acquired, so nothing orders the step that follows
 * behind what its waker did.  It is enough for a step that begins with a lock
 * under which its wakers have left what there is to do, as that of a lane does:
 * if it had the lock before a waker, that one's wake comes behind the store. */

#ifndef WAKERS
#define WAKERS 2
#endif
#ifndef WAKES
#define WAKES 2 /* of each */
#endif
#define NAPS 2 /* parks with a deadline */

mtype = { RUNNING, PARKED, NOTIFIED };
mtype = { AGAIN, UNTIL, EVER, STOP };
mtype state = RUNNING;
bool mutex, waiting, signalled;

mtype = { RUNS, ENDED, DETACHED };
mtype fate = RUNS;

/* What the wakers and the step share, under a lock of their own. */
byte todo;
bool closing, working, orphaned;

/* What the model knows beyond the code. */
byte finished; /* wakers */
bool gone;     /* the thread */
bool freed;    /* the worker */

inline lock() {
  d_step { !mutex -> mutex = true }
}

inline unlock() {
  mutex = false
}

inline cond_wait() {
  d_step { mutex = false; waiting = true }
  if
  :: d_step { signalled -> signalled = false }
  :: !spurious -> spurious = true
  :: answer == UNTIL -> time_up = true
  fi;
  waiting = false;
  lock()
}

inline cond_signal() {
  d_step {
    if
    :: waiting -> signalled = true
    :: else
    fi
  }
}

inline free() {
  d_step { assert(!freed && !waiting); freed = true }
}

inline wake() {
  assert(!freed);
#ifdef BUG_NOT_NOTED
  d_step {
    was = state;
    if
    :: was == PARKED -> state = NOTIFIED
    :: else
    fi
  }
#else
  d_step { was = state; state = NOTIFIED }
#endif
  if
  :: was == PARKED ->
#ifndef BUG_NO_MUTEX
    lock();
    unlock();
#endif
    cond_signal()
  :: else
  fi;
  was = 0
}

inline step() {
  if
  :: d_step { todo > 0 -> todo = 0; working = true }
    d_step { working = false; answer = (orphaned -> STOP : AGAIN) }
  :: d_step { todo == 0 && closing -> answer = STOP }
  :: d_step { todo == 0 && !closing && naps < NAPS -> answer = UNTIL; naps++ }
  :: d_step { todo == 0 && !closing -> answer = EVER }
  fi
}

inline park() {
  if
  :: state == NOTIFIED -> state = RUNNING /* it came while it looked */
  :: true -> park_really()
  fi
}

inline park_really() {
  lock();
#ifdef BUG_NOT_SEEN
  state = PARKED;
#else
  d_step { was = state; state = PARKED }
#endif
  if
  :: was != NOTIFIED ->
    do
    :: !time_up && state == PARKED -> cond_wait()
    :: time_up || state != PARKED -> break
    od;
    time_up = false
  :: else
  fi;
  was = 0;
  state = RUNNING;
  unlock()
}

active proctype worker() {
  mtype answer, was;
  bool time_up, spurious;
  byte naps;
  do
  :: step();
    assert(!freed);
    if
    :: answer == AGAIN
    :: answer == UNTIL || answer == EVER -> park()
    :: answer == STOP -> break
    fi
  od;
  assert(!freed);
#ifdef BUG_FATE
  was = fate;
  fate = ENDED;
#else
  d_step { was = fate; fate = ENDED }
#endif
  if
  :: was == DETACHED -> free()
  :: else
  fi;
  gone = true
}

active [WAKERS] proctype waker() {
  byte n;
  mtype was;
  do
  :: n < WAKES -> n++; todo++; wake()
  :: else -> break
  od;
  finished++
}

active proctype ender() {
  mtype was;
  finished == WAKERS;
  if
  :: d_step { working -> orphaned = true }
    d_step { was = fate; fate = DETACHED }
    if
    :: was == ENDED -> free()
    :: else
    fi;
    freed && gone
  :: closing = true;
    wake();
    gone -> free();
    assert(todo == 0)
  fi
}

#ifdef LIVE
ltl is_freed { <> (freed && gone) }
#endif
