/* See connector.h.  A connector begins on the runtime's first reactor, where
 * |started| is called, and lives on its own.
 *
 *           begin                                        connection_lost
 *             |        found            won                     |
 *             v----> LOOKS -----> RACES -----> OPENS ---> CONNECTED
 *             ^        |            |                           |
 *             |        +-----+------+ failed, late, stopped     |
 *             |              v                                  |
 *             |           FAILED: connect_failed                |
 *             |              |                                  |
 *             +-- WAITS <----+----------------------------------+
 *
 * What ends it while user code may be on the stack only says so; FAILED is left
 * by mail.  It is freed when it is OVER and nobody owns it.
 */
#include "core/connector.h"

#include <plait/error.h>
#include <stdio.h>

#include "core/adopt.h"
#include "core/backoff.h"
#include "core/error.h"
#include "core/factory.h"
#include "core/memory.h"
#include "core/race.h"
#include "core/stream.h"

enum { CONNECT_MS = 30 * 1000 };

typedef enum connector_state {
  CONNECTOR_BEGINS, /* its first mail is under way */
  CONNECTOR_LOOKS,
  CONNECTOR_RACES,
  CONNECTOR_OPENS,     /* the protocol is being made */
  CONNECTOR_CONNECTED, /* and is going to connect anew */
  CONNECTOR_FAILED,
  CONNECTOR_WAITS,
  CONNECTOR_OVER
} connector_state;

struct plait_connector {
  plait_runtime *runtime;
  plait_reactor *reactor;
  plait_factory *factory;
  plait__finder *finder; /* NULL: |peer| is known */
  plait_address peer;
  plait__race race;
  plait__stream *stream; /* OPENS, CONNECTED: its end is waited for by |lost| */
  plait_call lost;
  plait__backoff backoff;
  plait__failure failure; /* of this attempt, once it is to fail */
  plait__alarm alarm;     /* the attempt's time-out, or the end of the wait */
  uint64_t made_ms;       /* when it was connected */
  uint32_t timeout_ms, wait_ms;
  connector_state state;
  bool owned;    /* the pointer is somebody's */
  bool stopped;  /* no attempt begins any more */
  bool retrying; /* FAILED, WAITS: another one is to follow in |wait_ms| */
  plait__mail mail, stop;
  plait_connector *next, *prev;
  char endpoint[];
};

static void connector_start(plait_connector *c);

/* ---- life ---------------------------------------------------------------- */

static void connector_link(plait_connector *c) {
  plait_reactor *r = c->reactor;
  c->next = r->connectors;
  if (c->next != NULL)
    c->next->prev = c;
  r->connectors = c;
}

static void connector_unlink(plait_connector *c) {
  if (c->prev != NULL)
    c->prev->next = c->next;
  else
    c->reactor->connectors = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
}

static void connector_free(plait_connector *c) {
  const plait__os *os = c->reactor->os;
  if (c->finder != NULL)
    c->finder->ops->free(c->finder, os);
  plait__race_free(&c->race);
  plait__free(os, c);
}

static void connector_free_linked(plait_connector *c) {
  connector_unlink(c);
  connector_free(c);
}

/* Nothing comes of it any more.  |c| may be gone after this. */
static void connector_end(plait_connector *c) {
  plait_runtime *runtime = c->runtime;
  c->state = CONNECTOR_OVER;
  plait__factory_unuse(c->factory);
  if (!c->owned)
    connector_free_linked(c);
  plait__runtime_unref(runtime);
}

/* Whether another attempt may begin. */
static bool connector_may_go_on(const plait_connector *c) {
  return !c->stopped && !c->reactor->draining;
}

static void connector_wait(plait_connector *c) {
  c->state = CONNECTOR_WAITS;
  plait__reactor_alarm(c->reactor, &c->alarm, c->wait_ms);
}

static void connector_draw_wait(plait_connector *c) {
  uint64_t random = 0; /* without entropy there is no jitter */
  c->reactor->os->entropy(&random, sizeof random);
  c->wait_ms = plait__backoff_next(&c->backoff, random);
  c->retrying = true;
}

/* ---- failure ------------------------------------------------------------- */

/* "connect ENDPOINT: STEP ADDRESS: reason (and N more)", the address only if
 * the endpoint does not name it. */
static void connector_explain(const plait_connector *c) {
  const plait__failure *f = &c->failure;
  char at[PLAIT_ADDRESS_TEXT_MAX + 1] = " ", more[32] = "", late[48];
  char where[PLAIT__CLIP_MAX];
  const char *words = f->words;
  if (f->code == PLAIT_ETIMEOUT && c->timeout_ms != PLAIT_UNLIMITED) {
    snprintf(late, sizeof late, "timed out after %u ms",
             (unsigned)c->timeout_ms);
    words = late;
  }
  if (c->finder != NULL && f->peer.family != PLAIT_NO_ADDRESS)
    plait_address_format(&f->peer, at + 1, sizeof at - 1);
  if (f->others > 0)
    snprintf(more, sizeof more, " (and %u more)", f->others);
  plait__fail(f->code, "connect %s: %s%s: %s%s",
              plait__clip(c->endpoint, sizeof where - 4, where), f->step,
              at[1] != '\0' ? at : "",
              words != NULL ? words : plait_strerror(f->code), more);
}

static void failed_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_connector *c = plait_container_of(mail, plait_connector, mail);
  (void)r;
  if (drop)
    return;
  if (connector_may_go_on(c) && plait__backoff_failed(&c->backoff))
    connector_draw_wait(c);
  connector_explain(c);
  if (c->factory->connect_failed != NULL)
    c->factory->connect_failed(c->factory, c, c->failure.code);
  if (c->retrying && connector_may_go_on(c))
    connector_wait(c);
  else
    connector_end(c);
}

/* The attempt has failed, as |failure| says. */
static void connector_fail(plait_connector *c) {
  c->state = CONNECTOR_FAILED;
  plait__reactor_unalarm(c->reactor, &c->alarm);
  c->mail.deliver = failed_deliver;
  plait__reactor_mail(c->reactor, &c->mail);
}

static void connector_fail_at(plait_connector *c, const char *step, int code) {
  c->failure = (plait__failure){.code = code, .step = step};
  connector_fail(c);
}

/* ---- an attempt ---------------------------------------------------------- */

static plait_connector *connector_of_race(plait__race *race) {
  return plait_container_of(race, plait_connector, race);
}

static void connector_race_lost(plait__race *race) {
  plait_connector *c = connector_of_race(race);
  c->failure = race->failure;
  connector_fail(c);
}

static void connector_race(plait_connector *c, const plait_address *addresses,
                           size_t count) {
  c->state = CONNECTOR_RACES;
  plait__race_start(&c->race, addresses, count);
}

static void connector_found(plait__finder *finder, int code,
                            const plait_address *addresses, size_t count) {
  plait_connector *c = finder->owner;
  if (c->failure.code != 0) /* stopped, or late */
    connector_fail(c);
  else if (code != 0)
    connector_fail_at(c, c->finder->step, code);
  else
    connector_race(c, addresses, count);
}

/* The attempt is over: it was stopped, or is late. */
static void connector_give_up(plait_connector *c, int code) {
  if (c->state == CONNECTOR_RACES) {
    plait__race_stop(&c->race, code);
    connector_race_lost(&c->race);
  } else if (c->failure.code == 0) { /* else it waits for |found| already */
    c->failure = (plait__failure){.code = code, .step = c->finder->step};
    c->finder->ops->cancel(c->finder);
  }
}

static void connector_ring(plait__alarm *alarm) {
  plait_connector *c = plait_container_of(alarm, plait_connector, alarm);
  if (c->state == CONNECTOR_WAITS)
    connector_start(c);
  else
    connector_give_up(c, PLAIT_ETIMEOUT);
}

static void connector_start(plait_connector *c) {
  c->failure = (plait__failure){0};
  c->retrying = false;
  if (!connector_may_go_on(c)) {
    connector_fail_at(c, "connect", PLAIT_ECANCELED);
    return;
  }
  if (c->timeout_ms != PLAIT_UNLIMITED)
    plait__reactor_alarm(c->reactor, &c->alarm, c->timeout_ms);
  if (c->finder == NULL) {
    connector_race(c, &c->peer, 1);
    return;
  }
  c->state = CONNECTOR_LOOKS;
  int code = c->finder->ops->start(c->finder);
  if (code != 0)
    connector_fail_at(c, c->finder->step, code);
}

/* ---- the connection ------------------------------------------------------ */

static void connector_lost(plait_call *call, plait_protocol *p) {
  plait_connector *c = plait_container_of(call, plait_connector, lost);
  (void)p;
  c->stream = NULL;
  plait__backoff_lost(&c->backoff,
                      plait__reactor_clock(c->reactor) - c->made_ms);
  connector_draw_wait(c);
  connector_wait(c);
}

static void connector_hold_on(plait_connector *c, plait__stream *s) {
  c->stream = s;
  c->lost.run = connector_lost;
  plait__runtime_ref(c->runtime);
  plait__stream_when_gone(s, &c->lost);
}

/* The connection, if |c| has one, is nobody's but its own from now on. */
static void connector_let_go(plait_connector *c) {
  if (c->stream == NULL)
    return;
  plait__stream_forget(c->stream, &c->lost);
  c->stream = NULL;
  plait__runtime_unref(c->runtime);
}

/* User code may stop |c| while its protocol is being made. */
static void connector_made(plait_connector *c, plait__stream *s,
                           const plait_address *peer) {
  c->state = CONNECTOR_OPENS;
  plait__reactor_unalarm(c->reactor, &c->alarm);
  c->made_ms = plait__reactor_clock(c->reactor);
  if (plait__backoff_is_on(&c->backoff))
    connector_hold_on(c, s);
  plait__factory_count(c->factory);
  int code = plait__stream_open(s, c->factory, peer);
  if (code != 0) {
    connector_let_go(c);
    plait__factory_release(c->factory);
    connector_fail_at(c, "protocol", code);
  } else if (c->stream == NULL || !connector_may_go_on(c)) {
    connector_let_go(c);
    connector_end(c);
  } else {
    c->state = CONNECTOR_CONNECTED;
    plait__backoff_made(&c->backoff);
  }
}

static void connector_race_won(plait__race *race, plait__stream *s,
                               const plait_address *peer) {
  s->interest = PLAIT__WRITABLE; /* as it was watched */
  connector_made(connector_of_race(race), s, peer);
}

void plait__finder_connected(plait__finder *finder, plait__stream *s) {
  plait_connector *c = finder->owner;
  static const plait_address nobody;
  if (c->failure.code == 0) {
    connector_made(c, s, &nobody);
    return;
  }
  plait__closing(s, PLAIT__ON_ABORT, c->failure.code); /* stopped, or late */
  connector_fail(c);
}

/* ---- stopping ------------------------------------------------------------ */

/* No attempt begins any more, and one under way is given up.  |c| may be gone
 * after this. */
static void connector_stop(plait_connector *c) {
  c->stopped = true;
  switch (c->state) {
  case CONNECTOR_LOOKS:
  case CONNECTOR_RACES:
    connector_give_up(c, PLAIT_ECANCELED);
    break;
  case CONNECTOR_CONNECTED:
    connector_let_go(c);
    connector_end(c);
    break;
  case CONNECTOR_WAITS:
    plait__reactor_unalarm(c->reactor, &c->alarm);
    connector_end(c);
    break;
  default: /* what goes on looks at |stopped| */
    break;
  }
}

static void connector_stop_owned(plait_connector *c) {
  c->owned = false;
  if (c->state == CONNECTOR_OVER)
    connector_free_linked(c);
  else
    connector_stop(c);
}

static void stop_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_runtime *runtime = r->runtime;
  if (!drop) /* else plait__connectors_free() */
    connector_stop_owned(plait_container_of(mail, plait_connector, stop));
  plait__runtime_unref(runtime);
}

void plait_connector_stop(plait_connector *c) {
  if (plait__here() == c->reactor) {
    connector_stop_owned(c);
    return;
  }
  plait__runtime_ref(c->runtime);
  plait__reactor_mail(c->reactor, &c->stop);
}

void plait__connectors_stop(plait_reactor *r) {
  plait_connector *next;
  for (plait_connector *c = r->connectors; c != NULL; c = next) {
    next = c->next;
    connector_stop(c);
  }
}

void plait__connectors_free(plait_reactor *r) {
  while (r->connectors != NULL)
    connector_free_linked(r->connectors);
}

/* ---- questions ----------------------------------------------------------- */

const char *plait_connector_endpoint(const plait_connector *c) {
  return c->endpoint;
}

bool plait_connector_retries(const plait_connector *c, uint32_t *ret_ms) {
  if (!c->retrying || !connector_may_go_on(c))
    return false;
  if (ret_ms != NULL)
    *ret_ms = c->wait_ms;
  return true;
}

/* ---- beginning, by mail -------------------------------------------------- */

static void start_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_connector *c = plait_container_of(mail, plait_connector, mail);
  (void)r;
  connector_link(c);
  if (!drop)
    connector_start(c);
}

static void begin_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_connector *c = plait_container_of(mail, plait_connector, mail);
  if (!drop)
    plait__factory_start(c->factory);
  c->mail.deliver = start_deliver;
  if (drop || c->reactor == r)
    start_deliver(r, mail, drop);
  else
    plait__reactor_mail(c->reactor, mail);
}

static void connector_choose_reactor(plait_connector *c, plait_reactor *r) {
  if (r == NULL)
    r = plait__here();
  if (r == NULL || r->runtime != c->runtime)
    r = c->runtime->reactors[0];
  c->reactor = c->race.reactor = r;
}

/* Takes the finder, once it has not failed. */
static plait_connector *connector_new(plait_runtime *runtime,
                                      const plait__connect_spec *spec,
                                      plait_factory *factory) {
  uint32_t delay = spec->attempt_delay_ms;
  size_t size = strlen(spec->endpoint) + 1;
  plait_connector *c = plait__zalloc(runtime->driver->os, sizeof *c + size);
  if (c == NULL)
    return NULL;
  c->runtime = runtime;
  c->factory = factory;
  connector_choose_reactor(c, spec->reactor);
  c->finder = spec->finder;
  if (c->finder != NULL) {
    c->finder->found = connector_found;
    c->finder->owner = c;
  }
  c->peer = spec->peer;
  c->owned = spec->owned;
  c->timeout_ms = spec->timeout_ms != 0 ? spec->timeout_ms : CONNECT_MS;
  if (delay == 0)
    delay = PLAIT__RACE_DELAY_MS;
  c->race.delay_ms =
      delay > PLAIT__RACE_DELAY_MIN_MS ? delay : PLAIT__RACE_DELAY_MIN_MS;
  c->race.local = spec->local;
  c->race.won = connector_race_won;
  c->race.lost = connector_race_lost;
  c->alarm.ring = connector_ring;
  c->mail.deliver = begin_deliver;
  c->stop.deliver = stop_deliver;
  memcpy(c->endpoint, spec->endpoint, size);
  return c;
}

/* A connector, or the error detail. */
static int connector_make(plait_runtime *runtime,
                          const plait__connect_spec *spec,
                          plait_factory *factory, plait_connector **ret) {
  plait_connector *c = connector_new(runtime, spec, factory);
  if (c == NULL) {
    if (spec->finder != NULL)
      spec->finder->ops->free(spec->finder, runtime->driver->os);
    return plait__fail(PLAIT_ENOMEM, "connect: out of memory");
  }
  int code = plait__backoff_init(&c->backoff, spec->reconnect);
  if (code != 0) {
    connector_free(c);
    return code;
  }
  *ret = c;
  return 0;
}

int plait__connect_to(plait_runtime *runtime, const plait__connect_spec *spec,
                      plait_factory *factory, plait_connector **ret) {
  plait_connector *c;
  int code = connector_make(runtime, spec, factory, &c);
  if (code != 0)
    return code;
  code = plait__factory_use(runtime, factory);
  if (code != 0) {
    connector_free(c);
    return plait__fail(code, "factory: %s", plait_strerror(code));
  }
  plait__runtime_ref(runtime);
  *ret = c; /* before another thread may be done with it */
  plait__reactor_mail(runtime->reactors[0], &c->mail);
  return 0;
}

/* ---- stdio: nothing is tried, so it is over at once ---------------------- */

static void stdio_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_connector *c = plait_container_of(mail, plait_connector, mail);
  plait_runtime *runtime = r->runtime;
  (void)drop;
  connector_link(c);
  c->state = CONNECTOR_OVER;
  if (!c->owned)
    connector_free_linked(c);
  plait__runtime_unref(runtime);
}

int plait__connect_stdio(plait_runtime *runtime,
                         const plait__connect_spec *spec,
                         plait_factory *factory, plait_connector **ret) {
  plait_connector *c;
  int code = connector_make(runtime, spec, factory, &c);
  if (code != 0)
    return code;
  code = plait__backoff_is_on(&c->backoff)
             ? plait__fail(PLAIT_EINVAL, "reconnect: standard input and output "
                                         "cannot be had twice")
             : plait_stdio(c->reactor, factory);
  if (code != 0) {
    connector_free(c);
    return code;
  }
  c->mail.deliver = stdio_deliver;
  plait__runtime_ref(runtime);
  *ret = c;
  plait__reactor_mail(c->reactor, &c->mail);
  return 0;
}
