/* A port whose peer has a name: it has no socket until one of the addresses of
 * the name can be opened.
 *
 *     BEGINS --mail--> LOOKS --found--> OVER: a socket, or connect_failed
 *
 * All of it happens at the port's home, and so does the port's close, which may
 * come from any reactor.  Until there is a socket the search stands for it in
 * the counts of the port and of the runtime.
 */
#include <assert.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <stdio.h>

#include "core/datagram.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/race.h"

typedef plait__datagram_search search;

struct plait__datagram_search {
  plait_datagram_port *port;
  plait__finder *finder;
  plait__datagram_spec spec;
  plait_address local;
  plait__failure failure; /* the first one */
  plait__mail close;
  enum { SEARCH_BEGINS, SEARCH_LOOKS, SEARCH_OVER } state;
  bool cancelled;
};

/* ---- failure ------------------------------------------------------------- */

static void search_note(search *s, plait__failure failure) {
  if (s->failure.code == 0)
    s->failure = failure;
  else
    s->failure.others++;
}

/* "connect ENDPOINT: STEP ADDRESS: reason (and N more)" */
static void search_explain(const search *s) {
  const plait__failure *f = &s->failure;
  char at[PLAIT_ADDRESS_TEXT_MAX + 1] = " ", more[32] = "";
  if (f->peer.family != PLAIT_NO_ADDRESS)
    plait_address_format(&f->peer, at + 1, sizeof at - 1);
  if (f->others > 0)
    snprintf(more, sizeof more, " (and %u more)", f->others);
  plait__fail(f->code, "connect %s: %s%s: %s%s", s->port->endpoint, f->step,
              at[1] != '\0' ? at : "",
              f->words != NULL ? f->words : plait_strerror(f->code), more);
}

/* As if its socket had gone. */
static void search_fail(search *s) {
  plait_datagram_port *port = s->port;
  plait_runtime *runtime = port->runtime;
  s->state = SEARCH_OVER;
  search_explain(s);
  if (port->factory->connect_failed != NULL)
    port->factory->connect_failed(port->factory, port, s->failure.code);
  plait__datagram_port_left(port);
  plait__runtime_unref(runtime);
}

static void search_fail_at(search *s, int code) {
  search_note(s, (plait__failure){.code = code,
                                  .step = s->finder->step,
                                  .words = code == PLAIT_ETIMEOUT
                                               ? "no answer in time"
                                               : NULL});
  search_fail(s);
}

/* ---- the addresses ------------------------------------------------------- */

static int search_open(search *s, const plait_address *peer) {
  plait_datagram_port *port = s->port;
  plait__failure failure = {.step = "open", .peer = *peer};
  int fd;
  if (s->local.family != PLAIT_NO_ADDRESS && s->local.family != peer->family) {
    failure.code = PLAIT_EINVAL;
    failure.step = "bind";
    failure.words = "the local address is of another family";
  } else {
    s->spec.peer = peer;
    failure.code =
        port->runtime->driver->io->datagram_open(&s->spec, &fd, &failure.step);
    if (failure.code == 0)
      failure.code = plait__datagram_port_add(port, &fd, 1);
  }
  if (failure.code != 0)
    search_note(s, failure);
  return failure.code;
}

static void search_try(search *s, const plait_address *addresses,
                       size_t count) {
  size_t i = 0, n = count < PLAIT__RACE_MAX ? count : PLAIT__RACE_MAX;
  while (i < n && search_open(s, &addresses[i]) != 0)
    i++;
  if (i == n) {
    search_fail(s);
    return;
  }
  s->state = SEARCH_OVER;
  s->port->peer = addresses[i];
  plait__datagram_port_arm(s->port);
}

static void search_found(plait__finder *finder, int code,
                         const plait_address *addresses, size_t count) {
  search *s = finder->owner;
  if (s->cancelled)
    code = PLAIT_ECANCELED;
  if (code != 0)
    search_fail_at(s, code);
  else
    search_try(s, addresses, count);
}

/* ---- beginning and stopping ---------------------------------------------- */

static void begin_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_datagram_port *port =
      plait_container_of(mail, plait_datagram_port, begin);
  search *s = port->search;
  if (drop)
    return; /* plait__datagram_ports_free() */
  if (port->factory->started != NULL)
    port->factory->started(port->factory, port);
  s->state = SEARCH_LOOKS;
  int code = r->draining ? PLAIT_ECANCELED : s->finder->ops->start(s->finder);
  if (code != 0)
    search_fail_at(s, code);
}

void plait__datagram_search_stop(search *s) {
  if (s->state != SEARCH_LOOKS || s->cancelled)
    return;
  s->cancelled = true;
  s->finder->ops->cancel(s->finder);
}

static void close_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  search *s = plait_container_of(mail, search, close);
  (void)r;
  if (drop)
    return;
  assert(s->state != SEARCH_BEGINS); /* that mail was first */
  plait__datagram_search_stop(s);
  plait__datagram_port_end(s->port);
}

void plait__datagram_search_close(search *s) {
  plait__reactor_mail(s->port->home, &s->close);
}

/* ---- life ---------------------------------------------------------------- */

int plait__datagram_search_start(plait_datagram_port *port,
                                 const plait__datagram_spec *spec,
                                 plait__finder *finder) {
  const plait__os *os = port->home->os;
  search *s = plait__zalloc(os, sizeof *s);
  if (s == NULL) {
    finder->ops->free(finder, os);
    plait__datagram_port_free(port);
    return plait__fail(PLAIT_ENOMEM, "out of memory");
  }
  s->port = port;
  s->finder = finder;
  finder->found = search_found;
  finder->owner = s;
  s->spec = *spec;
  s->local = *spec->local;
  s->spec.local = &s->local;
  s->close.deliver = close_deliver;
  port->search = s;
  port->begin.deliver = begin_deliver;
  atomic_store(&port->open, 1);
  atomic_fetch_add(&port->refs, 1);
  plait__runtime_ref(port->runtime);
  plait__reactor_mail(port->home, &port->begin);
  return 0;
}

void plait__datagram_search_free(search *s) {
  const plait__os *os = s->port->home->os;
  s->finder->ops->free(s->finder, os);
  plait__free(os, s);
}
