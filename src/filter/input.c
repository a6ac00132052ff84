/* Data on the strand.
 *
 * A delivery is a lease: a part of a receive chunk that stays as it is until
 * the lease is given back.  What a callback does not consume, and what comes
 * while reading is paused, is held back by keeping its lease. */
#include "filter/away.h"

#include <plait/error.h>

#include "core/instance.h"
#include "core/memory.h"

static plait__lease *lease_of(plait__mail *mail) {
  return plait_container_of(mail, plait__lease, mail);
}

/* ---- leases -------------------------------------------------------------- */

/* Home may wait for them; half of what it may lend is worth a word to it. */
static void lease_return(plait__away *a, plait__lease *lease) {
  plait__chunk *chunk = lease->chunk;
  size_t charge = lease->charge;
  plait__pass_close(a->stream, lease->caught);
  if (chunk != NULL)
    plait__chunk_unref(chunk);
  else
    plait__free(a->reactor->os, lease);
  size_t left = atomic_fetch_sub(&a->leased, charge) - charge;
  if (left <= a->lease_bytes_max / 2 && atomic_load(&a->starving))
    a->wants |= PLAIT__WANT_LEASES;
}

static void held_append(plait__away *a, plait__lease *lease) {
  lease->mail.next = NULL;
  if (a->held_last != NULL)
    a->held_last->next = &lease->mail;
  else
    a->held_first = &lease->mail;
  a->held_last = &lease->mail;
}

static void held_prepend(plait__away *a, plait__lease *lease) {
  lease->mail.next = a->held_first;
  a->held_first = &lease->mail;
  if (a->held_last == NULL)
    a->held_last = &lease->mail;
}

static plait__lease *held_pop(plait__away *a) {
  plait__lease *lease = lease_of(a->held_first);
  a->held_first = lease->mail.next;
  if (a->held_first == NULL)
    a->held_last = NULL;
  return lease;
}

void plait__away_gone(plait__away *a) {
  a->phase = PLAIT__GONE;
  plait__away_drop_input(a);
  plait__pass_close(a->stream, a->caught);
  a->caught = NULL;
}

void plait__away_drop_input(plait__away *a) {
  a->eof_due = false;
  while (a->held_first != NULL) {
    plait__lease *lease = held_pop(a);
    if (lease == a->current)
      a->current_is_held = false; /* it goes when its callback returns */
    else
      lease_return(a, lease);
  }
}

static size_t held_bytes(const plait__away *a) {
  size_t sum = 0;
  for (plait__mail *m = a->held_first; m != NULL; m = m->next)
    sum += lease_of(m)->len;
  return sum;
}

/* In order, if they are still wanted. */
static void held_return_caught(plait__away *a) {
  plait__pass_attach(a->stream, a->caught);
  a->caught = NULL;
  for (plait__mail *m = a->held_first; m != NULL; m = m->next) {
    plait__pass_attach(a->stream, lease_of(m)->caught);
    lease_of(m)->caught = NULL;
  }
}

bool plait__away_return_input(plait__away *a) {
  const plait__os *os = a->reactor->os;
  size_t len = held_bytes(a), at = 0;
  uint8_t *all = len > 0 ? plait__alloc(os, len) : NULL;
  bool good = len == 0 || all != NULL;
  for (plait__mail *m = a->held_first; m != NULL && good; m = m->next) {
    memcpy(all + at, lease_of(m)->data, lease_of(m)->len);
    at += lease_of(m)->len;
  }
  good = good && plait__stream_keep(a->stream, all, len);
  plait__free(os, all);
  held_return_caught(a);
  plait__away_drop_input(a);
  return good;
}

/* ---- delivering ---------------------------------------------------------- */

static void input_hand(plait__away *a, plait__lease *lease) {
  if (lease->caught != NULL && !plait__away_catch(a, lease)) {
    lease_return(a, lease);
    return;
  }
  a->current = lease;
  a->view = (plait_slice){lease->data, lease->len};
  a->current_is_held = false;
  plait__away_data(a, lease->data, lease->len);
  a->current = NULL;
  if (!a->current_is_held)
    lease_return(a, lease);
}

/* Whether data may be delivered now. */
static bool input_flows(const plait__away *a) {
  return a->phase == PLAIT__OPEN && !a->paused && !a->held &&
         a->leaving == NULL && !a->rd_told;
}

bool plait__away_has_input(const plait__away *a) {
  return (a->held_first != NULL || a->eof_due) && input_flows(a);
}

bool plait__away_reread(plait__away *a) {
  if (!plait__away_has_input(a))
    return false;
  plait__lane_moves(&a->pool->strands, &a->job);
  if (a->held_first != NULL)
    input_hand(a, held_pop(a));
  else
    plait__away_eof(a);
  return true;
}

void plait__away_on_data(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait__away_running();
  plait__lease *lease = lease_of(mail);
  (void)r, (void)drop;
  if (a->phase != PLAIT__OPEN)
    lease_return(a, lease);
  else if (a->held_first != NULL || !input_flows(a))
    held_append(a, lease);
  else
    input_hand(a, lease);
}

/* ---- handed back --------------------------------------------------------- */

/* |data| lies in what is being delivered: its lease is held.  False: it does
 * not, or a part of the lease is held already that is not its neighbour. */
static bool keep_lease(plait__away *a, const uint8_t *data, size_t len) {
  plait__lease *lease = a->current;
  if (lease == NULL || data < a->view.data ||
      (size_t)(data - a->view.data) + len > a->view.len)
    return false;
  if (!a->current_is_held) {
    lease->data = data;
    lease->len = len;
    a->current_is_held = true;
    held_prepend(a, lease);
    return true;
  }
  if (a->held_first != &lease->mail || data + len != lease->data)
    return false;
  lease->data = data;
  lease->len += len;
  return true;
}

bool plait__away_keep(plait__away *a, const uint8_t *data, size_t len) {
  if (len == 0 || keep_lease(a, data, len))
    return true;
  plait__lease *lease = plait__alloc(a->reactor->os, sizeof *lease + len);
  if (lease == NULL)
    return false;
  *lease = (plait__lease){.data = (uint8_t *)(lease + 1),
                          .len = len,
                          .charge = sizeof *lease + len};
  memcpy(lease + 1, data, len);
  atomic_fetch_add(&a->leased, lease->charge);
  held_prepend(a, lease);
  return true;
}
