/* Threads, and what they do to the calling one: SIGPIPE and processors.
 *
 * MSG_NOSIGNAL does not cover all that raises SIGPIPE (sendfile(), writing to
 * a pipe), so it is blocked wherever plait runs, and one raised meanwhile is
 * taken away before a caller's thread gets its mask back. */
#include "uv/backend.h"
#include "uv/patience.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { YIELD_PAUSES = 64 };

struct plait__thread {
  pthread_t id;
  void (*fn)(void *arg);
  void *arg;
  char name[16]; /* what Linux keeps */
};

typedef struct thread_saved {
  sigset_t mask;
  cpu_set_t cpus;
  bool pending; /* a SIGPIPE that is the caller's */
  bool bound;
} thread_saved;

/* What the calling thread may use when enter() has bound it to one. */
static _Thread_local const cpu_set_t *thread_unbound;

static sigset_t thread_sigpipe(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

static void *thread_main(void *arg) {
  plait__thread *thread = arg;
  /* A name is a help, not a need. */
  (void)pthread_setname_np(pthread_self(), thread->name);
  thread->fn(thread->arg);
  return NULL;
}

/* SIGPIPE is blocked here for a moment: the new thread inherits the mask, and
 * there is no time at which it could be hit. */
static int thread_create(plait__thread *thread, int cpu) {
  pthread_attr_t attr;
  int rc = pthread_attr_init(&attr);
  if (rc)
    return -rc;
  if (cpu >= 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET((unsigned)cpu, &cpus);
    rc = pthread_attr_setaffinity_np(&attr, sizeof cpus, &cpus);
  }
  if (!rc) {
    sigset_t block = thread_sigpipe(), old;
    pthread_sigmask(SIG_BLOCK, &block, &old);
    rc = pthread_create(&thread->id, &attr, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
  }
  pthread_attr_destroy(&attr);
  return -rc;
}

int plait__uv_thread_start(void (*fn)(void *arg), void *arg, const char *name,
                           int cpu, plait__thread **ret) {
  plait__thread *thread = plait__uv_alloc(NULL, sizeof *thread, "thread");
  if (!thread)
    return PLAIT_ENOMEM;
  thread->fn = fn;
  thread->arg = arg;
  snprintf(thread->name, sizeof thread->name, "%s", name);
  int rc = thread_create(thread, cpu);
  if (rc)
    plait__uv_alloc(thread, 0, "thread");
  else
    *ret = thread;
  return rc;
}

void plait__uv_thread_join(plait__thread *thread) {
  pthread_join(thread->id, NULL);
  plait__uv_alloc(thread, 0, "thread");
}

void plait__uv_thread_detach(plait__thread *thread) {
  pthread_detach(thread->id);
  plait__uv_alloc(thread, 0, "thread");
}

static bool thread_sigpipe_pending(void) {
  sigset_t pending;
  return !sigpending(&pending) && sigismember(&pending, SIGPIPE) == 1;
}

static int thread_bind(thread_saved *saved, int cpu) {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof saved->cpus, &saved->cpus))
    return -errno;
  CPU_ZERO(&cpus);
  CPU_SET((unsigned)cpu, &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus))
    return -errno;
  saved->bound = true;
  thread_unbound = &saved->cpus;
  return 0;
}

int plait__uv_enter(int cpu, void **ret_saved) {
  thread_saved *saved = plait__uv_alloc(NULL, sizeof *saved, "enter");
  if (!saved)
    return PLAIT_ENOMEM;
  saved->bound = false;
  int rc = cpu < 0 ? 0 : thread_bind(saved, cpu);
  if (rc) {
    plait__uv_alloc(saved, 0, "enter");
    return rc;
  }
  sigset_t block = thread_sigpipe();
  saved->pending = thread_sigpipe_pending();
  pthread_sigmask(SIG_BLOCK, &block, &saved->mask);
  *ret_saved = saved;
  return 0;
}

void plait__uv_leave(void *arg) {
  thread_saved *saved = arg;
  sigset_t set = thread_sigpipe();
  struct timespec now = {0};
  if (!saved->pending)
    while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR) {
    }
  pthread_sigmask(SIG_SETMASK, &saved->mask, NULL);
  if (saved->bound) {
    (void)sched_setaffinity(0, sizeof saved->cpus, &saved->cpus);
    thread_unbound = NULL;
  }
  plait__uv_alloc(saved, 0, "enter");
}

/* What is waited for is held for a few instructions, as a rule by a thread that
 * runs; only if it does not, it needs this processor. */
void plait__uv_yield(void) {
  static _Thread_local unsigned yields;
  if (++yields % YIELD_PAUSES != 0)
    plait__uv_pause();
  else
    sched_yield();
}

void plait__uv_sleep_ns(uint64_t ns) {
  struct timespec left = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
  while (nanosleep(&left, &left) < 0 && errno == EINTR) {
  }
}

static bool thread_cpus(cpu_set_t *ret) {
  if (thread_unbound)
    *ret = *thread_unbound;
  else if (sched_getaffinity(0, sizeof *ret, ret))
    return false; /* more processors than the set can name */
  return true;
}

unsigned plait__uv_cpu_count(void) {
  cpu_set_t cpus;
  return thread_cpus(&cpus) ? (unsigned)CPU_COUNT(&cpus) : 1;
}

int plait__uv_cpu_number(unsigned i) {
  cpu_set_t cpus;
  if (!thread_cpus(&cpus))
    return -1;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &cpus) && i-- == 0)
      return (int)cpu;
  return -1;
}
