/* plait_adopt() and plait_stdio(): by way of the first reactor, where |started|
 * is called, to the connection's own. */
#include "core/adopt.h"

#include <plait/error.h>

#include "core/error.h"
#include "core/factory.h"
#include "core/memory.h"
#include "core/stream.h"

typedef struct adoption {
  plait__mail mail;
  plait_reactor *reactor;
  plait_factory *factory;
  int fd;
} adoption;

static void adoption_end(adoption *a, bool made) {
  plait_runtime *runtime = a->reactor->runtime;
  if (!made)
    plait__factory_release(a->factory);
  plait__free(a->reactor->os, a);
  plait__runtime_unref(runtime);
}

static void adopt_here(plait_reactor *r, plait__mail *mail, bool drop) {
  adoption *a = plait_container_of(mail, adoption, mail);
  plait_address peer = {0};
  if (drop) {
    r->io->close_fd(a->fd);
    adoption_end(a, false);
    return;
  }
  if (r->io->names(a->fd, true, &peer) != 0)
    peer.family = PLAIT_NO_ADDRESS;
  adoption_end(a, plait__stream_accept(r, a->fd, a->factory, &peer) == 0);
}

static void adopt_start(plait_reactor *r, plait__mail *mail, bool drop) {
  adoption *a = plait_container_of(mail, adoption, mail);
  if (!drop)
    plait__factory_start(a->factory);
  a->mail.deliver = adopt_here;
  if (drop || a->reactor == r)
    adopt_here(r, mail, drop);
  else
    plait__reactor_mail(a->reactor, mail);
}

int plait__adopt_fd(plait_reactor *r, int fd, plait_factory *factory) {
  adoption *a = plait__zalloc(r->os, sizeof *a);
  if (a == NULL)
    return plait__fail(PLAIT_ENOMEM, "adopt: out of memory");
  int code = plait__factory_use(r->runtime, factory);
  if (code != 0) {
    plait__free(r->os, a);
    return plait__fail(code, "adopt: factory: %s", plait_strerror(code));
  }
  plait__factory_count(factory);
  plait__factory_unuse(factory); /* the connection uses it now */
  *a = (adoption){.reactor = r, .factory = factory, .fd = fd};
  a->mail.deliver = adopt_start;
  plait__runtime_ref(r->runtime);
  plait__reactor_mail(r->runtime->reactors[0], &a->mail);
  return 0;
}

int plait_adopt(plait_reactor *reactor, int fd, plait_factory *factory) {
  int code = reactor->io->adopt(fd, false);
  if (code != 0)
    return plait__fail(code, "adopt: descriptor %d: %s", fd,
                       plait_strerror(code));
  return plait__adopt_fd(reactor, fd, factory);
}

int plait_stdio(plait_reactor *reactor, plait_factory *factory) {
  plait_runtime *runtime = reactor->runtime;
  const plait__host *host = runtime->driver->host;
  const char *step = "stdio";
  plait__stdio *stdio;
  int fd;
  if (runtime->stdio != NULL)
    return plait__fail(PLAIT_EBUSY, "stdio: it has a connection already");
  int code = host->stdio_open(runtime->driver->os, &fd, &stdio, &step);
  if (code != 0)
    return plait__fail(code, "stdio: %s: %s", step, plait_strerror(code));
  code = plait__adopt_fd(reactor, fd, factory);
  if (code != 0) {
    reactor->io->close_fd(fd);
    host->stdio_close(stdio, 0);
    return code;
  }
  runtime->stdio = stdio;
  return 0;
}
