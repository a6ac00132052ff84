/* What a turn has no time for any more: a stream that is to be attended to in
 * the next one may be gone by then. */
#include <check.h>
#include <plait.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

enum { READERS = 3, BYTES = 400, ABORTS = 70, WAYS = 4 };

/* They take a byte at a time, which goes on turn after turn.  One of the others
 * aborts the victim at its own |abort_at|th byte; if it is |greedy| it takes
 * all that is left then, so that the victim may be the last that waits for the
 * next turn. */
struct reader {
  plait_protocol base;
  unsigned taken;
};

static plait_transport *transports[READERS];
static unsigned made, lost, taken[READERS], abort_at, victim, other;
static bool greedy;

static void reader_made(plait_protocol *p) {
  transports[made++] = p->transport;
}

static unsigned index_of(const plait_protocol *p) {
  unsigned i = 0;
  while (i < READERS && transports[i] != p->transport)
    i++;
  require(i < READERS, "data for who is gone");
  return i;
}

static void reader_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct reader *reader = (struct reader *)p;
  unsigned i = index_of(p);
  bool aborts = i == other && reader->taken + 1 == abort_at;
  size_t some = aborts && greedy ? len : 1;
  taken[i] = reader->taken += (unsigned)some;
  plait_unread(p->transport, data + some, len - some);
  if (aborts)
    plait_abort(transports[victim]);
}

static void reader_lost(plait_protocol *p, int reason) {
  (void)reason;
  lost++;
  if (p->transport == transports[victim])
    transports[victim] = NULL;
}

static const plait_protocol_ops reader_ops = {.name = "reader",
                                              .size = sizeof(struct reader),
                                              .connection_made = reader_made,
                                              .data_received = reader_data,
                                              .connection_lost = reader_lost};

static void writer_made(plait_protocol *p) {
  static const uint8_t bytes[BYTES];
  plait_write(p->transport, bytes, sizeof bytes);
  plait_close(p->transport);
}

static const plait_protocol_ops writer_ops = {.name = "writer",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = writer_made};

START_TEST(one_goes_while_it_waits) {
  plait_factory readers = {.protocol = &reader_ops};
  plait_factory writers = {.protocol = &writer_ops};
  made = lost = 0;
  memset(taken, 0, sizeof taken);
  abort_at = (unsigned)_i / (WAYS * READERS);
  victim = (unsigned)_i / WAYS % READERS;
  other = (victim + 1 + (unsigned)_i / 2 % 2) % READERS;
  greedy = _i % 2 != 0;
  sim_begin((plait_sim_options){.latency_min_us = 10, .latency_max_us = 10});
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  plait_reactor *reactor = plait_runtime_reactor(runtime, 0);
  for (int i = 0; i < READERS; i++) {
    int fds[2];
    require(plait_sim_pair(sim, fds) == 0 &&
                plait_adopt(reactor, fds[0], &readers) == 0 &&
                plait_adopt(reactor, fds[1], &writers) == 0,
            "%s", plait_error_detail());
  }
  require(plait_run(runtime) == 0, "%s", plait_error_detail());
  ck_assert_uint_eq(lost, READERS);
  for (unsigned i = 0; i < READERS; i++)
    ck_assert_int_eq(taken[i] == BYTES, i != victim);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}
END_TEST

int main(void) {
  Suite *s = suite_create("turn");
  TCase *tc = tcase_create("turn");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, one_goes_while_it_waits, WAYS * READERS,
                      WAYS * READERS * ABORTS);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
