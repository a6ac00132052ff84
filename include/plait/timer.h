/* Timers, embedded in a struct of yours; 1 ms resolution, never early. */
#ifndef PLAIT_TIMER_H
#define PLAIT_TIMER_H

#include <plait/protocol.h>

PLAIT_BEGIN

/* private: an entry of the reactor's timer wheel */
typedef struct plait__alarm {
  struct plait__alarm *next, *prev;
  uint64_t due_ms;
  void (*ring)(struct plait__alarm *alarm);
} plait__alarm;

/* Embedded in a struct of yours. */
struct plait_timer {
  /* private */
  plait__alarm alarm;
  void (*fn)(plait_timer *timer);
  plait_reactor *reactor;
  plait_protocol *instance; /* the owner's; NULL for none */
  plait__attached attached; /* to |instance|, while it runs */
  void *proxy; /* what rings for it, if |instance| lives on workers */
  uint64_t every_ms;
};

/* Prepares |timer|, which is not running, to call |fn|.
 *
 * With an |owner|, |fn| runs in that connection's serial context; the timer
 * belongs to the protocol instance that is the transport's now and stops
 * before that instance's connection_lost.  Without one it runs on the calling
 * reactor, so the caller must be on a reactor's thread, and keeps plait_run()
 * from returning while it runs, until the runtime is stopped.  A timer must be
 * stopped before its memory goes. */
PLAIT_EXTERN void plait_timer_init(plait_timer *timer, plait_transport *owner,
                                   void (*fn)(plait_timer *timer));

/* Lets |timer| fire |after_ms| from now, and then every |every_ms| (0: once),
 * without drift; periods that were missed are skipped.  A running timer is
 * started anew.  A no-op in its owner's connection_lost; after that it has to
 * be initialised again.  (After plait_close() it still works.) */
PLAIT_EXTERN void plait_timer_start(plait_timer *timer, uint64_t after_ms,
                                    uint64_t every_ms);

/* Immediate: |fn| does not run after it.  Harmless if it is not running. */
PLAIT_EXTERN void plait_timer_stop(plait_timer *timer);

/* Whether it is going to fire. */
PLAIT_EXTERN bool plait_timer_active(const plait_timer *timer);

PLAIT_END

#endif
