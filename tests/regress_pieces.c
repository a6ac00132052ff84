/* A queue of few bytes holds little memory, also if bytes that were copied and
 * bytes that were not come by turns. */
#include <plait.h>
#include <string.h>

#include "support/require.h"
#include "support/sim_world.h"

enum { PAIRS = 1000, BYTES_EACH = 512 };

static size_t before, held;
static unsigned released;

static void give_back(void *arg, const void *data, size_t len) {
  (void)arg;
  (void)data;
  (void)len;
  released++;
}

static void writer_made(plait_protocol *p) {
  before = plait_sim_memory(sim);
  for (unsigned i = 0; i < PAIRS; i++) {
    plait_write(p->transport, "a", 1);
    plait_write_owned(p->transport, "b", 1, give_back, NULL);
  }
}

/* The peer has not read what is beyond the stream's capacity. */
static void look(plait_timer *timer) {
  (void)timer;
  held = plait_sim_memory(sim) - before;
}

struct writer {
  plait_protocol base;
  plait_timer timer;
};

static void writer_looks(plait_protocol *p) {
  struct writer *w = plait_container_of(p, struct writer, base);
  writer_made(p);
  plait_timer_init(&w->timer, p->transport, look);
  plait_timer_start(&w->timer, 1, 0);
}

static void reader_made(plait_protocol *p) {
  plait_pause_reading(p->transport);
}

static const plait_protocol_ops writer = {
    .name = "writer",
    .size = PLAIT_INSTANCE(struct writer, base),
    .connection_made = writer_looks};
static const plait_protocol_ops reader = {.name = "reader",
                                          .size = sizeof(plait_protocol),
                                          .connection_made = reader_made};

int main(void) {
  plait_runtime *runtime;
  plait_factory writers = {.protocol = &writer},
                readers = {.protocol = &reader};
  int fds[2];
  sim_begin((plait_sim_options){.capacity = 2});
  plait_runtime_options options = {.backend = plait_sim_backend(sim),
                                   .grace_ms = 100};
  require(plait_runtime_new(&options, &runtime) == 0, "no runtime");
  require(plait_sim_pair(sim, fds) == 0, "no pair");
  require(plait_adopt(plait_runtime_reactor(runtime, 0), fds[0], &writers) == 0,
          "not adopted");
  require(plait_adopt(plait_runtime_reactor(runtime, 0), fds[1], &readers) == 0,
          "not adopted");
  plait_runtime_stop(runtime);
  plait_run(runtime);
  plait_runtime_free(runtime);
  sim_end();
  require(held > 0 && released == PAIRS, "%u were released", released);
  require(held < PAIRS * BYTES_EACH, "%zu bytes are held for %d", held,
          2 * PAIRS);
  return 0;
}
