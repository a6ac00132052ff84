/* The simulator's streams: order, room, ends and resets, under all faults. */
#include <check.h>
#include <stdlib.h>

#include "support/ends.h"
#include "support/require.h"

static struct end a, b;

static const plait_sim_options plain = {
    .seed = 1, .latency_min_us = 100, .latency_max_us = 100};

enum { LATENCY_US = 100, SHORTLY_US = 3 * LATENCY_US };

static void begin(bool tcp, plait_sim_options options) {
  a = b = (struct end){0};
  ends_begin(options);
  if (tcp)
    ends_connect(&a, &b);
  else
    ends_pair(&a, &b);
}

static void finish(void) {
  if (end_fd(&a) >= 0)
    end_close(&a, false);
  if (end_fd(&b) >= 0)
    end_close(&b, false);
  while (ends_round())
    continue;
  ck_assert(a.closed && b.closed);
  ends_end();
}

static size_t unacked(struct end *e) {
  return plait__sim_io.unacked(&e->head.base);
}

static size_t unread(struct end *e) {
  return plait__sim_io.unread(&e->head.base);
}

/* ---- bytes ---------------------------------------------------------------*/

enum { TOTAL = 20000, SEEDS = 60 };

static void pump(struct end *e, unsigned events) {
  (void)events;
  end_pump(e, TOTAL);
}

static bool pumps(const struct end *e) {
  return e->reading == PUMP_GOES_ON || e->writing == PUMP_GOES_ON;
}

static void pump_both(void) {
  a.ready = b.ready = pump;
  end_want(&a, PLAIT__READABLE | PLAIT__WRITABLE);
  end_want(&b, PLAIT__READABLE | PLAIT__WRITABLE);
  for (int i = 0; (pumps(&a) || pumps(&b)) && i < 1000000; i++)
    ends_run(10);
  require(!pumps(&a) && !pumps(&b), "it stands still");
}

static plait_sim_options faults(uint64_t seed) {
  return (plait_sim_options){.seed = seed,
                             .latency_max_us = 300,
                             .capacity = 2000,
                             .segment_max = seed % 3 == 0 ? 1 : 400,
                             .short_read_ppm = 300000,
                             .short_write_ppm = 300000,
                             .again_ppm = 300000,
                             .stall_ppm = 2000,
                             .stall_max_ms = 20};
}

START_TEST(all_bytes_come_in_order) {
  begin(_i % 2, faults((uint64_t)_i));
  pump_both();
  ck_assert_uint_eq(a.received, TOTAL);
  ck_assert_uint_eq(b.received, TOTAL);
  ck_assert(a.reading == 0 && b.reading == 0);
  ck_assert(a.writing == 0 && b.writing == 0);
  finish();
}
END_TEST

static bool was_reset(const struct end *e) {
  return e->reading == PLAIT_ECONNRESET || e->writing == PLAIT_ECONNRESET ||
         e->writing == PLAIT_EPIPE || e->writing == -ENOTCONN;
}

static unsigned reset_runs;

START_TEST(a_reset_is_seen_by_both) {
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    plait_sim_options options = faults(seed);
    options.reset_ppm = 5000;
    begin(seed % 2, options);
    pump_both();
    if (was_reset(&a) || was_reset(&b)) {
      reset_runs++;
      /* One that had all, and had sent all, may never hear of it. */
      ck_assert(was_reset(&a) || a.reading == 0);
      ck_assert(was_reset(&b) || b.reading == 0);
    } else {
      ck_assert(a.received == TOTAL && b.received == TOTAL);
    }
    finish();
  }
  ck_assert_uint_gt(reset_runs, SEEDS / 4);
  ck_assert_uint_lt(reset_runs, SEEDS);
}
END_TEST

static uint64_t hash_of(uint64_t seed) {
  plait_sim_options options = faults(seed);
  options.reset_ppm = 500;
  begin(true, options);
  pump_both();
  uint64_t hash = plait_sim_hash(sim);
  finish();
  return hash;
}

START_TEST(a_seed_is_one_story) {
  ck_assert_uint_eq(hash_of(1), hash_of(1));
  ck_assert_uint_ne(hash_of(1), hash_of(2));
}
END_TEST

START_TEST(bytes_take_their_time) {
  begin(true, plain);
  ck_assert_int_eq(end_write(&a, 1000), 1000);
  end_want(&b, PLAIT__READABLE);
  ends_run(LATENCY_US - 20);
  ck_assert_uint_eq(unread(&b), 0);
  ck_assert_int_eq(end_read_all(&b), PLAIT_EAGAIN);
  ck_assert_uint_eq(b.count, 0);
  ck_assert_uint_eq(unacked(&a), 1000);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(unread(&b), 1000);
  ck_assert_uint_eq(unacked(&a), 0);
  ck_assert_uint_gt(b.count, 1); /* again and again */
  ck_assert_int_eq(end_read_all(&b), 1000);
  end_forget(&b);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(b.count, 0);
  finish();
}
END_TEST

START_TEST(no_room_takes_no_byte) {
  plait_sim_options options = plain;
  options.short_read_ppm = 1000000;
  uint8_t byte = 0xff;
  int fds[2];
  sim_begin(options);
  ck_assert_int_eq(plait_sim_pair(sim, fds), 0);
  ck_assert_int_eq(plait_sim_write(sim, fds[0], "x", 1), 1);
  plait_sim_sleep_us(sim, SHORTLY_US);
  ck_assert_int_eq(plait_sim_read(sim, fds[1], &byte, 0), 0);
  ck_assert_uint_eq(byte, 0xff);
  ck_assert_int_eq(plait_sim_read(sim, fds[1], &byte, 1), 1);
  plait__sim_io.close_fd(fds[0]);
  plait__sim_io.close_fd(fds[1]);
  sim_end();
}
END_TEST

static int duplex[2];
static char much[200000];

static void reads_it(void *arg) {
  char byte;
  *(ptrdiff_t *)arg = plait_sim_read(sim, duplex[0], &byte, 1);
}

static void writes_it(void *arg) {
  *(ptrdiff_t *)arg = plait_sim_write(sim, duplex[0], much, sizeof much);
}

/* One waits to read and the other one to write; both hear of it. */
START_TEST(two_threads_share_a_descriptor) {
  static char bytes[sizeof much];
  plait_sim_thread *reader, *writer;
  ptrdiff_t got = 0, put = 0, n, all = 0;
  sim_begin((plait_sim_options){.seed = 3});
  ck_assert_int_eq(plait_sim_pair(sim, duplex), 0);
  plait_sim_thread_start(sim, reads_it, &got, "reader", &reader);
  plait_sim_thread_start(sim, writes_it, &put, "writer", &writer);
  plait_sim_settle(sim);
  while (all < (ptrdiff_t)sizeof much &&
         (n = plait_sim_read(sim, duplex[1], bytes, sizeof bytes)) > 0)
    all += n;
  ck_assert_int_eq(plait_sim_write(sim, duplex[1], "x", 1), 1);
  plait_sim_thread_join(writer);
  plait_sim_thread_join(reader);
  ck_assert_int_eq(put, sizeof much);
  ck_assert_int_eq(got, 1);
  plait__sim_io.close_fd(duplex[0]);
  plait__sim_io.close_fd(duplex[1]);
  sim_end();
}
END_TEST

START_TEST(unix_is_unacked_until_it_is_read) {
  begin(false, plain);
  ck_assert_int_eq(end_write(&a, 1000), 1000);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(unacked(&a), 1000);
  ck_assert_int_eq(end_read_all(&b), 1000);
  ck_assert_uint_eq(unacked(&a), 0);
  finish();
}
END_TEST

START_TEST(there_is_so_much_room) {
  plait_sim_options options = plain;
  uint8_t byte;
  options.capacity = 5000;
  begin(_i, options);
  ck_assert_int_eq(end_write(&a, 4000), 4000);
  ck_assert_int_eq(end_write(&a, 4000), 1000);
  ck_assert_int_eq(end_write(&a, 1), PLAIT_EAGAIN);
  end_want(&a, PLAIT__WRITABLE);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(a.count, 0);
  ck_assert_int_eq(end_read(&b, &byte, 1), 1);
  ends_run(1);
  ck_assert_uint_eq(a.seen, PLAIT__WRITABLE);
  ck_assert_int_eq(end_write(&a, 10), 1);
  finish();
}
END_TEST

/* ---- ends ----------------------------------------------------------------*/

START_TEST(an_end_is_behind_the_bytes) {
  begin(_i, plain);
  end_write(&a, 3000);
  ck_assert_int_eq(end_shut(&a), 0);
  ck_assert_int_eq(end_write(&a, 1), PLAIT_EPIPE);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read_all(&b), 3000);
  ck_assert_int_eq(end_read_all(&b), 0);
  ck_assert_int_eq(end_write(&b, 500), 500); /* the other half */
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read_all(&a), 500);
  finish();
}
END_TEST

START_TEST(alive_hears_of_nothing_but_the_end_of_both) {
  begin(_i, plain);
  end_want(&b, PLAIT__ALIVE);
  end_write(&a, 100);
  end_shut(&a);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(b.count, 0);
  end_shut(&b);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(b.seen, PLAIT__HANGUP);
  ck_assert_uint_gt(b.count, 1);
  end_want(&b, 0);
  end_forget(&b);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(b.count, 0);
  ck_assert_int_eq(end_read_all(&b), 100);
  finish();
}
END_TEST

START_TEST(closing_a_pair_is_the_end_of_both) {
  begin(false, plain);
  end_want(&b, PLAIT__ALIVE);
  end_write(&a, 100);
  end_close(&a, true); /* no reset, for there is none */
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(b.seen, PLAIT__HANGUP);
  ck_assert_int_eq(end_write(&b, 1), PLAIT_EPIPE);
  ck_assert_int_eq(end_read_all(&b), 100);
  ck_assert_int_eq(end_read_all(&b), 0);
  finish();
}
END_TEST

/* ---- resets --------------------------------------------------------------*/

START_TEST(a_reset_is_behind_the_bytes) {
  begin(true, plain);
  end_want(&b, PLAIT__ALIVE);
  end_write(&a, 100);
  end_close(&a, true);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(b.seen, PLAIT__FAILED);
  ck_assert_uint_eq(b.count, 1); /* nothing is watched any more */
  ck_assert_int_eq(end_read_all(&b), 100);
  ck_assert_int_eq(end_read_all(&b), PLAIT_ECONNRESET);
  ck_assert_int_eq(end_read_all(&b), 0);
  ck_assert_int_eq(end_write(&b, 1), PLAIT_EPIPE);
  finish();
}
END_TEST

START_TEST(a_reset_fails_one_write) {
  begin(true, plain);
  end_close(&a, true);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_write(&b, 1), PLAIT_ECONNRESET);
  ck_assert_int_eq(end_write(&b, 1), PLAIT_EPIPE);
  ck_assert_int_eq(end_shut(&b), -ENOTCONN);
  finish();
}
END_TEST

START_TEST(closing_over_bytes_is_a_reset) {
  begin(_i, plain);
  end_write(&b, 100);
  ends_run(SHORTLY_US);
  end_close(&a, false);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read_all(&b), PLAIT_ECONNRESET);
  finish();
}
END_TEST

START_TEST(bytes_for_who_has_closed_are_reset) {
  begin(true, plain);
  end_close(&a, false);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read_all(&b), 0);
  ck_assert_int_eq(end_write(&b, 100), 100); /* b may still send */
  ck_assert_uint_eq(unacked(&b), 100);
  end_want(&b, PLAIT__ALIVE);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(b.seen, PLAIT__FAILED);
  ck_assert_uint_eq(unacked(&b), 0);
  ck_assert_int_eq(end_write(&b, 1), PLAIT_EPIPE);
  finish();
}
END_TEST

START_TEST(bytes_on_their_way_to_who_closes_are_reset) {
  begin(true, plain);
  end_write(&b, 100);
  end_close(&a, false);
  ck_assert_uint_eq(unacked(&b), 100);
  end_want(&b, PLAIT__ALIVE);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(b.seen, PLAIT__FAILED);
  ck_assert_int_eq(end_read_all(&b), 0);
  finish();
}
END_TEST

START_TEST(a_call_that_fails_is_a_reset_for_both) {
  uint8_t byte;
  begin(true, plain);
  plait_sim_fail_at(sim, 1);
  if (_i)
    ck_assert_int_eq(end_write(&a, 1), PLAIT_ECONNRESET);
  else
    ck_assert_int_eq(end_read(&a, &byte, 1), PLAIT_ECONNRESET);
  ck_assert_str_eq(plait_sim_failed(sim), _i ? "io.writev" : "io.read");
  ck_assert_int_eq(end_read(&a, &byte, 1), 0);
  ck_assert_int_eq(end_write(&a, 1), PLAIT_EPIPE);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read(&b, &byte, 1), PLAIT_ECONNRESET);
  finish();
}
END_TEST

/* ---- trouble -------------------------------------------------------------*/

START_TEST(a_partition_holds_what_is_on_its_way) {
  begin(true, plain);
  end_write(&a, 100);
  plait_sim_partition(sim, true);
  end_write(&a, 100);
  end_shut(&a);
  ends_run(10000);
  ck_assert_int_eq(end_read_all(&b), PLAIT_EAGAIN);
  ck_assert_uint_eq(unacked(&a), 200);
  plait_sim_partition(sim, false);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read_all(&b), 200);
  ck_assert_int_eq(end_read_all(&b), 0);
  finish();
}
END_TEST

/* UNIX streams and pairs are of the host. */
START_TEST(a_partition_is_of_the_network) {
  begin(false, plain);
  plait_sim_partition(sim, true);
  end_write(&a, 100);
  end_shut(&a);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read_all(&b), 100);
  ck_assert_int_eq(end_read_all(&b), 0);
  finish();
}
END_TEST

START_TEST(what_is_stalled_goes_on_when_the_world_heals) {
  plait_sim_options options = plain;
  options.stall_ppm = 1000000;
  options.stall_max_ms = 1000000;
  begin(true, options);
  end_write(&a, 100);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read_all(&b), PLAIT_EAGAIN);
  plait_sim_heal(sim);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read_all(&b), 100);
  finish();
}
END_TEST

/* UNIX streams and pairs know no resets. */
START_TEST(a_cut_resets_both_ends) {
  begin(_i, plain);
  end_write(&a, 100);
  plait_sim_cut(sim);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_read_all(&b), 100);
  ck_assert_int_eq(end_read_all(&a), _i ? PLAIT_ECONNRESET : PLAIT_EAGAIN);
  ck_assert_int_eq(end_read_all(&b), _i ? PLAIT_ECONNRESET : PLAIT_EAGAIN);
  finish();
}
END_TEST

static Suite *streams_suite(void) {
  Suite *s = suite_create("sim_streams");
  TCase *bytes = tcase_create("bytes");
  tcase_set_timeout(bytes, 60);
  tcase_add_loop_test(bytes, all_bytes_come_in_order, 0, SEEDS);
  tcase_add_test(bytes, a_reset_is_seen_by_both);
  tcase_add_test(bytes, a_seed_is_one_story);
  tcase_add_test(bytes, bytes_take_their_time);
  tcase_add_test(bytes, no_room_takes_no_byte);
  tcase_add_test(bytes, two_threads_share_a_descriptor);
  tcase_add_test(bytes, unix_is_unacked_until_it_is_read);
  tcase_add_loop_test(bytes, there_is_so_much_room, 0, 2);
  suite_add_tcase(s, bytes);
  TCase *ends = tcase_create("ends");
  tcase_add_loop_test(ends, an_end_is_behind_the_bytes, 0, 2);
  tcase_add_loop_test(ends, alive_hears_of_nothing_but_the_end_of_both, 0, 2);
  tcase_add_test(ends, closing_a_pair_is_the_end_of_both);
  suite_add_tcase(s, ends);
  TCase *resets = tcase_create("resets");
  tcase_add_test(resets, a_reset_is_behind_the_bytes);
  tcase_add_test(resets, a_reset_fails_one_write);
  tcase_add_loop_test(resets, closing_over_bytes_is_a_reset, 0, 2);
  tcase_add_test(resets, bytes_for_who_has_closed_are_reset);
  tcase_add_test(resets, bytes_on_their_way_to_who_closes_are_reset);
  tcase_add_loop_test(resets, a_call_that_fails_is_a_reset_for_both, 0, 2);
  suite_add_tcase(s, resets);
  TCase *trouble = tcase_create("trouble");
  tcase_add_test(trouble, a_partition_holds_what_is_on_its_way);
  tcase_add_test(trouble, a_partition_is_of_the_network);
  tcase_add_loop_test(trouble, a_cut_resets_both_ends, 0, 2);
  tcase_add_test(trouble, what_is_stalled_goes_on_when_the_world_heals);
  suite_add_tcase(s, trouble);
  return s;
}

int main(void) {
  SRunner *runner = srunner_create(streams_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
