/* A proxy joins each connection that comes with one that it makes, and says how
 * that went:
 *
 *     proxy tcp:8080 tcp:www.example.net:http
 */
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>

struct proxy {
  plait_factory factory;
  const char *to;
};

struct pair {
  plait_joint joint;
  int lost;
};

static void pair_lost(plait_joint *joint, int side, int reason) {
  struct pair *pair = plait_container_of(joint, struct pair, joint);
  if (side == 1 && joint->sides[1] == NULL) { /* It was never made. */
    fprintf(stderr, "%s\n", plait_error_detail());
  }
  if (++pair->lost == 2) {
    printf("%llu bytes there, %llu back: %s\n",
           (unsigned long long)joint->bytes[0],
           (unsigned long long)joint->bytes[1], plait_strerror(reason));
    fflush(stdout);
    free(pair);
  }
}

static void visitor_made(plait_protocol *p) {
  struct proxy *proxy = plait_container_of(p->factory, struct proxy, factory);
  struct pair *pair = calloc(1, sizeof *pair);
  if (pair == NULL) {
    plait_abort(p->transport);
    return;
  }
  pair->joint.lost = pair_lost;
  if (plait_pipe_connect(p->transport, proxy->to, NULL, &pair->joint) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
    free(pair); /* The visitor is reset. */
  }
}

static const plait_protocol_ops visitor = {.name = "visitor",
                                           .size = sizeof(plait_protocol),
                                           .connection_made = visitor_made};

int main(int argc, char **argv) {
  struct proxy proxy = {.factory = {.protocol = &visitor},
                        .to = argc > 2 ? argv[2] : "tcp:127.0.0.1:4001"};
  plait_runtime_options options = {.handle_signals = true};
  plait_runtime *runtime = NULL;
  plait_listener *listener;

  if (plait_runtime_new(&options, &runtime) < 0 ||
      plait_listen(runtime, argc > 1 ? argv[1] : "tcp:8080", &proxy.factory,
                   NULL, &listener) < 0) {
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
