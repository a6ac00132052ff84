/* Handles: what they answer, what they keep in order, from any thread. */
#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract/contract.h"
#include "core/runtime.h"
#include "handles/storm.h"
#include "support/closes.h"
#include "support/require.h"
#include "support/runtime.h"

enum { DEADLINE_S = 300, OPERATIONS = 200000, MAILBOX = 1 << 20 };

static struct world world;

/* ---- on the own thread ---------------------------------------------------*/

static void write_both_ways(struct spy *s) {
  plait_handle h = spy_handle(s);
  spy_say(s, "a");
  ck_assert_int_eq(plait_handle_write(h, "b", 1), 0);
  spy_say(s, "c");
  ck_assert_int_eq(plait_handle_write(h, "d", 1), 0);
  ck_assert_int_eq(plait_handle_close(h), 0);
  ck_assert(plait_transport_closing(s->base.transport));
  ck_assert_int_eq(plait_handle_write(h, "e", 1), PLAIT_ECLOSED);
}

static void check_order(struct spy *s) {
  ck_assert_int_eq(memcmp(s->data, "abcd", s->len), 0);
}

START_TEST(own_thread_acts_at_once) {
  world_init(&world, &world_kernel, MEDIUM_PAIR, 1);
  on(&world.server, SPY_MADE, write_both_ways);
  on(&world.client, SPY_DATA, check_order);
  world_play(&world);
  world_expect(&world, "made lost(0)", "made data(4) lost(EOF)");
}
END_TEST

static unsigned calls;

static void count_call(plait_call *call, plait_protocol *p) {
  (void)call;
  (void)p;
  calls++;
}

/* A call never runs inside, and what this thread sent before goes first. */
static void call_then_write(struct spy *s) {
  static plait_call call = {.run = count_call};
  plait_handle h = spy_handle(s);
  ck_assert_int_eq(plait_handle_call(h, &call), 0);
  ck_assert_uint_eq(calls, 0);
  ck_assert_int_eq(plait_handle_write(h, "after", 5), 0);
  ck_assert_uint_eq(plait_transport_queued(s->base.transport), 0);
  ck_assert_int_eq(plait_handle_close(h), 0);
  ck_assert(!plait_transport_closing(s->base.transport));
}

static void check_called(struct spy *s) {
  (void)s;
  ck_assert_uint_eq(calls, 1);
}

START_TEST(own_thread_queues_behind_a_call) {
  world_init(&world, &world_kernel, MEDIUM_PAIR, 1);
  on(&world.server, SPY_MADE, call_then_write);
  on(&world.server, SPY_LOST, check_called);
  world_play(&world);
  world_expect(&world, "made lost(0)", "made data(5) lost(EOF)");
}
END_TEST

/* ---- calls and their ends ------------------------------------------------*/

static void abort_with_calls(struct spy *s) {
  static plait_call one = {.run = count_call}, two = {.run = count_call};
  spy_send(s, 8 << 20);
  ck_assert_int_eq(plait_handle_when_writable(spy_handle(s), &one), 0);
  ck_assert_int_eq(plait_handle_call(spy_handle(s), &two), 0);
  spy_abort(s);
}

START_TEST(calls_on_a_lost_connection) {
  world_init(&world, &world_kernel, MEDIUM_PAIR, 1);
  on(&world.server, SPY_MADE, abort_with_calls);
  world_play(&world);
  world_expect(&world, "made *lost(ECANCELED)", "made *lost(*)");
  ck_assert_uint_eq(calls, 2);
}
END_TEST

static void drop_call(plait_call *call) {
  (void)call;
  calls += 100;
}

/* R153 */
START_TEST(posts_without_a_run_are_dropped) {
  plait_call one = {.run = count_call, .drop = drop_call}, two = one;
  plait_runtime *first;
  ck_assert_int_eq(plait_runtime_new(NULL, &first), 0);
  plait_reactor *r = plait_runtime_reactor(first, 0);
  ck_assert_int_eq(plait_reactor_post(r, &one), 0);
  ck_assert_int_eq(plait_reactor_post(r, &two), 0);
  ck_assert_uint_eq(calls, 0);
  ck_assert_int_eq(plait_runtime_free(first), 0);
  ck_assert_uint_eq(calls, 200);
}
END_TEST

START_TEST(posts_before_a_run_are_run) {
  plait_call one = {.run = count_call, .drop = drop_call}, two = one;
  plait_runtime_options options = {.reactors = 2};
  plait_runtime *first;
  ck_assert_int_eq(plait_runtime_new(&options, &first), 0);
  plait_reactor *r = plait_runtime_reactor(first, 1);
  ck_assert_int_eq(plait_reactor_post(r, &one), 0);
  ck_assert_int_eq(plait_reactor_post(r, &two), 0);
  ck_assert_int_eq(plait_run(first), 0);
  ck_assert_uint_eq(calls, 2);
  ck_assert_int_eq(plait_run(first), PLAIT_EINVAL);
  ck_assert_int_eq(plait_runtime_free(first), 0);
  ck_assert_uint_eq(calls, 2);
}
END_TEST

/* ---- bounds --------------------------------------------------------------*/

static sem_t held, let_go;
static uint64_t accepted_bytes, wakes;

static uint64_t count_wakes(void) {
  plait_reactor_stats stats;
  plait_reactor_get_stats(plait_reactor_current(), &stats);
  return stats.wakes;
}

static void say_go(struct spy *s) {
  spy_say(s, "go");
}

/* Keeps the reactor from emptying its mailbox. */
static void hold_reactor(struct spy *s) {
  (void)s;
  wakes = count_wakes();
  sem_post(&held);
  while (sem_wait(&let_go) != 0)
    continue;
}

static void note_writable(plait_call *call, plait_protocol *p) {
  (void)call;
  ck_assert_ptr_nonnull(p);
  ck_assert_uint_le(plait_transport_queued(p->transport), 16 << 10);
  ck_assert_uint_eq(count_wakes(), wakes + 1); /* for all that came */
  calls++;
  plait_close(p->transport);
}

static void *fill_mailbox(void *arg) {
  static char bytes[32 << 10];
  static plait_call call = {.run = note_writable};
  (void)arg;
  while (sem_wait(&held) != 0)
    continue;
  plait_handle h = {atomic_load(&world.server.records[0].handle)};
  int code = 0;
  while ((code = plait_handle_write(h, bytes, sizeof bytes)) == 0)
    accepted_bytes += sizeof bytes;
  ck_assert_int_eq(code, PLAIT_EFULL);
  ck_assert_int_eq(plait_handle_write(h, bytes, 1), PLAIT_EFULL);
  ck_assert_int_eq(plait_handle_when_writable(h, &call), 0);
  sem_post(&let_go);
  return NULL;
}

START_TEST(mailbox_is_bounded) {
  pthread_t thread;
  sem_init(&held, 0, 0);
  sem_init(&let_go, 0, 0);
  world_init(&world, &world_kernel, MEDIUM_PAIR, 3);
  on(&world.server, SPY_DATA, hold_reactor);
  on(&world.client, SPY_MADE, say_go);
  world_open(&world);
  world_connect(&world, 1);
  ck_assert_int_eq(pthread_create(&thread, NULL, fill_mailbox, NULL), 0);
  world_run(&world);
  pthread_join(thread, NULL);
  world_shut(&world);
  ck_assert_uint_ge(accepted_bytes, MAILBOX);
  ck_assert_uint_le(accepted_bytes, MAILBOX + (32 << 10));
  ck_assert_uint_eq(calls, 1);
  ck_assert_uint_eq(world.client.records[0].received, accepted_bytes);
}
END_TEST

/* ---- the ends of handles -------------------------------------------------*/

static void expect_closed(plait_handle h) {
  plait_call call = {.run = count_call, .drop = drop_call};
  require(plait_handle_write(h, "x", 1) == PLAIT_ECLOSED &&
              plait_handle_close(h) == PLAIT_ECLOSED &&
              plait_handle_abort(h) == PLAIT_ECLOSED &&
              plait_handle_call(h, &call) == PLAIT_ECLOSED &&
              plait_handle_when_writable(h, &call) == PLAIT_ECLOSED,
          "%llx is not closed", (unsigned long long)h.id);
  require(calls == 0, "a refused call ended");
}

START_TEST(zero_names_nobody) {
  expect_closed((plait_handle){0});
  expect_closed((plait_handle){UINT64_MAX});
  expect_closed((plait_handle){1});
}
END_TEST

enum { ROUNDS = 50, LINKS = 40 };

static void compare_handles(const uint64_t *ids, size_t n) {
  for (size_t i = 0; i < n; i++) {
    require(ids[i] != 0, "no handle");
    for (size_t k = i + 1; k < n; k++)
      require(ids[i] != ids[k], "%llx came twice", (unsigned long long)ids[i]);
  }
}

/* Slots are used again, over many runtimes too; handles never are. */
/* R152 */
START_TEST(handles_are_never_used_again) {
  static uint64_t ids[ROUNDS * LINKS];
  for (size_t round = 0; round < ROUNDS; round++) {
    world_init(&world, &world_kernel, MEDIUM_PAIR, 1);
    world.connections = LINKS;
    on(&world.server, SPY_MADE, spy_close);
    world_play(&world);
    for (size_t i = 0; i < LINKS; i++)
      ids[round * LINKS + i] = atomic_load(&world.server.records[i].handle);
    for (size_t i = 0; i < (round + 1) * LINKS; i++)
      expect_closed((plait_handle){ids[i]});
  }
  compare_handles(ids, ROUNDS * LINKS);
}
END_TEST

/* The same within one runtime, where slots go round. */
static uint64_t chain[3000];
static size_t chain_len;
static plait_handle keeper; /* keeps the factories from stopping */

static void chain_made(struct spy *s) {
  if (keeper.id == 0) {
    keeper = spy_handle(s);
    return;
  }
  chain[chain_len++] = spy_handle(s).id;
  spy_close(s);
}

static void chain_lost(struct spy *s) {
  if (spy_handle(s).id == keeper.id)
    return;
  for (size_t i = chain_len > 5 ? chain_len - 5 : 0; i + 1 < chain_len; i++)
    expect_closed((plait_handle){chain[i]});
  atomic_store(&world.server.connections, 1);
  atomic_store(&world.client.connections, 1);
  if (chain_len < sizeof chain / sizeof *chain)
    world_connect(&world, 1);
  else
    ck_assert_int_eq(plait_handle_close(keeper), 0);
}

START_TEST(slots_are_recycled) {
  world_init(&world, &world_kernel, MEDIUM_PAIR, 1);
  on(&world.server, SPY_MADE, chain_made);
  on(&world.server, SPY_LOST, chain_lost);
  world_open(&world);
  world_connect(&world, 2);
  world_run(&world);
  world_shut(&world);
  ck_assert_uint_eq(chain_len, sizeof chain / sizeof *chain);
  compare_handles(chain, chain_len);
}
END_TEST

/* ---- a stop --------------------------------------------------------------*/

/* What was accepted before a stop is sent, although the stop is noticed at
 * once. */
enum { BEFORE_STOP = 40000 }; /* more than a turn takes */

static plait_handle stopped_handle;
static sem_t stopped_made, stopped_go;
static int stopped_reason = 1;

static void *write_and_stop(void *arg) {
  static char bytes[65536];
  int fd = *(const int *)arg;
  size_t total = 0;
  ssize_t n;
  require(write(fd, "x", 1) == 1, "no write");
  wait_for(&stopped_made);
  for (unsigned i = 0; i < BEFORE_STOP; i++)
    ck_assert_int_eq(plait_handle_write(stopped_handle, "0123456789", 10), 0);
  plait_runtime_stop(runtime);
  sem_post(&stopped_go);
  while ((n = read(fd, bytes, sizeof bytes)) > 0)
    total += (size_t)n;
  require(total == BEFORE_STOP * 10, "%zu bytes came", total);
  close(fd);
  return NULL;
}

static void block_reactor(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  stopped_handle = plait_transport_handle(p->transport);
  sem_post(&stopped_made);
  wait_for(&stopped_go);
}

static void note_reason(plait_protocol *p, int reason) {
  (void)p;
  stopped_reason = reason;
}

static const plait_protocol_ops stopped_ops = {.name = "stopped",
                                               .size = sizeof(plait_protocol),
                                               .data_received = block_reactor,
                                               .connection_lost = note_reason};

START_TEST(a_stop_stays_behind_writes) {
  plait_factory factory = {.protocol = &stopped_ops};
  pthread_t writer;
  sem_init(&stopped_made, 0, 0);
  sem_init(&stopped_go, 0, 0);
  open_runtime((plait_runtime_options){0});
  int fd = join(&factory, 0);
  pthread_create(&writer, NULL, write_and_stop, &fd);
  ck_assert_int_eq(plait_run(runtime), 0);
  pthread_join(writer, NULL);
  ck_assert_int_eq(stopped_reason, 0);
  close_runtime();
}
END_TEST

/* ---- closing descriptors -------------------------------------------------*/

/* R023, R154: what is closed twice may be a stranger's by then.  Here, in the
 * storm and in the contract every close() is looked at. */
START_TEST(a_close_too_many_is_seen) {
  int fds[2];
  require(pipe(fds) == 0, "no pipe");
  close(fds[0]);
  close(fds[0]);
}
END_TEST

static const plait_protocol_ops silent_ops = {.name = "silent",
                                              .size = sizeof(plait_protocol)};

START_TEST(our_closes_are_looked_at) {
  plait_factory factory = {.protocol = &silent_ops};
  open_runtime((plait_runtime_options){0});
  int fd = join(&factory, 0);
  close(fd);
  unsigned before = closes_seen();
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(closes_seen(), before + 1);
  close_runtime();
}
END_TEST

/* ---- the storm -----------------------------------------------------------*/

/* R001, R150 */
START_TEST(storm_keeps_order) {
  const char *wanted = getenv("PLAIT_TEST_OPERATIONS");
  world_init(&world, &world_kernel, MEDIUM_PAIR, 1);
  storm_play(wanted == NULL ? OPERATIONS : (unsigned)atoi(wanted));
}
END_TEST

static Suite *handles_suite(void) {
  Suite *s = suite_create("handles");
  TCase *tc = tcase_create("handles");
  tcase_set_timeout(tc, DEADLINE_S);
  tcase_add_test(tc, own_thread_acts_at_once);
  tcase_add_test(tc, own_thread_queues_behind_a_call);
  tcase_add_test(tc, calls_on_a_lost_connection);
  tcase_add_test(tc, posts_without_a_run_are_dropped);
  tcase_add_test(tc, posts_before_a_run_are_run);
  tcase_add_test(tc, mailbox_is_bounded);
  tcase_add_test(tc, zero_names_nobody);
  tcase_add_test(tc, handles_are_never_used_again);
  tcase_add_test(tc, slots_are_recycled);
  tcase_add_test(tc, a_stop_stays_behind_writes);
  tcase_add_test_raise_signal(tc, a_close_too_many_is_seen, SIGABRT);
  tcase_add_test(tc, our_closes_are_looked_at);
  tcase_add_test(tc, storm_keeps_order);
  suite_add_tcase(s, tc);
  return s;
}

int main(void) {
  return run_suite(handles_suite());
}
