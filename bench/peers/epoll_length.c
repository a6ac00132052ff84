/* Raw epoll echo of frames: the reference for frames.
 *
 * A frame is a length of four bytes, big-endian, and so many bytes of payload.
 * The callback gets the payload and answers with a frame of it.  Small answers
 * gather in one buffer; a payload of 16 KiB or more leaves from where it was
 * read.  All answers to the frames of a read leave together. */
#include "epoll.h"

#include <sys/uio.h>

enum {
  PREFIX_BYTES = 4,
  COPY_MAX = 16 * 1024, /* what is smaller is copied */
  PIECES_MAX = 2 * (CARRY_MAX + READ_BYTES) / COPY_MAX + 1
};

static char output[sizeof input];
static size_t output_len;
static struct iovec pieces[PIECES_MAX];
static int piece_count;
static bool copying; /* the last piece is the end of |output| */

static void put_piece(const char *data, size_t len) {
  pieces[piece_count].iov_base = (void *)(uintptr_t)data;
  pieces[piece_count++].iov_len = len;
}

static void put_copy(const void *data, size_t len) {
  char *to = output + output_len;
  memcpy(to, data, len);
  output_len += len;
  if (copying)
    pieces[piece_count - 1].iov_len += len;
  else
    put_piece(to, len);
  copying = true;
}

static void frame_send(const char *payload, size_t len) {
  uint32_t prefix = htonl((uint32_t)len);
  put_copy(&prefix, sizeof prefix);
  if (len < COPY_MAX) {
    put_copy(payload, len);
    return;
  }
  put_piece(payload, len);
  copying = false;
}

static void frame_received(struct conn *c, const char *payload, size_t len) {
  (void)c;
  frame_send(payload, len);
}

static void (*volatile on_frame)(struct conn *, const char *,
                                 size_t) = frame_received;

/* Calls back for each frame in |p|; returns what is behind the last of them. */
static struct piece frames_split(struct conn *c, struct piece p) {
  while (p.len >= PREFIX_BYTES) {
    uint32_t prefix;
    memcpy(&prefix, p.data, sizeof prefix);
    size_t len = ntohl(prefix);
    if (p.len - PREFIX_BYTES < len)
      break;
    on_frame(c, p.data + PREFIX_BYTES, len);
    p.data += PREFIX_BYTES + len;
    p.len -= PREFIX_BYTES + len;
  }
  return p;
}

static void keep_pieces(struct conn *c, size_t sent) {
  size_t all = 0;
  for (int i = 0; i < piece_count; i++)
    all += pieces[i].iov_len;
  if (sent == all)
    return;
  conn_keep(c, all - sent);
  for (int i = 0; i < piece_count; i++) {
    size_t len = pieces[i].iov_len, skip = sent < len ? sent : len;
    kept_add(&c->rest, (char *)pieces[i].iov_base + skip, len - skip);
    sent -= skip;
  }
}

static void send_pieces(struct conn *c) {
  struct msghdr m = {.msg_iov = pieces, .msg_iovlen = (size_t)piece_count};
  if (piece_count == 1) {
    conn_send(c, pieces[0].iov_base, pieces[0].iov_len);
    return;
  }
  ssize_t sent = sendmsg(c->fd, &m, MSG_NOSIGNAL);
  keep_pieces(c, sent < 0 ? 0 : (size_t)sent);
}

static void readable(struct conn *c) {
  struct piece p = conn_receive(c);
  if (!p.len)
    return;
  output_len = 0;
  piece_count = 0;
  copying = false;
  p = frames_split(c, p);
  if (conn_carry(c, p.data, p.len) && piece_count)
    send_pieces(c);
}

int main(int argc, char **argv) {
  epoll_serve(argc, argv, readable);
}
