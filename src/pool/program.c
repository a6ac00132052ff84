/* See program.h. */
#include "pool/program.h"

#include <plait/error.h>

#include "core/error.h"
#include "core/memory.h"

static plait__program *program_of(plait__child *c) {
  return plait_container_of(c, plait__program, child);
}

int plait__program_reason(const plait__child *c) {
  const plait_process_end *end = &c->end;
  const char *name = c->spawn.argv[0];
  if (end->how == PLAIT_PROCESS_SIGNALLED && !end->asked)
    return plait__fail(PLAIT_ECHILDFAILED, "process %s: ended by signal %d",
                       name, end->status);
  if (end->how == PLAIT_PROCESS_EXITED && end->status != 0)
    return plait__fail(PLAIT_ECHILDFAILED, "process %s: exited with %d", name,
                       end->status);
  return 0;
}

static void program_free(plait__program *g) {
  const plait__os *os = g->child.reactor->os;
  plait__reactor_unalarm(g->child.reactor, &g->drain);
  plait__child_fini(&g->child);
  plait__free(os, g);
}

/* How the child ended explains a connection that broke. */
static void program_explain(plait__stream *s, int code) {
  bool broken = s->reason == PLAIT_ECONNRESET || s->reason == PLAIT_EPIPE;
  if (broken && code != 0)
    s->reason = code;
  else
    plait__closing_reason(s, code);
}

/* The child was reaped, and nothing else keeps the stream. */
static void program_check(plait__program *g) {
  plait__stream *s = g->stream;
  if (!g->exited || (s != NULL && !g->alone))
    return;
  if (s != NULL) {
    program_explain(s, plait__program_reason(&g->child));
    s->mated = false; /* a strand may keep it for longer */
  }
  program_free(g);
  if (s != NULL)
    plait__stream_unhold(s);
}

/* ---- the stream's end ---------------------------------------------------- */

static void mate_closed(plait__mate *mate, bool at_once) {
  plait__program *g = plait_container_of(mate, plait__program, mate);
  if (at_once && g->child.closing)
    plait__child_kill(&g->child);
  else
    plait__child_close(&g->child);
}

static void mate_alone(plait__mate *mate) {
  plait__program *g = plait_container_of(mate, plait__program, mate);
  g->alone = true;
  program_check(g);
}

/* ---- the child's events -------------------------------------------------- */

static int program_open(plait__program *g) {
  plait__child *c = &g->child;
  int code = plait__stream_new(c->reactor, c->fds[0].fd, &g->stream);
  if (code != 0)
    return plait__fail(code, "spawn %s: %s", c->spawn.argv[0],
                       plait_strerror(code));
  c->fds[0].fd = -1;
  g->stream->mated = true;
  g->stream->mate = &g->mate;
  plait__stream_hold(g->stream);
  return 0;
}

static void program_began(plait__child *c, int code) {
  plait__program *g = program_of(c);
  bool runs = code == 0;
  if (runs)
    code = program_open(g);
  if (runs && code != 0) {
    plait__spawn_close_ends(c);
    plait__child_kill(c);
  }
  g->made(g->arg, g->stream, code);
  if (!runs)
    program_free(g);
}

/* The connection has its own. */
static void program_draining(plait__child *c) {
  (void)c;
}

/* Others have the child's end, and say nothing. */
static void drain_ring(plait__alarm *alarm) {
  plait__program *g = plait_container_of(alarm, plait__program, drain);
  plait__stream *s = g->stream;
  if (s->phase == PLAIT__GONE)
    return;
  if (plait__child_is_drained(s, g->owed))
    plait__closing(s, PLAIT__ON_FAIL, PLAIT_EOF);
  else
    plait__reactor_alarm(g->child.reactor, alarm, g->drain_ms);
}

static void program_exited(plait__child *c) {
  plait__program *g = program_of(c);
  plait__stream *s = g->stream;
  g->exited = true;
  if (s != NULL && s->phase != PLAIT__GONE) {
    plait__closing_reason(s, plait__program_reason(c));
    g->owed = s->received_bytes + s->reactor->io->unread(&s->socket);
    g->drain.ring = drain_ring;
    if (g->drain_ms != PLAIT_UNLIMITED)
      plait__reactor_alarm(c->reactor, &g->drain, g->drain_ms);
  }
  program_check(g);
}

static void program_dropped(plait__child *c) {
  program_free(program_of(c));
}

static const plait__child_events program_events = {
    .began = program_began,
    .draining = program_draining,
    .exited = program_exited,
    .dropped = program_dropped,
};

int plait__program_start(plait_pool *pool, plait_reactor *reactor,
                         const plait_process_options *options,
                         void (*made)(void *arg, plait__stream *stream,
                                      int code),
                         void *arg, plait__program **ret) {
  plait__program *g = plait__zalloc(reactor->os, sizeof *g);
  if (g == NULL)
    return plait__fail(PLAIT_ENOMEM, "spawn: out of memory");
  int code = plait__child_init(&g->child, pool, reactor, options,
                               PLAIT__CHILD_SOCKET, -1, &program_events);
  if (code != 0) {
    plait__free(reactor->os, g);
    return code;
  }
  g->mate = (plait__mate){.closed = mate_closed, .alone = mate_alone};
  g->made = made;
  g->arg = arg;
  g->drain_ms =
      options->drain_ms != 0 ? options->drain_ms : PLAIT__CHILD_DRAIN_MS;
  plait__child_start(&g->child);
  *ret = g;
  return 0;
}
