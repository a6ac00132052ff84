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
static const char *server_trace; /* what it is to be, or NULL */

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
  side_end(&server, server_trace);
  side_end(&client, NULL);
  server_trace = NULL;
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

/* ---- what a protocol may do without ---------------------------------------*/

enum { TOO_MANY = 2000 };

static void start_too_many(plait_datagram_protocol *p) {
  static const uint8_t bytes[100];
  for (int i = 0; i < TOO_MANY; i++)
    ck_assert_int_ge(plait_datagram_send(p->socket, bytes, sizeof bytes, NULL),
                     0);
}

/* No callbacks, and not even an instance of the least size; and one that only
 * sends, and hears neither of room nor of errors. */
START_TEST(test_without_callbacks) {
  static const plait_datagram_ops silent = {.name = "silent"};
  static const plait_datagram_ops sender = {.name = "sender",
                                            .size =
                                                sizeof(plait_datagram_protocol),
                                            .started = start_too_many};
  plait_datagram_factory factories[] = {
      {.protocol = &silent}, {.protocol = &sender}, {.protocol = &sender}};
  setup((plait_sim_options){.again_ppm = 500000, .short_write_ppm = 500000});
  ck_assert_int_eq(
      plait_datagram_listen(runtime, "udp:4000", &factories[0], NULL, NULL), 0);
  ck_assert_int_eq(plait_datagram_connect(runtime, "udp:127.0.0.1:4000",
                                          &factories[1], NULL, NULL),
                   0);
  ck_assert_int_eq(plait_datagram_connect(runtime, "udp:127.0.0.1:9",
                                          &factories[2], NULL, NULL),
                   0);
  waiting = (plait_call){.run = start_waiting};
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &waiting);
  ck_assert_int_eq(plait_run(runtime), 0); /* they close when it stops */
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}
END_TEST

/* ---- what is refused ------------------------------------------------------*/

static void ask_closed(struct side *s) {
  plait_datagram *d = s->socket;
  plait_address here, peer;
  group = side_address(s, "239.1.2.3");
  ck_assert_int_ge(plait_datagram_fd(d), 0);
  ck_assert_int_eq(plait_datagram_set_multicast_ttl(d, 256), PLAIT_EINVAL);
  ck_assert_int_eq(plait_datagram_set_multicast_loop(d, false), 0);
  plait_datagram_close(d);
  ck_assert_int_eq(plait_datagram_set_multicast_loop(d, true), PLAIT_ECLOSED);
  ck_assert_int_eq(plait_datagram_join(d, &group, 0), PLAIT_ECLOSED);
  ck_assert_int_eq(plait_datagram_leave(d, &group, 0), PLAIT_ECLOSED);
  ck_assert_int_eq(plait_datagram_fd(d), -1);
  ck_assert_int_eq(plait_datagram_local(d, &here), 0);
  ck_assert_int_eq(plait_datagram_peer(d, &peer), PLAIT_EINVAL);
  plait_datagram_close(d); /* harmless */
}

START_TEST(test_closed) {
  setup((plait_sim_options){0});
  server.begin = ask_closed;
  side_listen(&server, "udp:0", NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  plait_runtime_free(runtime);
  sim_end();
  side_end(&server, "opened started stopped ended");
}
END_TEST

/* Who has no name cannot be answered; that is dropped, and counted. */
static void answer_nobody(struct side *s, const uint8_t *data, size_t len,
                          const plait_datagram_info *info) {
  ck_assert_int_eq(plait_datagram_reply(s->socket, info, data, len),
                   PLAIT_EINVAL);
  plait_runtime_stop(runtime);
}

START_TEST(test_nobody_to_answer) {
  setup((plait_sim_options){0});
  server.got = answer_nobody;
  client.begin = send_hello;
  run_between("unixgram:/post", "unixgram:/post");
  ck_assert_uint_eq(server.dropped, 1);
}
END_TEST

/* ---- both answer ----------------------------------------------------------*/

static void answer_three_times(struct side *s, const uint8_t *data, size_t len,
                               const plait_datagram_info *info) {
  if (s->count < 3)
    side_echo(s, data, len, info);
  else
    plait_runtime_stop(runtime);
}

START_TEST(test_a_client_answers) {
  setup((plait_sim_options){0});
  server.got = client.got = answer_three_times;
  client.begin = send_hello;
  run_between("udp:0", NULL);
  ck_assert_uint_eq(server.count, 3);
  ck_assert_uint_eq(client.count, 2);
}
END_TEST

/* ---- ports come and go ----------------------------------------------------*/

/* The one that was opened in between goes first. */
static void close_port(struct side *s) {
  static unsigned open;
  if (++open == 3)
    plait_datagram_port_close(server.port);
  if (s == &client)
    wait_a_second();
}

START_TEST(test_ports_in_any_order) {
  struct side first = {0};
  setup((plait_sim_options){0});
  first.begin = server.begin = client.begin = close_port;
  first.drain = server.drain = client.drain = side_close;
  side_listen(&first, "udp:0", NULL);
  side_listen(&server, "udp:0", NULL);
  side_listen(&client, "udp:0", NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  plait_runtime_free(runtime);
  sim_end();
  side_end(&first, "opened started draining stopped ended");
  side_end(&server, "opened started stopped ended");
  side_end(&client, "opened started draining stopped ended");
}
END_TEST

/* The second reactor may hear of the stop before it has its socket. */
static unsigned starts, stops;
static int last_reason;

static void count_start(plait_datagram_protocol *p) {
  (void)p;
  starts++;
}

static void count_stop(plait_datagram_protocol *p, int reason) {
  (void)p;
  stops++;
  last_reason = reason;
}

static void stop_before_start(uint64_t seed, void (*stop_it)(plait_runtime *),
                              int code) {
  static const plait_datagram_ops ops = {.name = "count",
                                         .size =
                                             sizeof(plait_datagram_protocol),
                                         .started = count_start,
                                         .stopped = count_stop};
  plait_datagram_factory factory = {.protocol = &ops};
  starts = stops = 0;
  sim_begin((plait_sim_options){.seed = seed, .switch_ppm = 200000});
  open_runtime_on(plait_sim_backend(sim),
                  (plait_runtime_options){.reactors = 2});
  ck_assert_int_eq(
      plait_datagram_listen(runtime, "udp:0", &factory, NULL, NULL), 0);
  stop_it(runtime);
  ck_assert_int_eq(plait_run(runtime), code);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
  ck_assert_uint_eq(starts, 2);
  ck_assert_uint_eq(stops, 2);
  ck_assert_int_eq(last_reason, code);
}

START_TEST(test_stopped_before_it_starts) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    stop_before_start(seed, plait_runtime_stop, 0);
    stop_before_start(seed, plait_runtime_stop_now, PLAIT_EDRAIN);
  }
}
END_TEST

/* ---- a socket that does not work ------------------------------------------*/

static int receive_broken(plait__socket *socket, const plait__room *room,
                          plait__packet *v, unsigned n) {
  (void)socket, (void)room, (void)v, (void)n;
  return PLAIT_EBADF;
}

static void send_and_wait(struct side *s) {
  send_hello(s);
  wait_a_second();
}

/* P34: what shows that there is no socket ends it, and nothing else does. */
START_TEST(test_broken) {
  plait_backend backend = *world_sim.driver;
  plait__io io = *backend.io;
  io.receive_batch = receive_broken;
  backend.io = &io;
  setup((plait_sim_options){0});
  plait_runtime_free(runtime);
  open_runtime_on(&backend, (plait_runtime_options){0});
  client.begin = send_and_wait;
  server_trace = "opened started stopped(EBADF) ended";
  run_to_end();
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
  tcase_add_test(tcase, test_without_callbacks);
  tcase_add_test(tcase, test_closed);
  tcase_add_test(tcase, test_nobody_to_answer);
  tcase_add_test(tcase, test_a_client_answers);
  tcase_add_test(tcase, test_ports_in_any_order);
  tcase_add_test(tcase, test_stopped_before_it_starts);
  tcase_add_test(tcase, test_broken);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
