/* The limits that hold if nobody sets any, and what counts for them.  In
 * memory, on a clock that jumps. */
#include <check.h>
#include <plait.h>
#include <stdlib.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

enum { KIB = 1024 };

static plait_timer ticker;
static plait_handle paused;

/* One connection whose ends are |a| and |b|; |b| is on workers if |away|. */
static void play_in(plait_sim_options options, const plait_protocol_ops *a,
                    const plait_protocol_ops *b, bool away,
                    plait_limits limits) {
  plait_factory factories[2] = {
      {.protocol = a},
      {.protocol = b,
       .dispatch = away ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR,
       .limits = limits}};
  int fds[2];
  sim_begin(options);
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  require(plait_sim_pair(sim, fds) == 0, "no pair");
  for (int i = 0; i < 2; i++)
    require(plait_adopt(plait_runtime_reactor(runtime, 0), fds[i],
                        &factories[i]) == 0,
            "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}

static void play(const plait_protocol_ops *a, const plait_protocol_ops *b,
                 bool away) {
  play_in((plait_sim_options){.capacity = 2000}, a, b, away, (plait_limits){0});
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
  paused = plait_transport_handle(p->transport);
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
  plait_handle_abort(paused);
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

/* Bytes that are written as they were delivered keep the receive chunk that
 * they lie in, if they are half of it: all of it counts. */
enum { DELIVERY = 140000, CHUNK = 256 * KIB, CHUNKS = 4 };

static plait_transport *pusher, *pinning;

static void push(plait_timer *timer) {
  (void)timer;
  plait_write(pusher, bytes, DELIVERY);
}

static void pusher_made(plait_protocol *p) {
  pusher = p->transport;
  paused_made(p);
  plait_timer_init(&ticker, pusher, push);
  plait_timer_start(&ticker, 10, 10);
}

static const plait_protocol_ops pusher_ops = {.name = "pusher",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = pusher_made};

/* Reads when all of it is there. */
static plait_timer reading;

static void pinning_reads(plait_timer *timer) {
  (void)timer;
  plait_resume_reading(pinning);
}

static void pinning_made(plait_protocol *p) {
  pinning = p->transport;
  plait_pause_reading(pinning);
  plait_timer_init(&reading, pinning, pinning_reads);
  plait_timer_start(&reading, 15, 10);
}

static void pinning_data(plait_protocol *p, const uint8_t *data, size_t len) {
  ck_assert_uint_eq(len, DELIVERY);
  plait_write(p->transport, data, len);
  plait_pause_reading(p->transport);
}

static void pinning_lost(plait_protocol *p, int code) {
  seen = plait_transport_unsent(p->transport);
  heedless_lost(p, code);
}

static const plait_protocol_ops pinning_ops = {.name = "pinning",
                                               .size = sizeof(plait_protocol),
                                               .connection_made = pinning_made,
                                               .data_received = pinning_data,
                                               .connection_lost = pinning_lost};

/* P8: the system has the first one, and the limit is found by the last. */
START_TEST(chunks_count_whole) {
  play_in((plait_sim_options){.capacity = DELIVERY, .segment_max = DELIVERY},
          &pusher_ops, &pinning_ops, false,
          (plait_limits){.queue_bytes_max = CHUNKS * CHUNK});
  ck_assert_int_eq(reason, PLAIT_EQUEUE);
  ck_assert_uint_eq(seen, (CHUNKS + 1) * DELIVERY);
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

/* ---- who waits for room --------------------------------------------------*/

static plait_call room_call;
static int room_came; /* -1: with the end */

static void wait_for_room(plait_protocol *p) {
  plait_handle h = plait_transport_handle(p->transport);
  room_came = 0;
  ck_assert(plait_write(p->transport, bytes, 48 * KIB));
  ck_assert_int_eq(plait_handle_when_writable(h, &room_call), 0);
}

static void room_run(plait_call *call, plait_protocol *p) {
  (void)call;
  room_came = p != NULL ? 1 : -1;
  if (p != NULL)
    ck_assert_uint_le(plait_transport_queued(p->transport), 16 * KIB);
  if (p != NULL)
    plait_close(p->transport);
}

static void waiter_made(plait_protocol *p) {
  room_call.run = room_run;
  wait_for_room(p);
}

static const plait_protocol_ops waiter_ops = {.name = "waiter",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = waiter_made};

/* What the same callback has written counts. */
START_TEST(room_is_at_the_low_mark) {
  play(&reader_ops, &waiter_ops, _i);
  ck_assert_int_eq(room_came, 1);
}
END_TEST

struct raiser {
  plait_protocol base;
  plait_timer timer;
};

/* Nobody reads: what is queued stays, and only the mark moves. */
static void raiser_rings(plait_timer *timer) {
  struct raiser *self = plait_container_of(timer, struct raiser, timer);
  ck_assert_int_eq(room_came, 0);
  plait_transport_set_watermarks(self->base.transport, 128 * KIB, 64 * KIB);
  plait_transport_set_timeout(self->base.transport, 1000);
}

static void raised_run(plait_call *call, plait_protocol *p) {
  (void)call;
  room_came = p != NULL ? 1 : -1;
}

static void raiser_made(plait_protocol *p) {
  struct raiser *self = (struct raiser *)p;
  room_call.run = raised_run;
  wait_for_room(p);
  plait_timer_init(&self->timer, p->transport, raiser_rings);
  plait_timer_start(&self->timer, 100, 0);
}

static void raiser_timed_out(plait_protocol *p) {
  plait_abort(p->transport);
}

static const plait_protocol_ops raiser_ops = {.name = "raiser",
                                              .size = sizeof(struct raiser),
                                              .connection_made = raiser_made,
                                              .timed_out = raiser_timed_out};

static void pause_made(plait_protocol *p) {
  plait_pause_reading(p->transport);
  plait_transport_set_timeout(p->transport, 10000);
}

static const plait_protocol_ops pause_ops = {.name = "pause",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = pause_made};

/* The queue is at the mark, whichever of the two has moved. */
START_TEST(a_raised_mark_makes_room) {
  play(&pause_ops, &raiser_ops, _i);
  ck_assert_int_eq(room_came, 1);
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

/* What was sent has left long ago, but its reader has not come to it yet. */
enum { REPLY = 1500 };

static void replier_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  plait_write(p->transport, bytes, REPLY);
  plait_close(p->transport);
}

static const plait_protocol_ops replier_ops = {.name = "replier",
                                               .size = sizeof(plait_protocol),
                                               .data_received = replier_data};

static plait_transport *late;

static void late_reads(plait_timer *timer) {
  (void)timer;
  plait_resume_reading(late);
}

static void late_made(plait_protocol *p) {
  late = p->transport;
  plait_pause_reading(late);
  plait_timer_init(&ticker, NULL, late_reads);
  plait_timer_start(&ticker, 1000, 0);
  flood(p);
}

static void late_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data;
  seen += len;
}

static const plait_protocol_ops late_ops = {.name = "late",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = late_made,
                                            .data_received = late_data,
                                            .resume_writing = flood};

/* P16: the bound begins once the peer has all of ours. */
START_TEST(a_late_reader_loses_nothing) {
  seen = 0;
  play(&late_ops, &replier_ops, false);
  ck_assert_uint_eq(seen, REPLY);
}
END_TEST

/* ---- what a callback on a worker writes ---------------------------------- */

enum { ORDERS = 64 * KIB, PIECE = 10000, PIECES = 10 };

static void gather_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data;
  seen += len;
}

static void ask_writer(plait_protocol *p) {
  plait_write(p->transport, "go", 2);
}

static const plait_protocol_ops gather_ops = {.name = "gather",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = ask_writer,
                                              .data_received = gather_data};

/* What is full leaves while the callback goes on. */
static void write_slowly(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  for (int i = 0; i < PIECES; i++)
    plait_write(p->transport, bytes, PIECE);
  plait_work_sleep_ms(1000);
  high = seen;
  plait_close(p->transport);
}

static const plait_protocol_ops slow_ops = {.name = "slow",
                                            .size = sizeof(plait_protocol),
                                            .data_received = write_slowly};

START_TEST(a_callback_sends_at_64_kib) {
  seen = 0;
  play(&gather_ops, &slow_ops, true);
  ck_assert_uint_eq(seen, PIECES * PIECE);
  ck_assert_uint_gt(high, ORDERS - 2 * PIECE);
  ck_assert_uint_le(high, ORDERS);
}
END_TEST

/* ---- lookups --------------------------------------------------------------*/

static plait_query query;
static uint64_t asked_ns;

static void note_answer(plait_query *q, int code) {
  (void)q;
  reason = code;
  seen = plait_sim_now_ns(sim) - asked_ns;
}

static void ask(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  query = (plait_query){.name = "slow", .answered = note_answer};
  asked_ns = plait_sim_now_ns(sim);
  require(plait_resolve(plait_runtime_resolver(runtime), NULL, &query) == 0,
          "%s", plait_error_detail());
}

START_TEST(a_lookup_has_10_s) {
  plait_address address;
  sim_begin((plait_sim_options){0});
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  require(plait_address_parse("192.0.2.1", 0, &address) == 0 &&
              plait_sim_name(sim, "slow", &address, 1, 60000, 0) == 0,
          "no name");
  ck_assert_int_eq(run(ask), 0);
  ck_assert_int_eq(reason, PLAIT_ETIMEOUT);
  ck_assert_uint_ge(seen / 1000000, 10000);
  ck_assert_uint_lt(seen / 1000000, 10010);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  plait_sim_sleep_us(sim, 60000000); /* the thread of the lookup ends */
  sim_end();
}
END_TEST

int main(void) {
  Suite *s = suite_create("limits");
  TCase *tc = tcase_create("limits");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, leases_are_a_mib);
  tcase_add_test(tc, a_queue_is_16_mib);
  tcase_add_test(tc, chunks_count_whole);
  tcase_add_test(tc, marks_are_64_and_16_kib);
  tcase_add_loop_test(tc, room_is_at_the_low_mark, 0, 2);
  tcase_add_loop_test(tc, a_raised_mark_makes_room, 0, 2);
  tcase_add_test(tc, discarded_are_256_kib);
  tcase_add_test(tc, a_late_reader_loses_nothing);
  tcase_add_test(tc, a_callback_sends_at_64_kib);
  tcase_add_test(tc, a_lookup_has_10_s);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
