/* What a callback on a worker may ask of plait beyond its own connection. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <plait.h>

#include "support/require.h"
#include "support/runtime.h"

/* ---- listeners ----------------------------------------------------------- */

enum { ASKERS = 8, LISTENERS = 60 };

static plait_factory quiet = {.protocol = &plait_discard};
static atomic_uint listening;

/* Those that are not closed go with the runtime. */
static void listen_often(plait_protocol *p) {
  for (unsigned i = 0; i < LISTENERS; i++) {
    plait_listener *l;
    char type[8] = "";
    int code =
        plait_listen(runtime, "tcp:0:interface=127.0.0.1", &quiet, NULL, &l);
    require(code == 0, "%s", plait_error_detail());
    require(sscanf(plait_listener_endpoint(l), "%3[a-z]:", type) == 1 &&
                type[0] == 't',
            "%s", plait_listener_endpoint(l));
    if (i % 8 != 0)
      plait_listener_close(l);
  }
  if (atomic_fetch_add(&listening, 1) + 1 == ASKERS)
    plait_runtime_stop(runtime);
  plait_close(p->transport);
}

static const plait_protocol_ops asker_ops = {.name = "asker",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = listen_often};

START_TEST(test_listens) {
  plait_factory asking = {.protocol = &asker_ops, .dispatch = PLAIT_ON_WORKERS};
  int fds[ASKERS];
  listening = 0;
  open_runtime((plait_runtime_options){.reactors = 2,
                                       .pool.strand_threads_max = ASKERS});
  for (unsigned i = 0; i < ASKERS; i++)
    fds[i] = join(&asking, i % 2);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(listening, ASKERS);
  for (unsigned i = 0; i < ASKERS; i++)
    close(fds[i]);
  close_runtime();
}
END_TEST

/* ---- one that is used from the moment it is there ------------------------ */

static plait_listener *kept;
static plait_factory calling;
static atomic_uint served;

static void served_made(plait_protocol *p) {
  atomic_fetch_add(&served, 1);
  plait_close(p->transport);
  plait_listener_close(kept);
}

static const plait_protocol_ops served_ops = {.name = "served",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = served_made};
static plait_factory serving = {.protocol = &served_ops,
                                .dispatch = PLAIT_ON_WORKERS};

static void listen_and_connect(plait_protocol *p) {
  unsigned port;
  char endpoint[64];
  int code =
      plait_listen(runtime, "tcp:0:interface=127.0.0.1", &serving, NULL, &kept);
  require(code == 0, "%s", plait_error_detail());
  require(sscanf(plait_listener_endpoint(kept), "tcp:%u", &port) == 1,
          "no port");
  snprintf(endpoint, sizeof endpoint, "tcp:127.0.0.1:%u", port);
  code = plait_connect(runtime, endpoint, &calling, NULL, NULL);
  require(code == 0, "%s", plait_error_detail());
  plait_close(p->transport);
}

START_TEST(test_listens_and_connects) {
  plait_protocol_ops ops = asker_ops;
  ops.connection_made = listen_and_connect;
  plait_factory asking = {.protocol = &ops, .dispatch = PLAIT_ON_WORKERS};
  calling = (plait_factory){.protocol = &plait_discard};
  served = 0;
  open_runtime((plait_runtime_options){.reactors = 2});
  close(join(&asking, 1));
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(served, 1);
  close_runtime();
}
END_TEST

/* ---- a switch to the reactor --------------------------------------------- */

enum { MOVERS = 40, CALLS = 30, LENGTH = 30000 };

struct mover {
  plait_protocol base;
  unsigned number;
};

struct mover_call {
  plait_call call;
  unsigned number, place;
};

static char sent[LENGTH];
static int mover_fds[MOVERS];
static plait_handle mover_handles[MOVERS];
static atomic_uint mover_count, moved, calls_run;
static unsigned calls_seen[MOVERS]; /* the connection's context is the lock */
static pthread_t reactor_thread;
static sem_t movers_there;

static struct mover *mover_of(plait_protocol *p) {
  return plait_container_of(p, struct mover, base);
}

static void check_reactor(const plait_protocol *p) {
  require(!plait_transport_on_workers(p->transport) &&
              pthread_equal(pthread_self(), reactor_thread),
          "not on the reactor");
}

static void settled_made(plait_protocol *p) {
  check_reactor(p);
  atomic_fetch_add(&moved, 1);
}

static void settled_data(plait_protocol *p, const uint8_t *data, size_t len) {
  check_reactor(p);
  plait_write(p->transport, data, len);
}

static const plait_protocol_ops settled_ops = {
    .name = "settled",
    .size = PLAIT_INSTANCE(struct mover, base),
    .connection_made = settled_made,
    .data_received = settled_data};

static void mover_made(plait_protocol *p) {
  struct mover *m = mover_of(p);
  m->number = atomic_fetch_add(&mover_count, 1);
  mover_handles[m->number] = plait_transport_handle(p->transport);
  if (m->number + 1 == MOVERS)
    sem_post(&movers_there);
}

/* What comes at first is for it; it hands back a part of the rest, and gives
 * the new one the other. */
static void mover_data(plait_protocol *p, const uint8_t *data, size_t len) {
  plait_transport *t = p->transport;
  size_t own = len < 100 ? len : 100, half = (len - own) / 2;
  require(plait_transport_on_workers(t) &&
              !pthread_equal(pthread_self(), reactor_thread),
          "not on a worker");
  plait_write(t, data, own);
  plait_unread(t, data + own + half, len - own - half);
  plait_protocol *next =
      plait_switch_to_reactor(t, &settled_ops, data + own, half);
  require(next != NULL, "not switched");
  mover_of(next)->number = mover_of(p)->number;
}

static void mover_lost(plait_protocol *p, int reason) {
  require(plait_transport_on_workers(p->transport), "lost on the reactor");
  require(reason == PLAIT_ESWITCHED, "lost with %d", reason);
}

static const plait_protocol_ops mover_ops = {
    .name = "mover",
    .size = PLAIT_INSTANCE(struct mover, base),
    .connection_made = mover_made,
    .data_received = mover_data,
    .connection_lost = mover_lost};

static void mover_called(plait_call *call, plait_protocol *p) {
  struct mover_call *c = plait_container_of(call, struct mover_call, call);
  require(p != NULL && mover_of(p)->number == c->number, "another connection");
  require(calls_seen[c->number] == c->place, "call %u comes behind %u",
          c->place, calls_seen[c->number]);
  calls_seen[c->number]++;
  atomic_fetch_add(&calls_run, 1);
}

/* Bytes and calls, while the connections move. */
static void *disturb(void *arg) {
  static struct mover_call calls[MOVERS][CALLS];
  (void)arg;
  wait_for(&movers_there);
  for (unsigned place = 0; place < CALLS; place++)
    for (unsigned i = 0; i < MOVERS; i++) {
      size_t part = LENGTH / CALLS;
      require(write(mover_fds[i], sent + place * part, part) == (ssize_t)part,
              "no write");
      calls[i][place] = (struct mover_call){
          .call.run = mover_called, .number = i, .place = place};
      require(plait_handle_call(mover_handles[i], &calls[i][place].call) == 0,
              "no call");
    }
  while (atomic_load(&calls_run) < MOVERS * CALLS)
    sched_yield();
  for (unsigned i = 0; i < MOVERS; i++)
    shutdown(mover_fds[i], SHUT_WR);
  return NULL;
}

static void check_answer(int fd) {
  static char got[LENGTH + 1];
  size_t len = 0;
  ssize_t n;
  while ((n = read(fd, got + len, sizeof got - len)) > 0)
    len += (size_t)n;
  require(len == LENGTH && memcmp(got, sent, LENGTH) == 0, "%zu bytes", len);
  close(fd);
}

START_TEST(test_switch_to_reactor) {
  plait_factory factory = {.protocol = &mover_ops,
                           .dispatch = PLAIT_ON_WORKERS};
  pthread_t other;
  for (size_t i = 0; i < LENGTH; i++)
    sent[i] = (char)('a' + i * 7 % 26 + i / 997 % 3);
  reactor_thread = pthread_self();
  mover_count = moved = calls_run = 0;
  sem_init(&movers_there, 0, 0);
  open_runtime((plait_runtime_options){0});
  for (unsigned i = 0; i < MOVERS; i++)
    mover_fds[i] = join(&factory, 0);
  pthread_create(&other, NULL, disturb, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  pthread_join(other, NULL);
  for (unsigned i = 0; i < MOVERS; i++)
    check_answer(mover_fds[i]);
  ck_assert_uint_eq(moved, MOVERS);
  close_runtime();
}
END_TEST

int main(void) {
  Suite *suite = suite_create("workers");
  TCase *tc = tcase_create("workers");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, test_listens);
  tcase_add_test(tc, test_listens_and_connects);
  tcase_add_test(tc, test_switch_to_reactor);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
