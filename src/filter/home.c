/* The reactor's half: a protocol that makes events of its callbacks. */
#include <plait/error.h>

#include "core/factory.h"
#include "core/instance.h"
#include "core/memory.h"
#include "filter/away.h"

typedef struct home {
  plait_protocol base;
  plait__away *away;
} home;

static plait__away *away_of(plait_protocol *p) {
  return ((home *)p)->away;
}

plait__away *plait__home_away(const plait__stream *s) {
  return away_of(s->head.protocol);
}

/* ---- events -------------------------------------------------------------- */

static void home_counts(plait__away *a) {
  const plait__stream *s = a->stream;
  atomic_store_explicit(&a->received_bytes, s->received_bytes,
                        memory_order_relaxed);
  atomic_store_explicit(&a->sent_bytes, s->sent_bytes, memory_order_relaxed);
}

/* Where descriptors may come nothing is read before connection_made has said
 * whether they are wanted. */
static void home_made(plait_protocol *p) {
  plait__away *a = away_of(p);
  a->stream->held = a->stream->peer.family == PLAIT_UNIX;
  plait__away_notify(a, &a->made, plait__away_on_made);
}

/* The lease of what lies in the chunk at |data|: the room for it is behind
 * that. */
static plait__lease *lease_in_chunk(plait_reactor *r, const uint8_t *data,
                                    size_t len) {
  plait__chunk *chunk = r->chunk;
  plait__lease *lease =
      (plait__lease *)(chunk->data + plait__chunk_aligned(
                                         (size_t)(data - chunk->data) + len));
  size_t end = (size_t)((uint8_t *)(lease + 1) - chunk->data);
  chunk->fill = plait__chunk_aligned(end);
  plait__chunk_ref(chunk);
  *lease = (plait__lease){.chunk = chunk, .data = data, .len = len};
  return lease;
}

static plait__lease *lease_copy(plait_reactor *r, const uint8_t *data,
                                size_t len) {
  plait__lease *lease = plait__alloc(r->os, sizeof *lease + len);
  if (lease == NULL)
    return NULL;
  *lease = (plait__lease){.data = (uint8_t *)(lease + 1), .len = len};
  memcpy(lease + 1, data, len);
  return lease;
}

/* Not more is lent than the limit says; it is looked at once more after
 * |starving| was set, since the strand looks at that only after it has given
 * something back. */
static void home_count_lease(plait__away *a, size_t charge) {
  size_t leased = atomic_fetch_add(&a->leased, charge) + charge;
  if (leased < a->lease_bytes_max)
    return;
  atomic_store(&a->starving, true);
  if (atomic_load(&a->leased) > a->lease_bytes_max / 2)
    a->stream->held = true;
  else
    atomic_store(&a->starving, false);
}

/* A descriptor counts as its part of all that may be lent, so that not many
 * more than those that may wait are open for a strand that is busy. */
static void lease_catch(plait__away *a, plait__lease *lease) {
  lease->caught = plait__pass_detach(a->stream);
  for (const plait__pass *p = lease->caught; p != NULL; p = p->next)
    lease->charge += a->lease_bytes_max / PLAIT_FDS_MAX;
}

static void home_data(plait_protocol *p, const uint8_t *data, size_t len) {
  plait__away *a = away_of(p);
  plait_reactor *r = a->reactor;
  plait__lease *lease = plait__chunk_lends(r->chunk)
                            ? lease_in_chunk(r, data, len)
                            : lease_copy(r, data, len);
  if (lease == NULL) {
    plait__closing(a->stream, PLAIT__ON_FAIL, PLAIT_ENOMEM);
    return;
  }
  lease->charge = sizeof *lease + len;
  if (a->stream->catches != 0)
    lease_catch(a, lease);
  lease->mail.deliver = plait__away_on_data;
  home_count_lease(a, lease->charge);
  home_counts(a);
  plait__away_push(a, &lease->mail);
}

static void home_eof(plait_protocol *p) {
  plait__away *a = away_of(p);
  plait__away_notify(a, &a->eof, plait__away_on_eof);
}

static void home_resume(plait_protocol *p) {
  plait__away *a = away_of(p);
  plait__away_publish(a->stream);
  if (!a->homing) /* else |above| stays, and is told there */
    plait__away_notify(a, &a->resume, plait__away_on_resume);
}

/* The one that follows has a clock of its own. */
static void home_timed_out(plait_protocol *p) {
  plait__away *a = away_of(p);
  if (!a->homing)
    plait__away_notify(a, &a->timed_out, plait__away_on_timed_out);
}

static void home_draining(plait_protocol *p) {
  plait__away *a = away_of(p);
  a->late_drain = a->homing;
  if (!a->homing)
    plait__away_notify(a, &a->draining, plait__away_on_draining);
}

/* With the connection, and not with an instance. */
static void rest_end(plait__attached *rest) {
  plait__away *a = plait_container_of(rest, plait__away, rest);
  if (a->stream->holds > 0)
    plait__attach(a->stream->head.protocol, rest);
  else
    plait__free(a->reactor->os, a);
}

/* The strand has acknowledged it.  A mate that lives on may count in |busy|. */
static void home_lost(plait_protocol *p, int reason) {
  plait__away *a = away_of(p);
  (void)reason;
  a->rest.end = rest_end;
  if (a->stream->holds > 0 && a->stream->mated)
    plait__attach(a->stream->head.protocol, &a->rest);
  else
    plait__free(a->reactor->os, a);
}

const plait_protocol_ops plait__home_ops = {
    .name = "home",
    .size = PLAIT_INSTANCE(home, base),
    .connection_made = home_made,
    .data_received = home_data,
    .eof_received = home_eof,
    .resume_writing = home_resume,
    .timed_out = home_timed_out,
    .draining = home_draining,
    .connection_lost = home_lost,
};

/* ---- what the core asks for ---------------------------------------------- */

void plait__away_lost(plait__stream *s) {
  plait__away *a = plait__home_away(s);
  if (a->lost_sent || a->homing)
    return;
  a->lost_sent = true;
  home_counts(a);
  plait__away_notify(a, &a->lost, plait__away_on_lost);
}

void *plait__away_jobs(const plait__stream *s) {
  return &plait__home_away(s)->busy;
}

bool plait__away_busy(const plait__stream *s) {
  return atomic_load(&plait__home_away(s)->pending) != 0;
}

void plait__calls_append(plait_call **end, plait_call *call) {
  while (*end != NULL)
    end = &(*end)->next;
  call->next = NULL;
  *end = call;
}

bool plait__away_call(plait__stream *s, plait_call *call) {
  plait__away *a = plait__home_away(s);
  if (a->lost_sent)
    return false;
  if (a->homing) {
    plait__calls_append(&a->late_calls, call);
    return true;
  }
  call->mail.deliver = plait__away_on_call;
  plait__away_push(a, &call->mail);
  return true;
}

void plait__away_close(plait__stream *s) {
  plait__away *a = plait__home_away(s);
  a->late_close = a->homing;
  if (!a->lost_sent && !a->homing)
    plait__away_notify(a, &a->close, plait__away_on_close);
}

/* In one step: what has arrived is not counted twice, nor, while the system
 * takes it, not at all. */
void plait__away_publish(plait__stream *s) {
  plait__away *a = plait__home_away(s);
  size_t more = s->queue.bytes - a->published - a->arrived; /* or less */
  atomic_fetch_add_explicit(&a->queued, more, memory_order_relaxed);
  a->published = s->queue.bytes;
  a->arrived = 0;
  home_counts(a);
}

void plait__away_passed(plait__stream *s, unsigned n) {
  atomic_fetch_sub(&plait__home_away(s)->passing, n);
}

/* ---- what the strand sends ----------------------------------------------- */

static void nudge_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, nudge);
  (void)r, (void)drop;
  atomic_store(&a->nudging, false);
  plait__home_grant(a);
}

static void close_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, closes);
  (void)r, (void)drop;
  plait__closing(a->stream, PLAIT__ON_CLOSE, a->close_reason);
}

static void fail_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, fail);
  (void)r, (void)drop;
  plait__closing(a->stream, a->fail_event, a->fail_code);
}

/* ---- both halves --------------------------------------------------------- */

static int away_equip(plait__away *a, plait__stream *s, plait_factory *factory,
                      const plait_protocol_ops *ops) {
  const plait_limits *limits = plait__factory_limits(factory);
  plait_reactor *r = s->reactor;
  a->stream = s;
  a->reactor = r;
  a->pool = plait_runtime_pool(r->runtime);
  a->head = (plait_transport){
      .ops = &plait__away_ops, .below = &s->head, .slot = s->head.slot};
  a->head.protocol = plait__instance_new(r->os, ops, &a->head, factory);
  if (a->pool == NULL || a->head.protocol == NULL)
    return PLAIT_ENOMEM;
  a->phase = PLAIT__OPEN;
  a->high = limits->high_bytes;
  a->low = limits->low_bytes;
  a->lease_bytes_max = limits->lease_bytes_max;
  atomic_flag_clear(&a->descriptor);
  a->nudge.deliver = nudge_deliver;
  a->closes.deliver = close_deliver;
  a->fail.deliver = fail_deliver;
  plait__away_init(a);
  a->job.name = ops->name;
  return 0;
}

int plait__away_new(plait__stream *s, plait_factory *factory,
                    const plait_protocol_ops *ops) {
  const plait__os *os = s->reactor->os;
  plait_protocol *p =
      plait__instance_new(os, &plait__home_ops, &s->head, factory);
  if (p == NULL)
    return PLAIT_ENOMEM;
  plait__away *a = plait__zalloc(os, sizeof *a);
  int code = a != NULL ? away_equip(a, s, factory, ops) : PLAIT_ENOMEM;
  if (code != 0) {
    if (a != NULL && a->head.protocol != NULL)
      plait__instance_free(os, a->head.protocol);
    plait__free(os, a);
    plait__instance_free(os, p);
    return code;
  }
  ((home *)p)->away = a;
  s->head.protocol = p;
  plait__stream_hold(s);
  return 0;
}
