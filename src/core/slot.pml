/* A model of handles, for spin: no call touches memory that is gone, none acts
 * on another connection than the one meant, a slot's node is never in the
 * mailbox twice, and what was accepted is told exactly once.
 *
 *   here                    there
 *   enter(), leave()        plait__slots_enter(), plait__slots_leave(), slot.c
 *   open_runtime()          plait__slots_open()
 *   free_runtime()          plait__slots_close(), reactor_drop_mail() and
 *                           plait__slots_free(), as plait_runtime_free() does
 *   take(), release()       plait__slot_take(), plait__slot_release()
 *   count(), uncount()      handle_count(), handle_uncount(), handle.c
 *   travel()                call_travel() and end_travel()
 *   end_deliver()           end_deliver()
 *   call_deliver()          call_deliver(); write_deliver() is like it
 *   caller                  foreign threads in plait_handle_call(), _close()
 *   owner                   the reactor's thread, then the one that frees
 *
 * An entry of the registry with one slot is used by two runtimes in turn; the
 * first has up to CONNECTIONS connections in that slot, one after the other,
 * the second has one.  Callers use any handle there has been, at any time.  A
 * slot that cannot be used again would lead to another one, which is none of
 * this model's business.  The mailbox is a channel: mailbox.pml is about it.
 *
 * Memory order: the model is sequentially consistent, and so is the C code
 * where two objects are involved, of which one thread changes the first and
 * looks at the second, and the other one the other way round: |users| and
 * |state|, |entries| and |generation|.  All four are seq_cst throughout.  A
 * release and acquire would not do.  |count| is published by a release behind
 * the slot's first generation, |asked| is exchanged. */

#ifndef CALLERS
#define CALLERS 2
#endif
#ifndef CALLS
#define CALLS 2 /* of each */
#endif
#ifndef CONNECTIONS
#define CONNECTIONS 2
#endif

#ifndef RUNTIMES
#define RUNTIMES 2
#endif
#ifndef OWN_CALLS
#define OWN_CALLS 2
#endif

#define MADE_MAX (CONNECTIONS + RUNTIMES - 1)
#define ASK_CLOSE 1
#define ASK_OWN 4

/* The entry of the registry. */
mtype = { FREE, TAKEN, OPEN, CALL, END };
mtype state = FREE;
byte users;
bool exists; /* |count| is 1 */
byte generation_floor = 1;

/* The slot. */
bool page; /* its memory is there */
byte generation, entries, own_entries, asked;
bool live;

/* Kind, connection meant, own. */
chan mailbox = [CALLERS * CALLS + OWN_CALLS] of { mtype, byte, bool };

/* What the model knows beyond the code. */
bool reactor;              /* the reactor's memory is there */
byte made;                 /* connections so far */
byte handle[MADE_MAX + 1]; /* generation that the handle of each has */
bool gone[MADE_MAX + 1];   /* handles to it are dead */
byte has;                  /* the connection that has the slot */
bool node_queued;
byte node_meant, own_queued, untold;
bool ended;

/* ---- the table ----------------------------------------------------------- */

inline enter() {
#ifdef BUG_STATE_FIRST
  if
  :: state == OPEN -> users++; open = true
  :: else
  fi
#else
  users++;
  if
  :: state == OPEN -> open = true
  :: else -> users--
  fi
#endif
}

inline leave() {
  users--
}

inline open_runtime() {
  state = TAKEN;
  d_step { reactor = true; exists = false }
  state = OPEN
}

/* Nothing if the slot is still named. */
inline take() {
  if
  :: !exists ->
    d_step {
      page = true;
      generation = generation_floor;
      entries = 0;
      own_entries = 0;
      asked = 0
    }
    exists = true;
    take_it()
#ifdef BUG_REUSE_EARLY
  :: exists -> take_it()
#else
  :: exists && entries == 0 -> take_it()
  :: exists && entries != 0
#endif
  fi
}

inline take_it() {
  d_step {
    assert(asked == 0 && own_entries == 0);
    live = true;
    own_entries = 0;
    asked = 0;
    made++;
    has = made;
    handle[made] = generation
  }
}

inline release() {
  live = false;
  d_step { generation++; gone[has] = true; has = 0 }
}

/* ---- the calls ----------------------------------------------------------- */

inline count() {
#ifdef BUG_COUNT_LATE
  if
  :: generation == handle[c] -> assert(page); entries++; counted = true
  :: generation != handle[c]
  fi
#else
  d_step { assert(page); entries++ }
  if
  :: generation == handle[c] -> assert(page); counted = true
  :: generation != handle[c] -> assert(page); entries--
  fi
#endif
}

/* On the owner's thread the generation stays as it is. */
inline count_own() {
  d_step { assert(page); entries++; own_entries++ }
}

inline uncount() {
  d_step {
    assert(page && entries > 0 && own_entries >= own);
    own_entries = own_entries - own;
    entries--
  }
}

inline push() {
  d_step {
    assert(reactor);
    mailbox ! kind, c, own;
    own_queued = own_queued + own;
    untold = untold + (kind == CALL);
    if
    :: kind == END -> assert(!node_queued); node_queued = true; node_meant = c
    :: else
    fi
  }
}

inline ask() {
  d_step {
    assert(page && (!node_queued || node_meant == c));
    first = asked == 0;
    asked = asked | ASK_CLOSE
  }
}

inline travel() {
  count();
  if
  :: counted && kind == CALL -> push(); accepted = true
  :: counted && kind == END ->
    ask();
    if
    :: first -> push()
    :: !first -> uncount()
    fi;
    accepted = true
  :: !counted
  fi
}

inline travel_own() {
  count_own();
  if
  :: kind == CALL -> push()
  :: kind == END ->
    ask();
    if
    :: first -> asked = asked | ASK_OWN; push()
    :: !first -> uncount()
    fi
  fi
}

/* ---- the entries --------------------------------------------------------- */

inline call_arrived() {
  d_step { assert(page && untold > 0); own_queued = own_queued - own; untold-- }
}

inline call_deliver() {
  call_arrived();
  if
#ifdef BUG_CALL_ANY
  :: assert(live && has == c)
#else
  :: generation == handle[c] -> assert(live && has == c)
  :: generation != handle[c] /* the call is told that there is none */
#endif
  fi;
  uncount()
}

inline end_arrived() {
  d_step {
    assert(page && node_queued && asked != 0);
    node_queued = false;
    own_queued = own_queued - own;
#ifdef BUG_OWN_FLAG
    own = false;
#else
    own = (asked & ASK_OWN) != 0;
#endif
#ifndef BUG_STAYS_ASKED
    asked = 0
#endif
  }
}

inline end_now() {
  assert(has == c);
  if
  :: release() /* soon or later */
  :: true
  fi
}

inline end_deliver() {
  end_arrived();
  if
  :: live -> end_now()
  :: !live
  fi;
  uncount();
  c = 0;
  own = false
}

/* ---- the reactor --------------------------------------------------------- */

/* A call on the owner's thread.  handle_enter() would find what it finds. */
inline call_here() {
  d_step { c = has; own = true }
  if
  :: kind = CALL
  :: kind = END
  fi;
  if
  :: kind == CALL || own_entries > 0 -> travel_own()
  :: kind == END && own_entries == 0 -> assert(own_queued == 0); end_now()
  fi;
  d_step { kind = 0; own = false; c = 0 }
}

inline run_runtime(made_max) {
  do
  :: made < made_max && !live -> take()
  :: live -> release()
  :: live && calls < OWN_CALLS -> calls++; call_here()
  :: mailbox ? CALL, c, own -> call_deliver()
  :: mailbox ? END, c, own -> end_deliver()
  :: !live -> break /* plait_run() waits for connections */
  od
}

inline free_runtime() {
  state = TAKEN;
#ifndef BUG_NO_WAIT
  users == 0;
#endif
  do
  :: mailbox ? CALL, c, own -> call_arrived(); uncount()
  :: mailbox ? END, c, own -> end_arrived(); uncount()
  :: empty(mailbox) -> break
  od;
  if
  :: exists -> assert(untold == 0 && !node_queued);
    assert(entries == 0 && own_entries == 0 && asked == 0);
    free_page()
  :: !exists
  fi;
  reactor = false;
  state = FREE
}

inline free_page() {
  d_step {
#ifndef BUG_FLOOR
    generation_floor = generation;
#endif
    page = false;
    generation = 0
  }
}

/* ---- the threads --------------------------------------------------------- */

active [CALLERS] proctype caller() {
  byte n, c;
  mtype kind;
  bool open, counted, first, accepted, dead, own;
  do
  :: n < CALLS && made > 0 ->
    n++;
    atomic {
      c = 1;
      do
      :: c < made -> c++
      :: break
      od;
      if
      :: kind = CALL
      :: kind = END
      fi;
      dead = gone[c]
    }
    enter();
    if
    :: open ->
      if
      :: exists -> /* plait__slot_find(), plait__slot_is() */
        if
        :: generation == handle[c] -> assert(page); travel()
        :: generation != handle[c] -> assert(page)
        fi
      :: !exists
      fi;
      leave()
    :: else
    fi;
    d_step {
      assert(!(accepted && dead)); /* dead before the call began: CLOSED */
      open = false;
      counted = false;
      first = false;
      accepted = false;
      dead = false;
      kind = 0;
      c = 0
    }
  :: n == CALLS || ended && made == 0 -> break
  od
}

/* The entry is taken by one runtime after the other. */
active proctype owner() {
  byte c, calls, lives;
  mtype kind;
  bool first, own;
  do
  :: lives < RUNTIMES ->
    lives++;
    open_runtime();
    run_runtime((lives == 1 -> CONNECTIONS : MADE_MAX));
    free_runtime()
  :: else -> break
  od;
  ended = true
}
