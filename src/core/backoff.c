/* Jitter only shortens: so |max_ms| is a bound, and waits at the bound are
 * still spread out. */
#include "core/backoff.h"

#include "core/error.h"

enum { INITIAL_MS = 1000, MAX_MS = 60 * 1000, HEALTHY_MS = 10 * 1000 };

static const double standard_factor = 1.5, standard_jitter = 0.5;

static void backoff_restart(plait__backoff *b) {
  b->wait_ms = b->policy.initial_ms;
}

static void backoff_fill(plait_reconnect *p) {
  if (p->initial_ms == 0)
    p->initial_ms = INITIAL_MS;
  if (p->max_ms == 0)
    p->max_ms = p->initial_ms > MAX_MS ? p->initial_ms : MAX_MS;
  if (p->factor <= 0 && p->factor >= 0)
    p->factor = standard_factor;
  if (p->jitter <= 0 && p->jitter >= 0)
    p->jitter = standard_jitter;
  if (p->healthy_ms == 0)
    p->healthy_ms = HEALTHY_MS;
}

int plait__backoff_init(plait__backoff *b, const plait_reconnect *policy) {
  plait_reconnect p = policy != NULL ? *policy : (plait_reconnect){0};
  backoff_fill(&p);
  if (p.initial_ms > p.max_ms)
    return plait__fail(PLAIT_EINVAL,
                       "reconnect: initial_ms %u is above max_ms %u",
                       (unsigned)p.initial_ms, (unsigned)p.max_ms);
  if (!(p.factor >= 1 && p.factor <= 1000))
    return plait__fail(PLAIT_EINVAL, "reconnect: factor %g is not in 1 to 1000",
                       p.factor);
  if (!(p.jitter <= 1))
    return plait__fail(PLAIT_EINVAL,
                       "reconnect: jitter %g is neither a part of 1 nor "
                       "PLAIT_NO_JITTER",
                       p.jitter);
  *b = (plait__backoff){.policy = p};
  backoff_restart(b);
  return 0;
}

bool plait__backoff_failed(plait__backoff *b) {
  if (b->failures < UINT32_MAX - 1)
    b->failures++;
  return b->failures <= b->policy.retries;
}

void plait__backoff_made(plait__backoff *b) {
  b->failures = 0;
}

void plait__backoff_lost(plait__backoff *b, uint64_t lived_ms) {
  if (lived_ms >= b->policy.healthy_ms)
    backoff_restart(b);
}

uint32_t plait__backoff_next(plait__backoff *b, uint64_t random) {
  double max = b->policy.max_ms, wait = b->wait_ms;
  double part = (double)(random >> 11) / 9007199254740992.0; /* 2^53 */
  b->wait_ms = wait * b->policy.factor;
  if (b->wait_ms > max)
    b->wait_ms = max;
  if (b->policy.jitter > 0)
    wait -= wait * b->policy.jitter * part;
  return (uint32_t)wait;
}
