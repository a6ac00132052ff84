/* Datagrams to a peer that has a name.  But for the last, all of it is on the
 * simulator, whose names are scripted. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/side.h"
#include "support/sim_world.h"

static struct side server, client;
static plait_timer timer;
static void (*rung)(void);

static void setup(plait_runtime_options options) {
  server = client = (struct side){0};
  sim_begin((plait_sim_options){.seed = 7});
  open_runtime_on(plait_sim_backend(sim), options);
}

/* "post" has |count| of these addresses, which are known after |delay_ms|. */
static void name(unsigned count, const char *const *texts, uint32_t delay_ms,
                 int code) {
  plait_address addresses[80];
  for (unsigned i = 0; i < count; i++)
    ck_assert_int_eq(plait_address_parse(texts[i], 0, &addresses[i]), 0);
  ck_assert_int_eq(
      plait_sim_name(sim, "post", addresses, count, delay_ms, code), 0);
}

static void name_one(const char *text, uint32_t delay_ms) {
  name(1, &text, delay_ms, 0);
}

static void ring(plait_timer *t) {
  (void)t;
  rung();
}

static void start_timer(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_timer_init(&timer, NULL, ring);
  plait_timer_start(&timer, 1000, 0);
}

/* |what| happens after a second. */
static void in_a_second(void (*what)(void)) {
  static plait_call call;
  rung = what;
  call = (plait_call){.run = start_timer};
  ck_assert_int_eq(plait_reactor_post(plait_runtime_reactor(runtime, 0), &call),
                   0);
}

/* A lookup that nobody waits for any more ends by itself. */
static void end_world(void) {
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  plait_sim_sleep_us(sim, 100 * 1000000);
  sim_end();
}

static void run_to_end(void) {
  ck_assert_int_eq(plait_run(runtime), 0);
  end_world();
}

/* ---- an answer ----------------------------------------------------------- */

static void send_hello(struct side *s) {
  plait_address peer, there = side_address(&server, "127.0.0.1");
  ck_assert_int_eq(plait_datagram_peer(s->socket, &peer), 0);
  ck_assert_mem_eq(peer.ip, there.ip, sizeof peer.ip);
  ck_assert_uint_eq(peer.port, there.port);
  ck_assert_int_eq(plait_datagram_send(s->socket, "hello", 5, NULL), 1);
}

static void close_both(struct side *s, const uint8_t *data, size_t len,
                       const plait_datagram_info *info) {
  (void)s, (void)data, (void)len, (void)info;
  side_close(&server);
  side_close(&client);
}

static void talk(const char *options) {
  char endpoint[128];
  server.got = side_echo;
  client.begin = send_hello;
  client.got = close_both;
  side_listen(&server, "udp:0", NULL);
  snprintf(endpoint, sizeof endpoint, "%s%s", side_client(&server, "post"),
           options);
  side_connect(&client, endpoint, NULL);
  ck_assert_str_eq(plait_datagram_port_endpoint(client.port),
                   side_client(&server, "post"));
}

static void talked(void) {
  run_to_end();
  side_end(&server, "opened started got(5) stopped ended");
  side_end(&client, "opened started got(5) stopped ended");
}

START_TEST(test_answer) {
  setup((plait_runtime_options){0});
  name_one("127.0.0.1", 3000);
  talk("");
  talked();
}
END_TEST

/* The first address that can be opened. */
START_TEST(test_second_address) {
  static const char *const both[] = {"::1", "127.0.0.1"};
  setup((plait_runtime_options){0});
  name(2, both, 0, 0);
  talk(":bind=127.0.0.1");
  talked();
}
END_TEST

/* The socket is where it was asked for, and the factory is called where the
 * port was opened. */
static void is_on_first(struct side *s) {
  (void)s;
  ck_assert_ptr_eq(plait_reactor_current(), plait_runtime_reactor(runtime, 0));
}

static void is_on_second(struct side *s) {
  ck_assert_ptr_eq(plait_reactor_current(), plait_runtime_reactor(runtime, 1));
  side_close(s);
}

START_TEST(test_on_another_reactor) {
  setup((plait_runtime_options){.reactors = 2});
  name_one("127.0.0.1", 10);
  plait_datagram_options options = {.reactor =
                                        plait_runtime_reactor(runtime, 1)};
  client.opened = client.ended = is_on_first;
  client.begin = is_on_second;
  side_connect(&client, "udp:post:9", &options);
  run_to_end();
  side_end(&client, "opened started stopped ended");
}
END_TEST

/* ---- none ---------------------------------------------------------------- */

static void ends_with(const char *trace) {
  run_to_end();
  side_end(&client, trace);
}

START_TEST(test_no_such_name) {
  setup((plait_runtime_options){0});
  side_connect(&client, "udp:nobody:53", NULL);
  ends_with("opened failed(ENOTFOUND: connect udp:nobody:53: resolve: no such "
            "name or address) ended");
}
END_TEST

START_TEST(test_no_name_server) {
  setup((plait_runtime_options){0});
  name(0, NULL, 0, PLAIT_ETEMPORARY);
  side_connect(&client, "udp:post:53", NULL);
  ends_with("opened failed(ETEMPORARY: connect udp:post:53: resolve: name "
            "servers could not say) ended");
}
END_TEST

START_TEST(test_no_answer_in_time) {
  setup((plait_runtime_options){0});
  name_one("127.0.0.1", 60000);
  side_connect(&client, "udp:post:53", NULL);
  ends_with("opened failed(ETIMEOUT: connect udp:post:53: resolve: no answer "
            "in time) ended");
}
END_TEST

/* Of more than are tried. */
START_TEST(test_no_address_opens) {
  const char *texts[70];
  for (int i = 0; i < 70; i++)
    texts[i] = "::1";
  setup((plait_runtime_options){0});
  name(70, texts, 0, 0);
  side_connect(&client, "udp:post:53:bind=127.0.0.1", NULL);
  ends_with("opened failed(EINVAL: connect udp:post:53: bind [::1]:53: the "
            "local address is of another family (and 63 more)) ended");
}
END_TEST

/* Nobody has to hear of it. */
START_TEST(test_silent_factory) {
  static const plait_datagram_ops ops = {.name = "silent"};
  plait_datagram_factory factory = {.protocol = &ops};
  setup((plait_runtime_options){0});
  ck_assert_int_eq(
      plait_datagram_connect(runtime, "udp:nobody:53", &factory, NULL, NULL),
      0);
  run_to_end();
}
END_TEST

/* ---- the end comes first ------------------------------------------------- */

static const char given_up[] = "opened failed(ECANCELED: connect udp:post:53: "
                               "resolve: canceled) ended";

static void close_port(void) {
  plait_datagram_port_close(client.port);
}

static void stop(void) {
  plait_runtime_stop(runtime);
}

static void search_for_long(plait_runtime_options options) {
  setup(options);
  name_one("127.0.0.1", 9000);
  side_connect(&client, "udp:post:53", NULL);
}

START_TEST(test_close_meanwhile) {
  search_for_long((plait_runtime_options){0});
  in_a_second(close_port);
  ends_with(given_up);
}
END_TEST

START_TEST(test_close_before_the_run) {
  search_for_long((plait_runtime_options){0});
  close_port();
  ends_with(given_up);
}
END_TEST

/* Its own |started| may close it. */
static void close_opened(struct side *s) {
  plait_datagram_port_close(s->port);
}

START_TEST(test_close_at_once) {
  search_for_long((plait_runtime_options){0});
  client.opened = close_opened;
  ends_with(given_up);
}
END_TEST

/* From another reactor, before there is an answer and at any time about it. */
static void close_posted(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  close_port();
}

static void close_from_second(plait_timer *t) {
  static plait_call call;
  (void)t;
  call = (plait_call){.run = close_posted};
  plait_reactor_post(plait_runtime_reactor(runtime, 1), &call);
}

static void wait_a_little(struct side *s) {
  (void)s;
  plait_timer_init(&timer, NULL, close_from_second);
  plait_timer_start(&timer, 10, 0);
}

START_TEST(test_close_about_then) {
  unsigned starts = 0, failures = 0;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    server = client = (struct side){0};
    sim_begin((plait_sim_options){.seed = seed, .switch_ppm = 200000});
    open_runtime_on(plait_sim_backend(sim),
                    (plait_runtime_options){.reactors = 2});
    name_one("127.0.0.1", 0);
    client.opened = wait_a_little;
    plait_datagram_options options = {
        .reactor = plait_runtime_reactor(runtime, seed % 2)};
    side_connect(&client, "udp:post:53", &options);
    run_to_end();
    starts += strstr(client.trace.s, "opened started stopped ended") != NULL;
    failures += strstr(client.trace.s, "opened failed(ECANCELED") != NULL;
    side_end(&client, NULL);
  }
  ck_assert_uint_gt(starts, 0);
  ck_assert_uint_gt(failures, 0);
  ck_assert_uint_eq(starts + failures, 60);
}
END_TEST

START_TEST(test_stop_meanwhile) {
  search_for_long((plait_runtime_options){.reactors = 2});
  in_a_second(stop);
  ends_with(given_up);
}
END_TEST

START_TEST(test_stop_before_the_run) {
  search_for_long((plait_runtime_options){0});
  stop();
  ends_with(given_up);
}
END_TEST

static void stop_now(void) {
  plait_runtime_stop_now(runtime);
}

START_TEST(test_stop_now) {
  search_for_long((plait_runtime_options){0});
  in_a_second(stop_now);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EDRAIN);
  end_world();
  side_end(&client, given_up);
}
END_TEST

/* A runtime that stops begins no search. */
static void search_late(struct side *s) {
  side_close(s);
  side_connect(&client, "udp:post:53", NULL);
}

START_TEST(test_begins_too_late) {
  setup((plait_runtime_options){0});
  name_one("127.0.0.1", 0);
  server.drain = search_late;
  side_listen(&server, "udp:0", NULL);
  stop();
  run_to_end();
  side_end(&server, "opened started draining stopped ended");
  side_end(&client, given_up);
}
END_TEST

/* A runtime that never ran calls nothing. */
START_TEST(test_no_run) {
  search_for_long((plait_runtime_options){0});
  end_world();
  side_end(&client, "");
}
END_TEST

/* ---- faults -------------------------------------------------------------- */

static void send_or_not(struct side *s) {
  (void)plait_datagram_send(s->socket, "hello", 5, NULL);
  stop();
}

static void stop_when_ended(struct side *s) {
  (void)s;
  stop();
}

/* Each call that may fail does so once; whatever comes of it, the factory hears
 * the end, and nothing is left. */
static bool run_with_fault(uint64_t k) {
  setup((plait_runtime_options){0});
  name_one("127.0.0.1", 0);
  plait_sim_fail_at(sim, k);
  client.begin = send_or_not;
  client.ended = stop_when_ended;
  int code = side_try(&client, "udp:post:9", true);
  ck_assert(code == 0 || code == PLAIT_ENOMEM);
  int ran = plait_run(runtime);
  ck_assert(ran == 0 || ran == PLAIT_ENOMEM);
  bool failed = plait_sim_failed(sim) != NULL;
  end_world();
  ck_assert_int_eq(code == 0 && ran == 0, client.trace.s != NULL);
  if (client.trace.s != NULL)
    ck_assert_ptr_nonnull(strstr(client.trace.s, "ended"));
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

/* ---- the system ---------------------------------------------------------- */

START_TEST(test_localhost) {
  char endpoint[128];
  server = client = (struct side){0};
  open_runtime((plait_runtime_options){0});
  server.got = side_echo;
  client.begin = send_hello;
  client.got = close_both;
  side_listen(&server, "udp:0:interface=127.0.0.1", NULL);
  snprintf(endpoint, sizeof endpoint, "%s:bind=127.0.0.1",
           side_client(&server, "localhost"));
  side_connect(&client, endpoint, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  side_end(&server, "opened started got(5) stopped ended");
  side_end(&client, "opened started got(5) stopped ended");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("datagrams to names");
  TCase *tcase = tcase_create("names");
  tcase_add_test(tcase, test_answer);
  tcase_add_test(tcase, test_second_address);
  tcase_add_test(tcase, test_on_another_reactor);
  tcase_add_test(tcase, test_no_such_name);
  tcase_add_test(tcase, test_no_name_server);
  tcase_add_test(tcase, test_no_answer_in_time);
  tcase_add_test(tcase, test_no_address_opens);
  tcase_add_test(tcase, test_silent_factory);
  tcase_add_test(tcase, test_close_meanwhile);
  tcase_add_test(tcase, test_close_before_the_run);
  tcase_add_test(tcase, test_close_at_once);
  tcase_add_test(tcase, test_close_about_then);
  tcase_add_test(tcase, test_stop_meanwhile);
  tcase_add_test(tcase, test_stop_before_the_run);
  tcase_add_test(tcase, test_stop_now);
  tcase_add_test(tcase, test_begins_too_late);
  tcase_add_test(tcase, test_no_run);
  tcase_add_test(tcase, test_faults);
  tcase_add_test(tcase, test_localhost);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
