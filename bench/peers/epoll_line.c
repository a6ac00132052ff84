/* Raw epoll line echo: the reference for lines.
 *
 * What a careful program does by hand: memchr for the ends, a callback for
 * each line, which gets it without its ending, and one buffer for the answers
 * to all lines of a read.  The callback is called through a pointer that the
 * compiler cannot see through, as that of any framework. */
#include "epoll.h"

/* Each LF may become CR LF. */
static char output[2 * sizeof input];
static size_t output_len;

static void line_send(const char *text, size_t len) {
  char *to = output + output_len;
  memcpy(to, text, len);
  memcpy(to + len, "\r\n", 2);
  output_len += len + 2;
}

static void line_received(struct conn *c, const char *text, size_t len) {
  (void)c;
  line_send(text, len);
}

static void (*volatile on_line)(struct conn *, const char *,
                                size_t) = line_received;

/* Calls back for each line in |p|; returns what is behind the last of them. */
static struct piece lines_split(struct conn *c, struct piece p) {
  char *lf;
  while (p.len && (lf = memchr(p.data, '\n', p.len))) {
    size_t len = (size_t)(lf - p.data), text = len;
    if (text && lf[-1] == '\r')
      text--;
    on_line(c, p.data, text);
    p.data = lf + 1;
    p.len -= len + 1;
  }
  return p;
}

static void readable(struct conn *c) {
  struct piece p = conn_receive(c);
  if (!p.len)
    return;
  output_len = 0;
  p = lines_split(c, p);
  if (conn_carry(c, p.data, p.len) && output_len)
    conn_send(c, output, output_len);
}

int main(int argc, char **argv) {
  epoll_serve(argc, argv, readable);
}
