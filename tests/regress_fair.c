/* A reactor with 1,500 sockets that are always ready still fires a timer
 * every 10 ms.  Measured in processor time of its thread, so that a busy
 * machine does not matter: between two firings there may be 10 ms of it, and
 * what one turn takes. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <plait.h>

#include "support/peer.h"
#include "support/require.h"

enum {
  PAIRS = 1500, /* at least one end of each is ready */
  MESSAGE = 64,
  EVERY_MS = 10,
  FIRINGS = 200,
  LATE_MS = 20,
  DEADLINE_S = 240
};

static struct {
  plait_timer timer;
  double last_ms, worst_ms;
  unsigned firings;
  uint64_t messages;
} fair;

static double cpu_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Both ends begin, so each always has something to read. */
static void begin(plait_protocol *p) {
  static const char message[MESSAGE];
  plait_write(p->transport, message, sizeof message);
}

static void echo(plait_protocol *p, const uint8_t *data, size_t len) {
  plait_write(p->transport, data, len);
  fair.messages++;
}

static const plait_protocol_ops player = {.name = "player",
                                          .size = sizeof(plait_protocol),
                                          .connection_made = begin,
                                          .data_received = echo};

/* R145 */
static void fire(plait_timer *timer) {
  double now = cpu_ms();
  double busy = now - fair.last_ms;
  fair.last_ms = now;
  if (fair.firings > 0 && busy > fair.worst_ms)
    fair.worst_ms = busy;
  if (++fair.firings < FIRINGS)
    return;
  plait_timer_stop(timer);
  plait_runtime_stop_now(plait_reactor_runtime(plait_reactor_current()));
}

static void start(plait_call *call, plait_protocol *p) {
  (void)call;
  (void)p;
  fair.last_ms = cpu_ms();
  plait_timer_init(&fair.timer, NULL, fire);
  plait_timer_start(&fair.timer, EVERY_MS, EVERY_MS);
}

static void adopt_pairs(plait_runtime *runtime, plait_factory *factory) {
  plait_reactor *reactor = plait_runtime_reactor(runtime, 0);
  for (int i = 0; i < PAIRS; i++) {
    int fds[2];
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
            "no pair");
    require(plait_adopt(reactor, fds[0], factory) == 0 &&
                plait_adopt(reactor, fds[1], factory) == 0,
            "%s", plait_error_detail());
  }
}

int main(void) {
  plait_factory factory = {.protocol = &player,
                           .limits.connections_max = PLAIT_UNLIMITED};
  plait_call call = {.run = start};
  plait_runtime *runtime;
  alarm(DEADLINE_S);
  peer_raise_limit(2 * PAIRS + 100);
  require(plait_runtime_new(NULL, &runtime) == 0, "no runtime");
  adopt_pairs(runtime, &factory);
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  int code = plait_run(runtime);
  require(code == PLAIT_EDRAIN, "plait_run: %s", plait_strerror(code));
  plait_runtime_free(runtime);
  printf("%u firings, %llu messages, at most %.1f ms busy in between\n",
         fair.firings, (unsigned long long)fair.messages, fair.worst_ms);
  require(fair.messages > 1000, "the sockets were not busy");
  require(fair.worst_ms <= EVERY_MS + LATE_MS, "%.1f ms busy without a firing",
          fair.worst_ms);
  return 0;
}
