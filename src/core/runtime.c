/* Starting and stopping the reactors.
 *
 * |refs| counts what plait_run() waits for: listeners, connectors,
 * connections, and mail that is somebody's promise; |timers| counts what it
 * waits for only until it is stopped.  When both fall to zero the loops end.
 */
#include "core/runtime.h"

#include <plait/error.h>
#include <signal.h>
#include <stdatomic.h>

#include "core/background.h"
#include "core/error.h"
#include "core/factory.h"
#include "core/memory.h"
#include "core/reactor.h"
#include "core/signal.h"

/* ---- new and free -------------------------------------------------------- */

static unsigned reactor_count(const plait__os *os, unsigned asked) {
  if (asked == PLAIT_PER_CPU) {
    unsigned cpus = os->cpu_count();
    return cpus < PLAIT_REACTORS_MAX ? cpus : PLAIT_REACTORS_MAX;
  }
  return asked == 0 ? 1 : asked;
}

static int runtime_add_reactor(plait_runtime *runtime, unsigned i) {
  const plait__os *os = runtime->driver->os;
  plait_reactor *r = plait__zalloc(os, sizeof *r);
  if (r == NULL)
    return plait__fail(PLAIT_ENOMEM, "runtime: reactor %u: out of memory", i);
  int code = plait__reactor_init(r, runtime, runtime->driver, i);
  if (code != 0) {
    plait__reactor_fini(r);
    plait__free(os, r);
    return code;
  }
  runtime->reactors[i] = r;
  runtime->reactor_count = i + 1;
  return 0;
}

int plait_runtime_new(const plait_runtime_options *options,
                      plait_runtime **ret) {
  plait_runtime_options o =
      options != NULL ? *options : (plait_runtime_options){0};
  if (o.backend == NULL)
    o.backend = &plait__uv_backend;
  const plait__os *os = o.backend->os;
  unsigned n = reactor_count(os, o.reactors);
  if (n > PLAIT_REACTORS_MAX)
    return plait__fail(PLAIT_EINVAL, "runtime: %u reactors: at most %d", n,
                       PLAIT_REACTORS_MAX);
  if (o.resolver == PLAIT_RESOLVER_CARES && plait__lookup_cares == NULL)
    return plait__fail(PLAIT_ENOTSUP,
                       "runtime: plait was built without c-ares");
  if (o.grace_ms == 0)
    o.grace_ms = 10 * 1000;
  size_t size = sizeof(plait_runtime) + n * sizeof(plait_reactor *);
  plait_runtime *runtime = plait__zalloc(os, size);
  if (runtime == NULL)
    return plait__fail(PLAIT_ENOMEM, "runtime: out of memory");
  runtime->driver = o.backend;
  runtime->options = o;
  for (unsigned i = 0; i < n; i++) {
    int code = runtime_add_reactor(runtime, i);
    if (code != 0) {
      plait_runtime_free(runtime);
      return code;
    }
  }
  *ret = runtime;
  return 0;
}

/* How many references to |runtime| are what blocks a thread: jobs and
 * background functions, which get their second from when their descriptors were
 * closed. */
static unsigned runtime_blocked(const plait_runtime *runtime,
                                const char **ret_name, bool *ret_young) {
  plait__workers *workers = atomic_load(&runtime->workers);
  uint64_t now_ns = runtime->driver->os->now_ns();
  *ret_name = NULL;
  int held = plait__backgrounds_running(runtime, ret_name);
  *ret_young = *ret_name != NULL &&
               now_ns - runtime->cut_ns < (uint64_t)PLAIT__STUCK_MS * 1000000;
  const char *job = NULL;
  if (workers != NULL)
    held += workers->running(workers, &job, ret_young);
  if (*ret_name == NULL)
    *ret_name = job;
  return held > 0 ? (unsigned)held : 0;
}

/* PLAIT_EBUSY with the name of what blocks, or 0. */
static int runtime_busy(plait_runtime *runtime, const char *step) {
  const char *name;
  bool young;
  if (runtime_blocked(runtime, &name, &young) == 0)
    return 0;
  return plait__fail(PLAIT_EBUSY, "%s: %s has not returned", step, name);
}

/* That of a connection goes with it: this is one that was never made. */
static void runtime_close_stdio(plait_runtime *runtime) {
  plait__stdio *stdio = atomic_exchange(&runtime->stdio, NULL);
  if (stdio != NULL)
    runtime->driver->host->stdio_close(stdio);
}

int plait_runtime_free(plait_runtime *runtime) {
  if (runtime == NULL)
    return 0;
  if (atomic_load(&runtime->running))
    return plait__fail(PLAIT_EBUSY, "runtime free: plait_run() still runs");
  int code = runtime_busy(runtime, "runtime free");
  if (code != 0)
    return code;
  const plait__os *os = runtime->driver->os;
  plait__workers *workers = atomic_load(&runtime->workers);
  atomic_store(&runtime->over, true);
  if (runtime->raw) /* its descriptor may be closed, or another file's */
    runtime->driver->host->terminal_raw(-1, false);
  /* First: threads' last acts are to mail a reactor. */
  if (workers != NULL)
    workers->close(workers);
  for (unsigned i = 0; i < runtime->reactor_count; i++)
    plait__backgrounds_join(runtime->reactors[i]);
  runtime_close_stdio(runtime);
  for (unsigned i = 0; i < runtime->reactor_count; i++)
    plait__reactor_close(runtime->reactors[i]);
  for (unsigned i = 0; i < runtime->reactor_count; i++)
    plait__reactor_fini(runtime->reactors[i]);
  plait__factories_free(runtime);
  for (unsigned i = 0; i < runtime->reactor_count; i++)
    plait__free(os, runtime->reactors[i]);
  if (workers != NULL)
    workers->free(workers);
  plait__free(os, runtime);
  return 0;
}

/* ---- running ------------------------------------------------------------- */

void plait__runtime_wake_all(plait_runtime *runtime) {
  for (unsigned i = 0; i < runtime->reactor_count; i++)
    runtime->driver->os->wake(runtime->reactors[i]->loop);
}

void plait__runtime_ref(plait_runtime *runtime) {
  atomic_fetch_add(&runtime->refs, 1);
}

static void runtime_over(plait_runtime *runtime) {
  if (!atomic_exchange(&runtime->over, true))
    plait__runtime_wake_all(runtime);
}

/* Whether there is nothing to run for. */
static bool runtime_idle(const plait_runtime *runtime) {
  if (atomic_load(&runtime->refs) > 0)
    return false;
  return atomic_load(&runtime->stop) != PLAIT__STOP_NO ||
         (atomic_load(&runtime->timers) == 0 && !runtime->options.keep_running);
}

void plait__runtime_unref(plait_runtime *runtime) {
  if (atomic_fetch_sub(&runtime->refs, 1) == 1 && runtime_idle(runtime))
    runtime_over(runtime);
  else if (atomic_load(&runtime->stop) != PLAIT__STOP_NO &&
           atomic_load(&runtime->running)) /* what is left may be stuck */
    runtime->driver->os->wake(runtime->reactors[0]->loop);
}

void plait__runtime_timer_ref(plait_runtime *runtime) {
  atomic_fetch_add(&runtime->timers, 1);
}

void plait__runtime_timer_unref(plait_runtime *runtime) {
  if (atomic_fetch_sub(&runtime->timers, 1) == 1 && runtime_idle(runtime))
    runtime_over(runtime);
}

/* ---- jobs that do not return --------------------------------------------- */

void plait__runtime_cut(plait_runtime *runtime) {
  plait__workers *workers = atomic_load(&runtime->workers);
  runtime->cut_ns = runtime->driver->os->now_ns();
  if (workers != NULL)
    workers->cut(workers);
}

void plait__runtime_check_stuck(plait_runtime *runtime) {
  const char *name;
  bool young;
  uint64_t refs = atomic_load(&runtime->refs);
  if (refs == 0 || refs != runtime_blocked(runtime, &name, &young) || young)
    return;
  atomic_store(&runtime->stuck, name);
  runtime_over(runtime);
}

static void run_reactor(void *arg) {
  plait_reactor *r = arg;
  plait__set_here(r);
  plait__turn(r); /* what was mailed before the start */
  r->os->loop_run(r->loop);
  plait__before_wait(r); /* for ever */
  plait__set_here(NULL);
}

static int reactor_cpu(const plait_runtime *runtime, unsigned i) {
  const plait__os *os = runtime->driver->os;
  return runtime->options.pin ? os->cpu_number(i % os->cpu_count()) : -1;
}

/* Reactors 1.. on threads of their own, the first one here. */
static int run_all(plait_runtime *runtime) {
  const plait__os *os = runtime->driver->os;
  plait__thread *threads[PLAIT_REACTORS_MAX];
  unsigned started = 1;
  int code = 0;
  for (; started < runtime->reactor_count && code == 0; started++)
    code = os->thread_start(run_reactor, runtime->reactors[started],
                            "plait-reactor", reactor_cpu(runtime, started),
                            &threads[started]);
  if (code != 0) {
    started--; /* the one that failed */
    plait__fail(code, "run: start of thread %u: %s", started,
                plait_strerror(code));
    runtime_over(runtime);
  } else {
    run_reactor(runtime->reactors[0]);
  }
  for (unsigned i = 1; i < started; i++)
    os->thread_join(threads[i]);
  return code;
}

static void runtime_signal(plait_signal *signal, int number) {
  plait_runtime *runtime = signal->reactor->runtime;
  (void)number;
  if (++runtime->signals == 1)
    plait_runtime_stop(runtime);
  else
    plait_runtime_stop_now(runtime);
}

static int signals_open(plait_runtime *runtime) {
  plait_reactor *r = runtime->reactors[0];
  plait_signal_init(&runtime->interrupt, runtime_signal);
  plait_signal_init(&runtime->terminate, runtime_signal);
  int code = plait__signal_add(&runtime->interrupt, r, SIGINT);
  if (code != 0)
    return code;
  code = plait__signal_add(&runtime->terminate, r, SIGTERM);
  if (code != 0)
    plait__signal_remove(&runtime->interrupt);
  return code;
}

static int run_with_signals(plait_runtime *runtime) {
  int code = 0;
  if (runtime->options.handle_signals)
    code = signals_open(runtime);
  if (code != 0)
    return plait__fail(code, "run: signals: %s", plait_strerror(code));
  code = run_all(runtime);
  if (runtime->options.handle_signals) {
    plait__signal_remove(&runtime->terminate);
    plait__signal_remove(&runtime->interrupt);
  }
  return code;
}

int plait_run(plait_runtime *runtime) {
  const plait__os *os = runtime->driver->os;
  if (atomic_load(&runtime->finished) ||
      atomic_exchange(&runtime->running, true))
    return plait__fail(PLAIT_EINVAL, "run: a runtime runs once");
  void *saved = NULL;
  int code = os->enter(reactor_cpu(runtime, 0), &saved);
  if (code == 0) {
    /* In this order: a stop that comes in between is not undone. */
    atomic_store(&runtime->over, false);
    if (runtime_idle(runtime))
      atomic_store(&runtime->over, true);
    code = run_with_signals(runtime);
    os->leave(saved);
  }
  runtime_close_stdio(runtime);
  const char *stuck = atomic_load(&runtime->stuck);
  if (code == 0 && stuck != NULL)
    code = plait__fail(PLAIT_EBUSY, "run: %s has not returned", stuck);
  if (code == 0 && atomic_load(&runtime->stop) == PLAIT__STOP_NOW)
    code = plait__fail(PLAIT_EDRAIN, "run: stopped at once: %s",
                       plait_strerror(PLAIT_EDRAIN));
  atomic_store(&runtime->finished, true);
  atomic_store(&runtime->running, false); /* another thread may free it now */
  return code;
}

/* ---- stopping ------------------------------------------------------------ */

/* Only atomics and wakes: legal in a signal handler. */
static void runtime_stop(plait_runtime *runtime, int how) {
  int was = atomic_load(&runtime->stop);
  while (was < how && !atomic_compare_exchange_weak(&runtime->stop, &was, how))
    continue;
  if (runtime_idle(runtime))
    atomic_store(&runtime->over, true);
  plait__runtime_wake_all(runtime);
}

void plait_runtime_stop(plait_runtime *runtime) {
  runtime_stop(runtime, PLAIT__STOP_DRAIN);
}

void plait_runtime_stop_now(plait_runtime *runtime) {
  runtime_stop(runtime, PLAIT__STOP_NOW);
}

unsigned plait_runtime_reactors(const plait_runtime *runtime) {
  return runtime->reactor_count;
}

plait_reactor *plait_runtime_reactor(plait_runtime *runtime, unsigned i) {
  return i < runtime->reactor_count ? runtime->reactors[i] : NULL;
}
