/* Orders: what the strand wants done with the stream, in one piece of memory
 * that travels home.  Writes that follow each other are one order. */
#include "filter/away.h"

#include <plait/error.h>
#include <stdalign.h>

#include "core/deliver.h"
#include "core/memory.h"

enum {
  ORDERS_FIRST_BYTES = 512,
  ORDERS_BYTES = 64 * 1024 /* they are sent before they become more */
};

typedef struct order {
  uint32_t kind;
  uint32_t padding_;
  size_t len; /* WRITE: bytes that follow; OWNED: of |data| */
  union {
    int64_t values[2];
    struct {
      plait_release_fn *release;
      void *arg;
    } owned;
  } u;
  const void *data; /* OWNED */
} order;

struct plait__orders {
  plait__mail mail;
  plait__away *away;
  size_t used, size, bytes; /* |bytes|: of writes */
  order *last;
  order first[];
};

static size_t aligned(size_t size) {
  return (size + alignof(order) - 1) & ~(alignof(order) - 1);
}

/* ---- at home ------------------------------------------------------------- */

void plait__home_grant(plait__away *a) {
  plait__stream *s = a->stream;
  unsigned wanted = atomic_exchange(&a->wanted, 0);
  if (wanted == 0 || s->phase != PLAIT__OPEN)
    return;
  if (wanted & PLAIT__WANT_RESUME_WRITING) {
    s->above = true;
    plait__stream_need(s, PLAIT__DUE_RESUME);
  }
  if (wanted & PLAIT__WANT_PAUSE)
    s->paused = true;
  if (wanted & PLAIT__WANT_READ)
    s->paused = false;
  if (wanted & PLAIT__WANT_LEASES) {
    atomic_store(&a->starving, false);
    s->held = false;
  }
  if (!plait__stream_stalled(s))
    plait__stream_need(s, PLAIT__DUE_READ);
}

/* |len| bytes have come.  If nobody takes them any more, they stay counted as
 * on their way: they are unsent. */
static void order_arrives(plait__away *a, size_t len) {
  const plait__stream *s = a->stream;
  if (s->phase != PLAIT__OPEN || s->due & PLAIT__DUE_FAIL)
    return;
  atomic_fetch_sub(&a->on_way, len);
  a->arrived += len;
}

static void order_write(plait__away *a, const order *o) {
  plait__stream *s = a->stream;
  plait_slice v = {(const uint8_t *)(o + 1), o->len};
  order_arrives(a, o->len);
  plait__stream_writev(&s->head, &v, 1);
}

static void order_owned(plait__away *a, const order *o) {
  plait__stream *s = a->stream;
  order_arrives(a, o->len);
  plait__stream_write_owned(&s->head, o->data, o->len, o->u.owned.release,
                            o->u.owned.arg);
}

/* What did not become the stream's is closed; without memory it is lost. */
static void order_pass(plait__away *a, const order *o) {
  plait__stream *s = a->stream;
  int fd = (int)o->u.values[0];
  int code = plait__pass_write(&s->head, fd, o + 1, o->len);
  if (code == 0) {
    atomic_fetch_sub(&a->on_way, o->len);
    a->arrived += o->len;
    return;
  }
  plait__away_passed(s, 1);
  s->reactor->io->close_fd(fd);
  if (code == PLAIT_ENOMEM)
    plait__closing(s, PLAIT__ON_FAIL, code);
}

/* Bytes that follow it. */
static size_t order_payload(const order *o) {
  return o->kind == PLAIT__ORDER_WRITE || o->kind == PLAIT__ORDER_PASS ? o->len
                                                                       : 0;
}

static void order_obey(plait__away *a, const order *o) {
  plait_transport *t = &a->stream->head;
  int64_t x = o->u.values[0], y = o->u.values[1];
  switch (o->kind) {
  case PLAIT__ORDER_WRITE:
    order_write(a, o);
    break;
  case PLAIT__ORDER_OWNED:
    order_owned(a, o);
    break;
  case PLAIT__ORDER_PASS:
    order_pass(a, o);
    break;
  case PLAIT__ORDER_EOF:
    t->ops->write_eof(t);
    break;
  case PLAIT__ORDER_TIMEOUT:
    t->ops->set_timeout(t, (uint32_t)x);
    break;
  case PLAIT__ORDER_CATCHES:
    plait__pass_set_max(t, (unsigned)x);
    break;
  case PLAIT__ORDER_HOME:
    plait__home_awaits(a);
    break;
  default:
    t->ops->set_watermarks(t, (uint32_t)x, (uint32_t)y);
  }
}

static void orders_obey(void *arg) {
  struct plait__orders *orders = arg;
  plait__away *a = orders->away;
  size_t at = 0;
  while (at < orders->used) {
    const order *o = (const order *)((const uint8_t *)orders->first + at);
    order_obey(a, o);
    at += sizeof *o + aligned(order_payload(o));
  }
  plait__home_grant(a);
}

static void orders_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  struct plait__orders *orders =
      plait_container_of(mail, struct plait__orders, mail);
  plait__stream *s = orders->away->stream;
  (void)drop;
  plait__deliver_performance(s, s->head.protocol, "orders", orders_obey,
                             orders);
  plait__away_publish(s);
  plait__free(r->os, orders);
}

/* ---- on the strand ------------------------------------------------------- */

size_t plait__orders_bytes(const plait__away *a) {
  return a->orders != NULL ? a->orders->bytes : 0;
}

/* The later of two that contradict each other counts. */
static void orders_want(plait__away *a, unsigned wants) {
  unsigned old = atomic_load(&a->wanted), now;
  do {
    now = old | wants;
    if (wants & PLAIT__WANT_PAUSE)
      now &= ~(unsigned)PLAIT__WANT_READ;
    if (wants & PLAIT__WANT_READ)
      now &= ~(unsigned)PLAIT__WANT_PAUSE;
  } while (!atomic_compare_exchange_weak(&a->wanted, &old, now));
}

void plait__orders_send(plait__away *a) {
  struct plait__orders *orders = a->orders;
  unsigned wants = a->wants;
  a->orders = NULL;
  a->wants = 0;
  if (wants != 0)
    orders_want(a, wants);
  if (orders != NULL) {
    atomic_fetch_add(&a->on_way, orders->bytes);
    atomic_fetch_add(&a->queued, orders->bytes);
    plait__reactor_mail(a->reactor, &orders->mail);
  } else if (wants != 0 && !atomic_exchange(&a->nudging, true)) {
    plait__reactor_mail(a->reactor, &a->nudge);
  }
}

static struct plait__orders *orders_new(plait__away *a, size_t room) {
  size_t size = ORDERS_FIRST_BYTES;
  if (room > size)
    size = room;
  struct plait__orders *orders = plait__alloc(
      a->reactor->os, sizeof(struct plait__orders) + aligned(size));
  if (orders == NULL)
    return NULL;
  *orders = (struct plait__orders){
      .mail.deliver = orders_deliver, .away = a, .size = aligned(size)};
  return orders;
}

static struct plait__orders *orders_grow(plait__away *a, size_t room) {
  struct plait__orders *orders = a->orders;
  size_t size = orders->size * 2;
  size_t last =
      orders->last != NULL
          ? (size_t)((uint8_t *)orders->last - (uint8_t *)orders->first)
          : 0;
  while (size < orders->used + room)
    size *= 2;
  orders = plait__realloc(a->reactor->os, orders,
                          sizeof(struct plait__orders) + aligned(size));
  if (orders == NULL)
    return NULL;
  orders->size = size;
  orders->last = (order *)((uint8_t *)orders->first + last);
  a->orders = orders;
  return orders;
}

/* Room for |room| bytes more: in the orders that wait, or in new ones. */
static struct plait__orders *orders_with(plait__away *a, size_t room) {
  if (a->orders != NULL && a->orders->used + room > ORDERS_BYTES)
    plait__orders_send(a);
  if (a->orders == NULL)
    a->orders = orders_new(a, room);
  else if (a->orders->used + room > a->orders->size &&
           orders_grow(a, room) == NULL)
    return NULL;
  return a->orders;
}

static order *orders_add(plait__away *a, unsigned kind, size_t payload) {
  size_t room = sizeof(order) + aligned(payload);
  struct plait__orders *orders = orders_with(a, room);
  if (orders == NULL) {
    plait__away_fail(a, PLAIT_ENOMEM);
    return NULL;
  }
  order *o = (order *)((uint8_t *)orders->first + orders->used);
  *o = (order){.kind = kind, .len = payload};
  orders->used += room;
  orders->last = o;
  return o;
}

/* Puts the pieces behind the last order's, if that is a write and they fit. */
static bool orders_extend(plait__away *a, size_t total, uint8_t **ret) {
  struct plait__orders *orders = a->orders;
  if (orders == NULL || orders->last == NULL ||
      orders->last->kind != PLAIT__ORDER_WRITE)
    return false;
  size_t len = orders->last->len, more = aligned(len + total) - aligned(len);
  if (orders->used + more > ORDERS_BYTES)
    return false;
  if (orders->used + more > orders->size && orders_grow(a, more) == NULL)
    return false;
  orders = a->orders;
  *ret = (uint8_t *)(orders->last + 1) + len;
  orders->used += more;
  orders->last->len += total;
  return true;
}

bool plait__order_write(plait__away *a, const plait_slice *v, size_t n,
                        size_t total) {
  uint8_t *to;
  if (!orders_extend(a, total, &to)) {
    order *o = orders_add(a, PLAIT__ORDER_WRITE, total);
    if (o == NULL)
      return false;
    to = (uint8_t *)(o + 1);
  }
  for (size_t i = 0; i < n; i++) {
    if (v[i].len > 0)
      memcpy(to, v[i].data, v[i].len);
    to += v[i].len;
  }
  a->orders->bytes += total;
  return true;
}

bool plait__order_owned(plait__away *a, const void *data, size_t len,
                        plait_release_fn *release, void *arg) {
  order *o = orders_add(a, PLAIT__ORDER_OWNED, 0);
  if (o == NULL)
    return false;
  o->data = data;
  o->len = len;
  o->u.owned.release = release;
  o->u.owned.arg = arg;
  a->orders->bytes += len;
  return true;
}

bool plait__order_pass(plait__away *a, int fd, const void *data, size_t len) {
  order *o = orders_add(a, PLAIT__ORDER_PASS, len);
  if (o == NULL)
    return false;
  o->u.values[0] = fd;
  memcpy(o + 1, data, len);
  a->orders->bytes += len;
  return true;
}

bool plait__order(plait__away *a, unsigned kind, int64_t x, int64_t y) {
  order *o = orders_add(a, kind, 0);
  if (o == NULL)
    return false;
  o->u.values[0] = x;
  o->u.values[1] = y;
  return true;
}
