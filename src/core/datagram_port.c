/* Ports of datagrams: what one call opens, with a socket for each reactor.
 *
 * |refs| counts the sockets that are not gone, mail, and the pointer's owner;
 * |open| the sockets alone: the last one makes the factory's |stopped| come.
 * Sockets are freed with their port, since mail may name one that is gone.
 */
#include "core/datagram.h"

#include <assert.h>
#include <plait/error.h>
#include <plait/factory.h>

#include "core/error.h"
#include "core/factory.h"
#include "core/memory.h"

/* ---- life ---------------------------------------------------------------- */

static void port_link(plait_datagram_port *port) {
  plait_reactor *home = port->home;
  port->next = home->datagram_ports;
  if (port->next != NULL)
    port->next->prev = port;
  home->datagram_ports = port;
}

void plait__datagram_port_free(plait_datagram_port *port) {
  plait_reactor *home = port->home;
  if (port->prev != NULL)
    port->prev->next = port->next;
  else
    home->datagram_ports = port->next;
  if (port->next != NULL)
    port->next->prev = port->prev;
  for (unsigned i = 0; i < port->count; i++)
    plait__datagram_free(port->sockets[i]);
  if (port->search != NULL)
    plait__datagram_search_free(port->search);
  plait__free(home->os, port);
}

static void gone_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_datagram_port *port =
      plait_container_of(mail, plait_datagram_port, gone);
  plait_runtime *runtime = r->runtime;
  if (!drop)
    plait__datagram_port_free(port);
  plait__runtime_unref(runtime);
}

void plait__datagram_port_unref(plait_datagram_port *port) {
  if (atomic_fetch_sub(&port->refs, 1) != 1)
    return;
  plait__runtime_ref(port->runtime);
  plait__reactor_mail(port->home, &port->gone);
}

static void ended_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_datagram_port *port =
      plait_container_of(mail, plait_datagram_port, ended);
  plait_runtime *runtime = r->runtime;
  if (!drop) {
    if (port->factory->stopped != NULL)
      port->factory->stopped(port->factory);
    plait__datagram_port_unref(port);
  }
  plait__runtime_unref(runtime);
}

void plait__datagram_port_left(plait_datagram_port *port) {
  if (atomic_fetch_sub(&port->open, 1) != 1) {
    plait__datagram_port_unref(port);
    return;
  }
  plait__runtime_ref(port->runtime);
  plait__reactor_mail(port->home, &port->ended);
}

/* Once the last one is mailed |port| may go: each that is not keeps it. */
void plait__datagram_port_arm(plait_datagram_port *port) {
  const plait_reactor *home = port->home;
  unsigned n = port->count;
  for (unsigned i = 0; i < n; i++) {
    plait_datagram *d = port->sockets[i];
    if (d->reactor == home)
      plait__datagram_arm(d);
    else
      plait__reactor_mail(d->reactor, &d->arm);
  }
}

static void begin_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_datagram_port *port =
      plait_container_of(mail, plait_datagram_port, begin);
  (void)r;
  if (drop)
    return; /* plait__datagram_ports_free() */
  if (port->factory->started != NULL)
    port->factory->started(port->factory, port);
  plait__datagram_port_arm(port);
}

/* ---- opening ------------------------------------------------------------- */

static void fill(uint32_t *value, uint32_t standard) {
  if (*value == 0)
    *value = standard;
}

static plait_datagram_limits limits_fill(plait_datagram_limits l) {
  plait_limits marks = {.high_bytes = l.high_bytes, .low_bytes = l.low_bytes};
  plait__limits_fill_marks(&marks);
  l.high_bytes = marks.high_bytes;
  l.low_bytes = marks.low_bytes;
  fill(&l.datagram_bytes_max, 8192);
  if (l.datagram_bytes_max > PLAIT__DATAGRAM_BYTES)
    l.datagram_bytes_max = PLAIT__DATAGRAM_BYTES;
  fill(&l.queue_bytes_max, 1024 * 1024);
  return l;
}

/* The pointer's owner has the one reference. */
static plait_datagram_port *port_alloc(plait_runtime *runtime,
                                       plait_datagram_factory *factory,
                                       unsigned room) {
  const plait__os *os = runtime->driver->os;
  size_t size = sizeof(plait_datagram_port) + room * sizeof(plait_datagram *);
  plait_datagram_port *port = plait__zalloc(os, size);
  if (port == NULL)
    return NULL;
  port->runtime = runtime;
  port->factory = factory;
  port->limits = limits_fill(factory->limits);
  port->home = plait__here();
  if (port->home == NULL || port->home->runtime != runtime)
    port->home = runtime->reactors[0];
  port->begin.deliver = begin_deliver;
  port->ended.deliver = ended_deliver;
  port->gone.deliver = gone_deliver;
  atomic_store(&port->refs, 1);
  port_link(port);
  return port;
}

int plait__datagram_port_add(plait_datagram_port *port, const int *fds,
                             unsigned n) {
  int code = 0;
  port->runtime->driver->io->names(fds[0], false, &port->local);
  for (unsigned i = 0; i < n; i++) {
    plait_reactor *r = n > 1 ? port->runtime->reactors[i] : port->one;
    plait_datagram *d = plait__datagram_new(port, r, fds[i]);
    if (d != NULL) {
      port->sockets[port->count++] = d;
    } else {
      r->io->close_fd(fds[i]);
      code = plait__fail(PLAIT_ENOMEM, "out of memory");
    }
  }
  return code;
}

int plait__datagram_port_open(plait_datagram_port *port,
                              const plait__datagram_spec *spec) {
  int fds[PLAIT_REACTORS_MAX];
  const char *step = "open";
  int code = port->runtime->driver->io->datagram_open(spec, fds, &step);
  if (code != 0)
    plait__fail(code, "%s: %s", step, plait_strerror(code));
  else
    code = plait__datagram_port_add(port, fds, spec->sockets);
  if (code != 0) {
    plait__datagram_port_free(port);
    return code;
  }
  if (spec->peer != NULL)
    port->peer = *spec->peer;
  atomic_store(&port->open, spec->sockets);
  atomic_fetch_add(&port->refs, spec->sockets);
  for (unsigned i = 0; i < spec->sockets; i++)
    plait__runtime_ref(port->runtime);
  plait__reactor_mail(port->home, &port->begin);
  return 0;
}

int plait__datagram_port_new(plait_runtime *runtime, plait__datagram_spec *spec,
                             plait_datagram_factory *factory,
                             const plait_datagram_options *options,
                             plait_datagram_port **ret) {
  plait_datagram_options o =
      options != NULL ? *options : (plait_datagram_options){0};
  bool one = o.reactor != NULL || spec->peer != NULL ||
             spec->local->family == PLAIT_UNIX;
  if (factory->protocol == NULL)
    return plait__fail(PLAIT_EINVAL, "factory: no protocol");
  if (o.reactor != NULL && o.reactor->runtime != runtime)
    return plait__fail(PLAIT_EINVAL, "reactor: of another runtime");
  spec->sockets = one ? 1 : runtime->reactor_count;
  spec->shared = o.shared;
  spec->receive_bytes = o.receive_buffer_bytes;
  plait_datagram_port *port = port_alloc(runtime, factory, spec->sockets);
  if (port == NULL)
    return plait__fail(PLAIT_ENOMEM, "out of memory");
  port->one = o.reactor != NULL ? o.reactor : port->home;
  *ret = port;
  return 0;
}

/* ---- questions and the end ----------------------------------------------- */

void plait__datagram_port_set_endpoint(plait_datagram_port *port,
                                       const char *text) {
  size_t size = strlen(text) + 1;
  assert(size <= sizeof port->endpoint);
  memcpy(port->endpoint, text, size);
}

const char *plait_datagram_port_endpoint(const plait_datagram_port *port) {
  return port->endpoint;
}

void plait__datagram_port_disown(plait_datagram_port *port) {
  plait__datagram_port_unref(port);
}

void plait__datagram_port_end(plait_datagram_port *port) {
  for (unsigned i = 0; i < port->count; i++) {
    atomic_fetch_add(&port->refs, 1);
    plait__reactor_mail(port->sockets[i]->reactor, &port->sockets[i]->close);
  }
  plait__datagram_port_unref(port);
}

void plait_datagram_port_close(plait_datagram_port *port) {
  if (port->search != NULL)
    plait__datagram_search_close(port->search);
  else
    plait__datagram_port_end(port);
}

void plait__datagram_ports_free(plait_reactor *r) {
  while (r->datagram_ports != NULL)
    plait__datagram_port_free(r->datagram_ports);
}
