/* plait_pipe_connect(): a connection that waits for the one it is to be joined
 * with.
 *
 * It is switched to a protocol that waits, paused, on its reactor, from where
 * the connector begins, with a factory of its own, which lives until that is
 * stopped.  The two know each other until one of them is gone or they are
 * joined. */
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/pipe.h>
#include <plait/protocol.h>
#include <plait/reactor.h>
#include <plait/transport.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/runtime.h"
#include "endpoint/complain.h"
#include "endpoint/spec.h"

struct attempt;

struct waiter {
  plait_protocol base;
  struct attempt *attempt; /* NULL: it has failed, or they are joined */
  plait_joint *joint;      /* NULL: there is none, or it is told already */
};

struct attempt {
  plait_factory factory;
  plait_runtime *runtime;
  plait_connector *connector;
  struct waiter *waiter; /* NULL: it is lost, or they are joined */
  plait_joint *joint;    /* may be NULL */
  plait_connect_options options;
  char endpoint[];
};

/* They forget each other, and nothing more is tried. */
static void part(struct waiter *w, struct attempt *a) {
  w->attempt = NULL;
  a->waiter = NULL;
  plait_connector_stop(a->connector);
}

static void tell_lost(plait_joint *joint, int side, int reason) {
  if (joint != NULL && joint->lost != NULL)
    joint->lost(joint, side, reason);
}

static void attempt_free(struct attempt *a) {
  plait__free(a->runtime->driver->os, a);
}

/* ---- who waits ------------------------------------------------------------*/

static void waiter_made(plait_protocol *p) {
  struct waiter *w = plait_container_of(p, struct waiter, base);
  struct attempt *a = w->attempt;
  int code = plait_connect(a->runtime, a->endpoint, &a->factory, &a->options,
                           &a->connector);
  if (code == 0)
    return;
  w->attempt = NULL;
  tell_lost(a->joint, 1, code);
  attempt_free(a);
  plait_abort(p->transport);
}

/* A stop ends the attempt, and that resets it: what has got no answer must not
 * look as if it had an empty one. */
static void waiter_draining(plait_protocol *p) {
  (void)p;
}

static void waiter_lost(plait_protocol *p, int reason) {
  struct waiter *w = plait_container_of(p, struct waiter, base);
  plait_joint *joint = w->joint;
  tell_lost(joint, 0, reason);
  if (w->attempt == NULL)
    return; /* the joint may be gone */
  if (joint != NULL)
    joint->sides[0] = NULL;
  part(w, w->attempt);
}

static const plait_protocol_ops waiter_ops = {
    .name = "pipe that waits",
    .size = PLAIT_INSTANCE(struct waiter, base),
    .connection_made = waiter_made,
    .draining = waiter_draining,
    .connection_lost = waiter_lost,
};

/* ---- what it waits for ----------------------------------------------------*/

static struct attempt *attempt_of(plait_factory *factory) {
  return plait_container_of(factory, struct attempt, factory);
}

/* Standard input and output come even when nobody waits for them any more.  Two
 * that cannot be joined are closed by that, and tell nobody. */
static void attempt_made(plait_protocol *p) {
  struct attempt *a = attempt_of(p->factory);
  struct waiter *w = a->waiter;
  if (w == NULL) {
    plait_abort(p->transport);
    return;
  }
  part(w, a);
  w->joint = NULL;
  int code = plait_pipe_joint(w->base.transport, p->transport, a->joint);
  if (code != 0) {
    plait__fail(code, "pipe: %s", plait_strerror(code));
    tell_lost(a->joint, 1, code);
    tell_lost(a->joint, 0, code);
    a->joint = NULL;
  } else if (a->joint != NULL && a->joint->joined != NULL) {
    a->joint->joined(a->joint);
  }
}

static void attempt_lost(plait_protocol *p, int reason) {
  if (reason != PLAIT_ESWITCHED)
    tell_lost(attempt_of(p->factory)->joint, 1, reason);
}

static void attempt_failed(plait_factory *factory, plait_connector *connector,
                           int reason) {
  struct attempt *a = attempt_of(factory);
  struct waiter *w = a->waiter;
  (void)connector;
  tell_lost(a->joint, 1, reason);
  if (w == NULL)
    return;
  part(w, a);
  plait_abort(w->base.transport);
}

static void attempt_stopped(plait_factory *factory) {
  attempt_free(attempt_of(factory));
}

static const plait_protocol_ops attempt_ops = {
    .name = "pipe that is made",
    .size = sizeof(plait_protocol),
    .connection_made = attempt_made,
    .connection_lost = attempt_lost,
};

static struct attempt *attempt_new(const plait_transport *t,
                                   const char *endpoint,
                                   const plait_connect_options *options,
                                   plait_joint *joint) {
  plait_reactor *reactor = plait_transport_reactor(t);
  plait_runtime *runtime = plait_reactor_runtime(reactor);
  size_t size = strlen(endpoint) + 1;
  struct attempt *a = plait__zalloc(runtime->driver->os, sizeof *a + size);
  if (a == NULL)
    return NULL;
  a->factory = (plait_factory){
      .protocol = &attempt_ops,
      .connect_failed = attempt_failed,
      .stopped = attempt_stopped,
      .limits = plait_transport_protocol(t)->factory->limits,
  };
  a->runtime = runtime;
  a->joint = joint;
  if (options != NULL)
    a->options = *options;
  a->options.reactor = reactor;
  memcpy(a->endpoint, endpoint, size);
  return a;
}

/* ---- both -----------------------------------------------------------------*/

static int pipe_check(const char *endpoint,
                      const plait_connect_options *options) {
  plait__endpoint e;
  int code = plait__endpoint_connect(endpoint, &e);
  if (code != 0 || options == NULL)
    return code;
  if (options->reactor == NULL && options->reconnect.retries == 0)
    return 0;
  plait__fail(PLAIT_EINVAL,
              "a pipe has the reactor of its other side, and is made once");
  return plait__fail_at(PLAIT_EINVAL, "connect", endpoint);
}

static int pipe_wait(plait_transport *t, const char *endpoint,
                     const plait_connect_options *options, plait_joint *joint) {
  struct attempt *a = attempt_new(t, endpoint, options, joint);
  plait__error_clear();
  if (a == NULL)
    return plait__fail_at(PLAIT_ENOMEM, "connect", endpoint);
  plait_protocol *p = plait_switch_to_reactor(t, &waiter_ops, NULL, 0);
  if (p == NULL) {
    attempt_free(a);
    return plait__fail_at(PLAIT_ECLOSED, "connect", endpoint);
  }
  struct waiter *w = plait_container_of(p, struct waiter, base);
  w->attempt = a;
  w->joint = joint;
  a->waiter = w;
  if (joint != NULL)
    joint->sides[0] = p->transport;
  plait_pause_reading(t);
  return 0;
}

int plait_pipe_connect(plait_transport *t, const char *endpoint,
                       const plait_connect_options *options,
                       plait_joint *joint) {
  int code = pipe_check(endpoint, options);
  if (code == 0)
    code = pipe_wait(t, endpoint, options, joint);
  if (code != 0)
    plait_abort(t);
  return code;
}
