/* What a reactor lends to strands: whole chunks, 64 of them at most, and copies
 * beyond that. One connection is slow and gets a few bytes now and then, each
 * of which keeps the chunk that it is in; another one fills chunks and is
 * quick.  And what a connection is lent: no more is read for it until half of
 * that came back. */
#include <check.h>
#include <plait.h>
#include <stdlib.h>
#include <string.h>

#include "support/pattern.h"
#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

enum {
  MUCH = 200000,
  FEW = 100,
  ROUNDS = 120,
  FULL_ROUND = 100, /* more chunks than may be lent are lent by then */
  CHUNK = 260 * 1024,
  CHUNKS = 64 + 2, /* and the one that is read into; one that it replaces */
  REST = 1 << 20
};

/* A client on the reactor, and who reads on workers. */
struct lane {
  plait_factory client, server;
  plait_handle to; /* the client */
  uint64_t sent, got;
  unsigned block_ms; /* in the first delivery */
  int reason;
};

static struct lane quick, slow;
static uint64_t fail_at;
static char failed[128];

static struct lane *lane_of(const plait_protocol *p) {
  return p->factory == &quick.client || p->factory == &quick.server ? &quick
                                                                    : &slow;
}

static void client_made(plait_protocol *p) {
  lane_of(p)->to = plait_transport_handle(p->transport);
}

static void client_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data, (void)len;
}

static void server_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct lane *lane = lane_of(p);
  if (lane->got == 0 && lane->block_ms > 0)
    plait_work_sleep_ms(lane->block_ms);
  require(pattern_match(data, lane->got, len) == len,
          "not the bytes from %llu on", (unsigned long long)lane->got);
  lane->got += len;
}

static void server_lost(plait_protocol *p, int reason) {
  lane_of(p)->reason = reason;
}

static const plait_protocol_ops client_ops = {.name = "client",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = client_made,
                                              .data_received = client_data};

static const plait_protocol_ops server_ops = {.name = "server",
                                              .size = sizeof(plait_protocol),
                                              .data_received = server_data,
                                              .connection_lost = server_lost};

static void lane_open(struct lane *lane, unsigned block_ms) {
  int fds[2];
  plait_reactor *reactor = plait_runtime_reactor(runtime, 0);
  *lane =
      (struct lane){.client = {.protocol = &client_ops},
                    .server = {.protocol = &server_ops,
                               .dispatch = PLAIT_ON_WORKERS,
                               .limits = {.lease_bytes_max = PLAIT_UNLIMITED}},
                    .block_ms = block_ms};
  require(plait_sim_pair(sim, fds) == 0 &&
              plait_adopt(reactor, fds[0], &lane->client) == 0 &&
              plait_adopt(reactor, fds[1], &lane->server) == 0,
          "%s", plait_error_detail());
}

static void lane_send(struct lane *lane, size_t len) {
  static uint8_t bytes[MUCH];
  pattern_fill(bytes, lane->sent, len);
  int code = plait_handle_write(lane->to, bytes, len);
  require(code == 0 || (code < 0 && fail_at > 0), "%s", plait_strerror(code));
  lane->sent += code == 0 ? len : 0;
  plait_sim_sleep_us(sim, 10000);
}

static void send_all(void *arg) {
  (void)arg;
  plait_sim_sleep_us(sim, 10000);
  for (unsigned i = 0; i < ROUNDS; i++) {
    lane_send(&quick, MUCH);
    if (i == FULL_ROUND)
      plait_sim_fail_at(sim, fail_at);
    lane_send(&slow, FEW);
    if (i == FULL_ROUND && plait_sim_failed(sim) != NULL)
      strcpy(failed, plait_sim_failed(sim));
    plait_sim_fail_at(sim, 0);
  }
  plait_handle_close(quick.to);
  plait_handle_close(slow.to);
}

/* The |k|th call that may fail does so when a few bytes are sent that are not
 * lent any more. */
static void send_with(uint64_t k) {
  plait_sim_thread *thread;
  fail_at = k;
  failed[0] = '\0';
  sim_begin((plait_sim_options){.seed = 1});
  open_runtime_on(plait_sim_backend(sim),
                  (plait_runtime_options){.pool = {.strand_threads_max = 2}});
  lane_open(&quick, 0);
  lane_open(&slow, 10000);
  require(plait_sim_thread_start(sim, send_all, NULL, "sender", &thread) == 0,
          "no thread");
  require(plait_run(runtime) == 0, "%s", plait_error_detail());
  plait_sim_thread_join(thread);
  size_t peak = plait_sim_memory_peak(sim);
  require(peak > 60 * CHUNK, "%zu bytes: too few were lent", peak);
  require(peak < CHUNKS * CHUNK + REST, "%zu bytes: too many are lent", peak);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}

START_TEST(beyond_that_it_is_copied) {
  send_with(0);
  ck_assert_uint_eq(quick.got, (uint64_t)ROUNDS * MUCH);
  ck_assert_uint_eq(slow.got, (uint64_t)ROUNDS * FEW);
  ck_assert_int_eq(quick.reason, PLAIT_EOF);
  ck_assert_int_eq(slow.reason, PLAIT_EOF);
}
END_TEST

/* Which of the calls it is depends on what else is done for these bytes. */
START_TEST(without_memory_for_a_copy_one_is_lost) {
  uint64_t k = 0;
  do {
    send_with(++k);
    ck_assert_str_ne(failed, ""); /* there is one more */
  } while (strncmp(failed, "alloc src/filter/home.c:", 24) != 0);
  ck_assert_uint_eq(quick.got, (uint64_t)ROUNDS * MUCH);
  ck_assert_int_eq(quick.reason, PLAIT_EOF);
  ck_assert_int_eq(slow.reason, PLAIT_ENOMEM);
  ck_assert_uint_eq(slow.got, (uint64_t)FULL_ROUND * FEW);
}
END_TEST

/* ---- half of them -------------------------------------------------------- */

enum { HALF_MAX = 1 << 20, HALF_SLACK = 64 << 10, HALF_SENT = 4 << 20 };

static uint64_t half_got, half_full; /* what was read when no more was lent */
static bool half_seen;

static void half_made(plait_protocol *p) {
  static const uint8_t bytes[HALF_SENT];
  plait_write(p->transport, bytes, sizeof bytes);
  plait_close(p->transport);
}

static uint64_t half_read(const plait_protocol *p) {
  plait_transport_stats stats;
  plait_transport_get_stats(p->transport, &stats);
  return stats.received_bytes;
}

/* The reactor has time for whatever it may do while a callback sleeps. */
static void half_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data;
  plait_work_sleep_ms(half_got == 0 ? 10000 : 100);
  if (half_got == 0)
    half_full = half_read(p);
  if (!half_seen && half_full - half_got > HALF_MAX / 2) {
    ck_assert_uint_eq(half_read(p), half_full);
  } else if (!half_seen && half_full - half_got < HALF_MAX / 2 - HALF_SLACK) {
    ck_assert_uint_gt(half_read(p), half_full);
    half_seen = true;
  }
  half_got += len;
}

static const plait_protocol_ops half_client_ops = {
    .name = "client",
    .size = sizeof(plait_protocol),
    .connection_made = half_made};

static const plait_protocol_ops half_server_ops = {.name = "server",
                                                   .size =
                                                       sizeof(plait_protocol),
                                                   .data_received = half_data};

START_TEST(reading_resumes_when_half_came_back) {
  int fds[2];
  plait_factory client = {.protocol = &half_client_ops};
  plait_factory server = {.protocol = &half_server_ops,
                          .dispatch = PLAIT_ON_WORKERS,
                          .limits = {.lease_bytes_max = HALF_MAX}};
  half_got = 0;
  half_seen = false;
  sim_begin((plait_sim_options){.seed = 1});
  open_runtime_on(plait_sim_backend(sim),
                  (plait_runtime_options){.pool = {.strand_threads_max = 2}});
  plait_reactor *reactor = plait_runtime_reactor(runtime, 0);
  require(plait_sim_pair(sim, fds) == 0 &&
              plait_adopt(reactor, fds[0], &client) == 0 &&
              plait_adopt(reactor, fds[1], &server) == 0,
          "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(half_got, HALF_SENT);
  ck_assert(half_seen);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}
END_TEST

int main(void) {
  Suite *s = suite_create("leases");
  TCase *tc = tcase_create("leases");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, beyond_that_it_is_copied);
  tcase_add_test(tc, without_memory_for_a_copy_one_is_lost);
  tcase_add_test(tc, reading_resumes_when_half_came_back);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
