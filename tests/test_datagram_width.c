/* How many datagrams a wake-up asks the system for: one where they come one by
 * one, for which it answers quicker, and all that have come where there are
 * more. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/side.h"
#include "support/sim_world.h"

enum { ANSWERS = 400, BURST = 128, WARM = 40 };

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

/* The system's sockets: one that came alone says as much about itself as those
 * of a batch, also if it is longer than any that plait sends. */
enum { LONG = 70000 };

static const char *const endpoints[] = {"udp:0:interface=127.0.0.1",
                                        "unixgram:/tmp/plait-width.%d"};
static char server_at[64], client_at[160];

static void send_long(void) {
  static char bytes[LONG];
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  snprintf(to.sun_path, sizeof to.sun_path, "%s", strchr(server_at, '/'));
  require(sendto(fd, bytes, LONG, 0, (struct sockaddr *)&to, sizeof to) == LONG,
          "not sent");
  close(fd);
}

static void answer_and_send_long(struct side *s, const uint8_t *data,
                                 size_t len, const plait_datagram_info *info) {
  (void)data;
  require(len == 1 && !info->truncated, "%zu bytes", len);
  if (s->count < ANSWERS)
    send_one(s);
  else if (strchr(server_at, '/') != NULL)
    send_long();
  else
    plait_runtime_stop(runtime);
}

static void echo_and_stop(struct side *s, const uint8_t *data, size_t len,
                          const plait_datagram_info *info) {
  if (s->count <= ANSWERS) {
    side_echo(s, data, len, info);
    return;
  }
  require(info->truncated && len == 8192, "%zu bytes", len);
  require(info->from->path[0] == '\0', "from \"%s\"", info->from->path);
  plait_runtime_stop(runtime);
}

START_TEST(test_alone) {
  server = client = (struct side){0};
  snprintf(server_at, sizeof server_at, endpoints[_i], getpid());
  open_runtime((plait_runtime_options){0});
  server.got = echo_and_stop;
  client.begin = send_one;
  client.got = answer_and_send_long;
  server.drain = client.drain = side_close;
  side_listen(&server, server_at, NULL);
  snprintf(client_at, sizeof client_at, "%s:bind=%s.client", server_at,
           server_at + strlen("unixgram:"));
  side_connect(&client, _i == 0 ? side_client(&server, "127.0.0.1") : client_at,
               NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(server.count, _i == 0 ? ANSWERS : ANSWERS + 1);
  close_runtime();
  side_end(&server, NULL);
  side_end(&client, NULL);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("datagram_width");
  TCase *tcase = tcase_create("width");
  tcase_add_test(tcase, test_one_by_one);
  tcase_add_test(tcase, test_burst_behind_singles);
  tcase_add_loop_test(tcase, test_alone, 0, 2);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
