/* A reactor's mailbox: many threads push, one takes. */
#ifndef PLAIT_CORE_MAILBOX_H
#define PLAIT_CORE_MAILBOX_H

#include <plait/call.h>

typedef struct plait__mailbox {
  _Atomic(plait__mail *) pushed; /* newest first */
  plait__mail *taken;            /* oldest first; the reactor's own */
} plait__mailbox;

/* Any thread.  True if the mailbox was empty: the owner has to be woken. */
bool plait__mailbox_push(plait__mailbox *box, plait__mail *mail);

/* The owner.  The oldest entry, or NULL. */
plait__mail *plait__mailbox_pop(plait__mailbox *box);

/* The owner.  Whether pop() would find something. */
bool plait__mailbox_any(plait__mailbox *box);

#endif
