/* A chat of one room:
 *
 *     chat tcp:4003
 *
 * test_chat.c tests it; docs/testing_protocols.md explains how. */
#include <plait.h>
#include <stdio.h>

#include "chat_room.h"

int main(int argc, char **argv) {
  plait_runtime_options options = {.handle_signals = true};
  plait_runtime *runtime = NULL;
  plait_listener *listener;
  struct chat chat;
  int code = 1;

  chat_init(&chat, 600000);
  if (plait_runtime_new(&options, &runtime) < 0 ||
      plait_listen(runtime, argc > 1 ? argv[1] : "tcp:4003", &chat.factory,
                   NULL, &listener) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
  } else {
    printf("a chat on %s\n", plait_listener_endpoint(listener));
    code = plait_run(runtime) < 0;
  }
  plait_runtime_free(runtime);
  return code;
}
