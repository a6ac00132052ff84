/* Programs behind a listener: see plait_inetd.
 *
 * The child gets a copy of the connection's descriptor, and once it runs ours
 * is closed without a word to the peer.  The connection lasts until the child
 * was reaped, so it counts for connections_max, and a stop waits for it.
 *
 * A child that does not start resets it: nothing is not an empty answer. */
#include <plait/error.h>

#include "core/error.h"
#include "core/memory.h"
#include "pool/program.h"

typedef struct inetd_child {
  plait__child child;
  plait__stream *stream;
  plait_inetd *inetd;
} inetd_child;

static inetd_child *child_of(plait__child *c) {
  return plait_container_of(c, inetd_child, child);
}

static void inetd_told(plait_inetd *inetd, const plait_process_end *end) {
  if (inetd->ended != NULL)
    inetd->ended(inetd, end);
}

static void child_end(inetd_child *i, int code) {
  plait__stream *s = i->stream;
  const plait__os *os = s->reactor->os;
  inetd_told(i->inetd, &i->child.end);
  plait__closing(s, PLAIT__ON_ABORT, code); /* if it is not yet closed */
  plait__closing_reason(s, code);
  plait__child_fini(&i->child);
  plait__free(os, i);
  plait__stream_unhold(s);
}

static void child_began(plait__child *c, int code) {
  if (code != 0)
    child_end(child_of(c), code);
  else /* neither end nor reset: it is the child's from now on */
    plait__closing(child_of(c)->stream, PLAIT__ON_FAIL, 0);
}

static void child_exited(plait__child *c) {
  child_end(child_of(c), plait__program_reason(c));
}

static void child_dropped(plait__child *c) {
  inetd_child *i = child_of(c);
  const plait__os *os = c->reactor->os;
  plait__child_fini(c);
  plait__free(os, i);
}

static const plait__child_events child_events = {
    .began = child_began,
    .draining = plait__child_close,
    .exited = child_exited,
    .dropped = child_dropped,
};

/* ---- the connection ------------------------------------------------------ */

static bool fds_have(const plait_process_options *o, int number) {
  for (unsigned i = 0; i < o->fd_count; i++)
    if (o->fds[i].number == number)
      return true;
  return false;
}

static int inetd_check(const plait_process_options *o) {
  bool pipes = o->pty;
  for (unsigned i = 0; i < o->fd_count; i++)
    pipes |= o->fds[i].kind == PLAIT_CHILD_READS ||
             o->fds[i].kind == PLAIT_CHILD_WRITES;
  unsigned count = o->fd_count + !fds_have(o, 2);
  if (pipes)
    return plait__fail(PLAIT_EINVAL, "spawn %s: no pipes behind a listener",
                       o->program);
  if (count > PLAIT_PROCESS_FDS_MAX)
    return plait__fail(PLAIT_EINVAL,
                       "spawn %s: %u descriptors, with 2: at most %d",
                       o->program, count, PLAIT_PROCESS_FDS_MAX);
  return 0;
}

/* Standard error is ours, unless the options say what it is. */
static int inetd_init(inetd_child *i, plait_pool *pool) {
  plait__stream *s = i->stream;
  plait_process_options o = *i->inetd->options;
  plait_process_fd fds[PLAIT_PROCESS_FDS_MAX];
  int code = inetd_check(&o);
  if (code != 0)
    return code;
  if (o.fd_count > 0)
    memcpy(fds, o.fds, o.fd_count * sizeof *fds);
  if (!fds_have(&o, 2))
    fds[o.fd_count++] = (plait_process_fd){2, PLAIT_CHILD_INHERITS, 2};
  o.fds = fds;
  return plait__child_init(&i->child, pool, s->reactor, &o,
                           PLAIT__CHILD_CONNECTION,
                           s->reactor->io->fd(&s->socket), &child_events);
}

static int inetd_start(plait_inetd *inetd, plait__stream *s) {
  const plait__os *os = s->reactor->os;
  plait_pool *pool = plait_runtime_pool(s->reactor->runtime);
  inetd_child *i = pool != NULL ? plait__zalloc(os, sizeof *i) : NULL;
  if (i == NULL)
    return plait__fail(PLAIT_ENOMEM, "spawn %s: out of memory",
                       inetd->options->program);
  i->stream = s;
  i->inetd = inetd;
  int code = inetd_init(i, pool);
  if (code != 0) {
    plait__free(os, i);
    return code;
  }
  plait__stream_hold(s);
  plait__child_start(&i->child);
  return 0;
}

static void inetd_made(plait_protocol *p) {
  plait__stream *s = plait__stream_of(p->transport);
  plait_inetd *inetd = plait_container_of(p->factory, plait_inetd, factory);
  plait_pause_reading(p->transport);
  int code = inetd_start(inetd, s);
  if (code == 0)
    return;
  inetd_told(inetd,
             &(plait_process_end){.how = PLAIT_PROCESS_FAILED, .code = code});
  plait__closing(s, PLAIT__ON_ABORT, code);
}

/* The child is told. */
static void inetd_draining(plait_protocol *p) {
  (void)p;
}

static const plait_protocol_ops inetd_ops = {
    .name = "inetd",
    .size = sizeof(plait_protocol),
    .connection_made = inetd_made,
    .draining = inetd_draining,
};

void plait_inetd_init(plait_inetd *inetd,
                      const plait_process_options *options) {
  *inetd = (plait_inetd){.factory.protocol = &inetd_ops, .options = options};
}
