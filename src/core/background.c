/* plait_background(): a function behind one end of a pair, a stream on the
 * other.
 *
 *   reactor                          the function's thread
 *   adoption, connection_made
 *   thread_start ------------------> fn(fd, arg)
 *   the stream's own life            ... returns; both directions end
 *   settle  <-------- mail --------- its last act
 *
 * The thread is a hold of the stream.  It is let go when both have come to
 * their end, in whatever order: so which reason connection_lost gets does not
 * depend on who was first. */
#include "core/background.h"

#include <plait/error.h>

#include "core/adopt.h"
#include "core/away.h"
#include "core/error.h"
#include "core/factory.h"
#include "core/memory.h"

struct plait__background {
  plait__adopter adopter;
  plait__mate mate;
  plait__mail mail; /* the thread's last act */
  plait__background *next;
  plait_reactor *reactor;
  plait_background_fn *fn;
  void *arg;
  const char *name;
  int fd;            /* the function's */
  atomic_uint *busy; /* jobs for the same reference to the runtime; or NULL */
  plait__stream *stream; /* NULL: none was made */
  plait__thread *thread; /* NULL: none was started */
  int code;              /* what the function returned */
  bool returned, joined;
};

/* ---- what those that run keep -------------------------------------------- */

/* Of several that run for one connection the first one and the last one count:
 * as in pool/lane.c. */
static void background_counts(plait__background *b) {
  if (b->busy == NULL || atomic_fetch_add(b->busy, 1) == 0)
    atomic_fetch_add(&b->reactor->functions, 1);
}

static void background_counts_no_more(plait__background *b) {
  if (b->busy == NULL || atomic_fetch_sub(b->busy, 1) == 1)
    atomic_fetch_sub(&b->reactor->functions, 1);
}

static void backgrounds_name(plait_reactor *r) {
  const plait__background *b = r->backgrounds;
  atomic_store(&r->function, b != NULL ? b->name : NULL);
}

static void backgrounds_add(plait__background *b) {
  b->next = b->reactor->backgrounds;
  b->reactor->backgrounds = b;
  backgrounds_name(b->reactor);
}

static void backgrounds_remove(plait__background *b) {
  plait__background **at = &b->reactor->backgrounds;
  while (*at != b)
    at = &(*at)->next;
  *at = b->next;
  backgrounds_name(b->reactor);
}

int plait__backgrounds_running(const plait_runtime *runtime,
                               const char **ret_name) {
  int held = 0;
  for (unsigned i = 0; i < runtime->reactor_count; i++) {
    const plait_reactor *r = runtime->reactors[i];
    const char *name = atomic_load(&r->function);
    held += atomic_load(&r->functions);
    if (name != NULL)
      *ret_name = name;
  }
  return held;
}

/* ---- the end ------------------------------------------------------------- */

static void background_free(plait__background *b) {
  plait_reactor *r = b->reactor;
  r->io->close_fd(b->fd);
  plait__free(r->os, b);
}

/* What a peer's end, or its lack of interest, is told as gives way to what the
 * function says of it. */
static void background_explain(const plait__background *b) {
  int *reason = &b->stream->reason;
  bool ended = *reason == 0 || *reason == PLAIT_EOF ||
               *reason == PLAIT_ETRUNCATED || *reason == PLAIT_EPIPE ||
               *reason == PLAIT_ECONNRESET;
  if (b->code < 0 && ended)
    *reason = b->code;
}

static void background_join(plait__background *b) {
  if (!b->joined)
    b->reactor->os->thread_join(b->thread);
  b->joined = true;
}

static void background_settle(plait__background *b) {
  plait__stream *s = b->stream;
  if (!b->returned || s->phase != PLAIT__GONE)
    return;
  background_join(b); /* its last act is behind it */
  background_explain(b);
  backgrounds_remove(b);
  background_free(b);
  s->mated = false;
  plait__stream_unhold(s);
}

static void background_closed(plait__mate *mate, bool at_once) {
  (void)at_once;
  background_settle(plait_container_of(mate, plait__background, mate));
}

static void background_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__background *b = plait_container_of(mail, plait__background, mail);
  (void)r, (void)drop;
  b->returned = true;
  background_settle(b);
}

void plait__backgrounds_join(plait_reactor *r) {
  for (plait__background *b = r->backgrounds; b != NULL; b = b->next)
    background_join(b);
}

/* ---- the thread ---------------------------------------------------------- */

static void background_run(void *arg) {
  plait__background *b = arg;
  background_counts(b);
  b->code = b->fn(b->fd, b->arg);
  if (b->reactor->io->hang_up(b->fd) > 0 && b->code >= 0)
    b->code = PLAIT_EPIPE;
  background_counts_no_more(b);
  plait__reactor_mail(b->reactor, &b->mail);
}

static int background_start(plait__background *b) {
  b->busy =
      plait__stream_is_away(b->stream) ? plait__away_jobs(b->stream) : NULL;
  return b->reactor->os->thread_start(background_run, b, "plait-background", -1,
                                      &b->thread);
}

/* ---- the beginning ------------------------------------------------------- */

/* From before connection_made, which may close it. */
static void background_bind(plait__background *b) {
  plait__stream_pair(b->stream, &b->mate);
  backgrounds_add(b);
}

/* There will be no thread. */
static void background_unbind(plait__background *b) {
  b->stream->mated = false;
  backgrounds_remove(b);
  plait__stream_unhold(b->stream);
}

/* connection_made may have closed it: the function is told. */
static int background_open(plait__adopter *adopter, int fd,
                           plait_factory *factory, const plait_address *peer) {
  plait__background *b =
      plait_container_of(adopter, plait__background, adopter);
  plait_reactor *r = b->reactor;
  int code = plait__stream_new(r, fd, &b->stream);
  if (code != 0) {
    r->io->close_fd(fd);
    return code;
  }
  background_bind(b);
  code = plait__stream_open(b->stream, factory, peer);
  if (code != 0) {
    background_unbind(b);
    return code;
  }
  code = background_start(b);
  if (code != 0) {
    plait__closing(b->stream, PLAIT__ON_FAIL, code);
    background_unbind(b);
  }
  return 0;
}

/* If there is a thread it is what the rest is up to. */
static void background_over(plait__adopter *adopter) {
  plait__background *b =
      plait_container_of(adopter, plait__background, adopter);
  if (b->thread == NULL)
    background_free(b);
}

static plait__background *background_new(plait_reactor *r,
                                         plait_background_fn *fn, void *arg,
                                         const plait_factory *factory) {
  plait__background *b = plait__zalloc(r->os, sizeof *b);
  if (b == NULL)
    return NULL;
  b->adopter = (plait__adopter){background_open, background_over};
  b->mate.closed = background_closed;
  b->mail.deliver = background_deliver;
  b->reactor = r;
  b->fn = fn;
  b->arg = arg;
  b->name = factory->protocol != NULL ? factory->protocol->name
                                      : "a background function";
  return b;
}

int plait_background(plait_reactor *reactor, plait_background_fn *fn, void *arg,
                     plait_factory *factory) {
  plait__adoption *a;
  int fds[2];
  int code = plait__adoption_new(reactor, factory, "background", &a);
  if (code != 0)
    return code;
  plait__background *b = background_new(reactor, fn, arg, factory);
  code = b == NULL ? PLAIT_ENOMEM : reactor->io->pair(fds);
  if (code != 0) {
    plait__free(reactor->os, b);
    plait__adoption_end(a, false);
    return plait__fail(code, "background: %s", plait_strerror(code));
  }
  b->fd = fds[1];
  plait__adoption_send(a, &b->adopter, fds[0]);
  return 0;
}
