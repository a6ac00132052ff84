/* Threads that wake a reactor: each sends it calls, which run on the reactor
 * one after the other and so need no lock:
 *
 *     event 4 1000              four threads, a thousand calls each
 */
#include <plait.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS_MAX = 64 };

struct event {
  plait_call call;
  unsigned thread, number;
};

static plait_reactor *reactor;
static unsigned threads, events, handled[THREADS_MAX], total;

/* On the reactor, in the order of each thread's posts. */
static void event_run(plait_call *call, plait_protocol *p) {
  struct event *event = plait_container_of(call, struct event, call);
  (void)p;
  if (handled[event->thread]++ != event->number) {
    fprintf(stderr, "thread %u: event %u is out of order\n", event->thread,
            event->number);
  }
  if (++total == threads * events) {
    plait_runtime_stop(plait_reactor_runtime(reactor));
  }
  free(event); /* It is ours again. */
}

static void event_drop(plait_call *call) {
  free(plait_container_of(call, struct event, call));
}

static void *thread_main(void *arg) {
  unsigned thread = *(const unsigned *)arg;
  for (unsigned i = 0; i < events; i++) {
    struct event *event = calloc(1, sizeof *event);
    if (event == NULL) {
      abort();
    }
    event->call.run = event_run;
    event->call.drop = event_drop; /* It was stopped before. */
    event->thread = thread;
    event->number = i;
    if (plait_reactor_post(reactor, &event->call) < 0) {
      free(event);
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  /* Nothing but our threads knows that there is more to come. */
  plait_runtime_options options = {.keep_running = true,
                                   .handle_signals = true};
  plait_runtime *runtime = NULL;
  pthread_t ids[THREADS_MAX];
  unsigned numbers[THREADS_MAX];

  threads = argc > 1 ? (unsigned)atoi(argv[1]) : 4;
  events = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
  if (threads < 1 || threads > THREADS_MAX || events < 1 ||
      plait_runtime_new(&options, &runtime) < 0) {
    fprintf(stderr, "usage: event THREADS EVENTS\n");
    return 2;
  }
  reactor = plait_runtime_reactor(runtime, 0);
  for (unsigned i = 0; i < threads; i++) {
    numbers[i] = i;
    if (pthread_create(&ids[i], NULL, thread_main, &numbers[i]) != 0) {
      abort();
    }
  }
  int code = plait_run(runtime);
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
  }
  plait_reactor_stats stats;
  plait_reactor_get_stats(reactor, &stats);
  printf("%u events of %u threads, %llu wake-ups\n", total, threads,
         (unsigned long long)stats.wakes);
  plait_runtime_free(runtime);
  return code < 0;
}
