/* A client on the simulator, whose name, roads and server are a script,
 * and what came of it, with the times.
 *
 *     struct journey j = {.hosts = {{"10.0.0.1", JOURNEY_NEVER},
 *                                   {"10.0.0.2", 20}}};
 *     journey_make(&j);
 *     journey_expect(&j, "0 look; 0 try 10.0.0.1; 250 try 10.0.0.2; "
 *                        "270 made 10.0.0.2; 270 lost; 270 stopped");
 *
 * Times are virtual, in milliseconds, cut to tens: what is set in one place and
 * rings in another is up to a millisecond late.
 */
#ifndef PLAIT_TESTS_JOURNEY_H
#define PLAIT_TESTS_JOURNEY_H

#include <plait.h>

#include "support/text.h"

#define JOURNEY_NEVER UINT64_MAX

enum { JOURNEY_HOSTS = 80, JOURNEY_PORT = 7 };

/* An address, in the order of the resolver. */
struct journey_host {
  const char *ip;
  uint64_t ms; /* until it answers */
  int code;    /* what it answers; after 0 ms it is what connect() returns */
};

struct journey {
  struct journey_host hosts[JOURNEY_HOSTS];
  uint64_t lookup_ms;
  int lookup_code;     /* what the lookup fails with */
  int lookup_start;    /* the same, at once */
  bool literal;        /* no name: the first host */
  const char *bind;    /* an address to connect from */
  uint32_t timeout_ms; /* [30,000] */
  uint32_t delay_ms;   /* [250] */
  bool refuses;        /* build_protocol does */
  uint32_t lives_ms;   /* how long a connection lives [0] */
  bool silent;         /* the server keeps it open */
  plait_reconnect reconnect;
  /* Called when so much time is over, once. */
  uint64_t at_ms;
  void (*at)(struct journey *j);
  /* Called in these callbacks, after the trace was written. */
  void (*on_made)(struct journey *j);
  void (*on_lost)(struct journey *j);
  void (*on_failed)(struct journey *j, int reason);
  bool unowned;   /* nobody takes the pointer */
  size_t fail_at; /* the allocation of the run that fails; 0: none */

  /* What came of it. */
  struct text trace;
  char detail[512]; /* of the last connect_failed */
  unsigned looks, tries, made, failed;
  uint32_t waits[64]; /* that connect_failed told of */
  unsigned wait_count;
  plait_connector *connector; /* NULL once stopped */
  plait_transport *transport; /* of the connection there is */
  plait_runtime *runtime;
  uint64_t start_ns;
  plait_factory factory, server;
  plait_timer timer;
  plait_call call; /* of journey_wait_for_room() */
};

/* Connects, runs, frees; nothing may be left. */
void journey_make(struct journey *j);
/* Aborts unless the trace is |expected|, and frees it. */
void journey_expect(struct journey *j, const char *expected);
/* Aborts unless the last failure was told in these words. */
void journey_expect_detail(const struct journey *j, const char *expected);

/* plait_connector_stop(), once. */
void journey_stop(struct journey *j);
/* Sends what the peer cannot take at once, and stops when there is room again
 * or the connection is gone. */
void journey_wait_for_room(struct journey *j);
void journey_stop_runtime(struct journey *j);
uint64_t journey_now_ms(const struct journey *j);

#endif
