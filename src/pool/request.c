/* Requests: the resolver's part of a query, from the question to the answer. */
#include <plait/error.h>
#include <plait/factory.h>

#include "core/error.h"
#include "core/instance.h"
#include "core/memory.h"
#include "core/runtime.h"
#include "pool/resolver.h"

enum { QUERY_MS = 10 * 1000 };

static const plait__os *request_os(const plait__request *request) {
  return request->reactor->os;
}

/* ---- life ---------------------------------------------------------------- */

plait__request *plait__request_new(plait_resolver *resolver,
                                   plait_reactor *reactor, plait_query *query) {
  plait__question question = {.name = query->name,
                              .service = query->service,
                              .port = query->port,
                              .family = query->family,
                              .address = query->address};
  plait__request *request = plait__zalloc(
      reactor->os, sizeof *request + plait__question_size(&question));
  if (request == NULL)
    return NULL;
  request->resolver = resolver;
  request->reactor = reactor;
  request->timeout_ms = query->timeout_ms != 0 ? query->timeout_ms : QUERY_MS;
  request->ordered = query->ordered;
  plait__question_copy(&request->question, &question, request->text);
  atomic_init(&request->refs, 1);
  atomic_fetch_add(&resolver->waiting, 1);
  atomic_fetch_add(&resolver->asked, 1);
  plait__runtime_ref(reactor->runtime);
  return request;
}

void plait__request_unref(plait__request *request) {
  if (atomic_fetch_sub(&request->refs, 1) != 1)
    return;
  plait_runtime *runtime = request->reactor->runtime;
  atomic_fetch_sub(&request->resolver->waiting, 1);
  if (request->lookup != NULL)
    plait__lookup_unref(request->lookup);
  plait__free(request_os(request), request);
  plait__runtime_unref(runtime);
}

/* ---- answering ----------------------------------------------------------- */

static void request_explain(const plait__request *request, int code) {
  char address[PLAIT_ADDRESS_TEXT_MAX];
  const char *name = request->question.name;
  if (name == NULL)
    name = plait_address_format_ip(&request->question.address, address,
                                   sizeof address);
  plait__fail(code, "resolve %s: %s", name,
              code == PLAIT_ETIMEOUT ? "no answer in time"
                                     : plait_strerror(code));
}

void plait__request_tell(plait__request *request, int code) {
  plait_query *query = request->query;
  const plait__lookup *lookup = request->lookup;
  if (query == NULL)
    return;
  request->query = NULL;
  query->request = NULL;
  if (query->instance != NULL)
    plait__detach(query->instance, &query->attached);
  if (code == 0) {
    query->addresses = lookup->found.addresses;
    query->count = lookup->found.count;
    query->canonical = lookup->found.canonical;
  } else {
    query->addresses = NULL;
    query->count = 0;
    query->canonical = NULL;
    request_explain(request, code);
  }
  query->answered(query, code);
}

static void told_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__request *request = plait_container_of(mail, plait__request, answer);
  plait__resolver_home *home = plait__resolver_home_of(request->resolver, r);
  (void)drop;
  if (home->on_strand == request)
    home->on_strand = NULL;
  plait__ordered_send(home);
  plait__request_unref(request);
}

static void request_end(plait__request *request) {
  int code = request->code;
  if (code != PLAIT_ECLOSED && atomic_load(&request->cancelled))
    code = PLAIT_ECANCELED;
  plait__request_tell(request, code);
  if (!request->ordered || !request->away) {
    plait__request_unref(request);
    return;
  }
  request->answer.deliver = told_deliver; /* the next one waits for that */
  plait__reactor_mail(request->reactor, &request->answer);
}

static void answer_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__request *request = plait_container_of(mail, plait__request, answer);
  (void)r;
  if (drop)
    request->code = PLAIT_ECLOSED;
  request_end(request);
}

/* With an owner that is gone, the query has ended before. */
static void call_run(plait_call *call, plait_protocol *p) {
  (void)p;
  request_end(plait_container_of(call, plait__request, call));
}

static void call_drop(plait_call *call) {
  plait__request *request = plait_container_of(call, plait__request, call);
  request->code = PLAIT_ECLOSED;
  request_end(request);
}

static void request_send(plait__request *request) {
  if (request->owner.id == 0) {
    request->answer.deliver = answer_deliver;
    plait__reactor_mail(request->reactor, &request->answer);
    return;
  }
  request->call.run = call_run;
  request->call.drop = call_drop;
  plait__resolver_home *home =
      plait__resolver_home_of(request->resolver, request->reactor);
  if (request->ordered && request->away)
    home->on_strand = request;
  if (plait_handle_call(request->owner, &request->call) == 0)
    return;
  if (home->on_strand == request)
    home->on_strand = NULL;
  plait__request_unref(request);
}

static void ordered_append(plait__request *request) {
  plait__resolver_home *home =
      plait__resolver_home_of(request->resolver, request->reactor);
  if (home->ordered_last != NULL)
    home->ordered_last->after = request;
  else
    home->ordered_first = request;
  home->ordered_last = request;
}

/* Those of this reactor are answered in the order of their mail; one that goes
 * to a strand is waited for, unless the grace is over. */
static bool ordered_may_go(const plait__resolver_home *home) {
  const plait__request *first = home->ordered_first;
  return first != NULL && first->ready &&
         (home->on_strand == NULL || atomic_load(&home->resolver->cut));
}

void plait__ordered_send(plait__resolver_home *home) {
  while (ordered_may_go(home)) {
    plait__request *request = home->ordered_first;
    home->ordered_first = request->after;
    if (home->ordered_first == NULL)
      home->ordered_last = NULL;
    request_send(request);
  }
}

/* ---- on its reactor ------------------------------------------------------ */

static void request_link(plait__request *request) {
  plait__resolver_home *home =
      plait__resolver_home_of(request->resolver, request->reactor);
  request->linked = true;
  request->all_next = home->all;
  if (home->all != NULL)
    home->all->all_prev = request;
  home->all = request;
}

static void request_unlink(plait__request *request) {
  plait__resolver_home *home =
      plait__resolver_home_of(request->resolver, request->reactor);
  if (!request->linked)
    return;
  request->linked = false;
  if (request->all_prev != NULL)
    request->all_prev->all_next = request->all_next;
  else
    home->all = request->all_next;
  if (request->all_next != NULL)
    request->all_next->all_prev = request->all_prev;
}

/* Counted from when the lookup began: so the alarm looks when that was, and
 * sets itself again. */
static void request_rings(plait__alarm *alarm) {
  plait__request *request = plait_container_of(alarm, plait__request, alarm);
  plait_reactor *r = request->reactor;
  uint64_t limit_ns = (uint64_t)request->timeout_ms * 1000000;
  uint64_t began_ns = request->resolver->backend->began(request->lookup);
  uint64_t now_ns = r->os->now_ns();
  if (began_ns == 0 || now_ns < began_ns) {
    plait__reactor_alarm(r, alarm, request->timeout_ms);
  } else if (now_ns - began_ns < limit_ns) {
    uint64_t left_ns = limit_ns - (now_ns - began_ns);
    plait__reactor_alarm(r, alarm, left_ns / 1000000 + 1);
  } else {
    atomic_fetch_add(&request->resolver->timed_out, 1);
    plait__request_done(request, PLAIT_ETIMEOUT);
  }
}

void plait__request_begin(plait__request *request) {
  int code = 0;
  request_link(request);
  if (request->ordered)
    ordered_append(request);
  if (atomic_load(&request->cancelled) || atomic_load(&request->resolver->cut))
    code = PLAIT_ECANCELED;
  else if (plait__lookup_literal(request, &code))
    atomic_fetch_add(&request->resolver->literal, 1);
  else if ((code = plait__lookup_join(request)) == 0) {
    request->alarm.ring = request_rings;
    if (request->timeout_ms != PLAIT_UNLIMITED)
      plait__reactor_alarm(request->reactor, &request->alarm,
                           request->timeout_ms);
    return;
  }
  plait__request_done(request, code);
}

void plait__request_done(plait__request *request, int code) {
  plait__resolver_home *home =
      plait__resolver_home_of(request->resolver, request->reactor);
  request->code = code;
  request_unlink(request);
  plait__reactor_unalarm(request->reactor, &request->alarm);
  plait__lookup_leave(request);
  if (code == PLAIT_ECANCELED)
    atomic_fetch_add(&request->resolver->cancelled, 1);
  if (!request->ordered || code == PLAIT_ECLOSED) {
    request_send(request);
    return;
  }
  request->ready = true;
  plait__ordered_send(home);
}

static void cancel_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__request *request = plait_container_of(mail, plait__request, cancel);
  (void)r, (void)drop;
  if (request->linked)
    plait__request_done(request, PLAIT_ECANCELED);
  plait__request_unref(request);
}

void plait__request_cancel(plait__request *request) {
  if (atomic_exchange(&request->cancelled, true))
    return;
  atomic_fetch_add(&request->refs, 1);
  request->cancel.deliver = cancel_deliver;
  plait__reactor_mail(request->reactor, &request->cancel);
}
