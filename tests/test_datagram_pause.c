/* Pausing reception: nothing comes meanwhile, and nothing of it is lost. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/side.h"
#include "support/sim_world.h"

enum { WINDOW = 64, SENT = 40 * WINDOW, EVERY = 7 };

static struct side server, client;
static plait_timer timer;
static plait_call call;
static bool simulated, paused;
static uint32_t sent;
static unsigned pauses, withdrawn;
static const plait__io *inner;

/* On the simulator it is counted how often a socket is not watched. */
static void counting_interest(plait__socket *socket, unsigned interest) {
  withdrawn += interest == 0;
  inner->interest(socket, interest);
}

static const plait_backend *counting_backend(void) {
  static plait__io io;
  static plait_backend counting;
  counting = *plait_sim_backend(sim);
  inner = counting.io;
  io = *inner;
  io.interest = counting_interest;
  counting.io = &io;
  return &counting;
}

static void setup(bool on_sim) {
  server = client = (struct side){0};
  simulated = on_sim;
  paused = false;
  sent = pauses = withdrawn = 0;
  if (simulated) {
    sim_begin((plait_sim_options){.seed = 5});
    open_runtime_on(counting_backend(), (plait_runtime_options){0});
  } else {
    open_runtime((plait_runtime_options){0});
  }
}

/* UDP, UNIX, and UDP on the simulator. */
static void open_both(int kind) {
  char at[64], from[160];
  server.drain = client.drain = side_close;
  if (kind != 1) {
    side_listen(&server, "udp:0:interface=127.0.0.1", NULL);
    side_connect(&client, side_client(&server, "127.0.0.1"), NULL);
    return;
  }
  snprintf(at, sizeof at, "unixgram:/tmp/plait-pause.%d", getpid());
  side_listen(&server, at, NULL);
  snprintf(from, sizeof from, "%s:bind=/tmp/plait-pause.%d.client", at,
           getpid());
  side_connect(&client, from, NULL);
}

static void run_to_end(void) {
  ck_assert_int_eq(plait_run(runtime), 0);
  if (simulated) {
    plait_runtime_free(runtime);
    sim_end();
  } else {
    close_runtime();
  }
  side_end(&server, NULL);
  side_end(&client, NULL);
}

static void go_on(void) {
  paused = false;
  plait_datagram_resume_reading(server.socket);
}

static void go_on_later(plait_timer *t) {
  (void)t;
  go_on();
}

static void go_on_soon(plait_call *c, plait_protocol *p) {
  (void)c, (void)p;
  go_on();
}

static void pause_for_a_while(struct side *s) {
  paused = true;
  plait_datagram_pause_reading(s->socket);
  if (++pauses % 2 == 0) {
    plait_timer_init(&timer, NULL, go_on_later);
    plait_timer_start(&timer, 1, 0);
  } else {
    call = (plait_call){.run = go_on_soon};
    require(plait_reactor_post(plait_datagram_reactor(s->socket), &call) == 0,
            "not posted");
  }
}

/* Half of the pauses are over before the callback returns. */
static void take_and_pause(struct side *s, const uint8_t *data, size_t len,
                           const plait_datagram_info *info) {
  uint32_t number;
  require(!paused, "datagram %u came while reading is paused", s->count - 1);
  require(len == sizeof number, "%zu bytes", len);
  memcpy(&number, data, len);
  require(number == s->count - 1, "%u came for %u", number, s->count - 1);
  side_echo(s, data, len, info);
  if (number % EVERY == 3)
    pause_for_a_while(s);
  else if (number % EVERY == 5) {
    plait_datagram_pause_reading(s->socket);
    plait_datagram_resume_reading(s->socket);
  }
}

static void send_window(struct side *s) {
  for (unsigned i = 0; i < WINDOW; i++, sent++)
    require(plait_datagram_send(s->socket, &sent, sizeof sent, NULL) == 1,
            "not sent");
}

static void window_came(struct side *s, const uint8_t *data, size_t len,
                        const plait_datagram_info *info) {
  (void)data, (void)len, (void)info;
  if (s->count == SENT)
    plait_runtime_stop(runtime);
  else if (s->count == sent)
    send_window(s);
}

START_TEST(test_all_come_in_order) {
  setup(_i == 2);
  server.got = take_and_pause;
  client.begin = send_window;
  client.got = window_came;
  open_both(_i);
  run_to_end();
  ck_assert_uint_ge(pauses, SENT / EVERY);
  ck_assert(_i != 2 || withdrawn > 0);
}
END_TEST

/* Reading goes on by a stream's callback, and in the same batch of events there
 * is one more: those that are held come before it. */
static int line, raw;

static void raw_send(const char *text) {
  require(send(raw, text, 1, 0) == 1, "not sent");
}

static void go_on_by_stream(plait_protocol *p, const uint8_t *data,
                            size_t len) {
  (void)data, (void)len;
  go_on();
  plait_close(p->transport);
}

static const plait_protocol_ops going_on = {.name = "going on",
                                            .size = sizeof(plait_protocol),
                                            .data_received = go_on_by_stream};

static void both_at_once(plait_timer *t) {
  (void)t;
  require(write(line, "x", 1) == 1, "not written");
  raw_send("4");
}

static void pause_at_first(struct side *s, const uint8_t *data, size_t len,
                           const plait_datagram_info *info) {
  (void)info;
  require(!paused && len == 1, "came while reading is paused");
  require(data[0] == '0' + s->count, "%c came as %u", data[0], s->count);
  if (s->count == 1) {
    paused = true;
    plait_datagram_pause_reading(s->socket);
    plait_timer_init(&timer, NULL, both_at_once);
    plait_timer_start(&timer, 1, 0);
  } else if (s->count == 4) {
    plait_runtime_stop(runtime);
  }
}

START_TEST(test_held_come_first) {
  static plait_factory factory = {.protocol = &going_on};
  plait_address at;
  setup(false);
  line = join(&factory, 0);
  server.got = pause_at_first;
  server.drain = side_close;
  side_listen(&server, "udp:0:interface=127.0.0.1", NULL);
  at = side_address(&server, "127.0.0.1");
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(at.port)};
  memcpy(&to.sin_addr, at.ip, sizeof to.sin_addr);
  raw = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  require(connect(raw, (struct sockaddr *)&to, sizeof to) == 0, "no way");
  raw_send("1");
  raw_send("2");
  raw_send("3");
  ck_assert_int_eq(plait_run(runtime), 0);
  close(raw);
  close(line);
  close_runtime();
  ck_assert_uint_eq(server.count, 4);
  side_end(&server, NULL);
}
END_TEST

/* It ends paused, and what is held goes with it. */
static void pause_and_stop(struct side *s, const uint8_t *data, size_t len,
                           const plait_datagram_info *info) {
  (void)data, (void)len, (void)info;
  require(s->count == 1, "one too many");
  plait_datagram_pause_reading(s->socket);
  plait_runtime_stop(runtime);
}

START_TEST(test_ends_paused) {
  setup(_i == 2);
  server.got = pause_and_stop;
  client.begin = send_window;
  open_both(_i);
  run_to_end();
}
END_TEST

/* A refusal while reading is paused is told when it goes on. */
static char nowhere[64];
static struct side nobody;

static void refused(struct side *s, int code, const plait_address *to) {
  (void)s, (void)to;
  require(code == PLAIT_ECONNREFUSED, "%s", plait_error_name(code));
  require(!paused, "a refusal while reading is paused");
  plait_runtime_stop(runtime);
}

static void ask_again(plait_timer *t) {
  (void)t;
  paused = false;
  plait_datagram_resume_reading(client.socket);
}

static void pause_and_ask(struct side *s) {
  (void)s;
  paused = true;
  plait_datagram_pause_reading(client.socket);
  require(plait_datagram_send(client.socket, "x", 1, NULL) == 1, "not sent");
  plait_timer_init(&timer, NULL, ask_again);
  plait_timer_start(&timer, 20, 0);
}

START_TEST(test_refusal) {
  setup(_i == 1);
  nobody = (struct side){.begin = side_close, .ended = pause_and_ask};
  side_listen(&nobody, "udp:0:interface=127.0.0.1", NULL);
  snprintf(nowhere, sizeof nowhere, "%s", side_client(&nobody, "127.0.0.1"));
  client.failed = refused;
  client.drain = side_close;
  side_connect(&client, nowhere, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  if (simulated) {
    plait_runtime_free(runtime);
    sim_end();
  } else {
    close_runtime();
  }
  side_end(&nobody, NULL);
  side_end(&client, "opened started ECONNREFUSED draining stopped ended");
}
END_TEST

/* Out of memory for what is held: an error, and the socket lives on. */
static void come_what_may(struct side *s, const uint8_t *data, size_t len,
                          const plait_datagram_info *info) {
  (void)data, (void)len, (void)info;
  require(!paused, "came while reading is paused");
  if (s->count % EVERY == 3)
    pause_for_a_while(s);
}

static void stop(plait_timer *t) {
  (void)t;
  plait_runtime_stop(runtime);
}

static void send_and_wait(struct side *s) {
  static plait_timer end;
  for (unsigned i = 0; i < WINDOW; i++)
    (void)plait_datagram_send(s->socket, "x", 1, NULL);
  plait_timer_init(&end, NULL, stop);
  plait_timer_start(&end, 1000, 0);
}

static unsigned lost; /* runs of which not all came, and an error was told */

static bool run_with_fault(uint64_t k) {
  setup(true);
  plait_sim_fail_at(sim, k);
  server.got = come_what_may;
  server.drain = client.drain = side_close;
  client.begin = send_and_wait;
  if (side_try(&server, "udp:0:interface=127.0.0.1", false) == 0 &&
      side_try(&client, side_client(&server, "127.0.0.1"), true) != 0)
    plait_runtime_stop(runtime);
  int code = plait_run(runtime);
  ck_assert(code == 0 || code == PLAIT_ENOMEM);
  plait_timer_stop(&timer);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  bool failed = plait_sim_failed(sim) != NULL;
  sim_end();
  lost += server.count < WINDOW && server.trace.s != NULL &&
          strstr(server.trace.s, "ENOMEM") != NULL;
  side_end(&server, NULL);
  side_end(&client, NULL);
  return failed;
}

START_TEST(test_faults) {
  uint64_t k = 1;
  while (run_with_fault(k))
    k++;
  ck_assert_uint_gt(lost, 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("datagram_pause");
  TCase *tcase = tcase_create("pause");
  tcase_add_loop_test(tcase, test_all_come_in_order, 0, 3);
  tcase_add_test(tcase, test_held_come_first);
  tcase_add_loop_test(tcase, test_ends_paused, 0, 3);
  tcase_add_loop_test(tcase, test_refusal, 0, 2);
  tcase_add_test(tcase, test_faults);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
