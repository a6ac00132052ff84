/* A run of a scenario: its world, its runtime, a director that looks at it
 * from a thread of its own, and the accounts at the end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crowd.h"
#include "stage.h"

static const plait_cookie_key stage_key = {"scenario"};

enum {
  STAGE_TICK_US = 100000,
  STAGE_MAX_MS = 120000,  /* when it is stopped at the latest */
  STAGE_QUIET_MS = 20000, /* it hangs */
  STAGE_SLACK_MS = 5000,  /* behind the grace */
  STAGE_EVENTS_MAX = 256, /* docs/limits.md: between two turns */
  STAGE_TRIES = 20,
  STAGE_LOOKUP_US = 20000000, /* a lookup is over */
  KIB = 1024
};

/* ---- dice ---------------------------------------------------------------- */

uint64_t dice_roll(struct dice *dice) {
  uint64_t x = dice->state += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

uint64_t dice_below(struct dice *dice, uint64_t bound) {
  return bound == 0 ? 0 : dice_roll(dice) % bound;
}

bool dice_chance(struct dice *dice, uint32_t ppm) {
  return dice_below(dice, 1000000) < ppm;
}

struct dice stage_dice(const struct stage *stage, uint64_t actor) {
  struct dice seed = {stage->plan->seed ^ (actor << 40)};
  return (struct dice){dice_roll(&seed)};
}

/* ---- what scenarios ask for
 * ---------------------------------------------------
 */

uint64_t stage_ms(const struct stage *stage) {
  return plait_sim_now_ns(stage->sim) / 1000000 - 1000;
}

void stage_failed(struct stage *stage, const char *format, ...) {
  va_list args;
  fflush(stdout);
  fprintf(stderr, "plait sim: %s: at %.3f ms: ", stage->scenario->name,
          (double)(plait_sim_now_ns(stage->sim) - 1000000000) / 1e6);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\nreplay: %s\n", stage->replay);
  fflush(stderr);
  _exit(SCENARIO_FAILED);
}

static void side_started(plait_factory *factory) {
  struct side *side = side_of(factory);
  CHECK(side->stage, side->started++ == side->stopped,
        "a factory was started twice");
}

static void side_stopped(plait_factory *factory) {
  struct side *side = side_of(factory);
  CHECK(side->stage, ++side->stopped == side->started,
        "a factory stopped without having started");
}

static void side_failed(plait_factory *factory, plait_connector *connector,
                        int reason) {
  struct side *side = side_of(factory);
  (void)connector;
  CHECK(side->stage, reason < 0, "connect_failed says %d", reason);
}

/* Some are turned away, whoever they are. */
static int side_build(plait_factory *factory, const plait_address *peer,
                      const plait_protocol_ops **ret_ops) {
  struct side *side = side_of(factory);
  struct stage *stage = side->stage;
  (void)peer;
  CHECK(stage, side->started > side->stopped,
        "build_protocol of a factory that has not started");
  CHECK(stage, *ret_ops == factory->protocol,
        "build_protocol begins with another protocol");
  side->refused = dice_chance(&side->dice, stage->plan->turn_away_ppm);
  stage->turned_away += side->refused && side->accepts;
  return side->refused ? STAGE_AWAY : 0;
}

void stage_side(struct stage *stage, struct side *side,
                const plait_protocol_ops *ops, bool workers) {
  const struct plan *plan = stage->plan;
  *side = (struct side){
      .stage = stage,
      .dice = stage_dice(stage, 7000 + workers),
      .factory = {.protocol = ops,
                  .build_protocol =
                      plan->turn_away_ppm != 0 ? side_build : NULL,
                  .started = side_started,
                  .stopped = side_stopped,
                  .connect_failed = side_failed,
                  .dispatch = workers ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR,
                  .limits = {.idle_ms = plan->idle_ms,
                             .flush_ms = plan->flush_ms,
                             .linger_ms = plan->linger_ms,
                             .linger_bytes_max = plan->linger_bytes,
                             .high_bytes = plan->high_bytes,
                             .queue_bytes_max = plan->queue_bytes,
                             .lease_bytes_max = plan->lease_bytes}}};
}

bool stage_faulty(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  return plan->alloc_fail_ppm != 0 || plan->thread_fail_ppm != 0 ||
         plan->descriptors < 300 || plan->fail_at != 0;
}

int stage_listen(struct stage *stage, const char *endpoint, struct side *side,
                 plait_listener **ret) {
  int code = PLAIT_ENOMEM;
  side->accepts = true;
  for (int i = 0; i < STAGE_TRIES && code < 0; i++) {
    code = plait_listen(stage->runtime, endpoint, &side->factory, NULL, ret);
    CHECK(stage, code == 0 || stage_faulty(stage), "listen: %s",
          plait_error_detail());
  }
  return code;
}

/* ---- the world ----------------------------------------------------------- */

static plait_sim_options stage_world(const struct plan *plan) {
  return (plait_sim_options){
      .seed = plan->seed,
      .switch_ppm = plan->switch_ppm,
      .work_max_us = plan->work_us,
      .wake_max_us = plan->wake_us,
      .latency_min_us = plan->latency_us < 10 ? plan->latency_us : 10,
      .latency_max_us = plan->latency_us,
      .capacity = plan->capacity,
      .segment_max = plan->segment,
      .short_read_ppm = plan->short_read_ppm,
      .short_write_ppm = plan->short_write_ppm,
      .again_ppm = plan->again_ppm,
      .reset_ppm = plan->reset_ppm,
      .stall_ppm = plan->stall_ppm,
      .stall_max_ms = plan->stall_ms,
      .datagram_loss_ppm = plan->loss_ppm,
      .datagram_twice_ppm = plan->twice_ppm,
      .datagram_reorder_ppm = plan->reorder_ppm,
      .refuse_ppm = plan->refuse_ppm,
      .black_hole_ppm = plan->black_hole_ppm,
      .accept_fail_ppm = plan->accept_fail_ppm,
      .backlog_max = plan->backlog,
      .descriptors = plan->descriptors,
      .alloc_fail_ppm = plan->alloc_fail_ppm,
      .resolve_fail_ppm = plan->resolve_fail_ppm,
      .resolve_max_ms = plan->resolve_ms,
      .thread_fail_ppm = plan->thread_fail_ppm,
      .heal_ms = plan->heal_ms,
  };
}

static int stage_runtime(struct stage *stage) {
  const struct plan *plan = stage->plan;
  plait_runtime_options options = {
      .reactors = plan->reactors,
      .grace_ms = plan->grace_ms,
      .handle_signals = plan->signals != 0,
      .pool = {.threads_max = plan->task_threads,
               .strand_threads_max = plan->strand_threads},
      .backend = plait_sim_backend(stage->sim)};
  int code = PLAIT_ENOMEM;
  for (int i = 0; i < STAGE_TRIES && code < 0; i++) {
    code = plait_runtime_new(&options, &stage->runtime);
    CHECK(stage, code == 0 || stage_faulty(stage), "no runtime: %s",
          plait_strerror(code));
  }
  return code;
}

/* ---- the jars of reactors
 * -----------------------------------------------------
 */

static void jar_eaten(void *value) {
  token_end(&((struct jar *)value)->token);
}

void stage_check_jar(struct stage *stage, const plait_reactor *reactor) {
  struct jar *jar = &stage->jars[plait_reactor_index(reactor)];
  CHECK(stage,
        plait_reactor_cookie(reactor, &stage_key) == (jar->kept ? jar : NULL),
        "another cookie is in the jar of reactor %u",
        plait_reactor_index(reactor));
}

/* A cookie for each reactor, in place of one that nobody eats. */
static void stage_fill_jars(struct stage *stage) {
  for (unsigned i = 0; i < stage->plan->reactors; i++) {
    plait_reactor *reactor = plait_runtime_reactor(stage->runtime, i);
    struct jar *jar = &stage->jars[i];
    void *first =
        plait_reactor_cookie_set(reactor, &stage_key, stage, jar_eaten);
    CHECK(stage, first == NULL || (first == stage && stage_faulty(stage)),
          "a first cookie is not kept");
    void *back = plait_reactor_cookie_set(reactor, &stage_key, jar, jar_eaten);
    jar->kept = back != jar;
    CHECK(stage,
          first == NULL ? back == stage
                        : back == NULL || (back == jar && stage_faulty(stage)),
          "another cookie comes out of the jar");
    if (jar->kept)
      token_start(&jar->token, stage, "a cookie");
    stage_check_jar(stage, reactor);
  }
}

/* ---- the director
 * -------------------------------------------------------------
 */

/* What all may need, besides connections: each reactor has its receive chunk,
 * its outbox and pages of slots; workers hold chunks. */
static size_t stage_fixed(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  size_t reactor = (256 + 64 + 192) * KIB;
  if (plan->workers)
    reactor += 64 * 256 * KIB;
  return stage->idle_bytes + plan->reactors * reactor;
}

static void stage_check_memory(struct stage *stage) {
  size_t bytes = plait_sim_memory(stage->sim);
  uint32_t given = stage->plan->memory_bytes;
  size_t each = given != 0 ? given : stage->scenario->bound(stage);
  size_t fixed = given != 0 ? stage->idle_bytes : stage_fixed(stage);
  size_t most = fixed + (stage->open + stage->plan->connections) * each;
  CHECK(stage, bytes <= most,
        "%zu bytes are allocated for %u connections, and %zu is the bound",
        bytes, stage->open, most);
}

static void stage_stop(struct stage *stage) {
  stage->stopping = true;
  stage->stopped_ns = plait_sim_now_ns(stage->sim);
  if (stage->plan->signals != 0) {
    plait_sim_signal(stage->sim);
    if (stage->plan->stop_now)
      plait_sim_signal(stage->sim);
  } else if (stage->plan->stop_now)
    plait_runtime_stop_now(stage->runtime);
  else
    plait_runtime_stop(stage->runtime);
}

/* Whether it could be over: servers have descriptors left, and nobody is merely
 * slow. */
static bool stage_hangs(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  uint64_t quiet_ns = witnesses_quiet_ns(stage);
  return plan->descriptors >= 2 * plan->connections + 2 * plan->reactors &&
         quiet_ns >= STAGE_QUIET_MS * UINT64_C(1000000);
}

static bool stage_is_over(struct stage *stage) {
  const struct plan *plan = stage->plan;
  uint64_t ms = stage_ms(stage);
  if (plan->stop_ms != 0 && ms >= plan->stop_ms)
    return true;
  if (stage->scenario->finished != NULL && stage->scenario->finished(stage))
    return true;
  if (ms < STAGE_MAX_MS)
    return false;
  CHECK(stage, stage->scenario->finished == NULL || !stage_hangs(stage),
        "%u connections are open, and nothing goes on", stage->open);
  return true;
}

static void stage_check_end(struct stage *stage) {
  const struct plan *plan = stage->plan;
  uint64_t ms = (plait_sim_now_ns(stage->sim) - stage->stopped_ns) / 1000000;
  uint64_t work = UINT64_C(128) * plan->connections *
                  (plan->work_ms + plan->work_us / 1000);
  CHECK(stage, ms < plan->grace_ms + STAGE_SLACK_MS + work,
        "it was stopped at %.3f ms and has not ended",
        (double)(stage->stopped_ns - 1000000000) / 1e6);
}

static void direct(void *arg) {
  struct stage *stage = (struct stage *)arg;
  while (stage->running) {
    plait_sim_sleep_us(stage->sim, STAGE_TICK_US);
    if (!stage->running)
      return;
    stage_check_memory(stage);
    if (stage->stopping)
      stage_check_end(stage);
    else if (stage_is_over(stage))
      stage_stop(stage);
    else
      witnesses_alive(stage);
  }
}

/* ---- the accounts -------------------------------------------------------- */

static void stage_check_stats(struct stage *stage) {
  uint64_t accepted = 0;
  plait_pool_stats pool;
  for (unsigned i = 0; i < plait_runtime_reactors(stage->runtime); i++) {
    plait_reactor_stats stats;
    plait_reactor_get_stats(plait_runtime_reactor(stage->runtime, i), &stats);
    accepted += stats.accepted;
  }
  uint64_t known = stage->served + stage->turned_away;
  CHECK(stage, stage_faulty(stage) ? accepted >= known : accepted == known,
        "reactors accepted %llu connections, and %llu protocols were made or "
        "refused",
        (unsigned long long)accepted, (unsigned long long)known);
  plait_pool_get_stats(plait_runtime_pool(stage->runtime), &pool);
  CHECK(stage, pool.queued == 0 && pool.running == 0,
        "%u tasks wait and %u run behind plait_run()", pool.queued,
        pool.running);
  plait_pool_get_strand_stats(plait_runtime_pool(stage->runtime), &pool);
  CHECK(stage, pool.queued == 0 && pool.running == 0,
        "%u strands wait and %u run behind plait_run()", pool.queued,
        pool.running);
}

plait_sim_thread *stage_thread(struct stage *stage, void (*fn)(void *arg),
                               void *arg, const char *name) {
  plait_sim_thread *thread;
  for (int i = 0; i < STAGE_TRIES; i++)
    if (plait_sim_thread_start(stage->sim, fn, arg, name, &thread) == 0)
      return thread;
  abort();
}

static void stage_run(struct stage *stage) {
  stage->idle_bytes = plait_sim_memory(stage->sim);
  plait_sim_thread *director = stage_thread(stage, direct, stage, "director");
  int code = plait_run(stage->runtime);
  stage->running = false;
  plait_sim_thread_join(director);
  if (stage->scenario->leave != NULL)
    stage->scenario->leave(stage);
  CHECK(stage,
        code == 0 || (code == PLAIT_EDRAIN && stage->plan->stop_now) ||
            stage_faulty(stage),
        "plait_run() answered %s", plait_error_name(code));
  unsigned events = plait_sim_events_per_turn(stage->sim);
  CHECK(stage, events <= STAGE_EVENTS_MAX, "%u events between two turns",
        events);
  stage_check_stats(stage);
}

static void stage_end(struct stage *stage) {
  if (stage->runtime != NULL)
    CHECK(stage, plait_runtime_free(stage->runtime) == 0,
          "the runtime cannot be freed");
  const char *left = plait_sim_left(stage->sim);
  if (left != NULL) { /* a lookup that nobody waits for goes on by itself */
    plait_sim_sleep_us(stage->sim, STAGE_LOOKUP_US);
    left = plait_sim_left(stage->sim);
  }
  CHECK(stage, left == NULL, "left behind: %s", left);
  witnesses_check(stage);
  links_check(stage);
  tokens_check(stage);
  stage->scenario->close(stage);
}

void scenario_run(const struct scenario *scenario, const struct plan *plan,
                  const char *replay, struct outcome *ret) {
  struct stage stage = {.scenario = scenario, .plan = plan, .replay = replay};
  const plait_sim_options options = stage_world(plan);
  stage.play = calloc(1, scenario->size);
  stage.jars = calloc(plan->reactors, sizeof *stage.jars);
  if (stage.play == NULL || stage.jars == NULL ||
      plait_sim_new(&options, &stage.sim) < 0)
    abort();
  plait_sim_fail_at(stage.sim, plan->fail_at);
  stage.running = true; /* to the threads that open starts */
  if (stage_runtime(&stage) == 0) {
    stage_fill_jars(&stage);
    if (scenario->open(&stage) == 0)
      stage_run(&stage);
  }
  stage_end(&stage);
  *ret =
      (struct outcome){.hash = plait_sim_hash(stage.sim),
                       .events = plait_sim_events(stage.sim),
                       .virtual_ns = plait_sim_now_ns(stage.sim) - 1000000000,
                       .connections = stage.made,
                       .bytes = stage.bytes,
                       .fallible = plait_sim_fallible(stage.sim)};
  const char *failed = plait_sim_failed(stage.sim);
  snprintf(ret->failed, sizeof ret->failed, "%s", failed != NULL ? failed : "");
  plait_sim_free(stage.sim);
  witnesses_free(&stage);
  links_free(&stage);
  free(stage.jars);
  free(stage.play);
}

/* ---- the table
 * ------------------------------------------------------------------
 */

const struct scenario *const scenarios[] = {
    &scenario_echo,      &scenario_chat,  &scenario_workers,
    &scenario_reconnect, &scenario_relay, &scenario_datagrams,
    &scenario_children,  &scenario_pace,  NULL};

const struct scenario *scenario_find(const char *name) {
  for (size_t i = 0; scenarios[i] != NULL; i++)
    if (strcmp(scenarios[i]->name, name) == 0)
      return scenarios[i];
  return NULL;
}
