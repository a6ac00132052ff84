/* What a turn has no time for any more: a stream that is to be attended to in
 * the next one may be gone by then. */
#include <check.h>
#include <plait.h>
#include <stdlib.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

enum { READERS = 2, BYTES = 400, ABORTS = 120 };

/* Both take a byte at a time, which goes on turn after turn; one aborts the
 * other, the victim, at its |abort_at|th byte. */
struct reader {
  plait_protocol base;
  unsigned taken;
};

static plait_transport *transports[READERS];
static unsigned made, lost, taken[READERS], abort_at, victim;

static void reader_made(plait_protocol *p) {
  transports[made++] = p->transport;
}

static void reader_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct reader *reader = (struct reader *)p;
  unsigned i = p->transport == transports[1];
  require(p->transport == transports[i], "data for who is gone");
  taken[i] = ++reader->taken;
  plait_unread(p->transport, data + 1, len - 1);
  if (i != victim && reader->taken == abort_at && transports[victim] != NULL)
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
  made = lost = taken[0] = taken[1] = 0;
  abort_at = (unsigned)_i / 2;
  victim = (unsigned)_i % 2;
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
  ck_assert_uint_eq(taken[1 - victim], BYTES);
  ck_assert_uint_lt(taken[victim], BYTES);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}
END_TEST

int main(void) {
  Suite *s = suite_create("turn");
  TCase *tc = tcase_create("turn");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, one_goes_while_it_waits, 2, 2 * ABORTS);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
