/* Connecting anew: how long it waits, when it starts from the beginning, when
 * it ends.  In memory, on a clock that jumps; and once with real sockets, for a
 * server that comes and goes. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/backoff.h"
#include "core/runtime.h"
#include "support/journey.h"
#include "support/leak.h"
#include "support/require.h"
#include "support/world.h"

#define A4 "10.0.0.1"
#define REFUSED "failed PLAIT_ECONNREFUSED"

enum { MANY = 1000 };

static const plait_reconnect plain = {.retries = PLAIT_UNLIMITED,
                                      .jitter = PLAIT_NO_JITTER};

/* ---- the row of waits ----------------------------------------------------*/

static void check_waits(const plait_reconnect *policy, const uint32_t *waits,
                        size_t n) {
  plait__backoff b;
  ck_assert_int_eq(plait__backoff_init(&b, policy), 0);
  for (size_t i = 0; i < n; i++)
    ck_assert_uint_eq(plait__backoff_next(&b, UINT64_MAX), waits[i]);
}

START_TEST(waits_grow_to_the_maximum) {
  static const uint32_t standard[] = {1000,  1500,  2250,  3375,  5062,
                                      7593,  11390, 17085, 25628, 38443,
                                      57665, 60000, 60000};
  static const uint32_t doubled[] = {10, 20, 40, 80, 100, 100};
  static const uint32_t even[] = {70000, 70000, 70000};
  plait_reconnect p = plain;
  check_waits(&p, standard, 13);
  p.initial_ms = 10;
  p.max_ms = 100;
  p.factor = 2;
  check_waits(&p, doubled, 6);
  p = plain;
  p.initial_ms = 70000;
  check_waits(&p, even, 3);
}
END_TEST

/* Twisted's two, as far as they are rows of waits. */
START_TEST(waits_like_twisted) {
  static const uint32_t service[] = {1000, 1500, 2250, 3375};
  static const uint32_t factory[] = {2718, 7388, 20083, 54592};
  plait_reconnect p = plain;
  p.factor = 1.5;
  check_waits(&p, service, 4);
  p.initial_ms = 2718;
  p.max_ms = 3600 * 1000;
  p.factor = 2.718281828;
  check_waits(&p, factory, 4);
}
END_TEST

START_TEST(jitter_shortens) {
  plait_reconnect p = {.retries = 1, .factor = 1, .initial_ms = 1000};
  plait__backoff b;
  uint32_t least = 2000, most = 0;
  ck_assert_int_eq(plait__backoff_init(&b, &p), 0); /* up to half */
  ck_assert_uint_eq(plait__backoff_next(&b, 0), 1000);
  for (uint64_t i = 0; i < MANY; i++) {
    uint32_t wait = plait__backoff_next(&b, UINT64_MAX / MANY * i);
    least = wait < least ? wait : least;
    most = wait > most ? wait : most;
  }
  ck_assert_uint_eq(least, 500);
  ck_assert_uint_eq(most, 1000);
  ck_assert_uint_ge(plait__backoff_next(&b, UINT64_MAX), 500);
  p.jitter = 1;
  ck_assert_int_eq(plait__backoff_init(&b, &p), 0);
  ck_assert_uint_eq(plait__backoff_next(&b, UINT64_MAX), 0);
}
END_TEST

START_TEST(policy_makes_sense) {
  static const struct {
    plait_reconnect policy;
    const char *error;
  } bad[] = {
      {{.initial_ms = 5, .max_ms = 3},
       "reconnect: initial_ms 5 is above max_ms 3"},
      {{.factor = 0.5}, "reconnect: factor 0.5 is not in 1 to 1000"},
      {{.factor = -1}, "reconnect: factor -1 is not in 1 to 1000"},
      {{.jitter = 1.5},
       "reconnect: jitter 1.5 is neither a part of 1 nor PLAIT_NO_JITTER"},
  };
  plait__backoff b;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(plait__backoff_init(&b, &bad[i].policy), PLAIT_EINVAL);
    ck_assert_str_eq(plait_error_detail(), bad[i].error);
  }
  ck_assert_int_eq(plait__backoff_init(&b, NULL), 0);
  ck_assert(!plait__backoff_is_on(&b));
}
END_TEST

/* ---- connectors ----------------------------------------------------------*/

static void check(struct journey j, const char *trace) {
  journey_make(&j);
  journey_expect(&j, trace);
}

/* One attempt, unless asked for more. */
START_TEST(off_by_default) {
  check((struct journey){.hosts = {{A4, 0, PLAIT_ECONNREFUSED}}},
        "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
  check((struct journey){.reconnect = {.initial_ms = 10, .max_ms = 20},
                         .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}},
        "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
  check((struct journey){.hosts = {{A4, 0, 0}}},
        "0 look; 0 try " A4 "; 0 made " A4 "; 0 lost; 0 stopped");
}
END_TEST

/* The name is looked up each time. */
START_TEST(retries_are_counted) {
  struct journey j = {.reconnect = plain,
                      .hosts = {{A4, 20, PLAIT_ECONNREFUSED}}};
  j.reconnect.retries = 3;
  journey_make(&j);
  ck_assert_uint_eq(j.wait_count, 3);
  ck_assert_uint_eq(j.waits[0], 1000);
  ck_assert_uint_eq(j.waits[1], 1500);
  ck_assert_uint_eq(j.waits[2], 2250);
  journey_expect(
      &j, "0 look; 0 try " A4 "; 20 " REFUSED "; 1020 look; 1020 try " A4
          "; 1040 " REFUSED "; 2540 look; 2540 try " A4 "; 2560 " REFUSED
          "; 4810 look; 4810 try " A4 "; 4830 " REFUSED "; 4830 stopped");
}
END_TEST

/* Each attempt has the whole time-out, and a failed lookup is a failure. */
START_TEST(each_attempt_has_its_time_out) {
  struct journey j = {
      .reconnect = plain, .timeout_ms = 500, .hosts = {{A4, JOURNEY_NEVER, 0}}};
  j.reconnect.retries = 1;
  check(j, "0 look; 0 try " A4 "; 500 failed PLAIT_ETIMEOUT; 1500 look; 1500 "
           "try " A4 "; 2000 failed PLAIT_ETIMEOUT; 2000 stopped");
  j.lookup_code = PLAIT_ENOENT;
  check(j, "0 look; 0 failed PLAIT_ENOENT; 1000 look; 1000 failed "
           "PLAIT_ENOENT; 1000 stopped");
}
END_TEST

START_TEST(jitter_is_drawn) {
  struct journey j = {.hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  j.reconnect = (plait_reconnect){
      .retries = 40, .initial_ms = 1000, .factor = 1, .jitter = 0.25};
  journey_make(&j);
  uint32_t least = 2000, most = 0;
  ck_assert_uint_eq(j.wait_count, 40);
  for (unsigned i = 0; i < j.wait_count; i++) {
    least = j.waits[i] < least ? j.waits[i] : least;
    most = j.waits[i] > most ? j.waits[i] : most;
  }
  ck_assert_uint_ge(least, 750);
  ck_assert_uint_le(most, 1000);
  ck_assert_uint_gt(most - least, 100);
  text_free(&j.trace);
}
END_TEST

static void stop_third(struct journey *j) {
  if (j->made == 3)
    journey_stop(j);
}

/* Connections that end soon do not start the row anew; but they do count as
 * made, so retries do not end it. */
START_TEST(short_lives) {
  struct journey j = {
      .reconnect = plain, .on_made = stop_third, .hosts = {{A4, 0, 0}}};
  j.reconnect.retries = 1;
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 0 lost"
           "; 1000 look; 1000 try " A4 "; 1000 made " A4 "; 1000 lost"
           "; 2500 look; 2500 try " A4 "; 2500 made " A4 "; 2500 lost"
           "; 2500 stopped");
}
END_TEST

START_TEST(healthy_lives) {
  struct journey j = {.reconnect = plain,
                      .on_made = stop_third,
                      .lives_ms = 200,
                      .hosts = {{A4, 0, 0}}};
  j.reconnect.healthy_ms = 200;
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 200 lost"
           "; 1200 look; 1200 try " A4 "; 1200 made " A4 "; 1400 lost"
           "; 2400 look; 2400 try " A4 "; 2400 made " A4 "; 2600 lost"
           "; 2600 stopped");
}
END_TEST

START_TEST(healthy_is_10_s) {
  struct journey j = {.reconnect = plain,
                      .on_made = stop_third,
                      .lives_ms = 9900,
                      .hosts = {{A4, 0, 0}}};
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 9900 lost"
           "; 10900 look; 10900 try " A4 "; 10900 made " A4 "; 20800 lost"
           "; 22300 look; 22300 try " A4 "; 22300 made " A4 "; 32200 lost"
           "; 32200 stopped");
  j.lives_ms = 10010;
  j.trace = (struct text){0};
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 10010 lost"
           "; 11010 look; 11010 try " A4 "; 11010 made " A4 "; 21020 lost"
           "; 22020 look; 22020 try " A4 "; 22020 made " A4 "; 32030 lost"
           "; 32030 stopped");
}
END_TEST

/* A connection ends the row of failures. */
static void refuse_from_now(struct journey *j) {
  j->hosts[0].code = PLAIT_ECONNREFUSED;
}

START_TEST(a_connection_ends_the_failures) {
  struct journey j = {
      .reconnect = plain, .on_lost = refuse_from_now, .hosts = {{A4, 20, 0}}};
  j.reconnect.retries = 1;
  check(j, "0 look; 0 try " A4 "; 20 made " A4 "; 20 lost"
           "; 1020 look; 1020 try " A4 "; 1040 " REFUSED
           "; 2540 look; 2540 try " A4 "; 2560 " REFUSED "; 2560 stopped");
}
END_TEST

START_TEST(literals_reconnect) {
  struct journey j = {.reconnect = plain,
                      .literal = true,
                      .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  j.reconnect.retries = 1;
  check(j, "0 try " A4 "; 0 " REFUSED "; 1000 try " A4 "; 1000 " REFUSED
           "; 1000 stopped");
}
END_TEST

/* ---- stopping ------------------------------------------------------------*/

START_TEST(stop_while_it_waits) {
  struct journey j = {.reconnect = plain,
                      .at_ms = 500,
                      .at = journey_stop,
                      .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 500 stopped");
  j.at = journey_stop_runtime;
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 500 stopped");
}
END_TEST

static void stop_failed(struct journey *j, int reason) {
  (void)reason;
  journey_stop(j);
}

static void stop_runtime_failed(struct journey *j, int reason) {
  uint32_t ms;
  (void)reason;
  require(plait_connector_retries(j->connector, &ms) && ms == 1000,
          "it gave up");
  journey_stop_runtime(j);
}

START_TEST(stop_when_failed) {
  struct journey j = {.reconnect = plain,
                      .on_failed = stop_failed,
                      .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
  j.unowned = true;
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
  j.unowned = false;
  j.on_failed = stop_runtime_failed;
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
}
END_TEST

START_TEST(stop_in_the_second_attempt) {
  struct journey j = {.reconnect = plain,
                      .lookup_ms = 100,
                      .at_ms = 1150,
                      .at = journey_stop,
                      .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  check(j, "0 look; 100 try " A4 "; 100 " REFUSED
           "; 1100 look; 1150 failed PLAIT_ECANCELED; 1150 stopped");
}
END_TEST

static void close_connection(struct journey *j) {
  journey_stop(j);
  require(j->transport != NULL, "the connection is gone");
  j->at = NULL;
}

/* The connection lives on, and is the last. */
START_TEST(stop_while_connected) {
  struct journey j = {.reconnect = plain,
                      .at_ms = 500,
                      .at = close_connection,
                      .lives_ms = 2000,
                      .hosts = {{A4, 0, 0}}};
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 2000 lost; 2000 stopped");
}
END_TEST

START_TEST(stop_when_lost) {
  struct journey j = {
      .reconnect = plain, .on_lost = journey_stop, .hosts = {{A4, 0, 0}}};
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 0 lost; 0 stopped");
}
END_TEST

START_TEST(runtime_stops_while_connected) {
  struct journey j = {.reconnect = plain,
                      .at_ms = 500,
                      .at = journey_stop_runtime,
                      .silent = true,
                      .hosts = {{A4, 0, 0}}};
  check(j,
        "0 look; 0 try " A4 "; 0 made " A4 "; 500 lost PLAIT_OK; 500 stopped");
}
END_TEST

/* ---- with real sockets ---------------------------------------------------*/

enum { ROUNDS = 5 };

/* A server on one port that is there, gone, there... */
struct coming {
  plait_runtime *runtime;
  plait_listener *listener;
  plait_factory server, client;
  char endpoint[64];
  plait_connector *connector;
  unsigned made, lost, failed;
};

static struct coming coming;

static void coming_listen(void) {
  int code = plait_listen(coming.runtime, coming.endpoint, &coming.server, NULL,
                          &coming.listener);
  require(code == 0, "%s", plait_error_detail());
  snprintf(coming.endpoint, sizeof coming.endpoint, "%s",
           plait_listener_endpoint(coming.listener));
}

/* The server greets one client and is gone. */
static void server_made(plait_protocol *p) {
  plait_listener_close(coming.listener);
  coming.listener = NULL;
  plait_write(p->transport, "hello", 5);
  plait_close(p->transport);
}

static void coming_made(plait_protocol *p) {
  (void)p;
  coming.made++;
}

static void coming_lost(plait_protocol *p, int reason) {
  (void)p;
  (void)reason;
  if (++coming.lost < ROUNDS)
    return;
  plait_connector_stop(coming.connector);
}

/* It is back after the second refusal of each round. */
static void coming_failed(plait_factory *factory, plait_connector *connector,
                          int reason) {
  (void)factory;
  require(reason == PLAIT_ECONNREFUSED, "%s", plait_error_detail());
  require(plait_connector_retries(connector, NULL), "it gave up");
  if (++coming.failed % 2 == 0)
    coming_listen();
}

static const plait_protocol_ops server_ops = {.name = "greeter",
                                              .connection_made = server_made};
static const plait_protocol_ops client_ops = {.name = "client",
                                              .connection_made = coming_made,
                                              .connection_lost = coming_lost};

static void coming_connect(void) {
  char endpoint[64];
  unsigned port;
  plait_connect_options options = {
      .reconnect = {.retries = 2, .initial_ms = 1, .max_ms = 5}};
  require(sscanf(coming.endpoint, "tcp:%u", &port) == 1, "no port");
  snprintf(endpoint, sizeof endpoint, "tcp:127.0.0.1:%u", port);
  int code = plait_connect(coming.runtime, endpoint, &coming.client, &options,
                           &coming.connector);
  require(code == 0, "%s", plait_error_detail());
}

/* What a process makes once and keeps is not a leak. */
static void warm_up(void) {
  plait_runtime *runtime;
  require(plait_runtime_new(NULL, &runtime) == 0, "no runtime");
  require(plait_run(runtime) == 0, "an empty run");
  plait_runtime_free(runtime);
}

START_TEST(server_comes_and_goes) {
  struct leak before;
  warm_up();
  leak_begin(&before);
  snprintf(coming.endpoint, sizeof coming.endpoint,
           "tcp:0:interface=127.0.0.1");
  coming.server = (plait_factory){.protocol = &server_ops};
  coming.client =
      (plait_factory){.protocol = &client_ops, .connect_failed = coming_failed};
  ck_assert_int_eq(
      plait__runtime_new(leak_driver(&plait__uv_driver), NULL, &coming.runtime),
      0);
  coming_listen();
  coming_connect();
  ck_assert_int_eq(plait_run(coming.runtime), 0);
  ck_assert_uint_eq(coming.made, ROUNDS);
  ck_assert_uint_eq(coming.failed, 2 * (ROUNDS - 1));
  ck_assert_int_eq(plait_runtime_free(coming.runtime), 0);
  leak_end(&before);
}
END_TEST

/* ---- stopped from elsewhere ----------------------------------------------*/

static void *stop_it(void *connector) {
  plait_connector_stop(connector);
  return NULL;
}

/* On another thread, at any moment of its life. */
static void stop_on_another(unsigned i) {
  plait_runtime_options two = {.reactors = 2};
  struct coming *c = &coming;
  struct leak before;
  pthread_t thread;
  leak_begin(&before);
  c->client = (plait_factory){.protocol = &client_ops};
  int code =
      plait__runtime_new(leak_driver(&plait__uv_driver), &two, &c->runtime);
  require(code == 0, "%s", plait_error_detail());
  plait_connect_options options = {
      .reactor = plait_runtime_reactor(c->runtime, i % 2),
      .reconnect = {.retries = PLAIT_UNLIMITED, .initial_ms = 1, .max_ms = 1}};
  code = plait_connect(c->runtime, "unix:/nowhere/at/all", &c->client, &options,
                       &c->connector);
  require(code == 0, "%s", plait_error_detail());
  require(pthread_create(&thread, NULL, stop_it, c->connector) == 0, "thread");
  require(plait_run(c->runtime) == 0, "%s", plait_error_detail());
  pthread_join(thread, NULL);
  require(plait_runtime_free(c->runtime) == 0, "%s", plait_error_detail());
  leak_end(&before);
}

START_TEST(stop_on_another_thread) {
  warm_up();
  for (unsigned i = 0; i < 200; i++)
    stop_on_another(i);
}
END_TEST

START_TEST(entropy_differs) {
  uint64_t one = 0, two = 0;
  uint8_t big[257];
  const plait__os *os = plait__uv_driver.os;
  ck_assert_int_eq(os->entropy(&one, sizeof one), 0);
  ck_assert_int_eq(os->entropy(&two, sizeof two), 0);
  ck_assert_uint_ne(one, two);
  ck_assert_int_eq(os->entropy(big, sizeof big), PLAIT_EINVAL);
}
END_TEST

/* Never run: nothing is told, and nothing is left. */
START_TEST(freed_unrun) {
  plait_runtime_options two = {.reactors = 2};
  struct coming *c = &coming;
  struct leak before;
  warm_up();
  for (unsigned i = 0; i < 8; i++) {
    leak_begin(&before);
    c->client = (plait_factory){.protocol = &client_ops};
    int code =
        plait__runtime_new(leak_driver(&plait__uv_driver), &two, &c->runtime);
    require(code == 0, "%s", plait_error_detail());
    plait_connect_options options = {
        .reactor = plait_runtime_reactor(c->runtime, i % 2)};
    code = plait_connect(c->runtime,
                         i < 4 ? "unix:/nowhere/at/all" : "stdio:", &c->client,
                         &options, i % 4 < 2 ? &c->connector : NULL);
    require(code == 0, "%s", plait_error_detail());
    if (i % 4 == 0)
      plait_connector_stop(c->connector);
    require(plait_runtime_free(c->runtime) == 0, "%s", plait_error_detail());
    leak_end(&before);
  }
}
END_TEST

START_TEST(stdio_is_had_once) {
  plait_connect_options options = {.reconnect = {.retries = 1}};
  plait_factory factory = {.protocol = &client_ops};
  plait_runtime *runtime;
  ck_assert_int_eq(plait_runtime_new(NULL, &runtime), 0);
  ck_assert_int_eq(plait_connect(runtime, "stdio:", &factory, &options, NULL),
                   PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(),
                   "connect stdio:: reconnect: standard input and output "
                   "cannot be had twice");
  options.reconnect = (plait_reconnect){.factor = 0.1};
  ck_assert_int_eq(
      plait_connect(runtime, "tcp:127.0.0.1:9", &factory, &options, NULL),
      PLAIT_EINVAL);
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

static void add_waits(Suite *s) {
  TCase *tc = tcase_create("waits");
  tcase_add_test(tc, waits_grow_to_the_maximum);
  tcase_add_test(tc, waits_like_twisted);
  tcase_add_test(tc, jitter_shortens);
  tcase_add_test(tc, policy_makes_sense);
  suite_add_tcase(s, tc);
}

static void add_connectors(Suite *s) {
  TCase *tc = tcase_create("connectors");
  tcase_add_test(tc, off_by_default);
  tcase_add_test(tc, retries_are_counted);
  tcase_add_test(tc, each_attempt_has_its_time_out);
  tcase_add_test(tc, jitter_is_drawn);
  tcase_add_test(tc, short_lives);
  tcase_add_test(tc, healthy_lives);
  tcase_add_test(tc, healthy_is_10_s);
  tcase_add_test(tc, a_connection_ends_the_failures);
  tcase_add_test(tc, literals_reconnect);
  suite_add_tcase(s, tc);
}

static void add_stopping(Suite *s) {
  TCase *tc = tcase_create("stopping");
  tcase_add_test(tc, stop_while_it_waits);
  tcase_add_test(tc, stop_when_failed);
  tcase_add_test(tc, stop_in_the_second_attempt);
  tcase_add_test(tc, stop_while_connected);
  tcase_add_test(tc, stop_when_lost);
  tcase_add_test(tc, runtime_stops_while_connected);
  suite_add_tcase(s, tc);
}

static void add_real(Suite *s) {
  TCase *tc = tcase_create("real");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, server_comes_and_goes);
  tcase_add_test(tc, stop_on_another_thread);
  tcase_add_test(tc, entropy_differs);
  tcase_add_test(tc, freed_unrun);
  tcase_add_test(tc, stdio_is_had_once);
  suite_add_tcase(s, tc);
}

int main(void) {
  Suite *s = suite_create("reconnect");
  add_waits(s);
  add_connectors(s);
  add_stopping(s);
  add_real(s);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
