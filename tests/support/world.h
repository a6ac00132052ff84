/* A world: a runtime and two ends, "server" and "client", which are joined by
 * one or more connections over a medium.
 *
 *     w->server.kinds[0].script.on[SPY_MADE] = spy_close;
 *     world_play(w);
 *     world_expect(w, "made lost(0)", "made lost(EOF)");
 *
 * A run ends by itself: the listener closes with the last connection that the
 * world expects, and plait_run() returns when nothing is left.  A world that
 * hangs is aborted, with the traces.
 */
#ifndef PLAIT_TESTS_WORLD_H
#define PLAIT_TESTS_WORLD_H

#include "support/leak.h"
#include "support/medium.h"
#include "support/spy.h"
#include "support/stdio_peer.h"

/* What differs between a real kernel and the memory of tests. */
struct world_backend {
  const char *name;
  const plait_backend *driver;
  /* Makes a connected pair of stream sockets. */
  void (*pair)(int ret_fds[2]);
  plait_background_fn *relay; /* see support/relay.h */
  /* Writes the endpoint of a server that is not there to |ret|; |ret_fd| keeps
   * it reserved until it is closed, or is -1. */
  void (*nobody)(enum medium medium, const char *folder, char *ret, size_t size,
                 int *ret_fd);
  /* Whether an abort is seen as a reset by the peer, per medium. */
  bool resets[MEDIA];
};

extern const struct world_backend world_kernel;

struct world {
  const struct world_backend *backend;
  enum medium medium;
  unsigned reactors;
  plait_dispatch dispatch; /* of both ends */
  plait_runtime_options options;
  unsigned connections; /* to make, [1] */
  int code;             /* that plait_run() is to return, [0] */
  plait_runtime *runtime;
  plait_listener *listener;
  struct spy_side server, client;
  char endpoint[256]; /* what clients connect to */
  char folder[64];    /* for UNIX paths */
  struct stdio_peer stdio;
  struct leak leak;
};

void world_init(struct world *w, const struct world_backend *backend,
                enum medium medium, unsigned reactors);

/* The parts of world_play(), for tests that do something in between: */
void world_open(struct world *w);   /* makes the runtime */
void world_listen(struct world *w); /* nothing for a pair */
void world_connect(struct world *w, unsigned connections);
void world_run(struct world *w);  /* plait_run() under a watchdog */
void world_shut(struct world *w); /* frees; nothing may be left */

void world_play(struct world *w);

/* A string for plait_listen(), with port 0. */
void world_listen_endpoint(const struct world *w, char *ret, size_t size);
/* What clients are to connect to, for a listener's endpoint. */
void world_client_endpoint(const struct world *w, const char *listening,
                           char *ret, size_t size);
/* Aborts unless the first connection's traces match the fnmatch(3) patterns; an
 * EOF in them is what the medium makes of a peer that has gone in order. */
void world_expect(const struct world *w, const char *server,
                  const char *client);
/* How the peer of an abort is told: "ECONNRESET", or "EOF". */
const char *world_reset(const struct world *w);
/* |server| and |client| with the % in them replaced by world_reset(). */
void world_expect_reset(const struct world *w, const char *server,
                        const char *client);
struct world *world_of(const struct spy *s);
/* Closes the listener now; once. */
void world_close_listener(struct world *w);

#endif
