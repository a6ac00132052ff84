/* The life of a listener.
 *
 * It is made in the caller's thread, which may be a worker, so that a failed
 * bind is the answer of plait_listen(); it begins on the first reactor, where
 * |started| is called, and from there its acceptors are armed on theirs.
 */
#include "core/listener.h"

#include <plait/error.h>
#include <stdatomic.h>

#include "core/acceptor.h"
#include "core/adopt.h"
#include "core/error.h"
#include "core/factory.h"
#include "core/memory.h"

/* ---- beginning ----------------------------------------------------------- */

static void begin_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_listener *l = plait_container_of(mail, plait_listener, begin);
  if (drop)
    return; /* plait__listeners_free() */
  plait__factory_start(l->factory);
  /* Once the last one is mailed |l| may go: each that is not keeps it. */
  unsigned n = l->acceptor_count;
  for (unsigned i = 0; i < n; i++) {
    plait__acceptor *a = l->acceptors[i];
    if (a->reactor == r)
      plait__acceptor_arm(a);
    else
      plait__reactor_mail(a->reactor, &a->arm);
  }
}

/* By mail, since the list is home's alone.  A runtime that is being freed finds
 * it there. */
static void link_deliver(plait_reactor *home, plait__mail *mail, bool drop) {
  plait_listener *l = plait_container_of(mail, plait_listener, link);
  (void)drop;
  l->next = home->listeners;
  if (l->next != NULL)
    l->next->prev = l;
  home->listeners = l;
}

static void listener_unlink(plait_listener *l) {
  if (l->prev != NULL)
    l->prev->next = l->next;
  else
    l->home->listeners = l->next;
  if (l->next != NULL)
    l->next->prev = l->prev;
}

static void listener_free(plait_listener *l) {
  plait_reactor *home = l->home;
  for (unsigned i = 0; i < l->acceptor_count; i++)
    plait__acceptor_free(l->acceptors[i]);
  plait__free(home->os, l->endpoint);
  plait__free(home->os, l);
}

static void gone_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_runtime *runtime = r->runtime;
  if (!drop) {
    plait_listener *l = plait_container_of(mail, plait_listener, gone);
    listener_unlink(l);
    listener_free(l);
  }
  plait__runtime_unref(runtime);
}

void plait__listener_unref(plait_listener *l) {
  if (atomic_fetch_sub(&l->refs, 1) != 1)
    return;
  plait__runtime_ref(l->runtime);
  plait__reactor_mail(l->home, &l->gone);
}

/* A listener without acceptors; the pointer's owner has the one reference. */
static plait_listener *listener_new(plait_runtime *runtime,
                                    plait_factory *factory, unsigned room) {
  const plait__os *os = runtime->driver->os;
  size_t size = sizeof(plait_listener) + room * sizeof(plait__acceptor *);
  plait_listener *l = plait__zalloc(os, size);
  if (l == NULL)
    return NULL;
  l->runtime = runtime;
  l->factory = factory;
  l->home = plait__here();
  if (l->home == NULL || l->home->runtime != runtime)
    l->home = runtime->reactors[0];
  l->begin.deliver = begin_deliver;
  l->link.deliver = link_deliver;
  l->gone.deliver = gone_deliver;
  atomic_store(&l->refs, 1);
  return l;
}

/* Takes every one of |fds|, also when it fails. */
static int listener_add_all(plait_listener *l, const int *fds, unsigned n) {
  int code = 0;
  for (unsigned i = 0; i < n; i++) {
    plait_reactor *r = l->runtime->reactors[n > 1 ? i : l->home->index];
    plait__acceptor *a = plait__acceptor_new(l, r, fds[i]);
    if (a == NULL)
      code = plait__fail(PLAIT_ENOMEM, "listen: out of memory");
    else
      l->acceptors[l->acceptor_count++] = a;
  }
  return code;
}

/* Each acceptor uses the factory and keeps plait_run() running.  Only the first
 * use can fail. */
static int listener_use(plait_listener *l) {
  for (unsigned i = 0; i < l->acceptor_count; i++) {
    int code = plait__factory_use(l->runtime, l->factory);
    if (code != 0)
      return plait__fail(code, "factory: %s",
                         code == PLAIT_EINVAL
                             ? "no protocol, or another runtime's"
                             : plait_strerror(code));
  }
  for (unsigned i = 0; i < l->acceptor_count; i++) {
    atomic_fetch_add(&l->refs, 1);
    plait__runtime_ref(l->runtime);
  }
  return 0;
}

static int listener_start(plait_runtime *runtime, plait_factory *factory,
                          const int *fds, unsigned n, bool inherited,
                          plait_listener **ret) {
  const plait__io *io = runtime->driver->io;
  plait_listener *l = listener_new(runtime, factory, n);
  if (l == NULL) {
    for (unsigned i = 0; i < n; i++)
      io->close_fd(fds[i]);
    return plait__fail(PLAIT_ENOMEM, "listen: out of memory");
  }
  l->inherited = inherited;
  io->names(fds[0], false, &l->address);
  int code = listener_add_all(l, fds, n);
  if (code == 0)
    code = listener_use(l);
  if (code != 0) {
    listener_free(l);
    return code;
  }
  l->spread = n == 1 && runtime->reactor_count > 1;
  plait__reactor_mail(l->home, &l->link); /* ahead of |gone| */
  plait__reactor_mail(runtime->reactors[0], &l->begin);
  *ret = l;
  return 0;
}

int plait__listen_at(plait_runtime *runtime, const plait__listen_spec *spec,
                     plait_factory *factory, plait_listener **ret) {
  plait__listen_spec each = *spec;
  int fds[PLAIT_REACTORS_MAX];
  const char *step = "listen";
  each.sockets =
      spec->address->family == PLAIT_UNIX ? 1 : runtime->reactor_count;
  int code = runtime->driver->io->listen(&each, fds, &step);
  if (code != 0)
    return plait__fail(code, "%s: %s", step, plait_strerror(code));
  return listener_start(runtime, factory, fds, each.sockets, false, ret);
}

static int listen_adopt(const plait_runtime *runtime, int fd) {
  int code = runtime->driver->io->adopt(fd, true);
  if (code == 0)
    return 0;
  return plait__fail(code, "descriptor: not a listening stream socket: %s",
                     plait_strerror(code));
}

int plait__listen_fd(plait_runtime *runtime, int fd, plait_factory *factory,
                     plait_listener **ret) {
  int code = listen_adopt(runtime, fd);
  return code == 0 ? listener_start(runtime, factory, &fd, 1, true, ret) : code;
}

int plait__listen_activated(plait_runtime *runtime, const char *name,
                            unsigned index, plait_factory *factory,
                            plait_listener **ret) {
  const plait_backend *driver = runtime->driver;
  const char *step = NULL;
  int fd;
  int code = driver->host->activated(name, index, &fd, &step);
  if (code != 0)
    return plait__fail(code, "%s: %s", step, plait_strerror(code));
  code = listen_adopt(runtime, fd);
  if (code == 0)
    return listener_start(runtime, factory, &fd, 1, true, ret);
  driver->io->close_fd(fd);
  return code;
}

int plait__listen_stdio(plait_runtime *runtime, plait_factory *factory,
                        plait_listener **ret) {
  plait_listener *l = listener_new(runtime, factory, 0);
  if (l == NULL)
    return plait__fail(PLAIT_ENOMEM, "listen: out of memory");
  int code = plait_stdio(l->home, factory);
  if (code != 0) {
    listener_free(l);
    return code;
  }
  plait__reactor_mail(l->home, &l->link);
  *ret = l;
  return 0;
}

/* ---- questions and the end ----------------------------------------------- */

void plait__listener_address(const plait_listener *l, plait_address *ret) {
  *ret = l->address;
}

int plait__listener_set_endpoint(plait_listener *l, const char *text) {
  const plait__os *os = l->runtime->driver->os;
  size_t size = strlen(text) + 1;
  char *copy = plait__alloc(os, size);
  if (copy == NULL)
    return PLAIT_ENOMEM;
  memcpy(copy, text, size);
  plait__free(os, l->endpoint);
  l->endpoint = copy;
  return 0;
}

const char *plait_listener_endpoint(const plait_listener *l) {
  return l->endpoint != NULL ? l->endpoint : "";
}

void plait__listener_disown(plait_listener *l) {
  plait__listener_unref(l);
}

void plait_listener_close(plait_listener *l) {
  for (unsigned i = 0; i < l->acceptor_count; i++) {
    atomic_fetch_add(&l->refs, 1);
    plait__reactor_mail(l->acceptors[i]->reactor, &l->acceptors[i]->close);
  }
  plait__listener_unref(l);
}

void plait__listeners_free(plait_reactor *r) {
  while (r->listeners != NULL) {
    plait_listener *l = r->listeners;
    listener_unlink(l);
    listener_free(l);
  }
}
