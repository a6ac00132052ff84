/* How many datagrams a wake-up asks the system for: one where they come one by
 * one, for which it answers quicker, and all that have come where there are
 * more. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/side.h"
#include "support/sim_world.h"

enum { ANSWERS = 400, BURST = 64, WARM = 16 };

static const plait__io *inner;
static struct side server, client;
static unsigned calls, singles; /* that asked for one alone */
static unsigned most;           /* that one brought */
static unsigned since;          /* calls, from the burst until it was seen */

static int counting_receive(plait__socket *socket, const plait__room *room,
                            plait__packet *v, unsigned n) {
  int got = inner->receive_batch(socket, room, v, n);
  if (got <= 0)
    return got;
  calls++;
  singles += n == 1;
  if ((unsigned)got > most)
    most = (unsigned)got;
  since += most == 1;
  return got;
}

static void setup(void) {
  static plait__io io;
  static plait_backend counting;
  server = client = (struct side){0};
  calls = singles = most = since = 0;
  sim_begin((plait_sim_options){.seed = 3});
  counting = *plait_sim_backend(sim);
  inner = counting.io;
  io = *inner;
  io.receive_batch = counting_receive;
  counting.io = &io;
  open_runtime_on(&counting, (plait_runtime_options){0});
}

static void run_both(void) {
  server.got = side_echo;
  server.drain = client.drain = side_close;
  side_listen(&server, "udp:0:interface=127.0.0.1", NULL);
  side_connect(&client, side_client(&server, "127.0.0.1"), NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  plait_runtime_free(runtime);
  sim_end();
  side_end(&server, NULL);
  side_end(&client, NULL);
}

static void send_one(struct side *s) {
  ck_assert_int_eq(plait_datagram_send(s->socket, "x", 1, NULL), 1);
}

static void answer(struct side *s, const uint8_t *data, size_t len,
                   const plait_datagram_info *info) {
  (void)data, (void)len, (void)info;
  if (s->count < ANSWERS)
    send_one(s);
  else
    plait_runtime_stop(runtime);
}

/* Most of the calls do not look for a second one; but some do. */
START_TEST(test_one_by_one) {
  setup();
  client.begin = send_one;
  client.got = answer;
  run_both();
  ck_assert_uint_eq(client.count, ANSWERS);
  ck_assert_uint_eq(most, 1);
  ck_assert_uint_gt(singles, calls * 3 / 4);
  ck_assert_uint_lt(singles, calls);
}
END_TEST

/* Behind many that came one by one, what has come together is taken together
 * after a few wake-ups. */
static void answer_and_burst(struct side *s, const uint8_t *data, size_t len,
                             const plait_datagram_info *info) {
  (void)data, (void)len, (void)info;
  if (s->count == ANSWERS + BURST)
    plait_runtime_stop(runtime);
  if (s->count < ANSWERS) {
    send_one(s);
  } else if (s->count == ANSWERS) {
    since = 0;
    for (unsigned i = 0; i < BURST; i++)
      send_one(s);
  }
}

START_TEST(test_burst_behind_singles) {
  setup();
  client.begin = send_one;
  client.got = answer_and_burst;
  run_both();
  ck_assert_uint_eq(client.count, ANSWERS + BURST);
  ck_assert_uint_eq(most, 32);
  ck_assert_uint_le(since, WARM);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("datagram_width");
  TCase *tcase = tcase_create("width");
  tcase_add_test(tcase, test_one_by_one);
  tcase_add_test(tcase, test_burst_behind_singles);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
