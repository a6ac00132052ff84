/* Callbacks on workers: that they are there, may block, and what bounds them.
 */
#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <plait.h>

#include "support/require.h"
#include "support/runtime.h"

static sem_t gate, arrived;

/* ---- a chat whose callbacks block ---------------------------------------- */

enum { CLIENTS = 200, WORKERS = 8, LINES = 20 };

struct client {
  plait_line line;
  unsigned lines;
  bool inside; /* not atomic: the connection's context is the lock */
};

static atomic_uint inside, inside_max, lines_seen;
static plait_handle members[CLIENTS];
static atomic_uint member_count;

static void client_made(plait_protocol *p) {
  unsigned i = atomic_fetch_add(&member_count, 1);
  members[i] = plait_transport_handle(p->transport);
}

static void count_inside(void) {
  unsigned now = atomic_fetch_add(&inside, 1) + 1;
  unsigned max = atomic_load(&inside_max);
  while (now > max && !atomic_compare_exchange_weak(&inside_max, &max, now))
    continue;
}

/* "sender number": what comes must be in order; one line in so many is told to
 * another member. */
static void client_line(plait_line *l, plait_slice text) {
  struct client *c = (struct client *)l;
  const struct timespec nap = {.tv_nsec = 200000};
  char buffer[64];
  require(!c->inside, "two callbacks of one client at once");
  c->inside = true;
  count_inside();
  require(plait_reactor_current() == plait_transport_reactor(l->base.transport),
          "another reactor");
  snprintf(buffer, sizeof buffer, "%.*s", (int)text.len, text.data);
  require((unsigned)atoi(buffer) == c->lines, "line %s, not %u", buffer,
          c->lines);
  c->lines++;
  nanosleep(&nap, NULL);
  plait_line_send(l, text.data, text.len);
  atomic_fetch_add(&lines_seen, 1);
  atomic_fetch_sub(&inside, 1);
  c->inside = false;
}

static const plait_line_ops client_ops =
    PLAIT_LINE_OPS(.base.name = "client",
                   .base.size = PLAIT_INSTANCE(struct client, line.base),
                   .base.connection_made = client_made,
                   .line_received = client_line);

static int ends[CLIENTS];

static void *talk(void *arg) {
  char text[16];
  (void)arg;
  for (unsigned n = 0; n < LINES; n++) {
    int len = snprintf(text, sizeof text, "%u\r\n", n);
    for (size_t i = 0; i < CLIENTS; i++)
      require(write(ends[i], text, (size_t)len) == len, "no write");
  }
  for (size_t i = 0; i < CLIENTS; i++)
    shutdown(ends[i], SHUT_WR);
  return NULL;
}

static void read_answers(int fd) {
  char all[LINES * 8], expected[LINES * 8];
  size_t len = 0, want = 0;
  ssize_t n;
  for (unsigned i = 0; i < LINES; i++)
    want +=
        (size_t)snprintf(expected + want, sizeof expected - want, "%u\r\n", i);
  while ((n = read(fd, all + len, sizeof all - len)) > 0)
    len += (size_t)n;
  require(len == want && memcmp(all, expected, len) == 0,
          "answers out of order: %.*s", (int)len, all);
  close(fd);
}

START_TEST(test_blocking_chat) {
  plait_factory factory = {.protocol = &client_ops.base,
                           .dispatch = PLAIT_ON_WORKERS};
  pthread_t talker;
  open_runtime((plait_runtime_options){.reactors = (unsigned)_i,
                                       .pool.strand_threads_max = WORKERS});
  for (unsigned i = 0; i < CLIENTS; i++)
    ends[i] = join(&factory, i % (unsigned)_i);
  pthread_create(&talker, NULL, talk, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  pthread_join(talker, NULL);
  for (size_t i = 0; i < CLIENTS; i++)
    read_answers(ends[i]);
  ck_assert_uint_eq(lines_seen, CLIENTS * LINES);
  ck_assert_uint_eq(inside_max, WORKERS);
  close_runtime();
}
END_TEST

/* ---- a callback that does not return ------------------------------------- */

static unsigned lost;
static int lost_reason;

static void stuck_made(plait_protocol *p) {
  (void)p;
  sem_post(&arrived);
  wait_for(&gate);
  /* What it may touch is still there. */
  plait_write_str(p->transport, "late");
}

static void count_lost(plait_protocol *p, int reason) {
  (void)p;
  lost++;
  lost_reason = reason;
}

static const plait_protocol_ops stuck_ops = {.name = "stuck protocol",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = stuck_made,
                                             .connection_lost = count_lost};

static void *stop_when_stuck(void *arg) {
  (void)arg;
  wait_for(&arrived);
  plait_runtime_stop(runtime);
  return NULL;
}

/* The runtime can be freed once it has returned, and then it hears of its
 * end. */
START_TEST(test_stuck_callback) {
  plait_factory factory = {.protocol = &stuck_ops,
                           .dispatch = PLAIT_ON_WORKERS};
  pthread_t stopper;
  open_runtime((plait_runtime_options){.grace_ms = 30});
  int fd = join(&factory, 0);
  pthread_create(&stopper, NULL, stop_when_stuck, NULL);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EBUSY);
  pthread_join(stopper, NULL);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "stuck protocol"));
  ck_assert_int_eq(plait_runtime_free(runtime), PLAIT_EBUSY);
  ck_assert_uint_eq(lost, 0);
  sem_post(&gate);
  while (plait_runtime_free(runtime) == PLAIT_EBUSY)
    continue;
  ck_assert_uint_eq(lost, 1);
  ck_assert_int_eq(lost_reason, PLAIT_EDRAIN);
  close(fd);
  leak_end(&leak);
}
END_TEST

/* The same with a task that was deferred, wherever callbacks run. */
static plait_task stuck_task;
static int done_status = 1;

static void stuck_work(plait_task *task) {
  (void)task;
  sem_post(&arrived);
  wait_for(&gate);
}

static void stuck_done(plait_task *task, int status) {
  (void)task;
  require(lost == 0, "done after lost");
  done_status = status;
}

static void defer_stuck(plait_protocol *p) {
  stuck_task = (plait_task){
      .work = stuck_work, .done = stuck_done, .name = "stuck task"};
  require(plait_defer(p->transport, &stuck_task, 0) == 0, "%s",
          plait_error_detail());
}

static const plait_protocol_ops defer_ops = {.name = "defers",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = defer_stuck,
                                             .connection_lost = count_lost};

START_TEST(test_stuck_deferred_task) {
  plait_factory factory = {.protocol = &defer_ops,
                           .dispatch = (plait_dispatch)_i};
  pthread_t stopper;
  open_runtime((plait_runtime_options){.grace_ms = 30});
  int fd = join(&factory, 0);
  pthread_create(&stopper, NULL, stop_when_stuck, NULL);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EBUSY);
  pthread_join(stopper, NULL);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "stuck task"));
  ck_assert_int_eq(plait_runtime_free(runtime), PLAIT_EBUSY);
  sem_post(&gate);
  while (plait_runtime_free(runtime) == PLAIT_EBUSY)
    continue;
  ck_assert_int_eq(done_status, PLAIT_ECLOSED);
  ck_assert_uint_eq(lost, 1);
  close(fd);
  leak_end(&leak);
}
END_TEST

/* ---- leases -------------------------------------------------------------- */

enum { LEASE_BYTES = 100000, FLOOD_BYTES = 8 * 1024 * 1024 };

static size_t flood_seen;

static void flood_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data;
  if (flood_seen == 0) {
    sem_post(&arrived);
    wait_for(&gate);
    plait_transport_stats stats;
    plait_transport_get_stats(p->transport, &stats);
    require(stats.received_bytes >= LEASE_BYTES &&
                stats.received_bytes < LEASE_BYTES + 256 * 1024,
            "%llu bytes were taken", (unsigned long long)stats.received_bytes);
  }
  flood_seen += len;
}

static const plait_protocol_ops flood_ops = {.name = "flood",
                                             .size = sizeof(plait_protocol),
                                             .data_received = flood_data};

/* Writes until nothing more is taken, and only then lets the callback go. */
static void *flood(void *arg) {
  static const char bytes[16384];
  int fd = *(const int *)arg;
  size_t sent = 0;
  wait_for(&arrived);
  ssize_t n;
  unsigned full = 0;
  /* It is full for good when it stays so while the reactor could read. */
  while (full < 20) {
    const struct timespec nap = {.tv_nsec = 5000000};
    n = send(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0)
      sent += (size_t)n;
    full = n > 0 ? 0 : full + 1;
    if (n < 0)
      nanosleep(&nap, NULL);
  }
  require(sent < FLOOD_BYTES, "nothing bounds it");
  sem_post(&gate);
  while (sent < FLOOD_BYTES) {
    n = write(fd, bytes, sizeof bytes);
    require(n > 0, "no write");
    sent += (size_t)n;
  }
  close(fd);
  return (void *)sent;
}

/* R038 */
START_TEST(test_leases_are_bounded) {
  plait_factory factory = {.protocol = &flood_ops,
                           .dispatch = PLAIT_ON_WORKERS,
                           .limits.lease_bytes_max = LEASE_BYTES};
  pthread_t flooder;
  void *sent;
  open_runtime((plait_runtime_options){0});
  int fd = join(&factory, 0);
  require(write(fd, "1", 1) == 1, "no write");
  pthread_create(&flooder, NULL, flood, &fd);
  ck_assert_int_eq(plait_run(runtime), 0);
  pthread_join(flooder, &sent);
  ck_assert_uint_eq(flood_seen, (size_t)sent + 1);
  close_runtime();
}
END_TEST

/* ---- all workers blocked ------------------------------------------------- */

static atomic_uint blocked;

static void block_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  atomic_fetch_add(&blocked, 1);
  sem_post(&arrived);
  wait_for(&gate);
  plait_close(p->transport);
}

static const plait_protocol_ops block_ops = {.name = "block",
                                             .size = sizeof(plait_protocol),
                                             .data_received = block_data};

/* A third connection waits although the reactor is idle, and is counted. */
static void *see_blocked(void *arg) {
  plait_pool_stats stats;
  (void)arg;
  wait_for(&arrived);
  wait_for(&arrived);
  do
    plait_pool_get_strand_stats(plait_runtime_pool(runtime), &stats);
  while (stats.queued == 0);
  require(atomic_load(&blocked) == 2, "more run than may");
  require(stats.running == 2 && stats.threads == 2, "%u of %u run",
          stats.running, stats.threads);
  require(stats.saturated > 0, "it is not counted");
  for (int i = 0; i < 3; i++)
    sem_post(&gate);
  return NULL;
}

START_TEST(test_all_workers_blocked) {
  plait_factory factory = {.protocol = &block_ops,
                           .dispatch = PLAIT_ON_WORKERS};
  pthread_t watcher;
  int fds[3];
  open_runtime((plait_runtime_options){.pool.strand_threads_max = 2});
  for (size_t i = 0; i < 3; i++) {
    fds[i] = join(&factory, 0);
    require(write(fds[i], "x", 1) == 1, "no write");
  }
  pthread_create(&watcher, NULL, see_blocked, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  pthread_join(watcher, NULL);
  for (size_t i = 0; i < 3; i++)
    close(fds[i]);
  close_runtime();
}
END_TEST

/* ---- big writes ---------------------------------------------------------- */

enum { BIG_BYTES = 3 * 1024 * 1024 };

static void write_big(plait_protocol *p) {
  static char bytes[BIG_BYTES];
  for (size_t i = 0; i < BIG_BYTES; i++)
    bytes[i] = (char)(i / 1000);
  require(!plait_write(p->transport, bytes, BIG_BYTES), "it fits?");
  require(plait_transport_queued(p->transport) == BIG_BYTES, "%zu are queued",
          plait_transport_queued(p->transport));
}

static void close_when_sent(plait_protocol *p) {
  plait_write_str(p->transport, "end");
  plait_close(p->transport);
}

static const plait_protocol_ops big_ops = {.name = "big",
                                           .size = sizeof(plait_protocol),
                                           .connection_made = write_big,
                                           .resume_writing = close_when_sent,
                                           .connection_lost = count_lost};

static void *read_big(void *arg) {
  int fd = *(const int *)arg;
  static char bytes[65536];
  size_t total = 0;
  ssize_t n;
  while ((n = read(fd, bytes, sizeof bytes)) > 0) {
    for (size_t i = 0; i < (size_t)n && total + i < BIG_BYTES; i++)
      require(bytes[i] == (char)((total + i) / 1000), "a wrong byte");
    total += (size_t)n;
  }
  require(total == BIG_BYTES + 3, "%zu bytes", total);
  close(fd);
  return NULL;
}

START_TEST(test_big_write) {
  plait_factory factory = {.protocol = &big_ops, .dispatch = PLAIT_ON_WORKERS};
  pthread_t reader;
  open_runtime((plait_runtime_options){0});
  int fd = join(&factory, 0);
  pthread_create(&reader, NULL, read_big, &fd);
  ck_assert_int_eq(plait_run(runtime), 0);
  pthread_join(reader, NULL);
  ck_assert_uint_eq(lost, 1);
  ck_assert_int_eq(lost_reason, 0);
  close_runtime();
}
END_TEST

/* A callback that writes without end, and does not listen to the answers, loses
 * its connection, and not the process its memory. */
static void write_without_end(plait_protocol *p) {
  static const char bytes[65536];
  while (!plait_transport_closing(p->transport)) {
    plait_write(p->transport, bytes, sizeof bytes);
    require(leak_bytes() < 64u * 1024 * 1024, "nothing bounds it");
  }
}

static const plait_protocol_ops endless_ops = {.name = "endless",
                                               .size = sizeof(plait_protocol),
                                               .connection_made =
                                                   write_without_end,
                                               .connection_lost = count_lost};

START_TEST(test_endless_write) {
  plait_factory factory = {.protocol = &endless_ops,
                           .dispatch = PLAIT_ON_WORKERS};
  open_runtime((plait_runtime_options){0});
  int fd = join(&factory, 0);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_int_eq(lost_reason, PLAIT_EQUEUE);
  close(fd);
  close_runtime();
}
END_TEST

/* ---- from elsewhere ------------------------------------------------------ */

static plait_handle busy_handle;

/* A close by handle that comes while a callback runs does not lose what the
 * callback goes on to write. */
static void *close_busy(void *arg) {
  int fd = *(const int *)arg;
  char bytes[8] = {0};
  ssize_t len = 0, n;
  wait_for(&arrived);
  require(plait_handle_write(busy_handle, "2", 1) == 0, "no write");
  require(plait_handle_close(busy_handle) == 0, "no close");
  sem_post(&gate);
  while ((n = read(fd, bytes + len, sizeof bytes - (size_t)len)) > 0)
    len += n;
  require(len == 2 && strcmp(bytes, "23") == 0, "\"%s\" came", bytes);
  close(fd);
  return NULL;
}

static void busy_made(plait_protocol *p) {
  busy_handle = plait_transport_handle(p->transport);
  sem_post(&arrived);
  wait_for(&gate);
  usleep(20000); /* the close has every chance to overtake */
  require(plait_write(p->transport, "3", 1), "it does not take it");
}

static const plait_protocol_ops busy_ops = {.name = "busy",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = busy_made,
                                            .connection_lost = count_lost};

START_TEST(test_close_stays_behind_a_callback) {
  plait_factory factory = {.protocol = &busy_ops, .dispatch = PLAIT_ON_WORKERS};
  pthread_t closer;
  open_runtime((plait_runtime_options){0});
  int fd = join(&factory, 0);
  pthread_create(&closer, NULL, close_busy, &fd);
  ck_assert_int_eq(plait_run(runtime), 0);
  pthread_join(closer, NULL);
  ck_assert_int_eq(lost_reason, 0);
  close_runtime();
}
END_TEST

/* A callback that takes longer than the idle time-out is not idle: the clock
 * starts anew behind it, and the peer has time to close. */
static void slow_data(plait_protocol *p, const uint8_t *data, size_t len) {
  usleep(1200000);
  plait_write(p->transport, data, len);
}

static const plait_protocol_ops slow_ops = {.name = "slow",
                                            .size = sizeof(plait_protocol),
                                            .data_received = slow_data,
                                            .connection_lost = count_lost};

static void *close_after_answer(void *arg) {
  int fd = *(const int *)arg;
  char byte;
  require(read(fd, &byte, 1) == 1, "no answer");
  close(fd);
  return NULL;
}

START_TEST(test_work_is_not_idle) {
  plait_factory factory = {.protocol = &slow_ops,
                           .dispatch = PLAIT_ON_WORKERS,
                           .limits.idle_ms = 500};
  pthread_t peer;
  open_runtime((plait_runtime_options){0});
  int fd = join(&factory, 0);
  require(write(fd, "x", 1) == 1, "no write");
  pthread_create(&peer, NULL, close_after_answer, &fd);
  ck_assert_int_eq(plait_run(runtime), 0);
  pthread_join(peer, NULL);
  ck_assert_int_eq(lost_reason, PLAIT_EOF);
  close_runtime();
}
END_TEST

/* ---- out of memory ------------------------------------------------------- */

static void echo_data(plait_protocol *p, const uint8_t *data, size_t len) {
  plait_write(p->transport, data, len);
}

static const plait_protocol_ops echo_ops = {.name = "echo",
                                            .size = sizeof(plait_protocol),
                                            .data_received = echo_data,
                                            .connection_lost = count_lost};

/* Each allocation fails once: it costs one connection at most. */
START_TEST(test_no_memory) {
  bool failed = true;
  for (size_t n = 1; failed; n++) {
    plait_factory factory = {.protocol = &echo_ops,
                             .dispatch = PLAIT_ON_WORKERS};
    char answer[8] = {0};
    lost = 0;
    open_runtime((plait_runtime_options){0});
    int fd = join(&factory, 0);
    require(write(fd, "hello", 5) == 5, "no write");
    shutdown(fd, SHUT_WR);
    leak_fail_at(n);
    ck_assert_int_eq(plait_run(runtime), 0);
    failed = leak_failed();
    leak_fail_at(0);
    if (!failed)
      require(read(fd, answer, sizeof answer) == 5, "no echo");
    ck_assert_uint_le(lost, 1);
    close(fd);
    close_runtime();
  }
}
END_TEST

static Suite *dispatch_suite(void) {
  Suite *suite = suite_create("dispatch");
  TCase *tc = tcase_create("workers");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, test_blocking_chat, 1, 3);
  tcase_add_test(tc, test_stuck_callback);
  tcase_add_loop_test(tc, test_stuck_deferred_task, 0, 2);
  tcase_add_test(tc, test_leases_are_bounded);
  tcase_add_test(tc, test_all_workers_blocked);
  tcase_add_test(tc, test_big_write);
  tcase_add_test(tc, test_endless_write);
  tcase_add_test(tc, test_close_stays_behind_a_callback);
  tcase_add_test(tc, test_work_is_not_idle);
  tcase_add_test(tc, test_no_memory);
  suite_add_tcase(suite, tc);
  return suite;
}

int main(void) {
  sem_init(&gate, 0, 0);
  sem_init(&arrived, 0, 0);
  return run_suite(dispatch_suite());
}
