/* Joins standard input and output with an endpoint, or, without one, with each
 * other:
 *
 *     cat tcp:127.0.0.1:4001 <question >answer
 *     cat <file
 */
#include <plait.h>
#include <stdio.h>

struct cat {
  plait_factory factory;
  plait_joint joint;
  const char *endpoint; /* or NULL */
  int status;
};

static struct cat *cat_of(plait_protocol *p) {
  return plait_container_of(p->factory, struct cat, factory);
}

static void joint_lost(plait_joint *joint, int side, int reason) {
  struct cat *cat = plait_container_of(joint, struct cat, joint);
  if (reason < 0 && cat->status == 0) {
    fprintf(stderr, "%s\n",
            side == 1 && joint->sides[1] == NULL
                ? plait_error_detail() /* it was not made */
                : plait_strerror(reason));
    cat->status = 1;
  }
}

static void stdio_made(plait_protocol *p) {
  struct cat *cat = cat_of(p);
  if (cat->endpoint != NULL &&
      plait_pipe_connect(p->transport, cat->endpoint, NULL, &cat->joint) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
    cat->status = 1;
  }
}

static void stdio_data(plait_protocol *p, const uint8_t *data, size_t len) {
  if (!plait_write(p->transport, data, len)) {
    plait_pause_reading(p->transport);
  }
}

static void stdio_resume(plait_protocol *p) {
  plait_resume_reading(p->transport);
}

static const plait_protocol_ops stdio = {
    .name = "stdio",
    .size = sizeof(plait_protocol),
    .connection_made = stdio_made,
    .data_received = stdio_data, /* not if it is joined with another */
    .resume_writing = stdio_resume,
};

int main(int argc, char **argv) {
  /* A reader such as a pager may take its time. */
  struct cat cat = {
      .factory = {.protocol = &stdio, .limits.flush_ms = PLAIT_UNLIMITED},
      .joint.lost = joint_lost,
      .endpoint = argc > 1 ? argv[1] : NULL,
  };
  plait_runtime_options options = {.handle_signals = true};
  plait_runtime *runtime = NULL;

  if (plait_runtime_new(&options, &runtime) < 0 ||
      plait_stdio(plait_runtime_reactor(runtime, 0), &cat.factory) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
    plait_runtime_free(runtime);
    return 1;
  }
  int code = plait_run(runtime);
  plait_runtime_free(runtime);
  return code < 0 || cat.status != 0;
}
