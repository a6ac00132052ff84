/* A spy: a protocol that writes down what happens to it, does what a script
 * says, and aborts when plait breaks the order of calls.
 *
 *     made (data | resume | timed_out | draining | timer | call | done)*
 *          (eof (resume | timed_out | draining | timer | call | done)*)? lost
 *
 * A trace reads "made data(5) eof lost(0)"; pieces of data that follow each
 * other are one entry.  Calls must not nest, nor overlap, and come on the
 * reactor of the connection.
 */
#ifndef PLAIT_TESTS_SPY_H
#define PLAIT_TESTS_SPY_H

#include <stdatomic.h>

#include <plait.h>

enum spy_event {
  SPY_MADE,
  SPY_DATA,
  SPY_EOF,
  SPY_RESUME,
  SPY_TIMED_OUT,
  SPY_DRAINING,
  SPY_TIMER,
  SPY_CALL,
  SPY_DONE,
  SPY_LOST,
  SPY_EVENTS
};

enum { SPY_TRACE = 512, SPY_RECORDS = 320, SPY_KINDS = 3, SPY_TASKS = 6 };

/* Flags of a script. */
enum {
  SPY_VERIFY = 1, /* received bytes are those of support/pattern.h */
  SPY_QUIET = 2   /* the trace leaves out timers, resume, call and done */
};

struct spy;
typedef void spy_action(struct spy *s);

/* What an instance does, by event.  Without an action for eof, timed_out or
 * draining the protocol has no such callback; spy_nothing has one and does
 * nothing. */
struct spy_script {
  spy_action *on[SPY_EVENTS];
  const char *mark; /* put in front of each entry of the trace */
  unsigned flags;
};

/* A script and the ops made of it. */
struct spy_kind {
  struct spy_script script;
  plait_protocol_ops ops;
};

/* What is known of one connection, also after it is gone. */
struct spy_record {
  char trace[SPY_TRACE];
  size_t trace_len, piece_at, piece_sum; /* of a data entry that may grow */
  _Atomic uint64_t handle;               /* a plait_handle's id */
  plait_call call;                       /* of spy_call() */
  uint64_t received;                     /* bytes, by all its instances */
  size_t unsent;
  int reason; /* of the last lost */
};

/* One end: a factory, what its connections run, and what they saw. */
struct spy_side {
  plait_factory factory;
  struct spy_kind kinds[SPY_KINDS]; /* connections run the first */
  struct spy_record records[SPY_RECORDS];
  const char *name;
  struct spy_side *peer;
  atomic_uint connections; /* made by the factory */
  atomic_uint made, lost;  /* instances */
  atomic_uint alive, alive_max;
  atomic_uint started, stopped, failed;
  atomic_int failure; /* the code of connect_failed */
  char failure_detail[512];
  void (*on_connection)(struct spy_side *side, unsigned connections);
  void (*on_failure)(struct spy_side *side);
  void (*on_stopped)(struct spy_side *side);
  void *user;
};

/* An instance. */
struct spy {
  plait_protocol base;
  struct spy_side *side;
  const struct spy_kind *kind;
  struct spy_record *record;
  unsigned index; /* of its connection, in the order of the side's */
  enum spy_event phase;
  atomic_bool inside;
  unsigned count[SPY_EVENTS]; /* how often each event came, this included */
  const uint8_t *data;        /* in data */
  size_t len;
  int reason; /* in lost */
  uint64_t received, sent;
  unsigned scratch; /* the script's */
  plait_timer timer;
  uint64_t timer_due_ms;
  struct spy_task {
    plait_task task;
    struct spy *spy;
    void (*work)(plait_task *task);
    bool busy;
  } tasks[SPY_TASKS];
  atomic_uint working; /* tasks */
  int status;          /* in done */
};

/* Makes |side| ready; scripts and limits are filled in after it. */
void spy_side_init(struct spy_side *side, const char *name,
                   struct spy_side *peer);
/* Makes the ops out of the scripts; before the side is used. */
void spy_side_arm(struct spy_side *side);
/* Aborts unless the side's run is complete: started once, all lost, stopped
 * once and last. */
void spy_side_check(const struct spy_side *side);
/* Prints the traces of |side| on stderr; also good in a signal handler. */
void spy_side_print(const struct spy_side *side);

/* ---- actions: for scripts, and to be called from them -------------------- */

void spy_nothing(struct spy *s);
void spy_close(struct spy *s);
void spy_abort(struct spy *s);
void spy_pause(struct spy *s);
void spy_resume(struct spy *s);
void spy_write_eof(struct spy *s);
/* plait_runtime_stop(). */
void spy_stop_runtime(struct spy *s);
/* Writes the bytes of data back. */
void spy_echo(struct spy *s);

bool spy_say(struct spy *s, const char *text);
/* Writes the next |len| bytes of the pattern in one go. */
bool spy_send(struct spy *s, size_t len);
/* Writes pattern up to a total of |total| bytes, until the transport says
 * stop.  True once all is written. */
bool spy_send_up_to(struct spy *s, uint64_t total);
void spy_start_timer(struct spy *s, uint64_t after_ms, uint64_t every_ms);
/* Has plait call the script's SPY_CALL, by handle; PLAIT_ECLOSED or 0. */
int spy_call(struct spy_record *record);
/* Defers one of the instance's tasks, whose |work| may be NULL; done is an
 * event like others. */
int spy_defer(struct spy *s, unsigned i, void (*work)(plait_task *task),
              unsigned flags);
/* Goes on with the side's |kind| on the same connection. */
struct spy *spy_switch(struct spy *s, unsigned kind, const uint8_t *rest,
                       size_t len);
/* The handle of this connection, and of connection |index| of the peer. */
plait_handle spy_handle(const struct spy *s);
plait_handle spy_peer_handle(const struct spy *s, unsigned index);

#endif
