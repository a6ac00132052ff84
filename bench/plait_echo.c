/* The echo server under test, from plait's public headers alone.
 *
 * Two lines are the protocol: echo, and stop reading while the send queue is
 * above its mark.  The rest is a main program like anybody's. */
#include <plait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void echo_data(plait_protocol *p, const uint8_t *data, size_t len) {
  if (!plait_write(p->transport, data, len))
    plait_pause_reading(p->transport);
}

static void echo_resume(plait_protocol *p) {
  plait_resume_reading(p->transport);
}

static const plait_protocol_ops echo = {
    .name = "echo",
    .size = sizeof(plait_protocol),
    .data_received = echo_data,
    .resume_writing = echo_resume,
};

static plait_factory factory = {.protocol = &echo};

static int fail(const char *step, int code) {
  fprintf(stderr, "plait_echo: %s: %s\n", step, plait_strerror(code));
  return 1;
}

static int serve(plait_runtime *runtime, const char *endpoint) {
  plait_listener *listener;
  int err = plait_listen(runtime, endpoint, &factory, NULL, &listener);
  if (err)
    return fail(plait_error_detail(), err);
  printf("listening on %s\n", plait_listener_endpoint(listener));
  fflush(stdout);
  err = plait_run(runtime);
  return err ? fail("run", err) : 0;
}

int main(int argc, char **argv) {
  plait_runtime_options options = {.handle_signals = true};
  const char *endpoint = "tcp:0:interface=127.0.0.1";
  plait_runtime *runtime;
  int i = 1;
  if (argc > 2 && !strcmp(argv[1], "--reactors")) {
    options.reactors = (unsigned)strtoul(argv[2], NULL, 10);
    i = 3;
  }
  if (i < argc && argv[i][0] == '-') {
    fprintf(stderr, "usage: plait_echo [--reactors N] [ENDPOINT]\n");
    return 2;
  }
  if (i < argc)
    endpoint = argv[i];
  int err = plait_runtime_new(&options, &runtime);
  if (err)
    return fail("runtime", err);
  int status = serve(runtime, endpoint);
  plait_runtime_free(runtime);
  return status;
}
