/* A server that takes its leave: on Ctrl-C no more clients come in, each that
 * is there is told, and the program ends when all have been.
 *
 *     goodbye tcp:4004
 */
#include <plait.h>
#include <stdio.h>

static void client_made(plait_protocol *p) {
  plait_write_str(p->transport, "Hello!\r\n");
}

/* The runtime is stopping.  What is written is sent before the connection ends,
 * unless the client does not take it for as long as the grace is. */
static void client_draining(plait_protocol *p) {
  plait_write_str(p->transport, "Server is shutting down! Good bye...\r\n");
  plait_close(p->transport);
}

static void client_lost(plait_protocol *p, int reason) {
  (void)p;
  printf("a client has gone: %s\n", plait_strerror(reason));
  fflush(stdout);
}

static const plait_protocol_ops client = {
    .name = "client",
    .size = sizeof(plait_protocol),
    .connection_made = client_made,
    .draining = client_draining,
    .connection_lost = client_lost,
};

/* After the last listener and the last client. */
static void all_gone(plait_factory *factory) {
  (void)factory;
  printf("good night\n");
}

int main(int argc, char **argv) {
  const char *endpoint = argc > 1 ? argv[1] : "tcp:4004";
  plait_factory factory = {.protocol = &client, .stopped = all_gone};
  plait_runtime_options options = {
      .handle_signals = true, /* The first SIGINT or SIGTERM stops in order. */
      .grace_ms = 5000,
  };
  plait_runtime *runtime = NULL;
  plait_listener *listener;

  if (plait_runtime_new(&options, &runtime) < 0 ||
      plait_listen(runtime, endpoint, &factory, NULL, &listener) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
    plait_runtime_free(runtime);
    return 1;
  }
  printf("listening on %s\n", plait_listener_endpoint(listener));
  fflush(stdout);
  int code = plait_run(runtime);
  plait_runtime_free(runtime);
  return code < 0;
}
