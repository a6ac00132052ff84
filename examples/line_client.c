/* Sends lines to a server, one at a time, and prints its answers:
 *
 *     plait serve line-echo tcp:4002 &
 *     line_client tcp:127.0.0.1:4002 good morning
 */
#include <plait.h>
#include <stdio.h>
#include <string.h>

/* What the connection needs to know is in a struct around the factory. */
struct asker {
  plait_factory factory;
  char **words;
  int failures;
};

struct ask {
  plait_line line; /* comes first */
  char **next;     /* word to send */
};

static void ask_next(struct ask *self) {
  if (*self->next == NULL) {
    plait_close(self->line.base.transport);
    return;
  }
  plait_line_send(&self->line, *self->next, strlen(*self->next));
  self->next++;
}

static void ask_made(plait_protocol *p) {
  struct ask *self = plait_container_of(p, struct ask, line.base);
  struct asker *asker = plait_container_of(p->factory, struct asker, factory);
  self->next = asker->words;
  ask_next(self);
}

static void ask_line(plait_line *line, plait_slice text) {
  printf("%.*s\n", (int)text.len, (const char *)text.data);
  ask_next(plait_container_of(line, struct ask, line));
}

static void ask_lost(plait_protocol *p, int reason) {
  struct asker *asker = plait_container_of(p->factory, struct asker, factory);
  if (reason != 0) {
    fprintf(stderr, "connection lost: %s\n", plait_strerror(reason));
    asker->failures++;
  }
}

/* There was never a connection, and so no protocol. */
static void ask_failed(plait_factory *factory, plait_connector *connector,
                       int reason) {
  (void)connector, (void)reason;
  fprintf(stderr, "%s\n", plait_error_detail());
  plait_container_of(factory, struct asker, factory)->failures++;
}

static const plait_line_ops ask =
    PLAIT_LINE_OPS(.base.name = "ask",
                   .base.size = PLAIT_INSTANCE(struct ask, line),
                   .base.connection_made = ask_made,
                   .base.connection_lost = ask_lost, .line_received = ask_line);

int main(int argc, char **argv) {
  struct asker asker = {
      .factory = {.protocol = &ask.base, .connect_failed = ask_failed},
      .words = argv + 2,
  };
  plait_runtime *runtime = NULL;

  if (argc < 3) {
    fprintf(stderr, "usage: line_client ENDPOINT WORD...\n"
                    "   as: line_client tcp:127.0.0.1:4002 good morning\n");
    return 2;
  }
  if (plait_runtime_new(NULL, &runtime) < 0 ||
      plait_connect(runtime, argv[1], &asker.factory, NULL, NULL) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
    plait_runtime_free(runtime);
    return 1;
  }
  int code = plait_run(runtime); /* Returns when nothing is left to do. */
  plait_runtime_free(runtime);
  return code < 0 || asker.failures > 0;
}
