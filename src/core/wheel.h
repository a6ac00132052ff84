/* The timer wheel of a reactor: alarms by due time, 1 ms apart. */
#ifndef PLAIT_CORE_WHEEL_H
#define PLAIT_CORE_WHEEL_H

#include <plait/timer.h>

enum {
  PLAIT__WHEEL_BITS = 6,
  PLAIT__WHEEL_SLOTS = 64,
  PLAIT__WHEEL_LEVELS = 7
};

typedef struct plait__wheel {
  uint64_t now_ms;   /* every alarm due up to here was collected */
  uint64_t until_ms; /* what advance() goes on to, which is the time */
  uint64_t used[PLAIT__WHEEL_LEVELS]; /* bit i: slot i is not empty */
  unsigned levels;                    /* bit i: used[i] is not 0 */
  plait__alarm *slots[PLAIT__WHEEL_LEVELS][PLAIT__WHEEL_SLOTS];
  plait__alarm *due; /* collected, still to ring */
} plait__wheel;

void plait__wheel_init(plait__wheel *w, uint64_t now_ms);

/* |alarm| is to ring once |due_ms| is reached.  It must not be set. */
void plait__wheel_set(plait__wheel *w, plait__alarm *alarm, uint64_t due_ms);

/* In |alarm|'s ring: it is to ring every |every_ms|, without drift; periods
 * that were missed are skipped. */
void plait__wheel_set_again(plait__wheel *w, plait__alarm *alarm,
                            uint64_t every_ms);

/* Takes |alarm| back; harmless if it is not set. */
void plait__wheel_unset(plait__wheel *w, plait__alarm *alarm);

static inline bool plait__alarm_is_set(const plait__alarm *alarm) {
  return alarm->prev != NULL;
}

/* Rings every alarm that is due at |now_ms|, after having unset it.  Alarms
 * may be set and unset meanwhile. */
void plait__wheel_advance(plait__wheel *w, uint64_t now_ms);

/* A time at which advance() has to be called, not after the first alarm's;
 * UINT64_MAX if no alarm is set. */
uint64_t plait__wheel_next(const plait__wheel *w);

#endif
