/* plait_adopt() and plait_stdio(): by way of the first reactor, where |started|
 * is called, to the connection's own. */
#include "core/adopt.h"

#include <plait/error.h>

#include "core/error.h"
#include "core/factory.h"
#include "core/listener.h"
#include "core/memory.h"
#include "core/stream.h"

/* The thread that copies for plait_stdio().  Its end and the adoption's come in
 * any order, both to the connection's reactor; the later one settles it. */
typedef struct copying {
  plait__adopter adopter;
  plait__mate mate;
  plait__mail mail; /* the thread's last act */
  plait_reactor *reactor;
  plait__stream *stream; /* the thread is a hold of it; NULL: none was made */
  int code;
  bool adopted, ended;
} copying;

struct plait__adoption {
  plait__mail mail;
  plait_reactor *reactor;
  plait_factory *factory;
  plait__adopter *adopter; /* NULL: there is only the descriptor */
  int fd;
};

/* ---- the copying thread's end -------------------------------------------- */

/* With its descriptors: who has the other ends is to see that they are gone. */
static void copying_close(plait_runtime *runtime) {
  plait__stdio *stdio = atomic_exchange(&runtime->stdio, NULL);
  if (stdio != NULL)
    runtime->driver->host->stdio_close(stdio);
}

static void copying_settle(copying *c) {
  if (!c->adopted || !c->ended)
    return; /* the code is still the thread's */
  plait__stream *s = c->stream;
  int code = c->code;
  if (s != NULL && code != 0 && s->phase != PLAIT__GONE)
    plait__stream_read_out(s, code); /* what input came before is delivered */
  copying_close(c->reactor->runtime);
  plait__free(c->reactor->os, c);
  if (s == NULL)
    return;
  plait__closing_reason(s, code);
  s->mated = false;
  plait__stream_unhold(s);
}

static void copying_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  copying *c = plait_container_of(mail, copying, mail);
  (void)r;
  (void)drop; /* then no stream is left */
  c->ended = true;
  copying_settle(c);
}

/* On the thread. */
static void copying_done(void *arg, int code) {
  copying *c = arg;
  c->code = code;
  plait__reactor_mail(c->reactor, &c->mail);
}

static void copying_finish(const copying *c, uint32_t wait_ms) {
  plait_runtime *runtime = c->reactor->runtime;
  runtime->driver->host->stdio_finish(atomic_load(&runtime->stdio), wait_ms);
}

/* Before the descriptor is closed, so that the thread can tell this from
 * plait_write_eof().  Without a protocol nothing was written. */
static void copying_closed(plait__mate *mate, bool at_once) {
  copying *c = plait_container_of(mate, copying, mate);
  bool waits = !at_once && c->stream->head.protocol != NULL;
  copying_finish(c, waits ? plait__stream_limits(c->stream)->flush_ms : 0);
}

static int copying_open(plait__adopter *adopter, int fd, plait_factory *factory,
                        const plait_address *peer) {
  copying *c = plait_container_of(adopter, copying, adopter);
  plait_reactor *r = c->reactor;
  int code = plait__stream_new(r, fd, &c->stream);
  if (code != 0) {
    copying_finish(c, 0);
    r->io->close_fd(fd);
    return code;
  }
  plait__stream_pair(c->stream, &c->mate);
  return plait__stream_open(c->stream, factory, peer);
}

static void copying_over(plait__adopter *adopter) {
  copying *c = plait_container_of(adopter, copying, adopter);
  c->adopted = true;
  copying_settle(c);
}

static copying *copying_new(plait_reactor *r) {
  copying *c = plait__zalloc(r->os, sizeof *c);
  if (c == NULL)
    return NULL;
  c->adopter = (plait__adopter){copying_open, copying_over};
  c->mate.closed = copying_closed;
  c->reactor = r;
  c->mail.deliver = copying_deliver;
  return c;
}

/* ---- adoption ------------------------------------------------------------ */

void plait__adoption_end(plait__adoption *a, bool made) {
  plait_runtime *runtime = a->reactor->runtime;
  plait__adopter *adopter = a->adopter;
  if (!made) { /* meanwhile an acceptor may have found no room */
    plait__factory_release(a->factory);
    plait__acceptors_room(a->reactor);
  }
  plait__free(a->reactor->os, a);
  if (adopter != NULL)
    adopter->over(adopter);
  plait__runtime_unref(runtime);
}

static void adopt_here(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__adoption *a = plait_container_of(mail, plait__adoption, mail);
  plait__adopter *adopter = a->adopter;
  plait_address peer = {0};
  if (drop) {
    r->io->close_fd(a->fd);
    plait__adoption_end(a, false);
    return;
  }
  if (r->io->names(a->fd, true, &peer) != 0)
    peer.family = PLAIT_NO_ADDRESS;
  int code = adopter != NULL
                 ? adopter->open(adopter, a->fd, a->factory, &peer)
                 : plait__stream_accept(r, a->fd, a->factory, &peer);
  plait__adoption_end(a, code == 0);
}

static void adopt_start(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__adoption *a = plait_container_of(mail, plait__adoption, mail);
  if (!drop)
    plait__factory_start(a->factory);
  a->mail.deliver = adopt_here;
  if (drop || a->reactor == r)
    adopt_here(r, mail, drop);
  else
    plait__reactor_mail(a->reactor, mail);
}

int plait__adoption_new(plait_reactor *r, plait_factory *factory,
                        const char *step, plait__adoption **ret) {
  plait__adoption *a = plait__zalloc(r->os, sizeof *a);
  if (a == NULL)
    return plait__fail(PLAIT_ENOMEM, "%s: out of memory", step);
  int code = plait__factory_use(r->runtime, factory);
  if (code != 0) {
    plait__free(r->os, a);
    return plait__fail(code, "%s: factory: %s", step, plait_strerror(code));
  }
  plait__factory_count(factory);
  plait__factory_unuse(factory); /* the connection uses it now */
  *a = (plait__adoption){.reactor = r, .factory = factory};
  a->mail.deliver = adopt_start;
  plait__runtime_ref(r->runtime);
  *ret = a;
  return 0;
}

void plait__adoption_send(plait__adoption *a, plait__adopter *adopter, int fd) {
  a->adopter = adopter;
  a->fd = fd;
  plait__reactor_mail(a->reactor->runtime->reactors[0], &a->mail);
}

int plait__adopt_fd(plait_reactor *r, int fd, plait_factory *factory) {
  plait__adoption *a;
  int code = plait__adoption_new(r, factory, "adopt", &a);
  if (code == 0)
    plait__adoption_send(a, NULL, fd);
  return code;
}

int plait_adopt(plait_reactor *reactor, int fd, plait_factory *factory) {
  int code = reactor->io->adopt(fd, false);
  if (code != 0)
    return plait__fail(code, "adopt: descriptor %d: %s", fd,
                       plait_strerror(code));
  return plait__adopt_fd(reactor, fd, factory);
}

/* ---- stdio --------------------------------------------------------------- */

/* The thread starts last: once it runs, nothing fails. */
static int stdio_start(plait_runtime *runtime, plait__adoption *a) {
  const char *step = "stdio";
  plait__stdio *stdio;
  int fd;
  copying *c = copying_new(a->reactor);
  if (c == NULL)
    return plait__fail(PLAIT_ENOMEM, "stdio: out of memory");
  int code = runtime->driver->host->stdio_open(
      runtime->driver->os, copying_done, c, &fd, &stdio, &step);
  if (code != 0)
    plait__free(a->reactor->os, c);
  if (code == PLAIT_EBUSY)
    return plait__fail(code, "stdio: it has a connection already");
  if (code != 0)
    return plait__fail(code, "stdio: %s: %s", step, plait_strerror(code));
  atomic_store(&runtime->stdio, stdio);
  plait__adoption_send(a, &c->adopter, fd);
  return 0;
}

int plait_stdio(plait_reactor *reactor, plait_factory *factory) {
  plait__adoption *a;
  int code = plait__adoption_new(reactor, factory, "stdio", &a);
  if (code != 0)
    return code;
  code = stdio_start(reactor->runtime, a);
  if (code != 0)
    plait__adoption_end(a, false);
  return code;
}
