/* The resolver's backend on c-ares: no threads, a channel on each reactor that
 * asks.
 *
 *   start() --> waiting --> asked --> answered --> mail --> complete()
 *                 |           |
 *              cancel()    cancel(): nobody's, until c-ares lets go of it
 *
 * c-ares may answer at any time, so what it answers goes into the lookup and
 * comes by mail: the core is never called from inside c-ares.  Not more than
 * CARES_ASKED lookups are asked at once, so that a burst does not drown name
 * servers, nor the answers our socket's buffer. */
#include <netdb.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <string.h>
#include <sys/socket.h>

#include "cares/answer.h"
#include "cares/channel.h"
#include "core/memory.h"
#include "core/runtime.h"
#include "pool/resolver.h"

enum {
  CARES_ASKED = 128, /* at once, on a reactor */
  CARES_STUCK = 4096 /* besides, that nobody waits for */
};

typedef struct cares_ask cares_ask;

/* What a reactor has of it: resolver_home->backend. */
typedef struct cares_home {
  plait_resolver *resolver;
  cares_ask *first, *last; /* that wait to be asked */
  plait__cares_channel channel;
} cares_home;

struct cares_ask {
  cares_home *home;
  plait__lookup *lookup; /* lookup->data: this; NULL: nobody's */
  cares_ask *next, *prev;
  uint16_t port;
  bool asked;
};

static cares_home *home_of(plait__cares_channel *channel) {
  return plait_container_of(channel, cares_home, channel);
}

/* ---- answers ------------------------------------------------------------- */

static void lookup_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__lookup *lookup = plait_container_of(mail, plait__lookup, mail);
  (void)r, (void)drop;
  plait__lookup_complete(lookup, lookup->code);
}

/* The lookup's, if somebody waits for it; frees |ask|. */
static void ask_end(cares_ask *ask, int code) {
  cares_home *home = ask->home;
  plait__lookup *lookup = ask->lookup;
  if (lookup != NULL) {
    lookup->data = NULL;
    lookup->code = code;
    lookup->mail.deliver = lookup_deliver;
    plait__reactor_mail(lookup->reactor, &lookup->mail);
  }
  plait__free(home->channel.reactor->os, ask);
}

/* c-ares has let go of it.  0: the answer is to be looked at. */
static int ask_answered(cares_ask *ask, int status) {
  plait__cares_channel *channel = &ask->home->channel;
  plait_resolver *resolver = ask->home->resolver;
  channel->pending--;
  if (ask->lookup == NULL) {
    channel->nobodys--;
    atomic_fetch_sub(&resolver->stuck, 1);
    return PLAIT_ECANCELED;
  }
  atomic_fetch_sub(&resolver->running, 1);
  if (status == ARES_ECANCELLED && channel->broken != 0)
    return channel->broken;
  return plait__cares_code(status);
}

static void forward_answered(void *arg, int status, int timeouts,
                             struct ares_addrinfo *info) {
  cares_ask *ask = arg;
  int code = ask_answered(ask, status);
  (void)timeouts;
  if (code == 0)
    code =
        plait__cares_take(ask->lookup->reactor->os, ask->lookup->question.name,
                          ask->port, info, &ask->lookup->found);
  if (info != NULL)
    ares_freeaddrinfo(info);
  ask_end(ask, code);
}

static void reverse_answered(void *arg, int status, int timeouts,
                             struct hostent *host) {
  cares_ask *ask = arg;
  int code = ask_answered(ask, status);
  (void)timeouts;
  if (code == 0 && (host->h_name == NULL || host->h_name[0] == '\0'))
    code = PLAIT_ENOTFOUND;
  if (code == 0)
    code = plait__cares_take_name(ask->lookup->reactor->os, host->h_name,
                                  &ask->lookup->found);
  ask_end(ask, code);
}

/* ---- asking -------------------------------------------------------------- */

static void ask_forward(cares_ask *ask) {
  const plait__question *q = &ask->lookup->question;
  struct ares_addrinfo_hints hints = {.ai_socktype = SOCK_STREAM,
                                      .ai_flags = ARES_AI_CANONNAME,
                                      .ai_family = AF_UNSPEC};
  if (q->family != 0)
    hints.ai_family = q->family == PLAIT_IPV4 ? AF_INET : AF_INET6;
  ares_getaddrinfo(ask->home->channel.ares, q->name, NULL, &hints,
                   forward_answered, ask);
}

static void ask_reverse(cares_ask *ask) {
  const plait_address *a = &ask->lookup->question.address;
  bool four = a->family == PLAIT_IPV4;
  ares_gethostbyaddr(ask->home->channel.ares, a->ip, four ? 4 : 16,
                     four ? AF_INET : AF_INET6, reverse_answered, ask);
}

/* What c-ares is not needed for: a number with the name of a port, or the name
 * of a port that there is not.  False: it is. */
static bool ask_ended(cares_ask *ask) {
  const plait__question *q = &ask->lookup->question;
  plait_address address;
  if (q->name == NULL)
    return false;
  int code = plait__cares_port(q, &ask->port);
  bool literal = plait_address_parse(q->name, ask->port, &address) == 0;
  if (code == 0 && !literal)
    return false;
  if (code == 0 && q->family != 0 && q->family != address.family)
    code = PLAIT_ENOTFOUND;
  if (code == 0)
    code = plait__cares_take_literal(ask->lookup->reactor->os, q->name,
                                     &address, &ask->lookup->found);
  ask_end(ask, code);
  return true;
}

static void ask_begin(cares_ask *ask) {
  cares_home *home = ask->home;
  plait__lookup *lookup = ask->lookup;
  if (ask_ended(ask))
    return;
  int code = plait__cares_begin(&home->channel);
  if (code != 0) {
    ask_end(ask, code);
    return;
  }
  ask->asked = true;
  lookup->began_ns = lookup->reactor->os->now_ns();
  home->channel.pending++;
  atomic_fetch_add(&home->resolver->running, 1);
  if (lookup->question.name != NULL)
    ask_forward(ask);
  else
    ask_reverse(ask);
  plait__cares_end(&home->channel);
}

/* ---- the queue ----------------------------------------------------------- */

static void queue_append(cares_home *home, cares_ask *ask) {
  ask->prev = home->last;
  if (home->last != NULL)
    home->last->next = ask;
  else
    home->first = ask;
  home->last = ask;
  atomic_fetch_add(&home->resolver->queued, 1);
}

static void queue_remove(cares_home *home, cares_ask *ask) {
  if (ask->prev != NULL)
    ask->prev->next = ask->next;
  else
    home->first = ask->next;
  if (ask->next != NULL)
    ask->next->prev = ask->prev;
  else
    home->last = ask->prev;
  atomic_fetch_sub(&home->resolver->queued, 1);
}

static bool home_has_room(const cares_home *home) {
  const plait__cares_channel *c = &home->channel;
  return c->pending - c->nobodys < CARES_ASKED && c->nobodys < CARES_STUCK;
}

static void home_pump(cares_home *home) {
  while (home->first != NULL && home_has_room(home)) {
    cares_ask *ask = home->first;
    queue_remove(home, ask);
    ask_begin(ask);
  }
}

static void home_worked(plait__cares_channel *channel) {
  home_pump(home_of(channel));
}

static cares_home *home_get(plait__lookup *lookup) {
  plait__resolver_home *slot =
      plait__resolver_home_of(lookup->resolver, lookup->reactor);
  if (slot->backend != NULL)
    return slot->backend;
  cares_home *home = plait__zalloc(lookup->reactor->os, sizeof *home);
  if (home == NULL)
    return NULL;
  home->resolver = lookup->resolver;
  home->channel.reactor = lookup->reactor;
  home->channel.worked = home_worked;
  slot->backend = home;
  return home;
}

/* ---- the backend --------------------------------------------------------- */

static int cares_start(plait__lookup *lookup) {
  cares_home *home = home_get(lookup);
  if (home == NULL)
    return PLAIT_ENOMEM;
  cares_ask *ask = plait__zalloc(lookup->reactor->os, sizeof *ask);
  if (ask == NULL)
    return PLAIT_ENOMEM;
  ask->home = home;
  ask->lookup = lookup;
  lookup->data = ask;
  queue_append(home, ask);
  home_pump(home);
  return 0;
}

static bool cares_cancel(plait__lookup *lookup) {
  cares_ask *ask = lookup->data;
  if (ask == NULL)
    return false; /* answered: it completes */
  cares_home *home = ask->home;
  lookup->data = NULL;
  if (!ask->asked) {
    queue_remove(home, ask);
    plait__free(lookup->reactor->os, ask);
    return true;
  }
  ask->lookup = NULL;
  atomic_fetch_sub(&home->resolver->running, 1);
  atomic_fetch_add(&home->resolver->stuck, 1);
  plait__cares_abandon(&home->channel);
  return true;
}

static uint64_t cares_began(plait__lookup *lookup) {
  return lookup->began_ns;
}

static void cares_cut(plait_resolver *resolver, plait_reactor *reactor) {
  cares_home *home = plait__resolver_home_of(resolver, reactor)->backend;
  if (home != NULL)
    plait__cares_close(&home->channel);
}

static void cares_close(plait_resolver *resolver) {
  plait_runtime *runtime = resolver->pool->runtime;
  for (unsigned i = 0; i < runtime->reactor_count; i++) {
    cares_home *home = resolver->homes[i].backend;
    resolver->homes[i].backend = NULL;
    if (home == NULL)
      continue;
    plait__cares_close(&home->channel);
    while (home->first != NULL) {
      cares_ask *ask = home->first;
      queue_remove(home, ask);
      ask_end(ask, PLAIT_ECANCELED);
    }
    plait__free(runtime->driver->os, home);
  }
}

static const plait__lookup_backend backend = {.start = cares_start,
                                              .cancel = cares_cancel,
                                              .began = cares_began,
                                              .cut = cares_cut,
                                              .close = cares_close};

const plait__lookup_backend *const plait__lookup_cares = &backend;
