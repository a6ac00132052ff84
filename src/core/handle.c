/* Handles: any thread, any time.  See slot.h for what makes that safe.
 *
 * A call that has to travel counts itself in the slot before it looks at the
 * generation for the last time, so a slot is not used again while a mailbox
 * entry names it; the owner looks once more when the entry arrives.
 */
#include <stdatomic.h>

#include "core/away.h"
#include "core/deliver.h"
#include "core/memory.h"
#include "core/runtime.h"

/* A handle write on its way. */
typedef struct handle_write {
  plait__mail mail;
  plait_handle target;
  uint32_t len;
  bool own; /* pushed by the connection's own thread */
  uint8_t data[];
} handle_write;

/* What a call is about: its reactor is kept from going meanwhile. */
typedef struct handle_use {
  plait__slots *slots;
  plait__slot *slot;
  plait_reactor *reactor;
  bool own; /* on the reactor's thread */
} handle_use;

static int handle_enter(plait_handle h, handle_use *ret) {
  plait__slots *slots = plait__slots_of(h);
  if (slots == NULL || !plait__slots_enter(slots))
    return PLAIT_ECLOSED;
  plait__slot *slot = plait__slot_find(slots, h);
  if (slot == NULL || !plait__slot_is(slot, h)) {
    plait__slots_leave(slots);
    return PLAIT_ECLOSED;
  }
  *ret = (handle_use){slots, slot, slots->reactor,
                      plait__here() == slots->reactor};
  return 0;
}

static void handle_leave(const handle_use *use) {
  plait__slots_leave(use->slots);
}

/* The stream, for a call that may act at once: on the owner's thread, with
 * nothing of this thread's still queued. */
static plait__stream *handle_stream(const handle_use *use) {
  if (!use->own || use->slot->own_entries > 0)
    return NULL;
  return plait__stream_of(use->slot->u.transport);
}

/* An entry that names the slot enters the mailbox.  False: it is gone. */
static bool handle_count(const handle_use *use, plait_handle h) {
  atomic_fetch_add(&use->slot->entries, 1);
  if (!plait__slot_is(use->slot, h)) {
    atomic_fetch_sub(&use->slot->entries, 1);
    return false;
  }
  if (use->own)
    use->slot->own_entries++;
  return true;
}

/* An entry has arrived.  Returns the stream it is for, NULL if that is gone.
 */
static plait__stream *handle_arrived(plait_reactor *r, plait_handle h,
                                     plait__slot **ret_slot) {
  plait__slot *slot = plait__slot_find(r->slots, h);
  bool live = plait__slot_is(slot, h);
  *ret_slot = slot;
  return live ? plait__stream_of(slot->u.transport) : NULL;
}

/* The slot is not named by this entry any more. */
static void handle_uncount(plait__slot *slot, bool own) {
  if (own)
    slot->own_entries--;
  atomic_fetch_sub(&slot->entries, 1);
}

/* ---- writing ------------------------------------------------------------- */

static bool handle_full(const plait__slot *slot) {
  return atomic_load_explicit(&slot->mail_bytes, memory_order_relaxed) >=
             PLAIT__HANDLE_BYTES_MAX ||
         atomic_load_explicit(&slot->room, memory_order_relaxed) == 0;
}

static void write_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  handle_write *w = plait_container_of(mail, handle_write, mail);
  plait__slot *slot;
  plait__stream *s = handle_arrived(r, w->target, &slot);
  atomic_fetch_sub(&slot->mail_bytes, w->len);
  if (s != NULL && !drop)
    plait_write(&s->head, w->data, w->len);
  handle_uncount(slot, w->own);
  plait__free(r->os, w);
}

static int write_travel(const handle_use *use, plait_handle h, const void *data,
                        size_t len) {
  plait_reactor *r = use->reactor;
  if (len > UINT32_MAX - PLAIT__HANDLE_BYTES_MAX)
    return PLAIT_EINVAL;
  handle_write *w = plait__alloc(r->os, sizeof *w + len);
  if (w == NULL)
    return PLAIT_ENOMEM;
  if (!handle_count(use, h)) {
    plait__free(r->os, w);
    return PLAIT_ECLOSED;
  }
  w->mail.deliver = write_deliver;
  w->target = h;
  w->own = use->own;
  w->len = (uint32_t)len;
  memcpy(w->data, data, len);
  atomic_fetch_add(&use->slot->mail_bytes, w->len);
  plait__reactor_mail(r, &w->mail);
  return 0;
}

/* On the owner's thread the queue itself is looked at, not what was published
 * of it. */
static int write_now(plait__stream *s, const void *data, size_t len) {
  if (s->phase != PLAIT__OPEN || s->wr_end)
    return PLAIT_ECLOSED;
  if (s->queue.bytes > s->high)
    return PLAIT_EFULL;
  plait_write(&s->head, data, len);
  return 0;
}

int plait_handle_write(plait_handle h, const void *data, size_t len) {
  handle_use use;
  int code = handle_enter(h, &use);
  if (code != 0)
    return code;
  plait__stream *s = handle_stream(&use);
  plait_transport *t = plait__away_here(use.slot);
  if (t != NULL)
    code = plait__away_write(t, data, len);
  else if (s != NULL)
    code = write_now(s, data, len);
  else if (handle_full(use.slot))
    code = PLAIT_EFULL;
  else if (len > 0)
    code = write_travel(&use, h, data, len);
  handle_leave(&use);
  return code;
}

/* ---- closing ------------------------------------------------------------- */

static void end_now(plait__stream *s, unsigned how) {
  if (how & PLAIT__ASK_ABORT)
    plait_abort(&s->head);
  else if (plait__stream_is_away(s)) /* behind what the strand will write */
    plait__away_close(s);
  else
    plait_close(&s->head);
}

/* The same on the connection's strand. */
static void end_here(plait_transport *t, unsigned how) {
  if (how & PLAIT__ASK_ABORT)
    plait_abort(t);
  else
    plait_close(t);
}

static void end_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__slot *slot = plait_container_of(mail, plait__slot, mail);
  unsigned how = atomic_exchange(&slot->asked, 0);
  (void)r;
  /* The slot is not used again while this entry names it: alive or not, it
   * is the connection that was meant. */
  if (slot->live && !drop)
    end_now(plait__stream_of(slot->u.transport), how);
  handle_uncount(slot, how & PLAIT__ASK_OWN);
}

/* One entry is enough for all who ask: nothing behind it matters any more. */
static int end_travel(const handle_use *use, plait_handle h, unsigned how) {
  plait__slot *slot = use->slot;
  if (!handle_count(use, h))
    return PLAIT_ECLOSED;
  if (atomic_fetch_or(&slot->asked, (uint8_t)how) != 0) {
    handle_uncount(slot, use->own);
    return 0;
  }
  if (use->own)
    atomic_fetch_or(&slot->asked, PLAIT__ASK_OWN);
  slot->mail.deliver = end_deliver;
  plait__reactor_mail(use->reactor, &slot->mail);
  return 0;
}

static int handle_end(plait_handle h, unsigned how) {
  handle_use use;
  int code = handle_enter(h, &use);
  if (code != 0)
    return code;
  plait__stream *s = handle_stream(&use);
  plait_transport *t = plait__away_here(use.slot);
  if (t != NULL)
    end_here(t, how);
  else if (s != NULL)
    end_now(s, how);
  else
    code = end_travel(&use, h, how);
  handle_leave(&use);
  return code;
}

int plait_handle_close(plait_handle h) {
  return handle_end(h, PLAIT__ASK_CLOSE);
}

int plait_handle_abort(plait_handle h) {
  return handle_end(h, PLAIT__ASK_ABORT);
}

/* ---- calls --------------------------------------------------------------- */

/* The stream a call was meant for, NULL if it is gone or going. */
static plait__stream *call_arrived(plait_reactor *r, plait_call *call) {
  plait__slot *slot;
  plait__stream *s = handle_arrived(r, (plait_handle){call->target}, &slot);
  handle_uncount(slot, call->own);
  if (s != NULL && s->phase == PLAIT__GONE && !plait__stream_is_away(s))
    return NULL;
  return s;
}

/* A strand's call runs there; or, if it comes too late for that, when the
 * strand is done. */
static bool call_goes_away(plait__stream *s, plait_call *call) {
  if (s == NULL || !plait__stream_is_away(s))
    return false;
  if (!plait__away_call(s, call)) {
    call->next = s->waiters;
    s->waiters = call;
  }
  return true;
}

static void call_run(plait_reactor *r, plait__stream *s, plait_call *call) {
  plait_runtime *runtime = r->runtime;
  if (call_goes_away(s, call))
    return;
  plait__deliver_call(r, s, call);
  if (s != NULL)
    plait__attend(s);
  plait__runtime_unref(runtime);
}

static void call_drop(plait_reactor *r, plait_call *call) {
  plait_runtime *runtime = r->runtime;
  if (call->drop != NULL)
    call->drop(call);
  plait__runtime_unref(runtime);
}

static void call_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_call *call = plait_container_of(mail, plait_call, mail);
  plait__stream *s = call_arrived(r, call);
  if (drop)
    call_drop(r, call);
  else
    call_run(r, s, call);
}

static void writable_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_call *call = plait_container_of(mail, plait_call, mail);
  plait__stream *s = call_arrived(r, call);
  if (drop) {
    call_drop(r, call);
  } else if (s != NULL && s->queue.bytes > s->low) {
    call->next = s->waiters;
    s->waiters = call;
  } else {
    call_run(r, s, call);
  }
}

static int call_travel(plait_handle h, plait_call *call,
                       void (*deliver)(plait_reactor *, plait__mail *, bool)) {
  handle_use use;
  int code = handle_enter(h, &use);
  if (code != 0)
    return code;
  plait_transport *t = plait__away_here(use.slot);
  if (t != NULL && deliver == writable_deliver)
    plait__away_send(t); /* it is about what was written before it, too */
  if (handle_count(&use, h)) {
    call->target = h.id;
    call->own = use.own;
    call->mail.deliver = deliver;
    plait__runtime_ref(use.reactor->runtime);
    plait__reactor_mail(use.reactor, &call->mail);
  } else {
    code = PLAIT_ECLOSED;
  }
  handle_leave(&use);
  return code;
}

int plait_handle_call(plait_handle h, plait_call *call) {
  return call_travel(h, call, call_deliver);
}

int plait_handle_when_writable(plait_handle h, plait_call *call) {
  return call_travel(h, call, writable_deliver);
}
