/* Bounds that a reactor and a worker keep by themselves: how often accepting is
 * tried, how much is taken at a time, and the limits that nobody has set.  In
 * memory, on a clock that jumps, and stands still in the course of a turn. */
#include <check.h>
#include <plait.h>
#include <stdlib.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

enum { DEADLINE_S = 60, KIB = 1024 };

static uint64_t now_us(void) {
  return plait_sim_now_ns(sim) / 1000;
}

static void begin(plait_sim_options world, plait_runtime_options options) {
  sim_begin(world);
  open_runtime_on(plait_sim_backend(sim), options);
}

static void end(void) {
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}

/* ---- accepting -----------------------------------------------------------*/

/* Accepting as |accepting| says, on the simulator. */
static plait__io io;
static plait_backend backend;
static plait_listener *listener;
static unsigned clients, served;

static void client_made(plait_protocol *p) {
  (void)p;
  clients++;
}

static const plait_protocol_ops client_ops = {.name = "client",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = client_made};

static plait_factory client_factory = {.protocol = &client_ops};

static void connect_one(void) {
  require(plait_connect(runtime, "tcp:127.0.0.1:4001", &client_factory, NULL,
                        NULL) == 0,
          "%s", plait_error_detail());
}

static void listen_with(int (*accepting)(plait__socket *, int *,
                                         plait_address *),
                        plait_factory *factory) {
  sim_begin((plait_sim_options){0});
  backend = *world_sim.driver;
  io = *backend.io;
  io.accept = accepting;
  backend.io = &io;
  open_runtime_on(&backend, (plait_runtime_options){0});
  clients = served = 0;
  require(plait_listen(runtime, "tcp:4001", factory, NULL, &listener) == 0,
          "%s", plait_error_detail());
}

enum { STARVED = 9, STARVED_AGAIN = 2 };

static unsigned starved, starved_max;
static uint64_t starved_us[STARVED + STARVED_AGAIN];

static int starve(plait__socket *socket, int *ret_fd, plait_address *ret_peer) {
  if (starved == starved_max)
    return world_sim.driver->io->accept(socket, ret_fd, ret_peer);
  starved_us[starved++] = now_us();
  return starved % 2 != 0 ? PLAIT_EMFILE : PLAIT_ENOBUFS;
}

/* The second client is starved as well; the first one stays. */
static void starved_made(plait_protocol *p) {
  if (++served == 2) {
    plait_runtime_stop_now(plait_reactor_runtime(plait_reactor_current()));
    return;
  }
  (void)p;
  starved_max = STARVED + STARVED_AGAIN;
  connect_one();
}

static const plait_protocol_ops starved_ops = {.name = "starved",
                                               .size = sizeof(plait_protocol),
                                               .connection_made = starved_made};

/* P13: nobody ends, so that nothing but the clock has it tried again; the waits
 * double up to half a second, and begin anew behind a connection. */
START_TEST(starved_accepting_waits_longer) {
  static const uint64_t waits_ms[STARVED] = {5,   10,  20,  40, 80,
                                             160, 320, 500, 500};
  plait_factory factory = {.protocol = &starved_ops};
  plait_reactor_stats stats;
  starved = 0;
  starved_max = STARVED;
  listen_with(starve, &factory);
  connect_one();
  ck_assert_int_eq(plait_run(runtime), PLAIT_EDRAIN);
  ck_assert_uint_eq(served, 2);
  for (unsigned i = 1; i < STARVED + STARVED_AGAIN; i++) {
    uint64_t us = starved_us[i] - starved_us[i - 1];
    uint64_t ms = i < STARVED ? waits_ms[i - 1] : i == STARVED ? 0 : 5;
    ck_assert_uint_ge(us, ms * 1000);
    if (i != STARVED) /* when the next client comes */
      ck_assert_uint_lt(us, ms * 1000 + 2000);
  }
  plait_reactor_get_stats(plait_runtime_reactor(runtime, 0), &stats);
  ck_assert_uint_eq(stats.accept_starved, STARVED + STARVED_AGAIN);
  end();
}
END_TEST

enum { CROWD = 150, ACCEPTS = 64 };

static unsigned accepts, accepts_max;
static uint64_t accepts_us;

/* Nobody is there before all are. */
static int accept_crowd(plait__socket *socket, int *ret_fd,
                        plait_address *ret_peer) {
  if (clients < CROWD)
    return PLAIT_EAGAIN;
  int code = world_sim.driver->io->accept(socket, ret_fd, ret_peer);
  accepts = accepts_us == now_us() ? accepts + 1 : 1;
  accepts_us = now_us();
  if (code == 0 && accepts > accepts_max)
    accepts_max = accepts;
  return code;
}

static void crowd_made(plait_protocol *p) {
  if (++served == CROWD)
    plait_listener_close(listener);
  plait_close(p->transport);
}

static const plait_protocol_ops crowd_ops = {.name = "crowd",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = crowd_made};

/* P11 */
START_TEST(accepts_of_a_wake_up) {
  plait_factory factory = {.protocol = &crowd_ops};
  accepts = accepts_max = 0;
  listen_with(accept_crowd, &factory);
  for (unsigned i = 0; i < CROWD; i++)
    connect_one();
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(served, CROWD);
  ck_assert_uint_eq(accepts_max, ACCEPTS);
  end();
}
END_TEST

/* ---- mail ----------------------------------------------------------------*/

enum { MAIL = 40000, TURN_MAIL = 16384, CLOCK_MAIL = 256, SLOW = 2000 };

static plait_call mail[MAIL];
static unsigned taken, together, together_max;
static uint64_t taken_us;

static void mail_run(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  taken++;
  together = taken_us == now_us() ? together + 1 : 1;
  taken_us = now_us();
  if (together > together_max)
    together_max = together;
}

static plait_timer ticker;
static void (*mail_fn)(plait_call *, plait_protocol *);
static unsigned mail_count;

static void post_all(plait_timer *timer) {
  (void)timer;
  for (unsigned i = 0; i < mail_count; i++) {
    mail[i] = (plait_call){.run = mail_fn};
    require(plait_reactor_post(plait_reactor_current(), &mail[i]) == 0,
            "no post");
  }
}

static void start_posting(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_timer_init(&ticker, NULL, post_all);
  plait_timer_start(&ticker, 1, 0);
}

/* |n| calls of |fn| that are posted at once. */
static void mail_all(void (*fn)(plait_call *, plait_protocol *), unsigned n) {
  taken = together = together_max = 0;
  mail_fn = fn;
  mail_count = n;
  begin((plait_sim_options){0}, (plait_runtime_options){0});
  ck_assert_int_eq(run(start_posting), 0);
  ck_assert_uint_eq(taken, n);
  end();
}

/* P11 */
START_TEST(mail_of_a_turn) {
  mail_all(mail_run, MAIL);
  ck_assert_uint_eq(together_max, TURN_MAIL);
}
END_TEST

static void ticker_rings(plait_timer *timer) {
  (void)timer;
  together = 0;
}

static void slow_run(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  if (taken == 0) {
    plait_timer_init(&ticker, NULL, ticker_rings);
    plait_timer_start(&ticker, 1, 1);
  }
  plait_sim_sleep_us(sim, 100);
  if (++together > together_max)
    together_max = together;
  if (++taken == SLOW)
    plait_timer_stop(&ticker);
}

/* P11: mail that takes its time does not keep the timers from ringing: those of
 * a turn are those that were due when it began. */
START_TEST(mail_takes_time) {
  mail_all(slow_run, SLOW);
  ck_assert_uint_ge(together_max, CLOCK_MAIL);
  ck_assert_uint_le(together_max, 2 * CLOCK_MAIL);
}
END_TEST

/* ---- strands and connections on workers take turns -----------------------*/

enum { MANY = 200, BATCH = 64 };

static unsigned before_other;

static void count_before(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  taken++;
}

static void note_before(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  before_other = taken;
}

static plait_strand *strands[2];

static void post_to_strands(plait_call *call, plait_protocol *p) {
  static plait_call other = {.run = note_before};
  (void)call, (void)p;
  for (unsigned i = 0; i < MANY; i++) {
    mail[i] = (plait_call){.run = count_before};
    require(plait_strand_post(strands[0], &mail[i]) == 0, "no post");
  }
  require(plait_strand_post(strands[1], &other) == 0, "no post");
}

START_TEST(calls_of_a_strand_in_a_row) {
  begin((plait_sim_options){0},
        (plait_runtime_options){.pool.strand_threads_max = 1});
  for (int i = 0; i < 2; i++) {
    strands[i] = plait_strand_new(plait_runtime_pool(runtime));
    ck_assert_ptr_nonnull(strands[i]);
  }
  taken = before_other = 0;
  ck_assert_int_eq(run(post_to_strands), 0);
  ck_assert_uint_eq(taken, MANY);
  ck_assert_uint_eq(before_other, BATCH);
  for (int i = 0; i < 2; i++)
    plait_strand_free(strands[i]);
  end();
}
END_TEST

static plait_handle both[2];
static unsigned there;

static void call_both(void) {
  static plait_call other = {.run = note_before};
  for (unsigned i = 0; i < MANY; i++) {
    mail[i] = (plait_call){.run = count_before};
    require(plait_handle_call(both[0], &mail[i]) == 0, "no call");
  }
  require(plait_handle_call(both[1], &other) == 0, "no call");
}

static void away_made(plait_protocol *p) {
  both[there++] = plait_transport_handle(p->transport);
  if (there == 2)
    call_both();
}

static void away_draining(plait_protocol *p) {
  plait_close(p->transport);
}

static const plait_protocol_ops away_ops = {.name = "away",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = away_made,
                                            .draining = away_draining};

static void stop_later(plait_timer *timer) {
  (void)timer;
  plait_runtime_stop(runtime);
}

static void start_stopping(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_timer_init(&ticker, NULL, stop_later);
  plait_timer_start(&ticker, 1000, 0);
}

START_TEST(events_of_a_connection_in_a_row) {
  plait_factory factory = {.protocol = &away_ops, .dispatch = PLAIT_ON_WORKERS};
  begin((plait_sim_options){0},
        (plait_runtime_options){.pool.strand_threads_max = 1});
  int fds[2];
  require(plait_sim_pair(sim, fds) == 0, "no pair");
  taken = before_other = there = 0;
  for (int i = 0; i < 2; i++)
    require(plait_adopt(plait_runtime_reactor(runtime, 0), fds[i], &factory) ==
                0,
            "%s", plait_error_detail());
  ck_assert_int_eq(run(start_stopping), 0);
  ck_assert_uint_eq(taken, MANY);
  ck_assert_uint_ge(before_other, 1);
  ck_assert_uint_le(before_other, BATCH);
  end();
}
END_TEST

/* ---- limits that nobody has set ------------------------------------------*/

/* One connection whose ends are |a| and |b|; |b| is on workers if |away|. */
static void play(const plait_protocol_ops *a, const plait_protocol_ops *b,
                 bool away) {
  plait_factory factories[2] = {
      {.protocol = a},
      {.protocol = b, .dispatch = away ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR}};
  int fds[2];
  begin((plait_sim_options){.capacity = 2000}, (plait_runtime_options){0});
  require(plait_sim_pair(sim, fds) == 0, "no pair");
  for (int i = 0; i < 2; i++)
    require(plait_adopt(plait_runtime_reactor(runtime, 0), fds[i],
                        &factories[i]) == 0,
            "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  end();
}

static uint8_t bytes[1024 * KIB];
static uint64_t seen;

/* As much as is taken, and no end. */
static void flood(plait_protocol *p) {
  while (plait_write(p->transport, bytes, 1000))
    continue;
}

static const plait_protocol_ops flood_ops = {.name = "flood",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = flood,
                                             .resume_writing = flood};

static void sleeper_data(plait_protocol *p, const uint8_t *data, size_t len) {
  plait_transport_stats stats;
  (void)data, (void)len;
  if (seen != 0)
    return;
  plait_work_sleep_ms(60000);
  plait_transport_get_stats(p->transport, &stats);
  seen = stats.received_bytes;
  plait_abort(p->transport);
}

static const plait_protocol_ops sleeper_ops = {.name = "sleeper",
                                               .size = sizeof(plait_protocol),
                                               .data_received = sleeper_data};

/* P8: what a worker has not handled is a MiB, each delivery with its share of
 * the book-keeping, and what the last read brings. */
START_TEST(leases_are_a_mib) {
  seen = 0;
  play(&flood_ops, &sleeper_ops, true);
  ck_assert_uint_gt(seen, 900 * KIB);
  ck_assert_uint_le(seen, (1024 + 2) * KIB);
}
END_TEST

static void paused_made(plait_protocol *p) {
  both[1] = plait_transport_handle(p->transport);
  plait_pause_reading(p->transport);
}

static const plait_protocol_ops paused_ops = {.name = "paused",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = paused_made};

static void heedless_made(plait_protocol *p) {
  do {
    seen = plait_transport_queued(p->transport);
    plait_write(p->transport, bytes, sizeof bytes);
  } while (!plait_transport_closing(p->transport));
}

static int reason;

static void heedless_lost(plait_protocol *p, int code) {
  (void)p;
  reason = code;
  plait_handle_abort(both[1]);
}

static const plait_protocol_ops heedless_ops = {
    .name = "heedless",
    .size = sizeof(plait_protocol),
    .connection_made = heedless_made,
    .connection_lost = heedless_lost};

/* P8 */
START_TEST(a_queue_is_16_mib) {
  play(&paused_ops, &heedless_ops, false);
  ck_assert_int_eq(reason, PLAIT_EQUEUE);
  ck_assert_uint_gt(seen, 16 * 1024 * KIB);
  ck_assert_uint_le(seen, 17 * 1024 * KIB);
}
END_TEST

static uint64_t high, low;

static void marks_made(plait_protocol *p) {
  flood(p);
  high = plait_transport_queued(p->transport);
}

static void marks_resume(plait_protocol *p) {
  low = plait_transport_queued(p->transport);
  plait_abort(p->transport);
}

static const plait_protocol_ops marks_ops = {.name = "marks",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = marks_made,
                                             .resume_writing = marks_resume};

static const plait_protocol_ops reader_ops = {.name = "reader",
                                              .size = sizeof(plait_protocol)};

START_TEST(marks_are_64_and_16_kib) {
  low = 0;
  play(&marks_ops, &reader_ops, false);
  ck_assert_uint_gt(high, 64 * KIB);
  ck_assert_uint_le(high, 64 * KIB + 1000);
  ck_assert_uint_le(low, 16 * KIB);
  ck_assert_uint_gt(low, 16 * KIB - 2000);
}
END_TEST

static void closer_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  plait_close(p->transport);
}

static void closer_lost(plait_protocol *p, int code) {
  plait_transport_stats stats;
  (void)code;
  plait_transport_get_stats(p->transport, &stats);
  seen = stats.received_bytes;
}

static const plait_protocol_ops closer_ops = {.name = "closer",
                                              .size = sizeof(plait_protocol),
                                              .data_received = closer_data,
                                              .connection_lost = closer_lost};

/* It floods on behind the end of its peer. */
static void flood_on(plait_protocol *p) {
  (void)p;
}

static const plait_protocol_ops flood_on_ops = {.name = "flood on",
                                                .size = sizeof(plait_protocol),
                                                .connection_made = flood,
                                                .resume_writing = flood,
                                                .eof_received = flood_on};

/* Much more would come in the time that the peer has for its end. */
START_TEST(discarded_are_256_kib) {
  play(&flood_on_ops, &closer_ops, false);
  ck_assert_uint_gt(seen, 256 * KIB);
  ck_assert_uint_le(seen, 256 * KIB + 3 * 2000);
}
END_TEST

int main(void) {
  Suite *s = suite_create("bounds");
  TCase *turns = tcase_create("turns"), *limits = tcase_create("limits");
  tcase_set_timeout(turns, DEADLINE_S);
  tcase_add_test(turns, starved_accepting_waits_longer);
  tcase_add_test(turns, accepts_of_a_wake_up);
  tcase_add_test(turns, mail_of_a_turn);
  tcase_add_test(turns, mail_takes_time);
  tcase_add_test(turns, calls_of_a_strand_in_a_row);
  tcase_add_test(turns, events_of_a_connection_in_a_row);
  suite_add_tcase(s, turns);
  tcase_set_timeout(limits, DEADLINE_S);
  tcase_add_test(limits, leases_are_a_mib);
  tcase_add_test(limits, a_queue_is_16_mib);
  tcase_add_test(limits, marks_are_64_and_16_kib);
  tcase_add_test(limits, discarded_are_256_kib);
  suite_add_tcase(s, limits);
  return run_suite(s);
}
