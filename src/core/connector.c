/* See connector.h.  A connector begins on the runtime's first reactor, where
 * |started| is called, and goes on to its own.  Its stream is made for the
 * attempt and becomes the connection's. */
#include "core/connector.h"

#include <plait/error.h>
#include <stdatomic.h>

#include "core/adopt.h"
#include "core/error.h"
#include "core/factory.h"
#include "core/memory.h"
#include "core/stream.h"

enum { CONNECT_MS = 30 * 1000 };

struct plait_connector {
  plait_runtime *runtime;
  plait_reactor *reactor;
  plait_factory *factory;
  plait_address peer, local;
  uint32_t timeout_ms;
  plait__stream *stream;  /* while it connects */
  const char *step;       /* that failed, if one did */
  _Atomic(unsigned) refs; /* the attempt, and the pointer's owner */
  bool stopped, linked;
  plait__mail begin, gone;
  plait_connector *next, *prev;
  char endpoint[];
};

/* ---- life ---------------------------------------------------------------- */

static void connector_link(plait_connector *c) {
  plait_reactor *r = c->reactor;
  c->linked = true;
  c->next = r->connectors;
  if (c->next != NULL)
    c->next->prev = c;
  r->connectors = c;
}

static void connector_free(plait_connector *c) {
  if (c->linked) {
    if (c->prev != NULL)
      c->prev->next = c->next;
    else
      c->reactor->connectors = c->next;
    if (c->next != NULL)
      c->next->prev = c->prev;
  }
  plait__free(c->reactor->os, c);
}

static void gone_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_runtime *runtime = r->runtime;
  plait_connector *c = plait_container_of(mail, plait_connector, gone);
  if (!drop || !c->linked) /* else plait__connectors_free() */
    connector_free(c);
  plait__runtime_unref(runtime);
}

static void connector_unref(plait_connector *c) {
  if (atomic_fetch_sub(&c->refs, 1) != 1)
    return;
  plait__runtime_ref(c->runtime);
  plait__reactor_mail(c->reactor, &c->gone);
}

/* The attempt is over, one way or the other. */
static void connector_done(plait_connector *c) {
  plait_runtime *runtime = c->runtime;
  c->stream = NULL;
  plait__factory_unuse(c->factory);
  connector_unref(c);
  plait__runtime_unref(runtime);
}

static void connector_fail(plait_connector *c, int reason) {
  plait__fail(reason, "connect %s: %s: %s", c->endpoint, c->step,
              plait_strerror(reason));
  if (c->factory->connect_failed != NULL)
    c->factory->connect_failed(c->factory, c, reason);
  connector_done(c);
}

/* ---- the attempt --------------------------------------------------------- */

static void connector_start(plait_connector *c) {
  plait_reactor *r = c->reactor;
  int fd, code = c->stopped || r->draining ? PLAIT_ECANCELED : 0;
  if (code == 0)
    code = r->io->connect(&c->peer, c->local.family != 0 ? &c->local : NULL,
                          &fd, &c->step);
  if (code != 0) {
    connector_fail(c, code);
    return;
  }
  code = plait__stream_new(r, fd, &c->stream);
  if (code != 0) {
    r->io->close_fd(fd);
    connector_fail(c, code);
    return;
  }
  c->step = "connect";
  c->stream->u.connector = c;
  plait__timeout_connect(c->stream, c->timeout_ms);
  plait__stream_watch(c->stream);
}

void plait__connector_ready(plait__stream *s) {
  plait_connector *c = s->u.connector;
  int code = s->reactor->io->finish_connect(&s->socket);
  if (code == PLAIT_EAGAIN)
    return;
  plait__reactor_unalarm(s->reactor, &s->alarm);
  if (code != 0) {
    plait__closing(s, PLAIT__ON_FAIL, code);
    return;
  }
  c->step = "protocol";
  s->interest = PLAIT__WRITABLE; /* as it was watched */
  c->stream = NULL; /* it is the connection's: nothing is left to stop */
  plait__factory_count(c->factory);
  if (plait__stream_open(s, c->factory, &c->peer) == 0)
    connector_done(c);
  else
    plait__factory_release(c->factory);
}

void plait__connector_failed(plait__stream *s) {
  connector_fail(s->u.connector, s->reason);
}

/* ---- by mail ------------------------------------------------------------- */

static void start_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_connector *c = plait_container_of(mail, plait_connector, begin);
  (void)r;
  connector_link(c);
  if (!drop)
    connector_start(c);
}

static void begin_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_connector *c = plait_container_of(mail, plait_connector, begin);
  if (!drop)
    plait__factory_start(c->factory);
  c->begin.deliver = start_deliver;
  if (drop || c->reactor == r)
    start_deliver(r, mail, drop);
  else
    plait__reactor_mail(c->reactor, mail);
}

static plait_connector *connector_new(plait_runtime *runtime,
                                      const plait__connect_spec *spec,
                                      plait_factory *factory) {
  size_t size = strlen(spec->endpoint) + 1;
  plait_connector *c = plait__zalloc(runtime->driver->os, sizeof *c + size);
  if (c == NULL)
    return NULL;
  c->runtime = runtime;
  c->factory = factory;
  c->reactor = spec->reactor;
  if (c->reactor == NULL)
    c->reactor = plait__here();
  if (c->reactor == NULL || c->reactor->runtime != runtime)
    c->reactor = runtime->reactors[0];
  c->peer = spec->peer;
  c->local = spec->local;
  c->timeout_ms = spec->timeout_ms != 0 ? spec->timeout_ms : CONNECT_MS;
  c->step = "connect";
  c->begin.deliver = begin_deliver;
  c->gone.deliver = gone_deliver;
  memcpy(c->endpoint, spec->endpoint, size);
  atomic_store(&c->refs, 1);
  return c;
}

int plait__connect_to(plait_runtime *runtime, const plait__connect_spec *spec,
                      plait_factory *factory, plait_connector **ret) {
  plait_connector *c = connector_new(runtime, spec, factory);
  if (c == NULL)
    return plait__fail(PLAIT_ENOMEM, "connect: out of memory");
  int code = plait__factory_use(runtime, factory);
  if (code != 0) {
    connector_free(c);
    return plait__fail(code, "factory: %s", plait_strerror(code));
  }
  atomic_fetch_add(&c->refs, 1);
  plait__runtime_ref(runtime);
  plait__reactor_mail(runtime->reactors[0], &c->begin);
  *ret = c;
  return 0;
}

int plait__connect_stdio(plait_runtime *runtime,
                         const plait__connect_spec *spec,
                         plait_factory *factory, plait_connector **ret) {
  plait_connector *c = connector_new(runtime, spec, factory);
  if (c == NULL)
    return plait__fail(PLAIT_ENOMEM, "connect: out of memory");
  int code = plait_stdio(c->reactor, factory);
  if (code != 0) {
    connector_free(c);
    return code;
  }
  /* plait__connectors_free() finds it, unless it is another reactor's. */
  if (plait__here() == c->reactor || plait__here() == NULL)
    connector_link(c);
  *ret = c;
  return 0;
}

const char *plait_connector_endpoint(const plait_connector *c) {
  return c->endpoint;
}

void plait__connector_disown(plait_connector *c) {
  connector_unref(c);
}

void plait_connector_stop(plait_connector *c) {
  c->stopped = true;
  if (c->stream != NULL)
    plait__closing(c->stream, PLAIT__ON_ABORT, PLAIT_ECANCELED);
  connector_unref(c);
}

void plait__connectors_stop(plait_reactor *r) {
  for (plait_connector *c = r->connectors; c != NULL; c = c->next)
    if (c->stream != NULL)
      plait__closing(c->stream, PLAIT__ON_ABORT, PLAIT_ECANCELED);
}

void plait__connectors_free(plait_reactor *r) {
  while (r->connectors != NULL)
    connector_free(r->connectors);
}
