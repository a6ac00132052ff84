/* Datagrams: what every kind of socket does, on the system and on the
 * simulator, then what UDP and UNIX have of their own. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/side.h"
#include "support/sim_world.h"

static struct side server, client;
static char folder[] = "/tmp/plait-datagram-XXXXXX";
static bool simulated;

static void setup(void) {
  plait_runtime_options options = {.grace_ms = 20};
  server = client = (struct side){0};
  if (simulated) {
    sim_begin((plait_sim_options){.seed = 5});
    open_runtime_on(plait_sim_backend(sim), options);
  } else {
    open_runtime(options);
  }
}

static void shut(void) {
  if (simulated) {
    plait_runtime_free(runtime);
    sim_end();
  } else {
    close_runtime();
  }
}

static void run_to_end(void) {
  ck_assert_int_eq(plait_run(runtime), 0);
  plait_datagram_port_close(server.port);
  if (client.port != NULL)
    plait_datagram_port_close(client.port);
  shut();
}

/* Both close at the end of the client's tale. */
static void finish(void) {
  side_close(&client);
  side_close(&server);
}

static const char whole[] = "opened started stopped ended";

/* ---- each kind ----------------------------------------------------------- */

static const struct kind {
  const char *listen, *ip;
} kinds[] = {
    {"udp:0:interface=127.0.0.1", "127.0.0.1"},
    {"udp:0", "127.0.0.2"},
    {"udp:0:interface=\\:\\:", "127.0.0.2"},
    {"udp6:0", "\\:\\:1"},
    {"unixgram", NULL},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* The kind of round |i|; NULL: the simulator has none. */
static const struct kind *kind_of(int i) {
  simulated = i >= KINDS;
  const struct kind *kind = &kinds[i % KINDS];
  return simulated && strstr(kind->listen, "\\:\\:") != NULL ? NULL : kind;
}

/* The server and the client of |kind|. */
static void open_both(const struct kind *kind) {
  char path[64], endpoint[320];
  if (kind->ip != NULL) {
    side_listen(&server, kind->listen, NULL);
    side_connect(&client, side_client(&server, kind->ip), NULL);
    return;
  }
  snprintf(path, sizeof path, "unixgram:%s/server", folder);
  side_listen(&server, path, NULL);
  snprintf(endpoint, sizeof endpoint, "%s:bind=%s/client",
           side_client(&server, NULL), folder);
  side_connect(&client, endpoint, NULL);
}

/* Sizes that segments are made of, or not; each is echoed before the next. */
static const size_t sizes[] = {1, 0, 64, 1472, 1473, 8192, 3};

static void send_next(struct side *s) {
  uint8_t data[8192];
  memset(data, (int)('a' + s->count), sizeof data);
  ck_assert_int_eq(plait_datagram_send(s->socket, data, sizes[s->count], NULL),
                   1);
}

static void echoed(struct side *s, const uint8_t *data, size_t len,
                   const plait_datagram_info *info) {
  (void)info;
  ck_assert_uint_eq(len, sizes[s->count - 1]);
  for (size_t i = 0; i < len; i++)
    ck_assert_uint_eq(data[i], 'a' + s->count - 1);
  if (s->count == sizeof sizes / sizeof *sizes)
    finish();
  else
    send_next(s);
}

START_TEST(test_echo) {
  const struct kind *kind = kind_of(_i);
  if (kind == NULL)
    return;
  setup();
  server.got = side_echo;
  client.begin = send_next;
  client.got = echoed;
  open_both(kind);
  run_to_end();
  side_end(&server, "opened started got(1) got(0) got(64) got(1472) got(1473) "
                    "got(8192) got(3) stopped ended");
  side_end(&client, "opened started got(1) got(0) got(64) got(1472) got(1473) "
                    "got(8192) got(3) stopped ended");
}
END_TEST

/* All of one callback: equal ones, a smaller last one of a row, none, a bigger
 * one.  Each has its number in it, so a swap would show. */
enum { BURST = 150 };

static size_t burst_size(unsigned i) {
  return i % 41 == 40 ? 0 : i % 23 == 22 ? 900 : i % 17 == 16 ? 20 : 64;
}

static void burst_fill(uint8_t *data, unsigned i) {
  memset(data, (int)i, burst_size(i));
}

static void send_burst(struct side *s) {
  uint8_t data[900];
  for (unsigned i = 0; i < BURST; i++) {
    burst_fill(data, i);
    ck_assert_int_eq(plait_datagram_send(s->socket, data, burst_size(i), NULL),
                     1);
    /* What leaves after the callback waits, too. */
    if (i < 2)
      ck_assert_uint_eq(plait_datagram_queued(s->socket), (i + 1) * (64 + 256));
  }
}

static void burst_came(struct side *s, const uint8_t *data, size_t len,
                       const plait_datagram_info *info) {
  uint8_t expected[900];
  (void)info;
  burst_fill(expected, s->count - 1);
  ck_assert_uint_eq(len, burst_size(s->count - 1));
  ck_assert(memcmp(data, expected, len) == 0);
  if (s->count == BURST)
    finish();
}

START_TEST(test_burst) {
  const struct kind *kind = kind_of(_i);
  if (kind == NULL)
    return;
  setup();
  client.begin = send_burst;
  server.got = burst_came;
  open_both(kind);
  run_to_end();
  ck_assert_uint_eq(server.count, BURST);
  ck_assert_uint_eq(client.dropped, 0);
  side_end(&server, NULL);
  side_end(&client, whole);
}
END_TEST

/* The last three may go down, and come, as one. */
static void send_five(struct side *s) {
  static const size_t lens[] = {99, 100, 101, 101, 101};
  static const char data[101];
  for (unsigned i = 0; i < 5; i++)
    ck_assert_int_eq(plait_datagram_send(s->socket, data, lens[i], NULL), 1);
}

static void fifth_came(struct side *s, const uint8_t *data, size_t len,
                       const plait_datagram_info *info) {
  (void)data;
  (void)len;
  (void)info;
  if (s->count == 5)
    finish();
}

START_TEST(test_truncation) {
  const struct kind *kind = kind_of(_i);
  if (kind == NULL)
    return;
  setup();
  server.factory.limits.datagram_bytes_max = 100;
  client.begin = send_five;
  server.got = fifth_came;
  open_both(kind);
  run_to_end();
  side_end(&server, "opened started got(99) got(100) got(100+) got(100+) "
                    "got(100+) stopped ended");
  side_end(&client, whole);
}
END_TEST

/* ---- refusal ------------------------------------------------------------- */

/* Who was refused goes on, and reaches and hears who comes to that place
 * later. */
static char refused_at[320];

static void send_hello(struct side *s) {
  ck_assert_int_eq(plait_datagram_send(s->socket, "hello", 5, NULL), 1);
}

static void refused(struct side *s, int code, const plait_address *to) {
  plait_address peer;
  ck_assert_int_eq(code, PLAIT_ECONNREFUSED);
  ck_assert_int_eq(plait_datagram_peer(s->socket, &peer), 0);
  ck_assert_ptr_nonnull(to);
  ck_assert_uint_eq(to->port, peer.port);
  if (server.port != NULL)
    return;
  side_listen(&server, refused_at, NULL);
  send_hello(s);
}

static void greeted(struct side *s, const uint8_t *data, size_t len,
                    const plait_datagram_info *info) {
  (void)s, (void)data, (void)len, (void)info;
  finish();
}

static void begin_client(struct side *s) {
  (void)s;
  send_hello(&client);
}

START_TEST(test_refusal) {
  struct side nobody = {.begin = side_close, .ended = begin_client};
  const struct kind *kind = kind_of(_i);
  if (kind == NULL || kind->ip == NULL)
    return;
  setup();
  side_listen(&nobody, kind->listen, NULL);
  client.failed = refused;
  server.got = side_echo;
  client.got = greeted;
  side_connect(&client, side_client(&nobody, kind->ip), NULL);
  snprintf(refused_at, sizeof refused_at, "%s",
           plait_datagram_port_endpoint(nobody.port));
  run_to_end();
  side_end(&server, "opened started got(5) stopped ended");
  side_end(&client, "opened started ECONNREFUSED got(5) stopped ended");
  side_end(&nobody, whole);
}
END_TEST

/* An error that is pending makes the next send fail without a try: it is told,
 * and the send is not lost by it. */
enum { OUTBOX = 64 };

static void send_two_outboxes(struct side *s) {
  (void)s;
  for (unsigned i = 0; i < 2 * OUTBOX; i++)
    send_hello(&client);
}

static void refused_once(struct side *s, int code, const plait_address *to) {
  (void)to;
  ck_assert_int_eq(code, PLAIT_ECONNREFUSED);
  side_close(s);
}

START_TEST(test_pending_error) {
  struct side nobody = {.begin = side_close, .ended = send_two_outboxes};
  const struct kind *kind = kind_of(_i);
  if (kind == NULL || kind->ip == NULL)
    return;
  setup();
  side_listen(&nobody, kind->listen, NULL);
  client.failed = refused_once;
  side_connect(&client, side_client(&nobody, kind->ip), NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  shut();
  ck_assert_uint_eq(client.dropped, 0);
  side_end(&client, "opened started ECONNREFUSED stopped ended");
  side_end(&nobody, whole);
}
END_TEST

/* ---- what was asked ------------------------------------------------------ */

/* A client hears from nobody but the address that it asked. */
static void asked(struct side *s, const uint8_t *data, size_t len,
                  const plait_datagram_info *info) {
  char text[PLAIT_ADDRESS_TEXT_MAX];
  plait_address local;
  plait_address_format_ip(info->to, text, sizeof text);
  text_format(&s->trace, "at %s ", text);
  ck_assert_int_eq(plait_datagram_local(s->socket, &local), 0);
  ck_assert_uint_eq(info->to->port, local.port);
  ck_assert(!info->to_many);
  ck_assert_uint_ne(info->interface, 0);
  side_echo(s, data, len, info);
}

static void test_asked(const char *listen, const char *at, const char *as) {
  char trace[128];
  setup();
  server.got = asked;
  client.begin = send_hello;
  client.got = greeted;
  side_listen(&server, listen, NULL);
  side_connect(&client, side_client(&server, at), NULL);
  run_to_end();
  snprintf(trace, sizeof trace, "opened started got(5) at %s stopped ended",
           as);
  side_end(&server, trace);
  side_end(&client, "opened started got(5) stopped ended");
}

START_TEST(test_answers_from_where_it_was_asked) {
  test_asked("udp:0", "127.0.0.1", "127.0.0.1");
  test_asked("udp:0", "127.0.0.2", "127.0.0.2");
  test_asked("udp6:0", "\\:\\:1", "::1");
  test_asked("udp:0:interface=\\:\\:", "127.0.0.3", "::ffff:127.0.0.3");
}
END_TEST

/* ---- answers of calls ---------------------------------------------------- */

static char big[65536];

static void send_wrongly(struct side *s) {
  plait_address v4, v6;
  plait_address_parse("127.0.0.1", 9, &v4);
  plait_address_parse("::1", 9, &v6);
  ck_assert_int_eq(plait_datagram_send(s->socket, big, 65508, &v4),
                   PLAIT_EMSGSIZE);
  ck_assert_int_eq(plait_datagram_send(s->socket, "x", 1, &v6), PLAIT_EINVAL);
  ck_assert_int_eq(plait_datagram_send(s->socket, "x", 1, NULL), PLAIT_EINVAL);
  ck_assert_int_eq(plait_datagram_send_from(s->socket, "x", 1, &v4, &v6),
                   PLAIT_EINVAL);
  ck_assert_int_eq(plait_datagram_set_multicast_ttl(s->socket, 256),
                   PLAIT_EINVAL);
  ck_assert_int_eq(plait_datagram_join(s->socket, &v4, 0), PLAIT_EINVAL);
  ck_assert_int_eq(plait_datagram_join(s->socket, &v6, 0), PLAIT_EINVAL);
  side_close(s);
  ck_assert_int_eq(plait_datagram_send(s->socket, "x", 1, &v4), PLAIT_ECLOSED);
  ck_assert_int_eq(plait_datagram_fd(s->socket), -1);
}

static void send_to_another(struct side *s) {
  plait_address v4;
  plait_address_parse("127.0.0.1", 9, &v4);
  ck_assert_int_eq(plait_datagram_send(s->socket, "x", 1, &v4), PLAIT_EINVAL);
  side_close(s);
}

START_TEST(test_wrong_sends) {
  setup();
  server.begin = send_wrongly;
  client.begin = send_to_another;
  open_both(&kinds[0]);
  run_to_end();
  ck_assert_uint_eq(server.dropped, 5);
  ck_assert_uint_eq(client.dropped, 1);
  side_end(&server, whole);
  side_end(&client, whole);
}
END_TEST

/* The system has no way there, and says so: after the callback. */
static void send_broadcast(struct side *s) {
  plait_address all = side_address(s, "127.255.255.255");
  ck_assert_int_eq(plait_datagram_send(s->socket, "hello", 5, &all), 1);
}

static void allow(struct side *s, int code, const plait_address *to) {
  (void)code;
  ck_assert_ptr_nonnull(to);
  ck_assert_int_eq(plait_datagram_set_broadcast(s->socket, true), 0);
  send_broadcast(s);
}

static void broadcast_came(struct side *s, const uint8_t *data, size_t len,
                           const plait_datagram_info *info) {
  (void)data, (void)len;
  ck_assert(info->to_many);
  side_close(s);
}

START_TEST(test_broadcast) {
  setup();
  server.begin = send_broadcast;
  server.failed = allow;
  server.got = broadcast_came;
  side_listen(&server, "udp:0", NULL);
  run_to_end();
  side_end(&server, "opened started EACCES got(5) stopped ended");
}
END_TEST

START_TEST(test_ports_that_cannot_be) {
  char taken[64];
  plait_datagram_port *none = NULL;
  setup();
  side_listen(&server, "udp:0:interface=127.0.0.1", NULL);
  snprintf(taken, sizeof taken, "%s",
           plait_datagram_port_endpoint(server.port));
  ck_assert_int_eq(
      plait_datagram_listen(runtime, taken, &server.factory, NULL, &none),
      PLAIT_EADDRINUSE);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), ": bind: address"));
  ck_assert_int_eq(
      plait_datagram_listen(runtime, "tcp:0", &server.factory, NULL, &none),
      PLAIT_EENDPOINT);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "carries streams"));
  ck_assert_int_eq(plait_datagram_connect(runtime, "udp:localhost:ntp",
                                          &server.factory, NULL, &none),
                   PLAIT_EENDPOINT);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "is not a number"));
  ck_assert_ptr_null(none);
  close_runtime(); /* it never ran: nothing was called */
  side_end(&server, "");
}
END_TEST

/* ---- full queues --------------------------------------------------------- */

/* A UNIX receiver that does not read: its queue holds some, ours some, and the
 * rest is refused; then it reads all of it, in order. */
static int slow;
static unsigned accepted, highs, refusals, last_read;

static void fill_up(struct side *s) {
  int code;
  do {
    uint32_t number = accepted;
    code = plait_datagram_send(s->socket, &number, sizeof number, NULL);
    if (code >= 0)
      accepted++;
    highs += code == 0;
    if (code == PLAIT_EFULL)
      refusals++;
    /* It leaves after the callback, so what is full is seen in the next. */
  } while (code >= 0 && accepted % 64 != 0);
  ck_assert(code >= 0 || code == PLAIT_EFULL);
}

static void read_all(void) {
  uint32_t number;
  while (recv(slow, &number, sizeof number, MSG_DONTWAIT) == sizeof number)
    ck_assert_uint_eq(number, last_read++);
}

static void fill_or_read(plait_timer *timer) {
  if (refusals == 0) {
    fill_up(&client);
    return;
  }
  ck_assert_uint_le(plait_datagram_queued(client.socket), 64 * 1024);
  read_all();
  if (last_read < accepted)
    return;
  plait_timer_stop(timer);
  side_close(&client);
}

static plait_timer filler;

static void start_filling(struct side *s) {
  fill_up(s);
  plait_timer_init(&filler, NULL, fill_or_read);
  plait_timer_start(&filler, 1, 1);
}

/* A socket that is no plait's. */
static int open_slow(struct sockaddr_un *at) {
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  *at = (struct sockaddr_un){.sun_family = AF_UNIX};
  snprintf(at->sun_path, sizeof at->sun_path, "%s/slow", folder);
  require(fd >= 0 && bind(fd, (struct sockaddr *)at, sizeof *at) == 0,
          "no socket");
  return fd;
}

START_TEST(test_full_queue) {
  struct sockaddr_un at;
  char endpoint[320];
  setup();
  slow = open_slow(&at);
  accepted = highs = refusals = last_read = 0;
  client.factory.limits = (plait_datagram_limits){.high_bytes = 16 * 1024,
                                                  .queue_bytes_max = 64 * 1024};
  client.begin = start_filling;
  snprintf(endpoint, sizeof endpoint, "unixgram:%s", at.sun_path);
  side_connect(&client, endpoint, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  plait_datagram_port_close(client.port);
  close(slow);
  unlink(at.sun_path);
  close_runtime();
  ck_assert_uint_gt(highs, 0);
  ck_assert_uint_eq(refusals, 1);
  ck_assert_uint_eq(client.dropped, 1);
  ck_assert_uint_eq(last_read, accepted);
  side_end(&client, "opened started resume stopped ended");
}
END_TEST

/* Without a peer of its own, whose queue is full is told so, and nobody waits
 * for it: others get what is theirs. */
static void flood(struct side *s) {
  plait_address to = {.family = PLAIT_UNIX};
  snprintf(to.path, sizeof to.path, "%s/slow", folder);
  for (int i = 0; i < 2000; i++)
    ck_assert_int_eq(plait_datagram_send(s->socket, "x", 1, &to), 1);
  snprintf(to.path, sizeof to.path, "%s/server", folder);
  ck_assert_int_eq(plait_datagram_send(s->socket, "mine", 4, &to), 1);
}

static void flood_failed(struct side *s, int code, const plait_address *to) {
  (void)s;
  ck_assert_int_eq(code, PLAIT_ENOBUFS);
  ck_assert_ptr_nonnull(strstr(to->path, "/slow"));
}

static void close_it(struct side *s, const uint8_t *data, size_t len,
                     const plait_datagram_info *info) {
  (void)data, (void)len, (void)info;
  side_close(s);
}

START_TEST(test_full_receiver) {
  struct sockaddr_un at;
  char endpoint[320];
  slow = open_slow(&at);
  setup();
  server.begin = flood;
  server.failed = flood_failed;
  server.got = close_it;
  snprintf(endpoint, sizeof endpoint, "unixgram:%s/server", folder);
  side_listen(&server, endpoint, NULL);
  run_to_end();
  close(slow);
  unlink(at.sun_path);
  ck_assert_uint_gt(server.dropped, 0);
  ck_assert_ptr_nonnull(strstr(server.trace.s, "ENOBUFS "));
  side_end(&server, NULL);
}
END_TEST

/* ---- main ---------------------------------------------------------------- */

int main(void) {
  Suite *suite = suite_create("datagrams");
  TCase *tcase = tcase_create("datagrams");
  require(mkdtemp(folder) != NULL, "no folder");
  tcase_add_loop_test(tcase, test_echo, 0, 2 * KINDS);
  tcase_add_loop_test(tcase, test_burst, 0, 2 * KINDS);
  tcase_add_loop_test(tcase, test_truncation, 0, 2 * KINDS);
  tcase_add_loop_test(tcase, test_refusal, 0, 2 * KINDS);
  tcase_add_loop_test(tcase, test_pending_error, 0, 2 * KINDS);
  tcase_add_test(tcase, test_answers_from_where_it_was_asked);
  tcase_add_test(tcase, test_wrong_sends);
  tcase_add_test(tcase, test_broadcast);
  tcase_add_test(tcase, test_ports_that_cannot_be);
  tcase_add_test(tcase, test_full_queue);
  tcase_add_test(tcase, test_full_receiver);
  suite_add_tcase(suite, tcase);
  int failed = run_suite(suite);
  rmdir(folder);
  return failed;
}
