/* A model of a strand, for spin: never two threads in it, its calls run in
 * order, each is told exactly once, and its memory goes once, behind them.
 *
 *   here             there (strand.c)
 *   post()           plait_strand_post()
 *   free_strand()    plait_strand_free()
 *   run_calls()      strand_run(), with strand_pop()
 *   finish()         strand_finished()
 *   take_all()       strand_take_all(), and strand_drop() of what it answers
 *   lane, submit()   the lane and plait__lane_push() to it, which lane.pml is
 *                    about: the job is queued, or it is not; FAILS times there
 *                    is no thread for it, and never after a cut
 *   thread           thread_run() of lane.c
 *   cutter           plait__lane_cut() and strand_dropped()
 *   poster           any thread, and
 *   freer            any thread, when all is posted; a call may free the strand
 *                    as well
 *
 * What is forgotten shows as an invalid end state: |ender| waits for ever.
 *
 * Memory order: the model is sequentially consistent, and what is done under
 * the strand's lock is one step.  The C code is as good as that: the lock is
 * an acquire and a release, all that is shared is under it, and who frees the
 * strand was the last to have it. */

#ifndef POSTERS
#define POSTERS 2
#endif
#ifndef POSTS
#define POSTS 2 /* of each */
#endif
#ifndef FAILS
#define FAILS 1
#endif
#define THREADS 2
#define BATCH 2 /* PLAIT_STRAND_BATCH */
#define CALLS (POSTERS * POSTS)

chan lane = [1] of { bool };
bool cut;

chan queue = [CALLS] of { byte };
bool scheduled, freed;

/* What the model knows beyond the code. */
bool gone; /* the strand's memory */
byte refs; /* the job's, to the runtime */
byte posted, last, inside, untold, finished, fails;
bool may_free = true, ended;

/* ---- the lane ------------------------------------------------------------ */

inline submit() {
  failed = false;
  if
  :: atomic { !cut -> assert(empty(lane)); lane ! true }
  :: cut -> failed = true
  :: !cut && fails < FAILS -> fails++; failed = true
  fi
}

/* ---- the strand: what is under the lock is in atomic { } ----------------- */

inline tell() {
  assert(untold > 0);
  untold--
}

inline free_memory() {
  d_step { assert(!gone && empty(queue)); gone = true }
}

/* What was queued is told that it will not run. */
inline take_all() {
  atomic {
    assert(!gone);
    do
    :: queue ? call -> tell()
    :: empty(queue) -> break
    od;
    call = 0;
    last_one = freed;
    scheduled = false
  }
  if
  :: last_one -> free_memory()
  :: !last_one
  fi;
  last_one = false;
  refs--
}

inline post() {
  atomic {
    assert(!gone);
    idle = !scheduled;
    scheduled = true;
    posted++;
    call = posted;
    untold++;
    queue ! call
  }
  if
  :: idle ->
    refs++;
    submit();
    if
    :: failed ->
      /* The first in the queue is the caller's own. */
      d_step { assert(queue ? [eval(call)]) }
#ifdef BUG_ONLY_OWN
      atomic { queue ? call; tell(); scheduled = false }
      refs--
#else
      take_all()
#endif
    :: !failed
    fi
  :: !idle
  fi;
  d_step { call = 0; idle = false; failed = false }
}

inline pop() {
  atomic {
    assert(!gone);
    if
    :: queue ? call
    :: empty(queue) -> call = 0
    fi;
#ifdef BUG_UNSCHEDULED
    if
    :: empty(queue) -> scheduled = false
    :: nempty(queue)
    fi
#endif
  }
}

inline free_strand() {
  d_step { assert(!gone); last_one = !scheduled; freed = true }
#ifdef BUG_FREE_AT_ONCE
  last_one = true;
#endif
  if
  :: last_one -> free_memory()
  :: !last_one
  fi;
  last_one = false
}

inline run_calls() {
  n = 0;
  do
  :: n < BATCH ->
    n++;
    if
    :: cut -> break
    :: !cut -> pop()
    fi;
    if
    :: call == 0 -> break
    :: call != 0 ->
      d_step { assert(inside == 0); inside++; assert(call > last); last = call }
      if
      :: atomic { finished == POSTERS && may_free -> may_free = false }
        free_strand()
      :: true
      fi;
      d_step { inside--; tell(); call = 0 }
    fi
  :: else -> break
  od;
  n = 0
}

inline finish() {
#ifdef BUG_TWO_LOCKS
  more = nempty(queue);
#endif
  atomic {
    assert(!gone);
#ifndef BUG_TWO_LOCKS
    more = nempty(queue);
#endif
    last_one = freed;
    if
    :: !more -> scheduled = false
    :: more
    fi
  }
#ifdef BUG_FREED_UNSEEN
  last_one = false;
#endif
  if
  :: more ->
    last_one = false;
    submit();
    if
    :: failed -> take_all()
    :: !failed
    fi
  :: !more ->
    if
    :: last_one -> free_memory()
    :: !last_one
    fi;
    refs--
  fi;
  d_step { last_one = false; more = false; failed = false }
}

/* ---- the threads --------------------------------------------------------- */

active [THREADS] proctype thread() {
  byte n, call;
  bool job, more, last_one, failed;
  do
  :: lane ? job -> run_calls(); finish()
  :: ended -> break
  od
}

active [POSTERS] proctype poster() {
  byte n, call;
  bool idle, last_one, failed;
  do
  :: n < POSTS -> n++; post()
  :: n == POSTS -> break
  od;
  finished++
}

active proctype cutter() {
  byte call;
  bool job, last_one;
  if
  :: atomic {
      cut = true;
      if
      :: lane ? job
      :: empty(lane)
      fi
    }
    if
    :: job -> take_all()
    :: !job
    fi
  :: true
  fi
}

active proctype freer() {
  bool last_one;
  if
  :: atomic { finished == POSTERS && may_free -> may_free = false }
    free_strand()
  :: !may_free
  fi
}

active proctype ender() {
  finished == POSTERS && untold == 0 && gone && refs == 0;
  ended = true
}

#ifdef LIVE
ltl is_ended { <> ended }
#endif
