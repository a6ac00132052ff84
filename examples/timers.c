/* A timer for each argument, in seconds, which tells the time in a column of
 * its own whenever it fires:
 *
 *     timers 1 0.25 3
 */
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMERS_MAX = 8, COLUMN = 16 };

struct ticker {
  plait_timer timer;
  uint64_t every_ms;
};

static struct ticker tickers[TIMERS_MAX];
static uint64_t begin_ms;
static plait_reactor *reactor;

static void tick(plait_timer *timer) {
  struct ticker *self = plait_container_of(timer, struct ticker, timer);
  int column = (int)(self - tickers) * COLUMN;
  double seconds = (double)(plait_reactor_now_ms(reactor) - begin_ms) / 1000;
  printf("%*s%.3f\n", column, "", seconds);
  fflush(stdout);
}

/* Timers without an owner belong to the reactor they are started on. */
static void begin(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  begin_ms = plait_reactor_now_ms(reactor);
  for (int i = 0; i < TIMERS_MAX && tickers[i].every_ms > 0; i++) {
    plait_timer_init(&tickers[i].timer, NULL, tick);
    plait_timer_start(&tickers[i].timer, tickers[i].every_ms,
                      tickers[i].every_ms);
  }
}

int main(int argc, char **argv) {
  plait_call call = {.run = begin};
  plait_runtime_options options = {.handle_signals = true};
  plait_runtime *runtime = NULL;

  for (int i = 1; i < argc; i++) {
    double seconds = strtod(argv[i], NULL);
    if (i > TIMERS_MAX || !(seconds >= 0.001 && seconds < 1e6)) {
      fprintf(stderr, "usage: timers SECONDS... (up to %d)\n", TIMERS_MAX);
      return 2;
    }
    tickers[i - 1].every_ms = (uint64_t)(seconds * 1000);
  }
  if (plait_runtime_new(&options, &runtime) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
    return 1;
  }
  reactor = plait_runtime_reactor(runtime, 0);
  plait_reactor_post(reactor, &call);
  int code = plait_run(runtime); /* Ctrl-C stops it. */
  plait_runtime_free(runtime);
  return code < 0;
}
