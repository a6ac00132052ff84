/* libevent bufferevents, as its book shows an echo server: input moves to
 * output by reference. */
#include "bufferevent.h"

static void on_read(struct bufferevent *b, void *arg) {
  (void)arg;
  evbuffer_add_buffer(bufferevent_get_output(b), bufferevent_get_input(b));
}

int main(int argc, char **argv) {
  return bufferevent_serve(argc, argv, on_read);
}
