/* Shows each key as it is pressed, and the size of the window when it changes.
 *
 *     keys          q ends it; so does whatever ends a program
 *
 * The terminal is as it was before, whatever ends it. */
#include <plait.h>
#include <signal.h>
#include <stdio.h>

typedef struct keys {
  plait_protocol base;
  plait_signal resized;
} keys;

static int status;

static void say_size(plait_transport *t) {
  plait_runtime *runtime = plait_reactor_runtime(plait_transport_reactor(t));
  unsigned columns, rows;
  if (plait_terminal_size(runtime, 0, &columns, &rows) == 0)
    plait_printf(t, "%u columns, %u rows\r\n", columns, rows);
}

static void keys_resized(plait_signal *signal, int number) {
  keys *self = plait_container_of(signal, keys, resized);
  (void)number;
  say_size(self->base.transport);
}

static void keys_made(plait_protocol *p) {
  keys *self = (keys *)p;
  plait_runtime *runtime =
      plait_reactor_runtime(plait_transport_reactor(p->transport));
  if (plait_terminal_raw(runtime, 0, true) < 0) {
    fprintf(stderr, "keys: %s\n", plait_error_detail());
    plait_close_reason(p->transport, PLAIT_ENOTSUP);
    return;
  }
  plait_signal_init(&self->resized, keys_resized);
  plait_signal_start(&self->resized, SIGWINCH);
  say_size(p->transport);
}

static void keys_data(plait_protocol *p, const uint8_t *data, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (data[i] == 'q') {
      plait_close(p->transport);
      return;
    }
    plait_printf(p->transport, "key %u\r\n", (unsigned)data[i]);
  }
}

static void keys_lost(plait_protocol *p, int reason) {
  plait_signal_stop(&((keys *)p)->resized);
  if (reason == PLAIT_ENOTSUP)
    status = 1;
}

static const plait_protocol_ops keys_ops = {
    .name = "keys",
    .size = PLAIT_INSTANCE(keys, base),
    .connection_made = keys_made,
    .data_received = keys_data,
    .connection_lost = keys_lost,
};

int main(void) {
  plait_factory factory = {.protocol = &keys_ops};
  plait_runtime *runtime;
  if (plait_runtime_new(NULL, &runtime) < 0 ||
      plait_stdio(plait_runtime_reactor(runtime, 0), &factory) < 0 ||
      plait_run(runtime) < 0) {
    fprintf(stderr, "keys: %s\n", plait_error_detail());
    return 1;
  }
  plait_runtime_free(runtime); /* gives the terminal back */
  return status;
}
