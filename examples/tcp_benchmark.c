/* Sends blocks of 1,024 bytes for ever, or so many MiB, and says each second
 * how much went out:
 *
 *     plait serve discard tcp:4005 &
 *     tcp_benchmark tcp:127.0.0.1:4005 1000
 */
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 1024 };

struct sender {
  plait_protocol base; /* comes first */
  plait_timer second;
  uint64_t blocks, sent_before;
};

static uint64_t blocks_max = UINT64_MAX;
static int status;

static struct sender *sender_of(plait_protocol *p) {
  return plait_container_of(p, struct sender, base);
}

static uint64_t sent_bytes(const struct sender *self) {
  plait_transport_stats stats;
  plait_transport_get_stats(self->base.transport, &stats);
  return stats.sent_bytes;
}

/* As much as there is room for; the rest when resume_writing says so. */
static void send_more(plait_protocol *p) {
  static const char block[BLOCK];
  struct sender *self = sender_of(p);
  bool room = true;
  while (room && self->blocks < blocks_max) {
    room = plait_write(p->transport, block, BLOCK);
    self->blocks++;
  }
  if (self->blocks == blocks_max) {
    plait_close(p->transport);
  }
}

static void second_over(plait_timer *timer) {
  struct sender *self = plait_container_of(timer, struct sender, second);
  uint64_t sent = sent_bytes(self);
  printf("%.1f MiB/s\n", (double)(sent - self->sent_before) / 1048576);
  fflush(stdout);
  self->sent_before = sent;
}

static void sender_made(plait_protocol *p) {
  struct sender *self = sender_of(p);
  plait_timer_init(&self->second, p->transport, second_over);
  plait_timer_start(&self->second, 1000, 1000);
  send_more(p);
}

static void sender_lost(plait_protocol *p, int reason) {
  printf("%llu bytes sent: %s\n", (unsigned long long)sent_bytes(sender_of(p)),
         plait_strerror(reason));
  status |= reason < 0;
}

static void sender_failed(plait_factory *factory, plait_connector *connector,
                          int reason) {
  (void)factory, (void)connector, (void)reason;
  fprintf(stderr, "%s\n", plait_error_detail());
  status = 1;
}

static const plait_protocol_ops sender = {
    .name = "sender",
    .size = PLAIT_INSTANCE(struct sender, base),
    .connection_made = sender_made,
    .resume_writing = send_more,
    .connection_lost = sender_lost,
};

int main(int argc, char **argv) {
  plait_factory factory = {.protocol = &sender,
                           .connect_failed = sender_failed};
  plait_runtime_options options = {.handle_signals = true};
  plait_runtime *runtime = NULL;
  if (argc > 2) {
    blocks_max = strtoull(argv[2], NULL, 10) * (1048576 / BLOCK);
  }
  if (argc < 2 || plait_runtime_new(&options, &runtime) < 0 ||
      plait_connect(runtime, argv[1], &factory, NULL, NULL) < 0) {
    fprintf(stderr, "usage: tcp_benchmark ENDPOINT [MIB]\n");
    plait_runtime_free(runtime);
    return 2;
  }
  int code = plait_run(runtime);
  plait_runtime_free(runtime);
  return code < 0 || status != 0;
}
