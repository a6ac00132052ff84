/* Ports of datagrams: several reactors, groups, stopping, and what happens when
 * memory or the system fails. */
#include <check.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/side.h"

static struct side server, client;

static void setup(plait_runtime_options options) {
  server = client = (struct side){0};
  options.grace_ms = 20;
  open_runtime(options);
}

static void tear_down(void) {
  plait_datagram_port_close(server.port);
  if (client.port != NULL)
    plait_datagram_port_close(client.port);
  close_runtime();
}

static void send_hello(struct side *s) {
  ck_assert_int_eq(plait_datagram_send(s->socket, "hello", 5, NULL), 1);
}

/* ---- several sockets ----------------------------------------------------- */

static atomic_uint starts[3], stops[3], opens, ends;

static unsigned where(plait_datagram_protocol *p) {
  ck_assert_ptr_eq(plait_datagram_reactor(p->socket), plait_reactor_current());
  return plait_reactor_index(plait_reactor_current());
}

/* Not before it was opened, and all before it has ended. */
static void count_start(plait_datagram_protocol *p) {
  ck_assert_uint_eq(opens, 1);
  starts[where(p)]++;
}

static void count_stop(plait_datagram_protocol *p, int reason) {
  ck_assert_int_eq(reason, 0);
  ck_assert_uint_eq(ends, 0);
  stops[where(p)]++;
}

static void count_open(plait_datagram_factory *factory,
                       plait_datagram_port *port) {
  (void)factory, (void)port;
  ck_assert_uint_eq(plait_reactor_index(plait_reactor_current()), 0);
  opens++;
}

static void count_end(plait_datagram_factory *factory) {
  (void)factory;
  for (unsigned i = 0; i < 3; i++)
    ck_assert_uint_eq(stops[i], 1);
  ends++;
}

START_TEST(test_a_socket_on_each_reactor) {
  static const plait_datagram_ops ops = {
      .name = "count",
      .size = sizeof(plait_datagram_protocol),
      .started = count_start,
      .stopped = count_stop,
  };
  plait_datagram_factory factory = {
      .protocol = &ops, .started = count_open, .stopped = count_end};
  plait_datagram_port *port;
  setup((plait_runtime_options){.reactors = 3});
  ck_assert_int_eq(plait_datagram_listen(runtime, "udp:0:interface=127.0.0.1",
                                         &factory, NULL, &port),
                   0);
  plait_datagram_port_close(port);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  for (unsigned i = 0; i < 3; i++)
    ck_assert_uint_eq(starts[i], 1);
  ck_assert_uint_eq(ends, 1);
}
END_TEST

/* Who asks for one by name gets one. */
START_TEST(test_on_one_reactor) {
  setup((plait_runtime_options){.reactors = 3});
  plait_datagram_options options = {.reactor =
                                        plait_runtime_reactor(runtime, 2)};
  server.begin = side_close;
  side_listen(&server, "udp:0:interface=127.0.0.1", &options);
  ck_assert_int_eq(plait_run(runtime), 0);
  tear_down();
  side_end(&server, "opened started stopped ended");
}
END_TEST

/* ---- groups -------------------------------------------------------------- */

static plait_address group;

/* It sends to the group that it has joined, by loopback alone.  (IPv6 has no
 * groups there; tests/datagram_groups.py has, between two namespaces.) */
static void join_and_send(struct side *s) {
  unsigned lo = if_nametoindex("lo");
  group = side_address(s, "239.255.77.1");
  ck_assert_int_eq(plait_datagram_join(s->socket, &group, lo), 0);
  ck_assert_int_eq(plait_datagram_join(s->socket, &group, lo),
                   PLAIT_EADDRINUSE);
  ck_assert_int_eq(plait_datagram_set_multicast_interface(s->socket, lo), 0);
  ck_assert_int_eq(plait_datagram_set_multicast_ttl(s->socket, 0), 0);
  ck_assert_int_eq(plait_datagram_send(s->socket, "all", 3, &group), 1);
}

/* What comes to the group is answered by a datagram of the socket's own; then
 * it leaves, and what it sends does not come any more, for it comes before the
 * one behind it. */
static void group_got(struct side *s, const uint8_t *data, size_t len,
                      const plait_datagram_info *info) {
  unsigned lo = if_nametoindex("lo");
  (void)data;
  if (len == 3) {
    ck_assert(info->to_many);
    ck_assert_int_eq(memcmp(info->to->ip, group.ip, sizeof group.ip), 0);
    ck_assert_uint_eq(info->interface, lo);
    side_echo(s, (const uint8_t *)"echo", 4, info);
  } else if (len == 4) {
    ck_assert(!info->to_many);
    ck_assert_int_eq(plait_datagram_leave(s->socket, &group, lo), 0);
    ck_assert_int_eq(plait_datagram_send(s->socket, "all", 3, &group), 1);
    plait_datagram_reply(s->socket, info, "last!", 5);
  } else {
    side_close(s);
  }
}

START_TEST(test_group) {
  setup((plait_runtime_options){0});
  server.begin = join_and_send;
  server.got = group_got;
  side_listen(&server, "udp:0", NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  tear_down();
  side_end(&server, "opened started got(3) got(4) got(5) stopped ended");
}
END_TEST

/* ---- ends ---------------------------------------------------------------- */

static void stop(struct side *s) {
  (void)s;
  plait_runtime_stop(runtime);
}

static void stop_now(struct side *s) {
  (void)s;
  plait_runtime_stop_now(runtime);
}

START_TEST(test_stop) {
  setup((plait_runtime_options){0});
  server.begin = stop;
  server.drain = side_close;
  side_listen(&server, "udp:0", NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  tear_down();
  side_end(&server, "opened started draining stopped ended");
}
END_TEST

START_TEST(test_grace_is_over) {
  setup((plait_runtime_options){0});
  server.begin = stop;
  side_listen(&server, "udp:0", NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  tear_down();
  side_end(&server, "opened started draining stopped(EDRAIN) ended");
}
END_TEST

START_TEST(test_stop_now) {
  setup((plait_runtime_options){0});
  server.begin = stop_now;
  side_listen(&server, "udp:0", NULL);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EDRAIN);
  tear_down();
  side_end(&server, "opened started stopped(EDRAIN) ended");
}
END_TEST

/* What was sent before the close still goes. */
static void send_and_close(struct side *s) {
  send_hello(s);
  send_hello(s);
  side_close(s);
}

static void second_came(struct side *s, const uint8_t *data, size_t len,
                        const plait_datagram_info *info) {
  (void)data, (void)len, (void)info;
  if (s->count == 2)
    side_close(s);
}

START_TEST(test_close_sends) {
  setup((plait_runtime_options){0});
  server.got = second_came;
  client.begin = send_and_close;
  side_listen(&server, "udp:0", NULL);
  side_connect(&client, side_client(&server, "127.0.0.1"), NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  tear_down();
  side_end(&server, "opened started got(5) got(5) stopped ended");
  side_end(&client, "opened started stopped ended");
}
END_TEST

/* A UNIX receiver that is slow: what it has no room for waits in the queue. */
static int slow;
static unsigned accepted, last_read;
static plait_timer filler;

static void read_all(void) {
  uint32_t number;
  while (recv(slow, &number, sizeof number, MSG_DONTWAIT) == sizeof number)
    ck_assert_uint_eq(number, last_read++);
}

/* It leaves after the callback, so what is full is seen in the next. */
static void fill_up(struct side *s) {
  for (uint32_t i = 0; i < 64; i++, accepted++)
    ck_assert_int_eq(
        plait_datagram_send(s->socket, &accepted, sizeof accepted, NULL), 1);
}

/* The receiver has read, and nobody has told yet. */
static void read_and_close(plait_timer *timer) {
  if (plait_datagram_queued(client.socket) == 0) {
    fill_up(&client);
    return;
  }
  plait_timer_stop(timer);
  read_all();
  side_close(&client);
}

static void fill_and_close(struct side *s) {
  fill_up(s);
  plait_timer_init(&filler, NULL, read_and_close);
  plait_timer_start(&filler, 1, 1);
}

START_TEST(test_close_offers_the_queue) {
  char folder[] = "/tmp/plait-datagram-XXXXXX", endpoint[128];
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  require(mkdtemp(folder) != NULL, "no folder");
  snprintf(at.sun_path, sizeof at.sun_path, "%s/slow", folder);
  snprintf(endpoint, sizeof endpoint, "unixgram:%s", at.sun_path);
  slow = socket(AF_UNIX, SOCK_DGRAM, 0);
  require(slow >= 0 && bind(slow, (struct sockaddr *)&at, sizeof at) == 0,
          "no socket");
  accepted = last_read = 0;
  setup((plait_runtime_options){0});
  client.begin = fill_and_close;
  side_connect(&client, endpoint, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  plait_datagram_port_close(client.port);
  close_runtime();
  unsigned before = last_read;
  read_all();
  close(slow);
  unlink(at.sun_path);
  rmdir(folder);
  ck_assert_uint_gt(last_read, before);
  ck_assert_uint_eq(client.dropped, accepted - last_read);
  side_end(&client, "opened started stopped ended");
}
END_TEST

/* From another thread of the program: there by post. */
struct order {
  plait_call call;
  plait_datagram *socket;
};

static void order_run(plait_call *call, plait_protocol *p) {
  struct order *o = plait_container_of(call, struct order, call);
  (void)p;
  ck_assert_int_eq(plait_datagram_send(o->socket, "hello", 5, NULL), 1);
}

static struct order order = {.call.run = order_run};

static void post_order(struct side *s) {
  order.socket = s->socket;
  ck_assert_int_eq(
      plait_reactor_post(plait_datagram_reactor(s->socket), &order.call), 0);
}

static void close_both(struct side *s, const uint8_t *data, size_t len,
                       const plait_datagram_info *info) {
  (void)s, (void)data, (void)len, (void)info;
  side_close(&server);
  side_close(&client);
}

START_TEST(test_post) {
  setup((plait_runtime_options){0});
  server.got = close_both;
  client.begin = post_order;
  side_listen(&server, "udp:0", NULL);
  side_connect(&client, side_client(&server, "127.0.0.1"), NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  tear_down();
  side_end(&server, "opened started got(5) stopped ended");
  side_end(&client, "opened started stopped ended");
}
END_TEST

#if PLAIT_DEBUG
/* Without the post a debug build ends. */
static void *close_there(void *arg) {
  plait_datagram_close(((struct side *)arg)->socket);
  return NULL;
}

static void close_elsewhere(struct side *s) {
  pthread_t thread;
  require(pthread_create(&thread, NULL, close_there, s) == 0, "no thread");
  pthread_join(thread, NULL);
}

START_TEST(test_another_thread) {
  setup((plait_runtime_options){0});
  server.begin = close_elsewhere;
  side_listen(&server, "udp:0", NULL);
  plait_run(runtime);
}
END_TEST
#endif

/* ---- what is asked for --------------------------------------------------- */

START_TEST(test_refused) {
  static const plait_datagram_ops ops = {.name = "none"};
  plait_datagram_factory nothing = {0}, silent = {.protocol = &ops};
  plait_runtime *other;
  setup((plait_runtime_options){0});
  ck_assert_int_eq(plait_runtime_new(NULL, &other), 0);
  plait_datagram_options options = {.reactor = plait_runtime_reactor(other, 0)};
  ck_assert_int_eq(
      plait_datagram_listen(runtime, "udp:0", &nothing, NULL, NULL),
      PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(), "listen udp:0: factory: no protocol");
  ck_assert_int_eq(
      plait_datagram_listen(runtime, "udp:0", &silent, &options, NULL),
      PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(),
                   "listen udp:0: reactor: of another runtime");
  plait_runtime_free(other);
  close_runtime();
}
END_TEST

/* More than any datagram has may be asked for. */
static void send_longest(struct side *s) {
  static const uint8_t bytes[65507];
  ck_assert_int_ge(plait_datagram_send(s->socket, bytes, sizeof bytes, NULL),
                   0);
  side_close(s);
}

static void longest_came(struct side *s, const uint8_t *data, size_t len,
                         const plait_datagram_info *info) {
  (void)data, (void)len, (void)info;
  side_close(s);
}

START_TEST(test_longest) {
  setup((plait_runtime_options){0});
  server.factory.limits.datagram_bytes_max = PLAIT_UNLIMITED;
  server.got = longest_came;
  client.begin = send_longest;
  side_listen(&server, "udp:0", NULL);
  side_connect(&client, side_client(&server, "127.0.0.1"), NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  tear_down();
  side_end(&server, "opened started got(65507) stopped ended");
  side_end(&client, "opened started stopped ended");
}
END_TEST

/* ---- out of memory ------------------------------------------------------- */

/* One run with an allocation that fails; whatever came of it, both sockets end,
 * and nothing is left. */
static void fail_close(struct side *s, int code, const plait_address *to) {
  (void)s, (void)code, (void)to;
  plait_runtime_stop(runtime);
}

static void fail_send(struct side *s) {
  if (plait_datagram_send(s->socket, "hello", 5, NULL) < 0)
    plait_runtime_stop(runtime);
}

static void fail_got(struct side *s, const uint8_t *data, size_t len,
                     const plait_datagram_info *info) {
  (void)s, (void)data, (void)len, (void)info;
  plait_runtime_stop(runtime);
}

static void fail_prepare(struct side *s) {
  s->got = fail_got;
  s->failed = fail_close;
  s->drain = side_close;
  s->ended = stop;
}

/* What the calls make of it: nothing follows one that has failed. */
static int fail_open(void) {
  int code = side_try(&server, "udp:0:interface=127.0.0.1", false);
  if (code == 0)
    code = side_try(&client, side_client(&server, "127.0.0.1"), true);
  if (code != 0 && server.port != NULL)
    plait_runtime_stop(runtime);
  return code;
}

static bool run_with_failure(size_t n) {
  setup((plait_runtime_options){0});
  fail_prepare(&server);
  fail_prepare(&client);
  client.begin = fail_send;
  leak_fail_at(n);
  int code = fail_open();
  ck_assert(code == 0 || code == PLAIT_ENOMEM);
  ck_assert_int_eq(plait_run(runtime), 0);
  bool failed = leak_failed();
  leak_fail_at(0);
  if (server.port != NULL)
    plait_datagram_port_close(server.port);
  if (client.port != NULL)
    plait_datagram_port_close(client.port);
  close_runtime();
  ck_assert((server.port != NULL) == (server.trace.len > 0));
  ck_assert((client.port != NULL) == (client.trace.len > 0));
  side_end(&server, NULL);
  side_end(&client, NULL);
  return failed;
}

START_TEST(test_out_of_memory) {
  size_t n = 1;
  while (run_with_failure(n))
    n++;
  ck_assert_uint_gt(n, 8);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("datagram ports");
  TCase *tcase = tcase_create("ports");
  tcase_add_test(tcase, test_a_socket_on_each_reactor);
  tcase_add_test(tcase, test_on_one_reactor);
  tcase_add_test(tcase, test_group);
  tcase_add_test(tcase, test_stop);
  tcase_add_test(tcase, test_grace_is_over);
  tcase_add_test(tcase, test_stop_now);
  tcase_add_test(tcase, test_close_sends);
  tcase_add_test(tcase, test_close_offers_the_queue);
  tcase_add_test(tcase, test_post);
#if PLAIT_DEBUG
  tcase_add_test_raise_signal(tcase, test_another_thread, SIGABRT);
#endif
  tcase_add_test(tcase, test_refused);
  tcase_add_test(tcase, test_longest);
  tcase_add_test(tcase, test_out_of_memory);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
