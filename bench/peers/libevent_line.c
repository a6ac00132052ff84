/* libevent line echo, as its book shows a server of lines: evbuffer_readln
 * hands out each line in memory of its own. */
#include "bufferevent.h"

static void on_read(struct bufferevent *b, void *arg) {
  struct evbuffer *output = bufferevent_get_output(b);
  size_t len;
  char *line;
  (void)arg;
  while ((line = evbuffer_readln(bufferevent_get_input(b), &len,
                                 EVBUFFER_EOL_CRLF))) {
    evbuffer_add(output, line, len);
    evbuffer_add(output, "\r\n", 2);
    free(line);
  }
}

int main(int argc, char **argv) {
  return bufferevent_serve(argc, argv, on_read);
}
