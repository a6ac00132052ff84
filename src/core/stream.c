/* The life of a stream and its descriptor's events. */
#include "core/stream.h"

#include <assert.h>

#include "core/away.h"
#include "core/connector.h"
#include "core/deliver.h"
#include "core/factory.h"
#include "core/instance.h"
#include "core/listener.h"
#include "core/memory.h"
#include "core/race.h"
#include "core/runtime.h"

/* With the backend's 24 bytes, an instance and a slot that is within the 512
 * bytes of an idle connection, see bench/. */
_Static_assert(offsetof(plait__stream, socket) <= 192,
               "a connection has grown");

static plait__stream *stream_of_socket(plait__socket *socket) {
  return plait_container_of(socket, plait__stream, socket);
}

/* ---- interest ------------------------------------------------------------ */

void plait__stream_watch(plait__stream *s) {
  unsigned interest = 0;
  bool reads = s->phase != PLAIT__OPEN ||
               (!plait__stream_stalled(s) && s->leftover == NULL);
  if (s->phase == PLAIT__GONE)
    return;
  if (reads && !s->rd_end && s->phase != PLAIT__CONNECTING)
    interest |= PLAIT__READABLE;
  if (s->blocked || s->phase == PLAIT__CONNECTING)
    interest |= PLAIT__WRITABLE;
  if (interest == 0 && !s->hung_up)
    interest = PLAIT__ALIVE;
  if (interest == s->interest)
    return;
  s->interest = interest & 0xf;
  s->reactor->io->interest(&s->socket, interest);
}

/* ---- events -------------------------------------------------------------- */

/* The backend has stopped watching: the descriptor has an error, but bytes
 * that came before it may still wait. */
static void stream_failed(plait__stream *s) {
  s->interest = 0;
  if (s->phase == PLAIT__OPEN && plait__stream_stalled(s) && !s->rd_end) {
    plait__closing(s, PLAIT__ON_FAIL, PLAIT_ECONNRESET);
    return;
  }
  plait__stream_read_out(s, PLAIT_ECONNRESET);
}

/* Both directions are gone while nobody reads: what is unread is still there
 * when reading resumes, but watching would spin. */
static void stream_hung_up(plait__stream *s) {
  s->hung_up = true;
  plait__stream_watch(s);
}

static void stream_ready(plait__socket *socket, unsigned events) {
  plait__stream *s = stream_of_socket(socket);
  if (s->phase == PLAIT__CONNECTING) {
    plait__attempt_ready(s);
    return;
  }
  if (events & PLAIT__FAILED) {
    stream_failed(s);
  } else if (events & PLAIT__HANGUP) {
    stream_hung_up(s);
  } else {
    if (events & PLAIT__WRITABLE) {
      s->blocked = false;
      plait__stream_flush(s);
      s->due |= PLAIT__DUE_FLUSH;
    }
    if (events & PLAIT__READABLE && s->phase != PLAIT__GONE)
      plait__stream_read(s);
  }
  if (s->due != 0)
    plait__attend(s);
}

static void stream_closed(plait__socket *socket) {
  plait__stream *s = stream_of_socket(socket);
  plait__stream_unhold(s);
}

static const plait__socket_events stream_events = {
    .ready = stream_ready,
    .closed = stream_closed,
};

/* ---- life ---------------------------------------------------------------- */

int plait__stream_new(plait_reactor *r, int fd, plait__stream **ret) {
  size_t size = offsetof(plait__stream, socket) + r->io->socket_bytes;
  if (size < sizeof(plait__stream))
    size = sizeof(plait__stream);
  plait__stream *s = plait__zalloc(r->os, size);
  if (s == NULL)
    return PLAIT_ENOMEM;
  s->head.ops = &plait__stream_ops;
  s->reactor = r;
  s->socket.events = &stream_events;
  s->holds = 1;
  s->phase = PLAIT__CONNECTING;
  int code = r->io->attach(r->loop, &s->socket, fd);
  if (code != 0) {
    plait__free(r->os, s);
    return code;
  }
  plait__runtime_ref(r->runtime);
  *ret = s;
  return 0;
}

void plait__stream_one_way(plait__stream *s, bool reads) {
  s->one_way = true;
  if (reads)
    s->wr_end = s->wr_shut = true;
  else
    s->rd_end = s->rd_told = true;
}

const plait_limits *plait__stream_limits(const plait__stream *s) {
  return plait__factory_limits(s->head.protocol->factory);
}

static void stream_set_up(plait__stream *s, plait_factory *factory) {
  const plait_limits *limits = plait__factory_limits(factory);
  s->high = limits->high_bytes;
  s->tight = limits->queue_bytes_max < s->high;
  s->low = limits->low_bytes;
  s->idle_ms = limits->idle_ms;
  plait__stream_publish(s);
  s->u.leaving = NULL;
  s->phase = PLAIT__OPEN;
  s->told_drain = false;
  if (s->idle_ms != 0)
    plait__timeout_idle(s);
}

static void stream_set_peer(plait__stream *s, const plait_address *peer) {
  if (s->mated)
    return;
  s->peer.family = peer->family;
  s->peer.port = peer->port;
  s->peer.scope = peer->scope;
  memcpy(s->peer.ip, peer->ip, sizeof s->peer.ip);
}

/* The instance and the slot of a new connection. */
static int stream_equip(plait__stream *s, plait_factory *factory,
                        const plait_protocol_ops *ops) {
  plait_reactor *r = s->reactor;
  int code = 0;
  s->head.slot = plait__slot_take(r->slots, r->os, &s->head);
  if (s->head.slot == NULL)
    return PLAIT_ENOMEM;
  if (factory->dispatch == PLAIT_ON_WORKERS)
    code = plait__away_new(s, factory, ops);
  else
    s->head.protocol = plait__instance_new(r->os, ops, &s->head, factory);
  if (s->head.protocol == NULL) {
    plait__slot_release(r->slots, s->head.slot);
    return code != 0 ? code : PLAIT_ENOMEM;
  }
  return 0;
}

int plait__stream_open(plait__stream *s, plait_factory *factory,
                       const plait_address *peer) {
  const plait_protocol_ops *ops = factory->protocol;
  int code = factory->build_protocol != NULL
                 ? factory->build_protocol(factory, peer, &ops)
                 : 0;
  if (code == 0 && ops == NULL)
    code = PLAIT_EINVAL;
  if (code == 0)
    code = stream_equip(s, factory, ops);
  if (code != 0) {
    plait__closing(s, PLAIT__ON_FAIL, code);
    return code;
  }
  stream_set_peer(s, peer);
  stream_set_up(s, factory);
  plait__stream_watch(s);
  plait__deliver_made(s);
  if (s->reactor->cut)
    plait__closing(s, PLAIT__ON_ABORT, PLAIT_EDRAIN);
  else if (s->reactor->draining)
    plait__stream_need(s, PLAIT__DUE_DRAIN);
  if (s->due != 0)
    plait__attend(s);
  return 0;
}

int plait__stream_accept(plait_reactor *r, int fd, plait_factory *factory,
                         const plait_address *peer) {
  plait__stream *s;
  int code = plait__stream_new(r, fd, &s);
  if (code != 0) {
    r->io->close_fd(fd);
    return code;
  }
  return plait__stream_open(s, factory, peer);
}

/* The last calls of a connection. */
static void stream_end(plait__stream *s) {
  plait_reactor *r = s->reactor;
  plait_protocol *p = s->head.protocol;
  plait_factory *factory = p->factory;
  if (s->u.leaving != NULL) {
    plait__deliver_lost(s, s->u.leaving, PLAIT_ESWITCHED);
    s->u.leaving = NULL;
    plait__deliver_made(s);
  }
  plait__deliver_lost(s, p, s->reason);
  plait__slot_release(r->slots, s->head.slot);
  plait__stream_run_waiters(s, NULL);
  plait__factory_release(factory);
}

void plait__stream_hold(plait__stream *s) {
  assert(s->holds < 15 && "more than its bits can count");
  s->holds++;
}

void plait__stream_pair(plait__stream *s, plait__mate *mate) {
  s->mated = s->one_way = true;
  s->mate = mate;
  plait__stream_hold(s);
}

void plait__stream_unhold(plait__stream *s) {
  plait_reactor *r = s->reactor;
  plait_runtime *runtime = r->runtime;
  if (--s->holds > 0) {
    bool away = plait__stream_is_away(s);
    if (s->phase == PLAIT__GONE && s->mated && s->holds == 1 + away) {
      if (s->mate->alone != NULL)
        s->mate->alone(s->mate);
    } else if (s->holds == 1 && s->phase == PLAIT__GONE && away) {
      plait__away_lost(s); /* and with its acknowledgement the last one goes */
    }
    return;
  }
  if (s->head.protocol != NULL)
    stream_end(s);
  plait__attend_forget(s);
  plait__free(r->os, s->leftover);
  plait__free(r->os, s);
  plait__acceptors_room(r);
  plait__runtime_unref(runtime);
}
