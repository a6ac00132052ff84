/* How long a connector waits before it connects anew: a row of waits that
 * grow, and what starts the row from its beginning.  Pure: no clock, and the
 * random numbers are its caller's. */
#ifndef PLAIT_CORE_BACKOFF_H
#define PLAIT_CORE_BACKOFF_H

#include <plait/endpoint.h>

typedef struct plait__backoff {
  plait_reconnect policy; /* defaults filled in */
  double wait_ms;         /* the next one, before jitter */
  uint32_t failures;      /* attempts in a row */
} plait__backoff;

/* 0, or PLAIT_EINVAL with the error detail: |policy| makes no sense. */
int plait__backoff_init(plait__backoff *b, const plait_reconnect *policy);

static inline bool plait__backoff_is_on(const plait__backoff *b) {
  return b->policy.retries != 0;
}

/* An attempt has failed.  Whether another one is to follow. */
bool plait__backoff_failed(plait__backoff *b);
/* A connection was made. */
void plait__backoff_made(plait__backoff *b);
/* It is gone, after |lived_ms|. */
void plait__backoff_lost(plait__backoff *b, uint64_t lived_ms);

/* The wait that is due now, in milliseconds, shortened by jitter as |random|
 * says; the one after it is longer. */
uint32_t plait__backoff_next(plait__backoff *b, uint64_t random);

#endif
