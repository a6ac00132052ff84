/* Bounds that a reactor and a worker keep by themselves: how often accepting is
 * tried, and how much is taken at a time.  In memory, on a clock that jumps,
 * and stands still in the course of a turn. */
#include <check.h>
#include <plait.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

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

/* ---- a place that was not used -------------------------------------------*/

enum { BUSY_MS = 100 };

static plait_factory narrow;
static int narrow_fd;
static bool in_vain;

static void narrow_made(plait_protocol *p) {
  served++;
  plait_listener_close(listener);
  plait_close(p->transport);
}

static const plait_protocol_ops narrow_ops = {.name = "narrow",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = narrow_made};

static void patient_made(plait_protocol *p) {
  plait_transport_set_timeout(p->transport, 10 * BUSY_MS);
}

static void patient_timed_out(plait_protocol *p) {
  (void)p;
  in_vain = true;
  plait_runtime_stop_now(runtime);
}

static const plait_protocol_ops patient_ops = {.name = "patient",
                                               .size = sizeof(plait_protocol),
                                               .connection_made = patient_made,
                                               .timed_out = patient_timed_out};

static plait_factory patient = {.protocol = &patient_ops};

/* Its peer's end is nothing to it, and no connection ends meanwhile. */
static void idler_made(plait_protocol *p) {
  plait_transport_set_timeout(p->transport, 100 * BUSY_MS);
}

static void idler_eof(plait_protocol *p) {
  (void)p;
}

static const plait_protocol_ops idler_ops = {.name = "idler",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = idler_made,
                                             .eof_received = idler_eof};

static plait_factory idler = {.protocol = &idler_ops};

/* It takes the one place, and while it is on its way to this reactor somebody
 * else comes; then there is no memory for it. */
static void adopt_slowly(plait_call *call, plait_protocol *p) {
  plait_connect_options options = {.reactor =
                                       plait_runtime_reactor(runtime, 0)};
  (void)call, (void)p;
  require(
      plait_adopt(plait_reactor_current(), narrow_fd, &narrow) == 0 &&
          plait_connect(runtime, "unix:/narrow", &patient, &options, NULL) == 0,
      "%s", plait_error_detail());
  plait_sim_sleep_us(sim, BUSY_MS * 1000);
  plait_sim_fail_at(sim, 2); /* behind the look for the peer's name */
}

START_TEST(a_place_comes_back) {
  plait_call call = {.run = adopt_slowly};
  int fds[2];
  begin((plait_sim_options){0}, (plait_runtime_options){.reactors = 2});
  served = 0;
  in_vain = false;
  narrow =
      (plait_factory){.protocol = &narrow_ops, .limits.connections_max = 1};
  require(
      plait_listen(runtime, "unix:/narrow", &narrow, NULL, &listener) == 0 &&
          plait_sim_pair(sim, fds) == 0 &&
          plait_adopt(plait_runtime_reactor(runtime, 0), fds[0], &idler) == 0,
      "%s", plait_error_detail());
  narrow_fd = fds[1];
  plait_reactor_post(plait_runtime_reactor(runtime, 1), &call);
  plait_run(runtime);
  require(strstr(plait_sim_failed(sim), "src/core/stream.c") != NULL, "%s",
          plait_sim_failed(sim));
  ck_assert(!in_vain);
  ck_assert_uint_eq(served, 1);
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

/* ---- events --------------------------------------------------------------*/

enum { PAIRS = 300, TURN_EVENTS = 256, CLOCK_EVENTS = 8 };

static void say_something(plait_protocol *p) {
  plait_write(p->transport, "something", 9);
  plait_write_eof(p->transport);
}

static void count_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data, (void)len;
  taken++;
}

static const plait_protocol_ops sayer_ops = {.name = "sayer",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = say_something,
                                             .data_received = count_data};

/* Both ends of so many connections are ready at once. */
static void open_pairs(const plait_protocol_ops *ops) {
  static plait_factory factory;
  factory = (plait_factory){.protocol = ops,
                            .limits.connections_max = PLAIT_UNLIMITED};
  taken = together = together_max = 0;
  begin((plait_sim_options){.latency_min_us = 50, .latency_max_us = 50},
        (plait_runtime_options){0});
  for (int i = 0; i < PAIRS; i++) {
    int fds[2];
    require(plait_sim_pair(sim, fds) == 0, "no pair");
    for (int k = 0; k < 2; k++)
      require(
          plait_adopt(plait_runtime_reactor(runtime, 0), fds[k], &factory) == 0,
          "%s", plait_error_detail());
  }
}

/* P11: time stands still meanwhile. */
START_TEST(events_between_turns) {
  open_pairs(&sayer_ops);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(plait_sim_events_per_turn(sim), TURN_EVENTS);
  end();
}
END_TEST

static void start_ticker(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_timer_init(&ticker, NULL, ticker_rings);
  plait_timer_start(&ticker, 1, 1);
}

static void slow_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data, (void)len;
  plait_sim_sleep_us(sim, 1000);
  if (++together > together_max)
    together_max = together;
  if (++taken == 2 * PAIRS)
    plait_timer_stop(&ticker);
}

static const plait_protocol_ops slow_ops = {.name = "slow",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = say_something,
                                            .data_received = slow_data};

/* P11: the clock is looked at every so many events. */
START_TEST(events_take_time) {
  open_pairs(&slow_ops);
  ck_assert_int_eq(run(start_ticker), 0);
  ck_assert_uint_eq(taken, 2 * PAIRS);
  ck_assert_uint_ge(together_max, CLOCK_EVENTS);
  ck_assert_uint_le(together_max, 2 * CLOCK_EVENTS);
  end();
}
END_TEST

/* ---- reading beside what is left over ------------------------------------ */

enum { MUCH = 1000000, SMALL_READ = 16 * 1024, TAIL = 10 };

static size_t longest;
static unsigned deliveries;

static void write_much(plait_protocol *p) {
  static const uint8_t bytes[MUCH];
  plait_write(p->transport, bytes, sizeof bytes);
  plait_close(p->transport);
}

static const plait_protocol_ops writer_ops = {.name = "writer",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = write_much};

static plait_transport *leaver;

static void resume_leaver(plait_timer *timer) {
  (void)timer;
  plait_resume_reading(leaver);
}

/* It reads once all is there. */
static void leaver_made(plait_protocol *p) {
  leaver = p->transport;
  plait_pause_reading(leaver);
  plait_timer_init(&ticker, leaver, resume_leaver);
  plait_timer_start(&ticker, 100, 0);
}

/* As a parser does: the end of a delivery belongs to what comes next. */
static void leave_tail(plait_protocol *p, const uint8_t *data, size_t len) {
  if (deliveries++ > 0 && len > longest)
    longest = len;
  if (len > TAIL)
    plait_unread(p->transport, data + len - TAIL, TAIL);
}

static const plait_protocol_ops leaver_ops = {.name = "leaver",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = leaver_made,
                                              .data_received = leave_tail};

START_TEST(reads_beside_a_leftover) {
  plait_factory factories[2] = {{.protocol = &writer_ops},
                                {.protocol = &leaver_ops}};
  int fds[2];
  begin((plait_sim_options){.capacity = 2 * MUCH}, (plait_runtime_options){0});
  require(plait_sim_pair(sim, fds) == 0, "no pair");
  longest = deliveries = 0;
  for (int i = 0; i < 2; i++)
    require(plait_adopt(plait_runtime_reactor(runtime, 0), fds[i],
                        &factories[i]) == 0,
            "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_ge(longest, SMALL_READ / 2);
  ck_assert_uint_le(longest, SMALL_READ + TAIL);
  end();
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

int main(void) {
  Suite *s = suite_create("bounds");
  TCase *tc = tcase_create("bounds");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, starved_accepting_waits_longer);
  tcase_add_test(tc, a_place_comes_back);
  tcase_add_test(tc, accepts_of_a_wake_up);
  tcase_add_test(tc, mail_of_a_turn);
  tcase_add_test(tc, mail_takes_time);
  tcase_add_test(tc, events_between_turns);
  tcase_add_test(tc, events_take_time);
  tcase_add_test(tc, reads_beside_a_leftover);
  tcase_add_test(tc, calls_of_a_strand_in_a_row);
  tcase_add_test(tc, events_of_a_connection_in_a_row);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
