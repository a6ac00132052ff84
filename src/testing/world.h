/* A test's world and its peers, from inside.
 *
 *      the test, on the program's stack
 *         |  orders, posted                      | settles, advances
 *         v                                      v
 *      runtime |peers|, whose protocol      runtime |runtime|, with
 *      keeps what comes                     what is tested
 *         |______________ simulated network ______|
 *
 * A peer is a connection of a runtime of the kit's own, so all that the kit
 * does goes through public calls.  Threads of the world take turns: what one
 * wrote may be read by the test once that one waits. */
#ifndef PLAIT_TESTING_WORLD_H
#define PLAIT_TESTING_WORLD_H

#include <plait/call.h>
#include <plait/factory.h>
#include <plait/handle.h>
#include <plait/protocol.h>
#include <plait/test.h>

enum { PLAIT__FAILURE_TEXT = 256 };

/* Where peers come from: one connect of the kit's, or one listener. */
typedef struct plait__test_port {
  plait_factory factory; /* of the peers' runtime; comes first */
  plait_test *test;
  plait_test_peer *first, *last;
  char failed[PLAIT__FAILURE_TEXT]; /* why there is none */
  struct plait__test_port *next;
} plait__test_port;

/* Where a factory of the runtime listens for the kit. */
typedef struct plait__test_server {
  plait_factory *factory;
  char endpoint[64]; /* to connect to */
  struct plait__test_server *next;
} plait__test_server;

struct plait_test {
  plait_sim *sim;
  plait_runtime *runtime, *peers;
  plait_sim_thread *thread, *peers_thread; /* NULL: not started */
  int code;                                /* of the runtime's plait_run() */
  bool over;                               /* it has returned */
  uint64_t quiet_us; /* without an event: nothing is under way */
  uint64_t began_ns;
  unsigned ports_used, peers_made;
  plait__test_port *ports;
  plait__test_server *servers;
};

struct plait_test_peer {
  plait_test *test;
  unsigned number;
  plait_handle handle;
  plait_test_state state;
  uint8_t *bytes; /* NUL behind them */
  size_t len, size;
  plait_test_peer *next; /* of its port */
};

/* Lets the runtimes run, unless they do.  False: out of memory. */
bool plait__test_start(plait_test *test);
/* Lets time pass until |*done|, and no longer than |ms|. */
bool plait__test_await(plait_test *test, const bool *done, uint64_t ms);
/* A text from a format. */
const char *plait__test_wrong(const char *format, ...) PLAIT_PRINTF(1, 2);

/* ---- peers: peer.c --------------------------------------------------------*/

/* A port, empty.  NULL: out of memory. */
plait__test_port *plait__port_new(plait_test *test);
void plait__ports_free(plait_test *test);
/* Runs |fn|(|arg|) on the peers' reactor. */
void plait__peers_call(plait_test *test, void (*fn)(void *arg), void *arg);

#endif
