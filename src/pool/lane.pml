/* A model of a lane, for spin: at most one thread is on its way, no job is
 * forgotten or told twice, and no thread's memory goes while it is needed.
 *
 *   here            there (lane.c)
 *   choose()        lane_choose(), with lane_grow() and lane_on_its_way()
 *   send(), start() lane_send(), with lane_start() and lane_reap()
 *   miss()          lane_miss(), in lane_send()
 *   push()          plait__lane_push(), with lane_queue()
 *   keep()          plait__lane_keep(), or plait__lane_flush()
 *   rest(), take()  thread_rest(), thread_take()
 *   done(), go_on() thread_run() when the job has returned, and thread_go_on()
 *   thread          thread_step() in a worker, whose parks ../uv/worker.pml is
 *                   about: |notified| is what a wake leaves
 *   finish()        a job's |finished|: who waits for it is told, or, as that
 *                   of a strand does, it queues the job again
 *   pusher          reactors, and threads that post to a strand; the first
 *                   PROMISERS of them make promises, stage a job then, and look
 *                   after some pushes, as they do before they wait
 *   cutter          plait__lane_cut()
 *   abandoner       plait__lane_abandon(), of any job that runs
 *   freer           plait__lane_fini() with lane_orphan(), when nobody pushes
 *                   and all jobs that anybody waits for are told
 *
 * Jobs are at ADDRESSES, and one that was told of is used for another job.
 * Memory for a thread is there ALLOCATIONS times.  FAILS threads do not start.
 * A thread that parks with a deadline may find it over at any time.
 *
 * What is forgotten shows at check(), when the lock is released, or as an
 * invalid end state.
 *
 * Memory order: the model is sequentially consistent, and what is done under
 * the lock is one step.  The C code is as good as that: the lock is an acquire
 * and a release, and all but |worker| is read and written under it.  |worker|
 * is set before its thread runs, and read by those who have chosen that thread,
 * under the lock, after it has run.  |cut| and |fate| are seq_cst. */

#ifndef PUSHERS
#define PUSHERS 2
#endif
#ifndef PUSHES
#define PUSHES 2 /* of each */
#endif
#ifndef THREADS_MIN
#define THREADS_MIN 0
#endif
#ifndef THREADS_MAX
#define THREADS_MAX 2
#endif
#ifndef FAILS
#define FAILS 1
#endif
#ifndef AGAIN
#define AGAIN 1
#endif
#ifndef CUTS
#define CUTS 0
#endif
#ifndef ALLOCATIONS
#define ALLOCATIONS 3 /* at most */
#endif
#ifndef ABANDONS
#define ABANDONS 0
#endif
#ifndef PROMISERS
#define PROMISERS 0
#endif
#ifndef ADDRESSES
#define ADDRESSES 2 /* 3 at most */
#endif

/* Threads and jobs are numbers; 0 is NULL. */
chan queue = [ADDRESSES] of { byte };
byte threads, waking, allocated, promises;
bool cut, closing;

/* Of each thread. */
#define N 4
bool all[N], idle[N], ended[N], worker[N], notified[N], stuck[N];
byte senders[N];
byte job_of[N]; /* that runs */
mtype = { WORKING, RETURNED, ORPHANED };
mtype fate[N];

/* What the model knows beyond the code. */
bool on_way[N]; /* chosen, and has not looked since */
bool over[N];   /* its worker is done, and can be joined */
bool freed[N];
byte pusher_of[ADDRESSES + 1]; /* of whose push nothing was told yet */
byte untold, fails, agains, finished;
bool scarce; /* a thread could not be had */
bool walks; /* the freer goes through |all| */
bool gone;  /* the lane's memory */

#define IDLE (idle[1] || idle[2] || idle[3])
#define RUNNING ((job_of[1] != 0 && !stuck[1]) || \
                 (job_of[2] != 0 && !stuck[2]) || (job_of[3] != 0 && !stuck[3]))
#define SENDERS (senders[1] + senders[2] + senders[3])

inline check() {
  assert(empty(queue) || waking != 0 || promises != 0 || !IDLE);
  assert(empty(queue) || waking != 0 || promises != 0 ||
         threads == THREADS_MAX || scarce);
  assert(on_way[1] + on_way[2] + on_way[3] <= 1)
}

inline tell(job) {
  assert(pusher_of[job] != 0);
  pusher_of[job] = 0;
  untold--
}

/* ---- under the lock: in atomic { } --------------------------------------- */

inline grow(ret) {
  if
  :: allocated < ALLOCATIONS ->
    allocated++;
    ret = allocated;
    all[ret] = true;
    threads++;
    on_its_way(ret)
  :: else -> scarce = true
  fi
}

inline on_its_way(t) {
  waking = t;
  on_way[t] = true;
#ifdef BUG_ONE_SENDER
  senders[t] = 1
#else
  senders[t]++
#endif
}

inline choose_idle(ret) {
  if
  :: idle[1] -> ret = 1
  :: idle[2] -> ret = 2
  :: idle[3] -> ret = 3
  fi;
  idle[ret] = false;
  on_its_way(ret)
}

#ifdef BUG_UNCOUNTED
#define PROMISED RUNNING
#else
#define PROMISED (promises > 0 && RUNNING)
#endif

inline choose(ret) {
  if
  :: nempty(queue) && waking == 0 && !PROMISED ->
    if
    :: IDLE -> choose_idle(ret)
    :: !IDLE && threads < THREADS_MAX -> grow(ret)
    :: !IDLE && threads >= THREADS_MAX
    fi
  :: empty(queue) || waking != 0 || PROMISED
  fi
}

inline promise() {
  if
  :: may_promise && !promised && (RUNNING || waking != 0) ->
    promised = true;
#ifndef BUG_UNCOUNTED
    promises++
#endif
  :: else
  fi
}

inline drop_all() {
  do
  :: queue ? j -> tell(j)
  :: empty(queue) -> break
  od;
  j = 0
}

/* ---- without it ---------------------------------------------------------- */

/* One at a time, where the code takes all that have ended. */
#ifdef BUG_REAPED
#define REAPABLE(t) (all[t] && ended[t])
#else
#define REAPABLE(t) (all[t] && ended[t] && senders[t] == 0)
#endif

inline reap() {
  do
  :: atomic {
      assert(!walks);
      if
      :: REAPABLE(1) -> z = 1
      :: REAPABLE(2) -> z = 2
      :: REAPABLE(3) -> z = 3
      :: else -> break
      fi;
      all[z] = false
    }
    join(z)
  od
}

inline join(t) {
  !worker[t] || over[t];
  d_step { assert(!freed[t]); freed[t] = true }
}

inline wake(t) {
  d_step { assert(!freed[t]); notified[t] = true }
}

/* |t| may be none; |failed| tells. */
inline send(t) {
  failed = false;
  do
  :: t == 0 -> break
  :: t != 0 && worker[t] -> wake(t); sent(t)
  :: t != 0 && !worker[t] -> start(t)
  od
}

inline start(t) {
#ifndef BUG_REAP_LATE
  reap();
#endif
  assert(!freed[t]);
  if
  :: worker[t] = true; run thread(t); sent(t)
  :: fails < FAILS -> fails++; failed = true; miss(t)
  fi;
#ifdef BUG_REAP_LATE
  reap()
#endif
}

inline sent(t) {
  d_step {
    assert(!freed[t]);
#ifdef BUG_ONE_SENDER
    senders[t] = 0;
#else
    senders[t]--;
#endif
    t = 0
  }
}

/* |t| becomes the one to be sent instead. */
inline miss(t) {
  atomic {
    sent_for = t;
    sent(t);
    ended[sent_for] = true;
    on_way[sent_for] = false;
    sent_for = 0;
    threads--;
    waking = 0;
    scarce = true;
#ifndef BUG_STRANDED
    if
    :: threads == 0 -> drop_all()
    :: threads > 0
    fi;
#endif
#ifndef BUG_START_FORGETS
    if
    :: IDLE && nempty(queue) && !PROMISED -> choose_idle(t)
    :: !IDLE || empty(queue) || PROMISED
    fi;
#endif
    check()
  }
}

/* |job| is queued, or |failed|. */
inline push(job) {
  do
  :: atomic {
      nobody = threads == 0;
      if
      :: cut -> failed = true; break
      :: !cut && nobody -> grow(t)
      :: !cut && !nobody -> queue ! job; promise(); choose(t)
      fi;
      check()
    }
    if
    :: nobody && t == 0 -> failed = true; break
    :: else -> send(t)
    fi;
    if
    :: failed -> failed = nobody; break
    :: !failed && !nobody -> break
    :: !failed && nobody
    fi
  od;
  nobody = false
}

/* If there is no thread any more, and no memory for one, nobody would look. */
inline keep() {
  atomic {
    if
    :: promised = false;
#ifndef BUG_UNCOUNTED
      promises--
#endif
    :: staged != 0
    fi;
    if
    :: staged != 0 && !cut -> queue ! staged
    :: staged != 0 && cut -> tell(staged)
    :: staged == 0
    fi;
    staged = 0;
#ifndef BUG_KEPT_BLIND
    choose(t);
#endif
#ifndef BUG_KEPT_STRANDED
    if
    :: threads == 0 -> drop_all()
    :: threads > 0
    fi;
#endif
    check()
  }
  send(t);
  atomic { z = 0; failed = false }
}

/* ---- the threads --------------------------------------------------------- */

/* Its idle time is over only if it was idle before. */
inline rest() {
  until = threads > THREADS_MIN;
  stop = closing || (idle[self] && until && late);
  idle[self] = true;
  if
  :: stop -> idle[self] = false; threads--; ended[self] = true
  :: !stop
  fi
}

inline take() {
  idle[self] = false;
  take_first();
  choose(t)
}

inline take_first() {
  queue ? job;
  job_of[self] = job;
  fate[self] = WORKING
}

/* Of those that are idle none would have been left to that. */
inline take_next() {
  take_first();
  if
  :: nempty(queue) && waking == 0 && !PROMISED ->
    assert(!IDLE);
    if
    :: threads < THREADS_MAX -> grow(t)
    :: threads >= THREADS_MAX
    fi
  :: empty(queue) || waking != 0 || PROMISED
  fi
}

/* Who is second, this or the freer, cleans up. */
inline done() {
#ifdef BUG_FATE
  stop = fate[self] == ORPHANED;
  fate[self] = RETURNED;
#else
  d_step { stop = fate[self] == ORPHANED; fate[self] = RETURNED }
#endif
  if
  :: stop -> d_step { assert(!freed[self]); freed[self] = true; job = 0 }
  :: !stop -> finish()
  fi
}

/* With the lock the next job is taken, or not: the step may end here.  Then the
 * one that has returned is told of.  Who is to be sent for remains in |t|. */
inline finish() {
  atomic {
    assert(!gone && !freed[self] && t == 0);
    job_of[self] = 0;
    old = job;
    job = 0;
    if
    :: stuck[self] ->
      stuck[self] = false;
      ended[self] = true;
      stop = true;
      pusher_of[old] = 0; /* nobody waits for it */
      old = 0
    :: !stuck[self] && nempty(queue) -> take_next(); check()
    :: !stuck[self] -> check()
    fi
  }
  if
  :: old == 0
  :: old != 0 -> d_step { tell(old); old = 0 }
  :: old != 0 && agains < AGAIN -> push_again()
  fi
}

inline push_again() {
  atomic {
    agains++;
    if
    :: cut -> tell(old)
    :: !cut && t == 0 -> queue ! old; choose(t)
    :: !cut && t != 0 -> queue ! old; assert(waking == t)
    fi;
    old = 0;
    check()
  }
}

proctype thread(byte self) {
  byte job, old, t, sent_for, z, j;
  bool stop, until, late, failed;
  do
  :: atomic {
      if
      :: waking == self -> waking = 0
#ifdef BUG_ANY_CLEARS
      :: waking != self -> waking = 0
#else
      :: waking != self
#endif
      fi;
      on_way[self] = false;
      if
      :: empty(queue) -> rest()
      :: nempty(queue) -> take()
      fi;
      late = false;
      check()
    }
    if
    :: stop -> break
    :: !stop && job != 0 ->
    sending:
      send(t);
      if
      :: job != 0 -> done(); goto sending
      :: job == 0 && stop -> break
      :: job == 0 && !stop -> d_step { z = 0; failed = false }
      fi
    :: !stop && job == 0 ->
      if
      :: d_step { notified[self] -> notified[self] = false }
      :: until -> late = true
      fi;
      until = false
    fi
  od;
  over[self] = true
}

active [PUSHERS] proctype pusher() {
  byte n, a, t, sent_for, z, j;
  byte staged;
  bool failed, nobody, promised, may_promise = _pid < PROMISERS;
  do
  :: promised -> keep()
  :: n < PUSHES ->
    atomic {
      if
      :: pusher_of[1] == 0 -> a = 1
      :: pusher_of[2] == 0 -> a = 2
#if ADDRESSES > 2
      :: pusher_of[3] == 0 -> a = 3
#endif
      fi;
      n++;
      pusher_of[a] = _pid + 1;
      untold++
    }
    if
    :: promised && staged == 0 -> staged = a; goto next
    :: true
    fi;
    push(a);
    if
    :: failed -> d_step { assert(pusher_of[a] == _pid + 1); tell(a) }
    :: else
    fi;
  next:
    atomic { a = 0; t = 0; z = 0; failed = false }
  :: n == PUSHES && !promised -> break
  od;
  finished++
}

active [CUTS] proctype cutter() {
  byte j;
  atomic { cut = true; drop_all() }
}

/* Nobody waits any more. */
inline abandon(i) {
  job_of[i] != 0 && !stuck[i] -> stuck[i] = true
}

active [ABANDONS] proctype abandoner() {
  byte t, sent_for, z, j;
  bool failed;
  atomic {
    if
    :: abandon(1)
    :: abandon(2)
    :: abandon(3)
    :: finished == PUSHERS && untold == 0 -> goto end
    fi;
    untold--;
    threads--;
    if
    :: nempty(queue) && waking == 0 && !PROMISED -> assert(!IDLE); grow(t)
    :: empty(queue) || waking != 0 || PROMISED
    fi;
    if
    :: threads == 0 -> drop_all()
    :: threads > 0
    fi;
    check()
  }
  send(t);
end:
  skip
}

active proctype freer() {
  byte t;
  bool returned;
  finished == PUSHERS && untold == 0;
  closing = true;
  d_step { SENDERS == 0 -> walks = true }
  t = 1;
  do
  :: t > ALLOCATIONS -> break
  :: t <= ALLOCATIONS && !all[t] -> t++
  :: t <= ALLOCATIONS && all[t] ->
    if
    :: job_of[t] != 0 ->
      d_step { returned = fate[t] == RETURNED; fate[t] = ORPHANED }
    :: job_of[t] == 0 -> returned = true
    fi;
    if
    :: returned && worker[t] -> wake(t); join(t)
    :: returned && !worker[t] -> join(t)
    :: !returned /* it is left to itself */
    fi;
    t++
  od;
  gone = true;
  t = 1;
  do /* nothing is left of any thread, once all jobs have returned */
  :: t <= allocated -> freed[t]; t++
  :: t > allocated -> break
  od
}
