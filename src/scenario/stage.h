/* What scenarios share: the stage they are played on, and the checkers, which
 * know plait by its public headers only.
 *
 *      stage.c     a run: world, runtime, director, the accounts at the end
 *      witness.c   the order of the calls of one protocol instance
 *      flow.c      the bytes of one direction, from their writer to their
 * reader link.c      a connection of a client with its server: two flows
 *      token.c     timers, tasks and calls: each is told exactly once
 *
 * Simulated threads take turns, so nothing here needs a lock. */
#ifndef PLAIT_SCENARIO_STAGE_H
#define PLAIT_SCENARIO_STAGE_H

#include <plait.h>
#include <plait/sim.h>

#include "scenario.h"

/* ---- dice: random numbers of one actor's own ----------------------------- */

struct dice {
  uint64_t state;
};

uint64_t dice_roll(struct dice *dice);
uint64_t dice_below(struct dice *dice, uint64_t bound);
bool dice_chance(struct dice *dice, uint32_t ppm);

/* ---- what has to be told exactly once: token.c --------------------------- */

struct stage;

struct token {
  struct stage *stage;
  const char *what;
  uint64_t since_ns;
  struct token *next, *prev;
  bool out;
};

/* Something was started, and has been told. */
void token_start(struct token *token, struct stage *stage, const char *what);
void token_end(struct token *token);
void tokens_check(struct stage *stage);

/* ---- the stage: stage.c -------------------------------------------------- */

/* What each reactor has in its jar. */
struct jar {
  struct token token; /* until it is eaten */
  bool kept;          /* memory was not out */
};

struct stage {
  const struct scenario *scenario;
  const struct plan *plan;
  const char *replay;
  plait_sim *sim;
  plait_runtime *runtime;
  struct jar *jars; /* one for each reactor */
  void *play;       /* the scenario's */

  bool running, stopping;
  bool relayed; /* others are between the two ends of a link */
  uint64_t stopped_ns;

  struct witness *witnesses; /* newest first */
  struct link *links;
  struct token *tokens; /* that are out */
  unsigned made, open;  /* instances: of all times, now */
  unsigned served;      /* instances that a listener made */
  unsigned turned_away; /* connections of it that build_protocol refused */
  unsigned link_count;
  size_t idle_bytes; /* memory before the first connection */
  uint64_t bytes;    /* delivered */
};

/* A factory of a stage. */
struct side {
  plait_factory factory;
  struct stage *stage;
  struct dice dice;
  unsigned started, stopped;
  bool accepts; /* its connections are a listener's */
  bool refused; /* build_protocol refused the last one */
  /* In these callbacks of the protocols of peer.c. */
  void (*made)(struct side *side, struct witness *w, plait_transport *t);
  void (*lost)(struct side *side);
};

#define side_of(f) plait_container_of(f, struct side, factory)

/* Ends the process: what is wrong, when, and how to see it again. */
_Noreturn void stage_failed(struct stage *stage, const char *format, ...)
    PLAIT_PRINTF(2, 3);
#define CHECK(stage, holds, ...)                                               \
  ((holds) ? (void)0 : stage_failed(stage, __VA_ARGS__))

uint64_t stage_ms(const struct stage *stage);
struct dice stage_dice(const struct stage *stage, uint64_t actor);
/* What build_protocol refuses with. */
enum { STAGE_AWAY = -7001 };
/* Fills |side| in, with the limits of the plan. */
void stage_side(struct stage *stage, struct side *side,
                const plait_protocol_ops *ops, bool workers);
/* Faults are to be expected: what fails must not be a mistake. */
bool stage_faulty(const struct stage *stage);
/* On |reactor|, or before it runs: its jar has what was put there. */
void stage_check_jar(struct stage *stage, const plait_reactor *reactor);
/* A thread of the scenario's own, which is none that may fail. */
plait_sim_thread *stage_thread(struct stage *stage, void (*fn)(void *arg),
                               void *arg, const char *name);
/* plait_listen(), as often as chance makes it fail. */
int stage_listen(struct stage *stage, const char *endpoint, struct side *side,
                 plait_listener **ret);

/* ---- the order of calls: witness.c --------------------------------------- */

enum call {
  CALL_DATA,
  CALL_EOF,
  CALL_RESUME,
  CALL_TIMED_OUT,
  CALL_DRAINING,
  CALL_TIMER,
  CALL_CALL,
  CALL_DONE,
  CALL_ANSWERED,
  CALL_MADE,
  CALL_LOST
};

/* Of one instance; it outlives it. */
struct witness {
  struct stage *stage;
  const char *role;
  unsigned number;
  bool client;
  plait_reactor *reactor;
  const char *inside; /* the callback that runs, or NULL */
  enum { WITNESS_UP, WITNESS_ENDED, WITNESS_LOST } state;
  bool wants_resume; /* a write answered false */
  bool eof, closed;  /* the peer's end was told; we closed or aborted */
  bool owed;         /* it waits for something of its peer's */
  bool paused;       /* no data may come */
  unsigned held;     /* nor while a task holds it */
  unsigned asks;     /* queries of its own that are not answered */
  bool wrote_eof;
  bool shared;       /* others write to it by its handle */
  bool exact;        /* written counts all bytes */
  bool drained;      /* it was told that the runtime stops */
  size_t too_much;   /* bytes that are queued, if more than may be */
  uint64_t written;  /* bytes that were accepted */
  uint64_t received; /* bytes that data_received got */
  uint64_t made_ns, progress_ns;
  uint64_t traffic_ns; /* bytes came */
  uint64_t blocked_ns; /* until then */
  uint64_t closed_ns, lost_ns;
  int reason;
  struct witness *peer; /* the other end, if it is known */
  struct witness *next;
};

/* First in connection_made; |*at| is the instance's. */
struct witness *witness_made(struct stage *stage, struct witness **at,
                             plait_protocol *p, const char *role, bool client);
/* Around what a callback does. */
void witness_enter(struct witness *w, enum call call);
void witness_leave(struct witness *w);
/* In a callback on a worker: blocks for the plan's time, but not at once again,
 * or many frames in one delivery would keep it longer than the grace allows. */
void witness_block(struct witness *w);
/* Around what connection_lost does. */
void witness_lost(struct witness *w, plait_protocol *p, int reason);
/* Something came of the connection. */
void witness_progress(struct witness *w);
/* Whether a frame may come, in the middle of a delivery too. */
bool witness_takes(const struct witness *w);
/* Before something is written: whether the transport takes it. */
bool witness_writes(struct witness *w, plait_transport *t, size_t len);
void witness_wrote(struct witness *w, plait_transport *t, bool more);
void witness_write_eof(struct witness *w, plait_transport *t);
void witness_close(struct witness *w, plait_transport *t);
void witness_abort(struct witness *w, plait_transport *t);
void witness_pause(struct witness *w, plait_transport *t, bool on);
/* When all is over. */
void witnesses_check(struct stage *stage);
/* While faults are over: nobody is stuck. */
void witnesses_alive(struct stage *stage);
/* How long nothing has come of any of them. */
uint64_t witnesses_quiet_ns(const struct stage *stage);
void witnesses_free(struct stage *stage);

/* ---- bytes: flow.c
 * ------------------------------------------------------------
 *
 * Each byte is a function of its flow and its place in it, so whatever was
 * lost, doubled, crossed or put elsewhere is found at the first wrong byte. */

struct flow {
  struct stage *stage;
  const char *name;
  unsigned number;
  uint64_t key;
  uint64_t sent, delivered;
  bool ended; /* its writer writes no more */
  struct witness *from, *to;
};

enum { FLOW_HEAD = 4 }; /* bytes that say the number of the link */

void flow_init(struct flow *f, struct stage *stage, const char *name,
               unsigned number, unsigned direction);
void flow_fill(const struct flow *f, uint64_t offset, uint8_t *ret, size_t len);
/* Writes the next |len| bytes in one of the ways there are. */
bool flow_write(struct flow *f, struct dice *dice, plait_transport *t,
                size_t len);
/* The same as a frame of plait_int32. */
bool flow_write_frame(struct flow *f, plait_framed *framed, size_t len);
void flow_deliver(struct flow *f, const uint8_t *data, size_t len);
void flow_check(const struct flow *f);

/* ---- a client and its server: link.c ------------------------------------- */

struct link {
  unsigned number;
  struct flow up, down; /* from the client; to it */
  struct link *next;
};

struct link *link_new(struct witness *client);
/* The other end has turned up; there is one. */
struct link *link_meet(struct witness *server, unsigned number);
/* One end: which link it is of turns out with the first four bytes. */
struct end {
  struct link *link;
  uint8_t head[FLOW_HEAD];
  unsigned heads;
};
/* The server has got |data|. */
void end_deliver(struct end *end, struct witness *server, const uint8_t *data,
                 size_t len);
void links_check(struct stage *stage);
void links_free(struct stage *stage);

/* ---- queries: ask.c
 * ----------------------------------------------------------
 */

/* Asks the resolver something for |w|, whose transport is |t|, or on a reactor
 * for nobody (both NULL). */
void ask_start(struct stage *stage, struct witness *w, plait_transport *t,
               struct dice *dice);

/* ---- both ends of an echo: peer.c ---------------------------------------- */

/* plan.medium */
enum { MEDIUM_TCP, MEDIUM_UNIX, MEDIUM_PAIR };

extern const plait_framed_ops peer_server, peer_client;

extern const struct scenario scenario_echo, scenario_workers,
    scenario_reconnect, scenario_relay, scenario_datagrams, scenario_children;

#endif
