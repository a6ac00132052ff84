/* An echo server: what a peer sends goes back to it. */
#include <plait.h>
#include <stdio.h>

static void echo_data(plait_protocol *p, const uint8_t *data, size_t len) {
  if (!plait_write(p->transport, data, len)) {
    plait_pause_reading(p->transport); /* The peer is not reading: wait... */
  }
}

static void echo_resume(plait_protocol *p) {
  plait_resume_reading(p->transport); /* ...until it has caught up. */
}

static const plait_protocol_ops echo = {
    .name = "echo",
    .size = sizeof(plait_protocol),
    .data_received = echo_data,
    .resume_writing = echo_resume,
};

int main(int argc, char **argv) {
  const char *endpoint = argc > 1 ? argv[1] : "tcp:4001";
  plait_factory factory = {.protocol = &echo};
  plait_runtime_options options = {
      .reactors = PLAIT_PER_CPU,
      .handle_signals = true, /* Ctrl-C stops it, in order. */
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
