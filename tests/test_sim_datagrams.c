/* Datagrams on the simulator: what happens to them on the way. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/side.h"
#include "support/sim_world.h"

enum { SENT = 500 };

static struct side server, client;
static unsigned came[SENT]; /* how often */
static unsigned swaps;      /* that came behind a later one */
static uint32_t last;
static plait_timer timer;

static void setup(plait_sim_options options) {
  server = client = (struct side){0};
  memset(came, 0, sizeof came);
  swaps = last = 0;
  options.seed = options.seed != 0 ? options.seed : 7;
  sim_begin(options);
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
}

static void stop(plait_timer *t) {
  (void)t;
  plait_runtime_stop(runtime);
}

/* After a second of the world nothing is under way any more. */
static void wait_a_second(void) {
  plait_timer_init(&timer, NULL, stop);
  plait_timer_start(&timer, 1000, 0);
}

static void send_all(struct side *s) {
  for (uint32_t i = 0; i < SENT; i++)
    ck_assert_int_ge(plait_datagram_send(s->socket, &i, sizeof i, NULL), 0);
  wait_a_second();
}

static void count(struct side *s, const uint8_t *data, size_t len,
                  const plait_datagram_info *info) {
  uint32_t number;
  (void)s, (void)info;
  ck_assert_uint_eq(len, sizeof number);
  memcpy(&number, data, len);
  ck_assert_uint_lt(number, SENT);
  came[number]++;
  swaps += number < last;
  last = number;
}

static void run_between(const char *listen, const char *connect) {
  server.drain = client.drain = side_close;
  side_listen(&server, listen, NULL);
  side_connect(&client,
               connect != NULL ? connect : side_client(&server, "127.0.0.1"),
               NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  plait_runtime_free(runtime);
  sim_end();
  side_end(&server, NULL);
  side_end(&client, NULL);
}

static void run_to_end(void) {
  run_between("udp:0", NULL);
}

/* How many of all came |times| times. */
static unsigned so_often(unsigned times) {
  unsigned n = 0;
  for (unsigned i = 0; i < SENT; i++)
    n += came[i] == times;
  return n;
}

static void send_in_world(plait_sim_options options) {
  setup(options);
  server.got = count;
  client.begin = send_all;
  run_to_end();
}

START_TEST(test_nothing_happens_by_itself) {
  send_in_world((plait_sim_options){0});
  ck_assert_uint_eq(so_often(1), SENT);
  ck_assert_uint_eq(swaps, 0);
}
END_TEST

START_TEST(test_some_are_lost) {
  send_in_world((plait_sim_options){.datagram_loss_ppm = 200000});
  ck_assert_uint_gt(so_often(0), SENT / 10);
  ck_assert_uint_lt(so_often(0), SENT / 3);
  ck_assert_uint_eq(so_often(0) + so_often(1), SENT);
  ck_assert_uint_eq(swaps, 0);
}
END_TEST

START_TEST(test_some_come_twice) {
  send_in_world((plait_sim_options){.datagram_twice_ppm = 200000});
  ck_assert_uint_gt(so_often(2), SENT / 10);
  ck_assert_uint_eq(so_often(1) + so_often(2), SENT);
}
END_TEST

START_TEST(test_some_are_overtaken) {
  send_in_world((plait_sim_options){.datagram_reorder_ppm = 200000});
  ck_assert_uint_eq(so_often(1), SENT);
  ck_assert_uint_gt(swaps, 0);
}
END_TEST

/* UNIX sockets do none of that. */
START_TEST(test_local_ones_come_as_they_are_sent) {
  setup((plait_sim_options){.datagram_loss_ppm = 200000,
                            .datagram_twice_ppm = 200000,
                            .datagram_reorder_ppm = 200000});
  server.got = count;
  client.begin = send_all;
  run_between("unixgram:/post", "unixgram:/post:bind=/from");
  ck_assert_uint_eq(so_often(1), SENT);
  ck_assert_uint_eq(swaps, 0);
}
END_TEST

START_TEST(test_all_of_it) {
  send_in_world((plait_sim_options){.datagram_loss_ppm = 50000,
                                    .datagram_twice_ppm = 50000,
                                    .datagram_reorder_ppm = 50000,
                                    .again_ppm = 200000,
                                    .short_read_ppm = 300000,
                                    .short_write_ppm = 300000});
  ck_assert_uint_gt(so_often(0), 0);
  ck_assert_uint_gt(so_often(2), 0);
  ck_assert_uint_gt(swaps, 0);
}
END_TEST

/* Who does not read loses what the buffer has no room for, and the last ones
 * at that. */
static void oversleep(struct side *s, const uint8_t *data, size_t len,
                      const plait_datagram_info *info) {
  if (s->count == 1)
    plait_sim_sleep_us(sim, 100000);
  count(s, data, len, info);
}

START_TEST(test_the_buffer_is_full) {
  unsigned first = 0;
  setup((plait_sim_options){.capacity = 100 * sizeof(uint32_t)});
  server.got = oversleep;
  client.begin = send_all;
  run_to_end();
  while (first < SENT && came[first] == 1)
    first++;
  ck_assert_uint_ge(first, 100);
  ck_assert_uint_lt(first, SENT);
  ck_assert_uint_eq(so_often(1), first);
}
END_TEST

/* What is under way when nothing gets through is lost. */
static void send_into_the_dark(struct side *s) {
  uint32_t number = 1;
  plait_sim_partition(sim, true);
  ck_assert_int_eq(plait_datagram_send(s->socket, &number, sizeof number, NULL),
                   1);
  wait_a_second();
}

START_TEST(test_partition) {
  setup((plait_sim_options){0});
  server.got = count;
  client.begin = send_into_the_dark;
  run_to_end();
  ck_assert_uint_eq(so_often(0), SENT);
}
END_TEST

/* The same seed is the same story. */
START_TEST(test_the_same_again) {
  uint64_t hash[2];
  for (int i = 0; i < 2; i++) {
    setup((plait_sim_options){.seed = 11, .datagram_loss_ppm = 100000});
    server.got = count;
    client.begin = send_all;
    server.drain = client.drain = side_close;
    side_listen(&server, "udp:0", NULL);
    side_connect(&client, side_client(&server, "127.0.0.1"), NULL);
    ck_assert_int_eq(plait_run(runtime), 0);
    plait_runtime_free(runtime);
    hash[i] = plait_sim_hash(sim);
    sim_end();
    side_end(&server, NULL);
    side_end(&client, NULL);
  }
  ck_assert_uint_eq(hash[0], hash[1]);
}
END_TEST

/* Each member gets a copy, and who has left none. */
static plait_address group;

static void join_both(struct side *s) {
  group = side_address(s, "239.1.2.3");
  ck_assert_int_eq(plait_datagram_join(s->socket, &group, 0), 0);
  if (s == &client)
    ck_assert_int_eq(plait_datagram_send(s->socket, "all", 3, &group), 1);
}

static void leave_and_send(struct side *s, const uint8_t *data, size_t len,
                           const plait_datagram_info *info) {
  (void)data;
  ck_assert(info->to_many);
  if (s != &server || len != 3)
    return;
  ck_assert_int_eq(plait_datagram_leave(s->socket, &group, 0), 0);
  ck_assert_int_eq(plait_datagram_send(s->socket, "rest", 4, &group), 1);
  wait_a_second();
}

START_TEST(test_groups) {
  plait_datagram_options shared = {.shared = true};
  setup((plait_sim_options){0});
  server.begin = client.begin = join_both;
  server.got = client.got = leave_and_send;
  server.drain = client.drain = side_close;
  side_listen(&server, "udp:0", &shared);
  side_listen(&client, side_client(&server, NULL), &shared);
  ck_assert_int_eq(plait_run(runtime), 0);
  plait_runtime_free(runtime);
  sim_end();
  side_end(&server, "opened started got(3) draining stopped ended");
  side_end(&client, "opened started got(3) got(4) draining stopped ended");
}
END_TEST

/* Each call that may fail does so once; whatever comes of it, both ports end
 * and nothing is left. */
static void send_hello(struct side *s) {
  (void)plait_datagram_send(s->socket, "hello", 5, NULL);
}

static void start_waiting(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  wait_a_second();
}

static plait_call waiting; /* until the runtime is freed, if it does not run */

static bool run_with_fault(uint64_t k) {
  setup((plait_sim_options){0});
  plait_sim_fail_at(sim, k);
  client.begin = send_hello;
  server.got = side_echo;
  server.drain = client.drain = side_close;
  if (side_try(&server, "udp:0", false) == 0)
    (void)side_try(&client, side_client(&server, "127.0.0.1"), true);
  waiting = (plait_call){.run = start_waiting};
  (void)plait_reactor_post(plait_runtime_reactor(runtime, 0), &waiting);
  int code = plait_run(runtime);
  ck_assert(code == 0 || code == PLAIT_ENOMEM);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  bool failed = plait_sim_failed(sim) != NULL;
  sim_end();
  side_end(&server, NULL);
  side_end(&client, NULL);
  return failed;
}

START_TEST(test_faults) {
  uint64_t k = 1;
  while (run_with_fault(k))
    k++;
  ck_assert_uint_gt(k, 8);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("datagrams on the simulator");
  TCase *tcase = tcase_create("datagrams");
  tcase_add_test(tcase, test_nothing_happens_by_itself);
  tcase_add_test(tcase, test_some_are_lost);
  tcase_add_test(tcase, test_some_come_twice);
  tcase_add_test(tcase, test_some_are_overtaken);
  tcase_add_test(tcase, test_local_ones_come_as_they_are_sent);
  tcase_add_test(tcase, test_all_of_it);
  tcase_add_test(tcase, test_the_buffer_is_full);
  tcase_add_test(tcase, test_partition);
  tcase_add_test(tcase, test_the_same_again);
  tcase_add_test(tcase, test_groups);
  tcase_add_test(tcase, test_faults);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
