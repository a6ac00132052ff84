/* The simulator's network but for streams: descriptors, addresses, backlogs,
 * connecting, readiness. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "support/ends.h"
#include "support/require.h"

enum { LATENCY_US = 100, SHORTLY_US = 5 * LATENCY_US, SECOND_US = 1000000 };

enum { CLIENTS = 60, SOCKETS = 3 };

static struct end listeners[SOCKETS], clients[CLIENTS], servers[CLIENTS];
static plait_address address;

static const plait_sim_options plain = {
    .seed = 1, .latency_min_us = LATENCY_US, .latency_max_us = LATENCY_US};

static void begin(plait_sim_options options) {
  memset(listeners, 0, sizeof listeners);
  memset(clients, 0, sizeof clients);
  memset(servers, 0, sizeof servers);
  address = end_address("127.0.0.1", 0);
  ends_begin(options);
}

static void close_end(struct end *e) {
  if (e->head.socket != NULL && end_fd(e) >= 0)
    end_close(e, false);
}

static void finish(void) {
  for (int i = 0; i < CLIENTS; i++) {
    close_end(&clients[i]);
    close_end(&servers[i]);
  }
  for (int i = 0; i < SOCKETS; i++)
    close_end(&listeners[i]);
  while (ends_round())
    continue;
  ends_end();
}

static void listens(unsigned backlog) {
  ck_assert_int_eq(end_listen(&listeners[0], 1, &address, backlog), 0);
}

static void connects(unsigned count) {
  for (unsigned i = 0; i < count; i++)
    ck_assert_int_eq(end_connect(&clients[i], &address), 0);
}

/* Accepts all that there is, from server |from| on; how many. */
static unsigned accepts(struct end *listener, unsigned from) {
  unsigned count = 0;
  while (end_accept(listener, &servers[from + count]) == 0)
    count++;
  return count;
}

/* Of the clients |count|, those that have come through. */
static unsigned connected(unsigned count) {
  unsigned sum = 0;
  for (unsigned i = 0; i < count; i++)
    sum += clients[i].seen != 0 && !(clients[i].seen & PLAIT__FAILED);
  return sum;
}

/* ---- descriptors ---------------------------------------------------------*/

START_TEST(descriptors_are_few) {
  plait_sim_options options = plain;
  int fds[5], first;
  options.descriptors = 5;
  begin(options);
  ck_assert_int_eq(plait_sim_pair(sim, fds), 0);
  ck_assert_int_eq(plait_sim_pair(sim, fds + 2), 0);
  first = fds[0];
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(fds[i], first + i);
  int more[2];
  ck_assert_int_eq(plait_sim_pair(sim, more), PLAIT_EMFILE);
  ck_assert_uint_eq(plait_sim_descriptors(sim), 4);
  listens(1);
  ck_assert_int_eq(end_connect(&clients[0], &address), PLAIT_EMFILE);
  plait__sim_io.close_fd(fds[2]);
  plait__sim_io.close_fd(fds[1]);
  connects(1);
  ck_assert_int_eq(end_fd(&clients[0]), fds[1]); /* the lowest one */
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_accept(&listeners[0], &servers[0]), 0);
  ck_assert_int_eq(end_fd(&servers[0]), fds[2]);
  ck_assert_int_eq(end_accept(&listeners[0], &servers[1]), PLAIT_EMFILE);
  plait__sim_io.close_fd(fds[0]);
  plait__sim_io.close_fd(fds[3]);
  finish();
}
END_TEST

START_TEST(several_sockets_or_none) {
  plait_sim_options options = plain;
  options.descriptors = 2;
  begin(options);
  ck_assert_int_eq(end_listen(listeners, 3, &address, 1), PLAIT_EMFILE);
  ck_assert_uint_eq(plait_sim_descriptors(sim), 0);
  ck_assert_int_eq(end_listen(listeners, 2, &address, 1), 0);
  finish();
}
END_TEST

START_TEST(a_closed_descriptor_is_fatal) {
  int fds[2];
  begin(plain);
  ck_assert_int_eq(plait_sim_pair(sim, fds), 0);
  plait__sim_io.close_fd(fds[0]);
  plait__sim_io.close_fd(fds[0]);
}
END_TEST

START_TEST(a_closed_socket_is_fatal) {
  begin(plain);
  ends_pair(&clients[0], &servers[0]);
  end_close(&clients[0], false);
  end_write(&clients[0], 1);
}
END_TEST

/* On workers it is asked for long after it was told that it is closed. */
START_TEST(a_closed_socket_has_no_descriptor) {
  begin(plain);
  ends_pair(&clients[0], &servers[0]);
  ck_assert_int_ge(end_fd(&clients[0]), 0);
  end_close(&clients[0], false);
  ck_assert_int_eq(end_fd(&clients[0]), -1);
  ends_run(SHORTLY_US);
  ck_assert(clients[0].closed);
  ck_assert_int_eq(end_fd(&clients[0]), -1);
  finish();
}
END_TEST

START_TEST(what_can_be_adopted) {
  int fds[2];
  begin(plain);
  ck_assert_int_eq(plait_sim_pair(sim, fds), 0);
  listens(1);
  ck_assert_int_eq(plait__sim_io.adopt(fds[0], false), 0);
  ck_assert_int_eq(plait__sim_io.adopt(fds[0], true), PLAIT_EINVAL);
  ck_assert_int_eq(plait__sim_io.adopt(end_fd(&listeners[0]), true), 0);
  ck_assert_int_eq(plait__sim_io.adopt(3, false), PLAIT_ENOTSOCK);
  plait__sim_io.close_fd(fds[0]);
  ck_assert_int_eq(plait__sim_io.adopt(fds[0], false), PLAIT_EBADF);
  plait__sim_io.close_fd(fds[1]);
  finish();
}
END_TEST

/* ---- addresses -----------------------------------------------------------*/

static int listen_at(unsigned i, plait_address a) {
  return end_listen(&listeners[i], 1, &a, 1);
}

START_TEST(addresses_are_taken_once) {
  begin(plain);
  ck_assert_int_eq(listen_at(0, end_address("127.0.0.1", 80)), 0);
  ck_assert_int_eq(listen_at(1, end_address("127.0.0.1", 80)),
                   PLAIT_EADDRINUSE);
  ck_assert_int_eq(listen_at(1, end_address("0.0.0.0", 80)), PLAIT_EADDRINUSE);
  ck_assert_int_eq(listen_at(1, end_address("::", 80)), PLAIT_EADDRINUSE);
  ck_assert_int_eq(listen_at(1, end_address("::1", 80)), 0);
  ck_assert_int_eq(listen_at(2, end_path("/a")), 0);
  end_close(&listeners[0], false);
  end_close(&listeners[1], false);
  ends_run(1);
  ck_assert_int_eq(listen_at(0, end_address("::", 80)), 0);
  ck_assert_int_eq(listen_at(1, end_path("/a")), PLAIT_EADDRINUSE);
  finish();
}
END_TEST

START_TEST(a_path_that_refuses_is_free) {
  begin(plain);
  ck_assert_int_eq(listen_at(0, end_path("/a")), 0);
  address = end_path("/a");
  plait__sim_io.refuse(&listeners[0].head.base);
  ck_assert_int_eq(end_connect(&clients[0], &address), PLAIT_ECONNREFUSED);
  ck_assert_int_eq(listen_at(1, address), 0);
  connects(1);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(accepts(&listeners[0], 0), 0);
  ck_assert_uint_eq(accepts(&listeners[1], 0), 1);
  end_close(&listeners[0], false);
  ck_assert_int_eq(end_connect(&clients[1], &address), 0);
  finish();
}
END_TEST

/* ---- connecting ----------------------------------------------------------*/

START_TEST(connecting_takes_a_while_and_has_names) {
  plait_address name;
  begin(plain);
  listens(1);
  ck_assert_uint_ne(address.port, 0);
  connects(1);
  ck_assert_int_eq(end_finish(&clients[0]), PLAIT_EAGAIN);
  ends_run(LATENCY_US);
  ck_assert_uint_eq(clients[0].count + listeners[0].count, 0);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(clients[0].seen, PLAIT__WRITABLE);
  ck_assert_uint_eq(listeners[0].seen, PLAIT__READABLE);
  ck_assert_int_eq(end_finish(&clients[0]), 0);
  ck_assert_uint_eq(accepts(&listeners[0], 0), 1);
  plait__sim_io.names(end_fd(&servers[0]), true, &name);
  plait_address local;
  plait__sim_io.names(end_fd(&clients[0]), false, &local);
  ck_assert_uint_eq(name.port, local.port);
  ck_assert_uint_ne(local.port, address.port);
  finish();
}
END_TEST

START_TEST(nobody_listens) {
  begin(plain);
  address.port = 80;
  connects(1);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(clients[0].seen, PLAIT__FAILED);
  ck_assert_int_eq(end_finish(&clients[0]), PLAIT_ECONNREFUSED);
  address = end_path("/nobody");
  ck_assert_int_eq(end_connect(&clients[1], &address), PLAIT_ENOENT);
  finish();
}
END_TEST

START_TEST(no_answer_at_all) {
  plait_sim_options options = plain;
  options.black_hole_ppm = 1000000;
  begin(options);
  listens(5);
  connects(1);
  for (int i = 0; i < 126; i++)
    plait_sim_sleep_us(sim, SECOND_US);
  ends_run(1);
  ck_assert_uint_eq(clients[0].count, 0);
  plait_sim_sleep_us(sim, 2 * SECOND_US);
  ends_run(1);
  ck_assert_int_eq(end_finish(&clients[0]), PLAIT_ETIMEDOUT);
  finish();
}
END_TEST

START_TEST(a_partition_is_waited_for) {
  begin(plain);
  listens(5);
  plait_sim_partition(sim, true);
  connects(1);
  plait_sim_sleep_us(sim, 2 * SECOND_US);
  ends_run(1);
  ck_assert_uint_eq(clients[0].count, 0);
  plait_sim_partition(sim, false);
  plait_sim_sleep_us(sim, 2 * SECOND_US); /* 1 s + 2 s are over */
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(connected(1), 1);
  finish();
}
END_TEST

START_TEST(a_cut_is_of_who_waits_too) {
  uint8_t byte;
  begin(plain);
  listens(5);
  connects(1);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(connected(1), 1);
  plait_sim_cut(sim);
  ends_run(SHORTLY_US);
  end_close(&clients[0], false);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_accept(&listeners[0], &servers[0]), 0);
  ck_assert_int_eq(end_read(&servers[0], &byte, 1), PLAIT_ECONNRESET);
  finish();
}
END_TEST

/* UNIX sockets need no network. */
START_TEST(a_path_always_answers) {
  plait_sim_options options = plain;
  options.black_hole_ppm = 1000000;
  begin(options);
  address = end_path("/here");
  listens(5);
  plait_sim_partition(sim, true);
  connects(1);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(connected(1), 1);
  finish();
}
END_TEST

/* ---- backlogs ------------------------------------------------------------*/

/* As on Linux, one more than was asked for. */
START_TEST(who_finds_no_room_comes_again) {
  begin(plain);
  listens(1);
  connects(4);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(connected(4), 2);
  ck_assert_uint_eq(accepts(&listeners[0], 0), 2);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(accepts(&listeners[0], 2), 0);
  plait_sim_sleep_us(sim, SECOND_US);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(connected(4), 4);
  ck_assert_uint_eq(accepts(&listeners[0], 2), 2);
  finish();
}
END_TEST

START_TEST(a_full_unix_backlog_says_so) {
  begin(plain);
  address = end_path("/a");
  listens(1);
  connects(2);
  ck_assert_int_eq(end_connect(&clients[2], &address), PLAIT_EAGAIN);
  finish();
}
END_TEST

START_TEST(who_refuses_accepts_what_is_there) {
  begin(plain);
  listens(5);
  connects(2);
  ends_run(SHORTLY_US);
  plait__sim_io.refuse(&listeners[0].head.base);
  ck_assert_int_eq(end_connect(&clients[2], &address), 0);
  plait_sim_sleep_us(sim, 2 * SECOND_US);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(connected(3), 2);
  ck_assert_uint_eq(accepts(&listeners[0], 0), 2);
  end_close(&listeners[0], false);
  plait_sim_sleep_us(sim, 2 * SECOND_US);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_finish(&clients[2]), PLAIT_ECONNREFUSED);
  finish();
}
END_TEST

/* Closing one of them resets what waits in its own backlog, and no other. */
START_TEST(sockets_share_a_port) {
  unsigned counts[SOCKETS];
  plait_sim_options options = plain;
  options.seed = (uint64_t)_i;
  begin(options);
  ck_assert_int_eq(end_listen(listeners, SOCKETS, &address, CLIENTS), 0);
  connects(CLIENTS);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(connected(CLIENTS), CLIENTS);
  for (int i = 0; i < CLIENTS; i++)
    end_want(&clients[i], PLAIT__ALIVE);
  end_close(&listeners[0], false);
  ends_run(SHORTLY_US);
  counts[0] = CLIENTS - connected(CLIENTS);
  counts[1] = accepts(&listeners[1], 0);
  counts[2] = accepts(&listeners[2], counts[1]);
  ck_assert_uint_eq(counts[0] + counts[1] + counts[2], CLIENTS);
  for (int i = 0; i < SOCKETS; i++)
    ck_assert_uint_gt(counts[i], CLIENTS / SOCKETS / 4);
  finish();
}
END_TEST

START_TEST(who_has_gone_is_accepted_all_the_same) {
  begin(plain);
  listens(5);
  connects(2);
  ends_run(SHORTLY_US);
  end_write(&clients[0], 10);
  end_close(&clients[0], false);
  end_close(&clients[1], true);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(accepts(&listeners[0], 0), 2);
  ck_assert_int_eq(end_read_all(&servers[0]), 10);
  ck_assert_int_eq(end_read_all(&servers[0]), 0);
  ck_assert_int_eq(end_read_all(&servers[1]), PLAIT_ECONNRESET);
  finish();
}
END_TEST

START_TEST(who_goes_before_the_answer_never_was_there) {
  begin(plain);
  listens(5);
  connects(1);
  ends_run(LATENCY_US * 3 / 2);
  end_close(&clients[0], false);
  ends_run(SHORTLY_US);
  ck_assert_uint_eq(accepts(&listeners[0], 0), 0);
  finish();
}
END_TEST

START_TEST(a_listener_that_goes_before_the_answer_refuses) {
  begin(plain);
  listens(5);
  connects(1);
  ends_run(LATENCY_US * 3 / 2);
  end_close(&listeners[0], false);
  ends_run(SHORTLY_US);
  ck_assert_int_eq(end_finish(&clients[0]), PLAIT_ECONNREFUSED);
  finish();
}
END_TEST

/* All that fails but for ECONNABORTED leaves the connection where it is. */
START_TEST(accepting_fails) {
  unsigned aborted = 0, starved = 0;
  plait_sim_options options = plain;
  options.accept_fail_ppm = 500000;
  begin(options);
  listens(CLIENTS);
  connects(CLIENTS);
  ends_run(SHORTLY_US);
  for (int i = 0; i < CLIENTS; i++)
    end_want(&clients[i], PLAIT__ALIVE);
  for (unsigned n = 0;;) {
    int code = end_accept(&listeners[0], &servers[n]);
    if (code == PLAIT_EAGAIN)
      break;
    n += code == 0;
    aborted += code == PLAIT_ECONNABORTED;
    starved += code == PLAIT_EMFILE || code == PLAIT_ENFILE ||
               code == PLAIT_ENOBUFS || code == PLAIT_ENOMEM;
    ck_assert_uint_le(n, CLIENTS);
  }
  ends_run(SHORTLY_US);
  ck_assert_uint_gt(aborted, 0);
  ck_assert_uint_gt(starved, 0);
  ck_assert_uint_eq(connected(CLIENTS), CLIENTS - aborted);
  finish();
}
END_TEST

/* ---- calls that fail -----------------------------------------------------*/

START_TEST(each_call_can_fail) {
  begin(plain);
  plait_sim_fail_at(sim, 1);
  ck_assert_int_ne(end_listen(&listeners[0], 1, &address, 5), 0);
  ck_assert_str_eq(plait_sim_failed(sim), "io.listen");
  listens(5);
  plait_sim_fail_at(sim, 1);
  int code = end_connect(&clients[1], &address);
  ck_assert_str_eq(plait_sim_failed(sim), "io.connect");
  ends_run(SHORTLY_US);
  ck_assert(code != 0 || clients[1].seen == PLAIT__FAILED);
  connects(1);
  ends_run(SHORTLY_US);
  plait_sim_fail_at(sim, 1);
  ck_assert_int_ne(end_accept(&listeners[0], &servers[0]), 0);
  ck_assert_str_eq(plait_sim_failed(sim), "io.accept");
  plait_sim_fail_at(sim, 1);
  ck_assert_int_eq(plait__sim_io.names(end_fd(&clients[0]), false, &address),
                   PLAIT_EINVAL);
  finish();
}
END_TEST

/* ---- readiness -----------------------------------------------------------*/

enum { READY = 20 };

static void all_ready(plait_sim_options options) {
  begin(options);
  for (int i = 0; i < READY; i++) {
    ends_pair(&clients[i], &servers[i]);
    end_want(&clients[i], PLAIT__WRITABLE);
  }
}

static uint64_t order_of(uint64_t seed) {
  plait_sim_options options = plain;
  uint64_t order = 0;
  options.seed = seed;
  all_ready(options);
  ends_round();
  for (int i = 1; i < READY; i++) {
    ck_assert_uint_eq(clients[i].count, 1);
    order = 2 * order + (clients[i].place > clients[i - 1].place);
  }
  finish();
  return order;
}

START_TEST(the_seed_gives_the_order) {
  ck_assert_uint_eq(order_of(1), order_of(1));
  ck_assert_uint_ne(order_of(1), order_of(2));
}
END_TEST

/* Closes all others: none of them hears anything of this round. */
static void close_others(struct end *e, unsigned events) {
  (void)events;
  for (int i = 0; i < READY; i++)
    if (&clients[i] != e && end_fd(&clients[i]) >= 0)
      end_close(&clients[i], false);
}

START_TEST(sockets_are_closed_within_a_round) {
  unsigned told = 0, closed = 0;
  all_ready(plain);
  for (int i = 0; i < READY; i++)
    clients[i].ready = close_others;
  ends_round();
  for (int i = 0; i < READY; i++) {
    told += clients[i].count;
    closed += clients[i].closed;
  }
  ck_assert_uint_eq(told, 1);
  ck_assert_uint_eq(closed, 0); /* that is for the next one */
  ends_round();
  for (int i = 0; i < READY; i++)
    closed += clients[i].closed;
  ck_assert_uint_eq(closed, READY - 1);
  finish();
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

static void add_connecting(Suite *s) {
  TCase *tc = tcase_create("connecting");
  tcase_add_test(tc, connecting_takes_a_while_and_has_names);
  tcase_add_test(tc, nobody_listens);
  tcase_add_test(tc, no_answer_at_all);
  tcase_add_test(tc, a_partition_is_waited_for);
  tcase_add_test(tc, a_path_always_answers);
  tcase_add_test(tc, a_cut_is_of_who_waits_too);
  suite_add_tcase(s, tc);
}

static void add_backlogs(Suite *s) {
  TCase *tc = tcase_create("backlogs");
  tcase_add_test(tc, who_finds_no_room_comes_again);
  tcase_add_test(tc, a_full_unix_backlog_says_so);
  tcase_add_test(tc, who_refuses_accepts_what_is_there);
  tcase_add_loop_test(tc, sockets_share_a_port, 0, 10);
  tcase_add_test(tc, who_has_gone_is_accepted_all_the_same);
  tcase_add_test(tc, who_goes_before_the_answer_never_was_there);
  tcase_add_test(tc, a_listener_that_goes_before_the_answer_refuses);
  tcase_add_test(tc, accepting_fails);
  tcase_add_test(tc, each_call_can_fail);
  suite_add_tcase(s, tc);
}

static Suite *net_suite(void) {
  Suite *s = suite_create("sim_net");
  TCase *tc = tcase_create("descriptors");
  tcase_add_test(tc, descriptors_are_few);
  tcase_add_test(tc, several_sockets_or_none);
  tcase_add_test_raise_signal(tc, a_closed_descriptor_is_fatal, SIGABRT);
  tcase_add_test_raise_signal(tc, a_closed_socket_is_fatal, SIGABRT);
  tcase_add_test(tc, a_closed_socket_has_no_descriptor);
  tcase_add_test(tc, what_can_be_adopted);
  tcase_add_test(tc, addresses_are_taken_once);
  tcase_add_test(tc, a_path_that_refuses_is_free);
  suite_add_tcase(s, tc);
  add_connecting(s);
  add_backlogs(s);
  tc = tcase_create("readiness");
  tcase_add_test(tc, the_seed_gives_the_order);
  tcase_add_test(tc, sockets_are_closed_within_a_round);
  suite_add_tcase(s, tc);
  return s;
}

int main(void) {
  SRunner *runner = srunner_create(net_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
