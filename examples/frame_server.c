/* A server of frames: a length of 32 bits, big-endian, and so many bytes. It
 * answers each frame with its bytes in reverse. */
#include <plait.h>
#include <stdio.h>

enum { FRAME_MAX = 1000 };

static void reverse_made(plait_protocol *p) {
  plait_framed *framed = plait_container_of(p, plait_framed, base);
  plait_framed_set_max(framed, FRAME_MAX); /* a longer one closes */
}

static void reverse_frame(plait_framed *framed, plait_slice payload) {
  uint8_t answer[FRAME_MAX];
  for (size_t i = 0; i < payload.len; i++) {
    answer[i] = payload.data[payload.len - 1 - i];
  }
  if (plait_prefixed_send(framed, answer, payload.len) <= 0) {
    plait_pause_reading(framed->base.transport); /* until it reads, too */
  }
}

static void reverse_resume(plait_protocol *p) {
  plait_resume_reading(p->transport);
}

static const plait_framed_ops reverse = PLAIT_FRAMED_OPS(
    .base.name = "reverse", .base.size = sizeof(plait_framed),
    .base.connection_made = reverse_made, .base.resume_writing = reverse_resume,
    .codec = &plait_int32.codec, .frame_received = reverse_frame);

int main(int argc, char **argv) {
  const char *endpoint = argc > 1 ? argv[1] : "tcp:4002";
  plait_factory factory = {.protocol = &reverse.base};
  plait_runtime_options options = {.handle_signals = true};
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
