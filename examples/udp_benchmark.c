/* Sends datagrams of 1,400 bytes for ever, or so many, and says each second how
 * many went out and how many came back:
 *
 *     plait serve discard udp:4005 &
 *     udp_benchmark udp:127.0.0.1:4005 1000000
 */
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 1400 };

struct sender {
  plait_datagram_protocol base; /* comes first */
  plait_idle idle;
  plait_timer second;
  uint64_t left;
  plait_datagram_stats before;
};

static uint64_t datagrams_max = UINT64_MAX;
static int status;

/* A burst whenever there is nothing else to do, until the queue is full. */
static void send_burst(plait_idle *idle) {
  static const char bytes[SIZE];
  struct sender *self = plait_container_of(idle, struct sender, idle);
  int answer = 1;
  for (int i = 0; i < 64 && self->left > 0 && answer == 1; i++) {
    answer = plait_datagram_send(self->base.socket, bytes, SIZE, NULL);
    self->left -= answer >= 0;
  }
  if (answer < 1) {
    plait_idle_stop(idle); /* until resume_writing */
  } else if (self->left == 0 && plait_datagram_queued(self->base.socket) == 0) {
    plait_datagram_close(self->base.socket); /* It would drop a queue. */
  }
}

static void send_more(plait_datagram_protocol *p) {
  plait_idle_start(&plait_container_of(p, struct sender, base)->idle);
}

static void second_over(plait_timer *timer) {
  struct sender *self = plait_container_of(timer, struct sender, second);
  plait_datagram_stats now;
  plait_datagram_get_stats(self->base.socket, &now);
  printf("%.0f datagrams/s, %.0f back\n",
         (double)(now.sent - self->before.sent),
         (double)(now.received - self->before.received));
  fflush(stdout);
  self->before = now;
}

static void sender_started(plait_datagram_protocol *p) {
  struct sender *self = plait_container_of(p, struct sender, base);
  self->left = datagrams_max;
  plait_idle_init(&self->idle, send_burst);
  plait_timer_init(&self->second, NULL, second_over);
  plait_timer_start(&self->second, 1000, 1000);
  send_more(p);
}

static void sender_stopped(plait_datagram_protocol *p, int reason) {
  struct sender *self = plait_container_of(p, struct sender, base);
  plait_datagram_stats stats;
  plait_idle_stop(&self->idle);
  plait_timer_stop(&self->second);
  plait_datagram_get_stats(p->socket, &stats);
  printf("%.0f datagrams sent, %.0f dropped: %s\n", (double)stats.sent,
         (double)stats.dropped, plait_strerror(reason));
  status |= reason < 0;
}

static const plait_datagram_ops sender = {
    .name = "sender",
    .size = PLAIT_INSTANCE(struct sender, base),
    .started = sender_started,
    .resume_writing = send_more,
    .stopped = sender_stopped,
};

static void find_failed(plait_datagram_factory *factory,
                        plait_datagram_port *port, int reason) {
  (void)factory, (void)port, (void)reason;
  fprintf(stderr, "%s\n", plait_error_detail());
  status = 1;
}

int main(int argc, char **argv) {
  plait_datagram_factory factory = {.protocol = &sender,
                                    .connect_failed = find_failed};
  plait_runtime_options options = {.handle_signals = true};
  plait_runtime *runtime = NULL;
  if (argc > 2) {
    datagrams_max = strtoull(argv[2], NULL, 10);
  }
  if (argc < 2 || plait_runtime_new(&options, &runtime) < 0 ||
      plait_datagram_connect(runtime, argv[1], &factory, NULL, NULL) < 0) {
    fprintf(stderr, "usage: udp_benchmark ENDPOINT [COUNT]\n");
    plait_runtime_free(runtime);
    return 2;
  }
  int code = plait_run(runtime);
  plait_runtime_free(runtime);
  return code < 0 || status != 0;
}
