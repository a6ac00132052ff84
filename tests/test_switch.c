/* A switch waits for a task of the old instance: who gets what meanwhile. */
#include <check.h>
#include <plait.h>
#include <stdlib.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

enum { WORK_MS = 100, IDLE_MS = 30, MUCH = 200000, TIMES = 20 };

static plait_task task, other;
static unsigned drained, idled, made, rang, done;
static int reason;

static void begin(void) {
  drained = idled = made = rang = done = 0;
  reason = 1;
  sim_begin((plait_sim_options){.seed = 1});
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
}

/* Two connections that are each other's peer. */
static void connect_two(plait_factory *a, plait_factory *b) {
  int fds[2];
  plait_reactor *reactor = plait_runtime_reactor(runtime, 0);
  require(plait_sim_pair(sim, fds) == 0 &&
              plait_adopt(reactor, fds[0], a) == 0 &&
              plait_adopt(reactor, fds[1], b) == 0,
          "%s", plait_error_detail());
}

static void end(void) {
  ck_assert_int_eq(plait_run(runtime), 0);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}

static void work(plait_task *t) {
  (void)t;
  plait_work_sleep_ms(WORK_MS);
}

static void work_done(plait_task *t, int status) {
  (void)t;
  ck_assert_int_eq(status, 0);
  ck_assert_uint_eq(made, 0);
  done++;
}

static void defer(plait_protocol *p, plait_task *t) {
  *t = (plait_task){.work = work, .done = work_done};
  require(plait_defer(p->transport, t, 0) == 0, "%s", plait_error_detail());
}

static void client_made(plait_protocol *p) {
  plait_write(p->transport, "go", 2);
}

static const plait_protocol_ops client_ops = {.name = "client",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = client_made};

/* ---- a stop, and a time-out ----------------------------------------------*/

static void new_made(plait_protocol *p) {
  (void)p;
  made++;
}

static void count_drained(plait_protocol *p) {
  (void)p;
  drained++;
}

static void count_idled(plait_protocol *p) {
  (void)p;
  idled++;
}

static void close_drained(plait_protocol *p) {
  ck_assert_uint_eq(made, 1);
  plait_close_reason(p->transport, PLAIT_EBUSY);
}

static void lost(plait_protocol *p, int why) {
  (void)p;
  if (why != PLAIT_ESWITCHED)
    reason = why;
}

static const plait_protocol_ops bare_ops = {.name = "new",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = new_made,
                                            .connection_lost = lost};

static const plait_protocol_ops full_ops = {.name = "new",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = new_made,
                                            .timed_out = count_idled,
                                            .draining = close_drained,
                                            .connection_lost = lost};

static const struct {
  bool knows;                    /* the old one has the callback */
  bool stops;                    /* or it is idle */
  const plait_protocol_ops *ops; /* of the new one */
  int reason;
} cases[] = {{false, true, &full_ops, 0},
             {true, true, &full_ops, PLAIT_EBUSY},
             {true, true, &bare_ops, 0},
             {false, false, &full_ops, PLAIT_ETIMEOUT},
             {true, false, &bare_ops, PLAIT_ETIMEOUT}};

static int which;

static void switch_and_wait(plait_protocol *p, const uint8_t *data,
                            size_t len) {
  (void)data, (void)len;
  defer(p, &task);
  require(plait_switch_protocol(p->transport, cases[which].ops, NULL, 0) !=
              NULL,
          "no switch");
  if (cases[which].stops)
    plait_runtime_stop(runtime);
  else
    plait_transport_set_timeout(p->transport, IDLE_MS);
}

/* The old one hears of it, and if it says nothing to that it closes; else the
 * new one is told of a stop, too. */
START_TEST(the_old_one_answers) {
  plait_protocol_ops ops = {.name = "old",
                            .size = sizeof(plait_protocol),
                            .data_received = switch_and_wait,
                            .connection_lost = lost};
  plait_factory client = {.protocol = &client_ops};
  plait_factory server = {.protocol = &ops,
                          .dispatch =
                              _i % 2 ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR};
  which = _i / 2;
  if (cases[which].knows) {
    ops.draining = count_drained;
    ops.timed_out = count_idled;
  }
  begin();
  connect_two(&client, &server);
  end();
  ck_assert_int_eq(reason, cases[which].reason);
  ck_assert_uint_eq(drained, cases[which].knows && cases[which].stops);
  ck_assert_uint_eq(idled > 0, cases[which].knows && !cases[which].stops);
}
END_TEST

/* ---- on the way to the reactor -------------------------------------------*/

static plait_timer timer;
static unsigned tasks;

static void timer_rings(plait_timer *t) {
  (void)t;
  ck_assert_uint_eq(made, 0);
  rang++;
}

/* What it begins with its transport is its own. */
static void leave_and_go_on(plait_protocol *p, const uint8_t *data,
                            size_t len) {
  (void)data, (void)len;
  if (tasks == 2)
    defer(p, &task);
  require(plait_switch_to_reactor(p->transport, &bare_ops, NULL, 0) != NULL,
          "no switch");
  ck_assert_ptr_eq(plait_transport_protocol(p->transport), p);
  plait_timer_init(&timer, p->transport, timer_rings);
  plait_timer_start(&timer, WORK_MS / 2, 0);
  defer(p, &other);
  plait_transport_set_timeout(p->transport, 10 * WORK_MS);
}

static const plait_protocol_ops leaving_ops = {.name = "old",
                                               .size = sizeof(plait_protocol),
                                               .data_received = leave_and_go_on,
                                               .connection_lost = lost};

START_TEST(what_it_begins_is_its_own) {
  plait_factory client = {.protocol = &client_ops};
  plait_factory server = {.protocol = &leaving_ops,
                          .dispatch = PLAIT_ON_WORKERS};
  tasks = (unsigned)_i;
  begin();
  connect_two(&client, &server);
  end();
  ck_assert_uint_eq(done, tasks);
  ck_assert_uint_eq(rang, 1);
  ck_assert_uint_eq(made, 1);
  ck_assert_int_eq(reason, PLAIT_ETIMEOUT);
}
END_TEST

/* ---- one task after the other --------------------------------------------*/

struct chain {
  plait_protocol base;
  plait_task tasks[3];
  unsigned begun;
};

static bool switched_first;

static void chain_go_on(struct chain *c);

static struct chain *chain_of(plait_protocol *p) {
  return (struct chain *)p;
}

/* It lies in the instance, which is there as long as that works. */
static void chain_work(plait_task *t) {
  work(t);
  ck_assert_uint_eq(made, 0);
}

static void chain_done(plait_task *t, int status) {
  struct chain *c = chain_of(t->owner);
  work_done(t, status);
  if (c->begun < 3)
    chain_go_on(c);
}

static void chain_go_on(struct chain *c) {
  plait_task *t = &c->tasks[c->begun++];
  *t = (plait_task){.work = chain_work, .done = chain_done};
  require(plait_defer(c->base.transport, t, 0) == 0, "%s",
          plait_error_detail());
}

static void chain_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct chain *c = chain_of(p);
  (void)data, (void)len;
  if (!switched_first)
    chain_go_on(c);
  require(plait_switch_protocol(p->transport, &bare_ops, NULL, 0) != NULL,
          "no switch");
  chain_go_on(c);
  plait_transport_set_timeout(p->transport, 10 * WORK_MS);
}

static void chain_lost(plait_protocol *p, int why) {
  ck_assert_int_eq(why, PLAIT_ESWITCHED);
  ck_assert_uint_eq(done, 3);
  ck_assert_int_eq(plait_defer(p->transport, &other, 0), PLAIT_ECLOSED);
}

static const plait_protocol_ops chain_ops = {.name = "chain",
                                             .size = sizeof(struct chain),
                                             .data_received = chain_data,
                                             .connection_lost = chain_lost};

START_TEST(tasks_go_on_in_order) {
  plait_factory client = {.protocol = &client_ops};
  plait_factory server = {.protocol = &chain_ops,
                          .dispatch =
                              _i % 2 ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR};
  switched_first = _i / 2;
  begin();
  connect_two(&client, &server);
  end();
  ck_assert_uint_eq(done, 3);
  ck_assert_uint_eq(made, 1);
  ck_assert_int_eq(reason, PLAIT_ETIMEOUT);
}
END_TEST

/* ---- a pipe --------------------------------------------------------------*/

static plait_transport *front;
static uint64_t got;

static void front_made(plait_protocol *p) {
  front = p->transport;
  defer(p, &task);
}

static void back_made(plait_protocol *p) {
  ck_assert_int_eq(plait_pipe(front, p->transport), 0);
}

static void source_made(plait_protocol *p) {
  static const uint8_t bytes[MUCH];
  for (int i = 0; i < TIMES; i++)
    plait_write(p->transport, bytes, sizeof bytes);
  plait_close(p->transport);
}

static void sink_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data;
  got += len;
}

static const plait_protocol_ops front_ops = {.name = "front",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = front_made};

static const plait_protocol_ops back_ops = {.name = "back",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = back_made};

static const plait_protocol_ops source_ops = {.name = "source",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = source_made};

static const plait_protocol_ops sink_ops = {.name = "sink",
                                            .size = sizeof(plait_protocol),
                                            .data_received = sink_data,
                                            .connection_lost = lost};

/* What the source sends flows to the front while that waits: its queue is low
 * again before its side is made. */
START_TEST(a_pipe_goes_on) {
  plait_factory factories[4] = {{.protocol = &front_ops},
                                {.protocol = &sink_ops},
                                {.protocol = &back_ops},
                                {.protocol = &source_ops}};
  got = 0;
  begin();
  connect_two(&factories[0], &factories[1]);
  connect_two(&factories[2], &factories[3]);
  end();
  ck_assert_uint_eq(got, (uint64_t)TIMES * MUCH);
  ck_assert_int_eq(reason, PLAIT_EOF);
}
END_TEST

/* ---- an end that has come ------------------------------------------------*/

enum { ANSWER = 100000 };

static unsigned ended;

static void asker_made(plait_protocol *p) {
  client_made(p);
  plait_write_eof(p->transport);
}

static const plait_protocol_ops asker_ops = {.name = "asker",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = asker_made};

/* The other reactor reads what the system has taken of it meanwhile: so that
 * there is room, and that the peer has ended, is told as one. */
static void answer_slowly(plait_protocol *p, const uint8_t *data, size_t len) {
  static const uint8_t bytes[ANSWER];
  (void)data, (void)len;
  ck_assert(!plait_write(p->transport, bytes, sizeof bytes));
  plait_sim_sleep_us(sim, WORK_MS * 1000);
}

static void ended_eof(plait_protocol *p) {
  ck_assert_uint_eq(made, 1);
  ended++;
  plait_close_reason(p->transport, PLAIT_EBUSY);
}

static const plait_protocol_ops ended_ops = {.name = "new",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = new_made,
                                             .eof_received = ended_eof,
                                             .connection_lost = lost};

static void switch_resumed(plait_protocol *p) {
  require(plait_switch_protocol(p->transport, &ended_ops, NULL, 0) != NULL,
          "no switch");
}

static const plait_protocol_ops slow_ops = {.name = "old",
                                            .size = sizeof(plait_protocol),
                                            .data_received = answer_slowly,
                                            .resume_writing = switch_resumed,
                                            .connection_lost = lost};

START_TEST(made_before_its_end) {
  plait_factory client = {.protocol = &asker_ops};
  plait_factory server = {.protocol = &slow_ops, .limits.high_bytes = 1024};
  int fds[2];
  made = ended = 0;
  reason = 1;
  sim_begin((plait_sim_options){.seed = 1});
  open_runtime_on(plait_sim_backend(sim),
                  (plait_runtime_options){.reactors = 2});
  require(plait_sim_pair(sim, fds) == 0, "no pair");
  for (unsigned i = 0; i < 2; i++)
    require(plait_adopt(plait_runtime_reactor(runtime, i), fds[i],
                        i == 0 ? &client : &server) == 0,
            "%s", plait_error_detail());
  end();
  ck_assert_uint_eq(ended, 1);
  ck_assert_int_eq(reason, PLAIT_EBUSY);
}
END_TEST

int main(void) {
  Suite *s = suite_create("switch");
  TCase *tc = tcase_create("switch");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, the_old_one_answers, 0,
                      2 * sizeof cases / sizeof cases[0]);
  tcase_add_loop_test(tc, what_it_begins_is_its_own, 1, 3);
  tcase_add_loop_test(tc, tasks_go_on_in_order, 0, 4);
  tcase_add_test(tc, a_pipe_goes_on);
  tcase_add_test(tc, made_before_its_end);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
