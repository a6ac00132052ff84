/* The mailbox is a stack that its owner takes as a whole and turns round.
 *
 * Pushing is one compare-and-swap; the entry that found the stack empty wakes
 * the owner, so a batch costs one wake, and none can be lost: as long as the
 * stack is not empty, a wake has been sent since the owner last took it.
 * Entries are never popped singly from the shared stack, so there is no ABA.
 * Turned round, the entries of one thread keep the order of its pushes.
 */
#include "core/mailbox.h"

#include <stdatomic.h>

bool plait__mailbox_push(plait__mailbox *box, plait__mail *mail) {
  plait__mail *top = atomic_load_explicit(&box->pushed, memory_order_relaxed);
  do
    mail->next = top;
  while (!atomic_compare_exchange_weak_explicit(
      &box->pushed, &top, mail, memory_order_release, memory_order_relaxed));
  return top == NULL;
}

static void mailbox_take(plait__mailbox *box) {
  plait__mail *mail =
      atomic_exchange_explicit(&box->pushed, NULL, memory_order_acquire);
  while (mail != NULL) {
    plait__mail *older = mail->next;
    mail->next = box->taken;
    box->taken = mail;
    mail = older;
  }
}

plait__mail *plait__mailbox_pop(plait__mailbox *box) {
  if (box->taken == NULL)
    mailbox_take(box);
  plait__mail *mail = box->taken;
  if (mail != NULL)
    box->taken = mail->next;
  return mail;
}

bool plait__mailbox_any(plait__mailbox *box) {
  return box->taken != NULL ||
         atomic_load_explicit(&box->pushed, memory_order_relaxed) != NULL;
}
