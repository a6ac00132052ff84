/* Clients with real sockets: a server that comes and goes, stopping from
 * another thread, and what plait_connect() refuses. */
#include <check.h>
#include <netinet/in.h>
#include <plait.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/connector.h"
#include "core/runtime.h"
#include "support/leak.h"
#include "support/require.h"

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
  snprintf(endpoint, sizeof endpoint, "tcp:127.0.0.77:%u", port);
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
           "tcp:0:interface=127.0.0.77");
  coming.server = (plait_factory){.protocol = &server_ops};
  coming.client = (plait_factory){.protocol = &client_ops,
                                  .connect_failed = coming_failed,
                                  .dispatch = (plait_dispatch)_i};
  plait_runtime_options options = {.backend = leak_driver(&plait__uv_backend)};
  ck_assert_int_eq(plait_runtime_new(&options, &coming.runtime), 0);
  coming_listen();
  coming_connect();
  ck_assert_int_eq(plait_run(coming.runtime), 0);
  ck_assert_uint_eq(coming.made, ROUNDS);
  ck_assert_uint_eq(coming.failed, 2 * (ROUNDS - 1));
  ck_assert_int_eq(plait_runtime_free(coming.runtime), 0);
  leak_end(&before);
}
END_TEST

/* ---- nobody listens ------------------------------------------------------*/

/* A port that nobody has now. */
static uint16_t free_port(void) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_addr.s_addr = htonl(0x7f00004d)};
  socklen_t len = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
              getsockname(fd, (struct sockaddr *)&a, &len) == 0,
          "no port");
  close(fd);
  return ntohs(a.sin_port);
}

static int itself_reason;

static void itself_failed(plait_factory *factory, plait_connector *connector,
                          int reason) {
  (void)factory;
  (void)connector;
  itself_reason = reason;
}

/* From the port it connects to, which the system may choose as well; 0.0.0.0 is
 * the address it connects from. */
static const char *const to_itself[] = {"127.0.0.77", "0.0.0.0"};

START_TEST(no_connection_to_itself) {
  plait_factory factory = {.protocol = &client_ops,
                           .connect_failed = itself_failed};
  plait__connect_spec spec = {.endpoint = "itself"};
  plait_connector *connector;
  plait_runtime *runtime;
  ck_assert_int_eq(plait_address_parse("127.0.0.77", free_port(), &spec.local),
                   0);
  ck_assert_int_eq(
      plait_address_parse(to_itself[_i], spec.local.port, &spec.peer), 0);
  ck_assert_int_eq(plait_runtime_new(NULL, &runtime), 0);
  ck_assert_int_eq(plait__connect_to(runtime, &spec, &factory, &connector), 0);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
  ck_assert_uint_eq(coming.made, 0);
  ck_assert_int_eq(itself_reason, PLAIT_ECONNREFUSED);
}
END_TEST

/* ---- stopped from elsewhere ----------------------------------------------*/

enum { STOPS = 120 };

/* A connector, and the thread that stops it at some moment of its life. */
struct stopping {
  pthread_t thread;
  plait_runtime *runtime;
  plait_factory server, client;
  plait_connector *connector;
  unsigned yields;
};

static void *stop_it(void *arg) {
  struct stopping *s = arg;
  for (unsigned i = 0; i < s->yields; i++)
    sched_yield();
  plait_connector_stop(s->connector);
  return NULL;
}

static void hang_up(plait_protocol *p) {
  plait_close(p->transport);
}

static void stopping_over(plait_factory *factory) {
  plait_runtime_stop(
      plait_container_of(factory, struct stopping, client)->runtime);
}

static const plait_protocol_ops hanging_up = {.name = "hanging up",
                                              .connection_made = hang_up};
static const plait_protocol_ops listening = {.name = "listening"};

/* To a server that hangs up, one that does not, and to nobody, by path and by
 * name. */
static void stopping_connect(struct stopping *s, unsigned i) {
  char endpoint[64] = "unix:/nowhere/at/all";
  unsigned port;
  plait_listener *listener;
  plait_connect_options options = {
      .reactor = plait_runtime_reactor(s->runtime, i / 4 % 2),
      .reconnect = {.retries = PLAIT_UNLIMITED, .initial_ms = 1, .max_ms = 1}};
  if (i % 4 == 3)
    snprintf(endpoint, sizeof endpoint, "tcp:localhost:tcpmux");
  if (i % 4 == 1 || i % 4 == 2) {
    s->server.protocol = i % 4 == 1 ? &hanging_up : &listening;
    int code = plait_listen(s->runtime, "tcp:0:interface=127.0.0.77",
                            &s->server, NULL, &listener);
    require(code == 0, "%s", plait_error_detail());
    require(sscanf(plait_listener_endpoint(listener), "tcp:%u", &port) == 1,
            "no port");
    snprintf(endpoint, sizeof endpoint, "tcp:127.0.0.77:%u", port);
  }
  int code =
      plait_connect(s->runtime, endpoint, &s->client, &options, &s->connector);
  require(code == 0, "%s", plait_error_detail());
}

/* A connection that is there lives on; then the runtime is stopped. */
static void stop_on_another(unsigned i) {
  plait_runtime_options two = {.reactors = 2,
                               .grace_ms = 50,
                               .backend = leak_driver(&plait__uv_backend)};
  struct stopping s = {.client = {.protocol = &listening,
                                  .stopped = stopping_over,
                                  .limits = {.idle_ms = 5}},
                       .yields = i * i / 5};
  struct leak before;
  leak_begin(&before);
  int code = plait_runtime_new(&two, &s.runtime);
  require(code == 0, "%s", plait_error_detail());
  stopping_connect(&s, i);
  require(pthread_create(&s.thread, NULL, stop_it, &s) == 0, "no thread");
  require(plait_run(s.runtime) == 0, "%s", plait_error_detail());
  pthread_join(s.thread, NULL);
  require(plait_runtime_free(s.runtime) == 0, "%s", plait_error_detail());
  leak_end(&before);
}

START_TEST(stop_on_another_thread) {
  warm_up();
  for (unsigned i = 0; i < STOPS; i++)
    stop_on_another(i);
}
END_TEST

START_TEST(entropy_differs) {
  uint64_t one = 0, two = 0;
  uint8_t big[257];
  const plait__os *os = plait__uv_backend.os;
  ck_assert_int_eq(os->entropy(&one, sizeof one), 0);
  ck_assert_int_eq(os->entropy(&two, sizeof two), 0);
  ck_assert_uint_ne(one, two);
  ck_assert_int_eq(os->entropy(big, sizeof big), PLAIT_EINVAL);
}
END_TEST

/* Never run: nothing is told, and nothing is left. */
START_TEST(freed_unrun) {
  plait_runtime_options two = {.reactors = 2,
                               .backend = leak_driver(&plait__uv_backend)};
  struct coming *c = &coming;
  struct leak before;
  warm_up();
  for (unsigned i = 0; i < 8; i++) {
    leak_begin(&before);
    c->client = (plait_factory){.protocol = &client_ops};
    int code = plait_runtime_new(&two, &c->runtime);
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

START_TEST(reactor_of_another_runtime) {
  plait_factory factory = {.protocol = &client_ops};
  plait_runtime *runtime, *other;
  ck_assert_int_eq(plait_runtime_new(NULL, &runtime), 0);
  ck_assert_int_eq(plait_runtime_new(NULL, &other), 0);
  plait_connect_options options = {.reactor = plait_runtime_reactor(other, 0)};
  ck_assert_int_eq(
      plait_connect(runtime, "tcp:127.0.0.1:9", &factory, &options, NULL),
      PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(),
                   "connect tcp:127.0.0.1:9: reactor: of another runtime");
  ck_assert_int_eq(plait_runtime_free(other), 0);
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

static void add_real(Suite *s) {
  TCase *tc = tcase_create("real");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, server_comes_and_goes, 0, 2);
  tcase_add_loop_test(tc, no_connection_to_itself, 0, 2);
  tcase_add_test(tc, stop_on_another_thread);
  tcase_add_test(tc, entropy_differs);
  tcase_add_test(tc, freed_unrun);
  tcase_add_test(tc, stdio_is_had_once);
  tcase_add_test(tc, reactor_of_another_runtime);
  suite_add_tcase(s, tc);
}

int main(void) {
  Suite *s = suite_create("clients");
  add_real(s);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
