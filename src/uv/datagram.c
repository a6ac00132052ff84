/* Datagrams in and out: as many as there are with one system call.
 *
 * What a sender or a device has joined (GRO) is received as one, and cut by the
 * core: see plait__packet.  A socket asks for that once two have come at a
 * time; until then one that is not told where its datagrams were sent to
 * receives them by recvfrom(), which knows of neither and costs less.
 *
 * Sending has two ways of saving.  sendmmsg() saves the calls; but most of what
 * a datagram costs is its way through the network's layers, and that is saved
 * by segmentation offload (GSO): datagrams of one size to one peer go down as
 * one and are cut at the end of the way.  It is done for those that fit a usual
 * link (a bigger segment is refused by the device that has to cut), and no
 * more on a socket whose way refused it. */
#include "uv/backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

enum {
  BATCH = 64,           /* at a time */
  SEGMENTS = 64,        /* of one GSO packet: what kernels before 6.9 take */
  SEGMENT_BYTES = 1472, /* what an Ethernet frame has room for */
  SEGMENTED_BYTES = 64 * 1000 /* together */
};

/* plait__uv_socket.segments */
enum { SEGMENTS_UNKNOWN = 0, SEGMENTS_YES, SEGMENTS_NO };

/* plait__uv_socket.receives */
enum {
  RECEIVES_UNKNOWN = 0,
  RECEIVES_PLAIN, /* bytes and a sender alone */
  RECEIVES_ALONE, /* the same until two come at a time */
  RECEIVES_ALL
};

typedef struct control {
  _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                                      CMSG_SPACE(sizeof(struct in_pktinfo)) +
                                      CMSG_SPACE(sizeof(int))];
} control;

struct batch {
  struct mmsghdr messages[BATCH];
  struct iovec pieces[BATCH];
  struct sockaddr_storage names[BATCH];
  control controls[BATCH];
};

/* What is received into stays as it is prepared, but for what the system has
 * changed. */
struct plait__uv_batch {
  struct batch in, out;
  plait__room room;        /* that |in| is prepared for ... */
  unsigned placed;         /* ... so many of it */
  unsigned fresh;          /* from here on it is */
  unsigned packets[BATCH]; /* of each message of |out| */
};

static plait__uv_batch *batches_of(plait__uv_socket *s) {
  plait__loop *loop = (plait__loop *)s->u.poll->loop;
  if (!loop->batch) {
    loop->batch = plait__uv_alloc(NULL, sizeof *loop->batch, "batch");
    if (loop->batch) /* cmsg padding is handed to the system, too */
      memset(loop->batch, 0, sizeof *loop->batch);
  }
  return loop->batch;
}

/* ---- receiving ----------------------------------------------------------- */

static bool ip4_is_group(const uint8_t *ip) {
  return ip[0] >= 224;
}

/* ipi_spec_dst is the address to answer from: another one than that it was sent
 * to if that is a group or a broadcast. */
static void local_from_ip4(const struct cmsghdr *c, plait__packet *ret) {
  struct in_pktinfo info;
  memcpy(&info, CMSG_DATA(c), sizeof info);
  ret->local.family = PLAIT_IPV4;
  memcpy(ret->local.ip, &info.ipi_addr, sizeof info.ipi_addr);
  ret->interface = (unsigned)info.ipi_ifindex;
  ret->to_many = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
}

static void local_from_ip6(const struct cmsghdr *c, plait__packet *ret) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  struct in6_pktinfo info;
  memcpy(&info, CMSG_DATA(c), sizeof info);
  ret->local.family = PLAIT_IPV6;
  memcpy(ret->local.ip, &info.ipi6_addr, sizeof info.ipi6_addr);
  ret->interface = info.ipi6_ifindex;
  ret->to_many = ret->local.ip[0] == 0xff ||
                 (!memcmp(ret->local.ip, mapped, sizeof mapped) &&
                  ip4_is_group(ret->local.ip + sizeof mapped));
  if (ret->local.ip[0] == 0xfe && (ret->local.ip[1] & 0xc0) == 0x80)
    ret->local.scope = info.ipi6_ifindex; /* link-local */
}

static void segment_from(const struct cmsghdr *c, plait__packet *ret) {
  int len;
  memcpy(&len, CMSG_DATA(c), sizeof len);
  ret->segment = len > 0 ? (size_t)len : 0;
}

static void receive_control(struct msghdr *m, plait__packet *ret) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
      local_from_ip4(c, ret);
    else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
      local_from_ip6(c, ret);
    else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
      segment_from(c, ret);
  }
}

static void receive_finish(struct batch *b, unsigned i, plait__packet *ret) {
  struct msghdr *m = &b->messages[i].msg_hdr;
  ret->data = b->pieces[i].iov_base;
  ret->len = b->messages[i].msg_len;
  ret->truncated = (m->msg_flags & MSG_TRUNC) != 0;
  ret->local.family = PLAIT_NO_ADDRESS;
  ret->interface = 0;
  ret->segment = 0;
  ret->to_many = false;
  plait__uv_from_sockaddr(&b->names[i], m->msg_namelen, &ret->peer);
  if (m->msg_controllen > 0)
    receive_control(m, ret);
}

static void receive_place(struct batch *b, const plait__room *room,
                          unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    b->pieces[i] = (struct iovec){.iov_base = room->data + i * room->stride,
                                  .iov_len = room->len};
    b->messages[i].msg_hdr = (struct msghdr){
        .msg_name = &b->names[i],
        .msg_iov = &b->pieces[i],
        .msg_iovlen = 1,
        .msg_control = &b->controls[i],
    };
  }
}

static void receive_prepare(plait__uv_batch *all, const plait__room *room,
                            unsigned n) {
  plait__room *now = &all->room;
  if (now->data != room->data || now->stride != room->stride ||
      now->len != room->len || all->placed < n) {
    receive_place(&all->in, room, n);
    all->room = *room;
    all->placed = n;
    all->fresh = n;
  }
  for (unsigned i = 0; i < all->fresh; i++) {
    struct msghdr *m = &all->in.messages[i].msg_hdr;
    m->msg_namelen = sizeof all->in.names[i];
    m->msg_controllen = sizeof all->in.controls[i];
  }
}

static bool option_is_on(int fd, int level, int name) {
  int value;
  socklen_t len = sizeof value;
  return !getsockopt(fd, level, name, &value, &len) && value != 0;
}

/* Whether datagrams come with where they were sent to. */
static bool is_told(int fd) {
  return option_is_on(fd, IPPROTO_IP, IP_PKTINFO) ||
         option_is_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
}

/* Where there is no joining, each comes by itself. */
static void receive_joined(plait__uv_socket *s) {
  bool joined = !plait__uv_set(s->fd, IPPROTO_UDP, UDP_GRO, 1);
  s->receives = joined || is_told(s->fd) ? RECEIVES_ALL : RECEIVES_PLAIN;
}

static int receive_one(int fd, const plait__room *room, plait__packet *ret) {
  struct sockaddr_storage name;
  socklen_t len = sizeof name;
  ssize_t n = recvfrom(fd, room->data, room->len, MSG_DONTWAIT | MSG_TRUNC,
                       (struct sockaddr *)&name, &len);
  if (n < 0)
    return -errno;
  size_t whole = (size_t)n;
  ret->data = room->data;
  ret->len = whole < room->len ? whole : room->len;
  ret->truncated = whole > room->len;
  ret->local.family = PLAIT_NO_ADDRESS;
  ret->interface = 0;
  ret->segment = 0;
  ret->to_many = false;
  plait__uv_from_sockaddr(&name, len, &ret->peer);
  return 1;
}

static int receive_many(plait__uv_socket *s, const plait__room *room,
                        plait__packet *v, unsigned n) {
  plait__uv_batch *b = batches_of(s);
  if (!b)
    return PLAIT_ENOMEM;
  if (n > BATCH)
    n = BATCH;
  receive_prepare(b, room, n);
  int got = recvmmsg(s->fd, b->in.messages, n, MSG_DONTWAIT, NULL);
  b->fresh = got > 0 ? (unsigned)got : 0;
  if (got < 0)
    return -errno;
  for (int i = 0; i < got; i++)
    receive_finish(&b->in, (unsigned)i, &v[i]);
  if (got > 1 && s->receives == RECEIVES_ALONE)
    receive_joined(s);
  return got;
}

int plait__uv_receive_batch(plait__socket *socket, const plait__room *room,
                            plait__packet *v, unsigned n) {
  plait__uv_socket *s = plait__uv_socket_of(socket);
  if (s->receives == RECEIVES_UNKNOWN && is_told(s->fd))
    receive_joined(s);
  else if (s->receives == RECEIVES_UNKNOWN)
    s->receives = RECEIVES_ALONE;
  return n > 1 || s->receives == RECEIVES_ALL ? receive_many(s, room, v, n)
                                              : receive_one(s->fd, room, v);
}

/* ---- sending ------------------------------------------------------------- */

/* Only UDP sockets of kernels that can have the option. */
static bool can_segment(plait__uv_socket *s) {
  if (s->segments == SEGMENTS_UNKNOWN) {
    int value;
    socklen_t len = sizeof value;
    bool can = !getsockopt(s->fd, IPPROTO_UDP, UDP_SEGMENT, &value, &len);
    s->segments = can ? SEGMENTS_YES : SEGMENTS_NO;
  }
  return s->segments == SEGMENTS_YES;
}

/* The path of an IP address is empty, and a UNIX one has no ip. */
static bool same_address(const plait_address *a, const plait_address *b) {
  return a->family == b->family &&
         (a->family == PLAIT_NO_ADDRESS ||
          (a->port == b->port && a->scope == b->scope &&
           !memcmp(a->ip, b->ip, sizeof a->ip)));
}

/* How many of |v| may go down as one: of one size, but that the last one may be
 * smaller, and one behind the other in memory. */
static unsigned group_size(const plait__packet *v, unsigned n) {
  size_t len = v->len, sum = len;
  unsigned i = 1;
  if (len == 0 || len > SEGMENT_BYTES)
    return 1;
  for (; i < n && i < SEGMENTS; i++) {
    if (v[i].len == 0 || v[i].len > len || v[i - 1].len != len ||
        sum + v[i].len > SEGMENTED_BYTES ||
        v[i].data != v[i - 1].data + v[i - 1].len ||
        !same_address(&v[i].peer, &v->peer) ||
        !same_address(&v[i].local, &v->local))
      break;
    sum += v[i].len;
  }
  return i;
}

static struct cmsghdr *control_next(struct msghdr *m, control *room, int level,
                                    int type, size_t len) {
  struct cmsghdr *c = (void *)((char *)room + m->msg_controllen);
  m->msg_control = room;
  m->msg_controllen += CMSG_SPACE(len);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(len);
  return c;
}

static void control_local(struct msghdr *m, control *room,
                          const plait_address *local) {
  if (local->family == PLAIT_IPV4) {
    struct in_pktinfo info = {0};
    memcpy(&info.ipi_spec_dst, local->ip, sizeof info.ipi_spec_dst);
    struct cmsghdr *c =
        control_next(m, room, IPPROTO_IP, IP_PKTINFO, sizeof info);
    memcpy(CMSG_DATA(c), &info, sizeof info);
  } else if (local->family == PLAIT_IPV6) {
    struct in6_pktinfo info = {.ipi6_ifindex = local->scope};
    memcpy(&info.ipi6_addr, local->ip, sizeof info.ipi6_addr);
    struct cmsghdr *c =
        control_next(m, room, IPPROTO_IPV6, IPV6_PKTINFO, sizeof info);
    memcpy(CMSG_DATA(c), &info, sizeof info);
  }
}

static void control_segment(struct msghdr *m, control *room, size_t len) {
  uint16_t segment = (uint16_t)len;
  struct cmsghdr *c =
      control_next(m, room, IPPROTO_UDP, UDP_SEGMENT, sizeof segment);
  memcpy(CMSG_DATA(c), &segment, sizeof segment);
}

/* Message |i| is the first |count| of |v|. */
static int send_prepare(plait__uv_batch *all, unsigned i,
                        const plait__packet *v, unsigned count) {
  struct batch *b = &all->out;
  struct msghdr *m = &b->messages[i].msg_hdr;
  size_t len = 0;
  for (unsigned k = 0; k < count; k++)
    len += v[k].len;
  all->packets[i] = count;
  b->pieces[i] = (struct iovec){.iov_base = v->data, .iov_len = len};
  *m = (struct msghdr){.msg_iov = &b->pieces[i], .msg_iovlen = 1};
  if (v->peer.family != PLAIT_NO_ADDRESS) {
    int rc = plait__uv_to_sockaddr(&v->peer, &b->names[i], &m->msg_namelen);
    if (rc)
      return rc;
    m->msg_name = &b->names[i];
  }
  control_local(m, &b->controls[i], &v->local);
  if (count > 1)
    control_segment(m, &b->controls[i], v->len);
  return 0;
}

/* How many messages; or a code for the first. */
static int send_gather(plait__uv_batch *b, const plait__packet *v, unsigned n,
                       bool segment) {
  unsigned count = 0;
  for (unsigned i = 0; i < n && count < BATCH; count++) {
    unsigned together = segment ? group_size(v + i, n - i) : 1;
    int rc = send_prepare(b, count, v + i, together);
    if (rc)
      return count > 0 ? (int)count : rc;
    i += together;
  }
  return (int)count;
}

/* A UNIX socket without a peer is writable as long as it has room of its own;
 * that of the receiver is full, and nothing will tell when it is not. */
static int send_failed(const plait__packet *v, int code) {
  return code == PLAIT_EAGAIN && v->peer.family == PLAIT_UNIX ? PLAIT_ENOBUFS
                                                              : code;
}

/* sendto() takes what needs no control for less than sendmsg() does, and what
 * is alone needs no batch. */
static int send_one(int fd, const plait__packet *v) {
  struct sockaddr_storage name;
  struct sockaddr *to = NULL;
  socklen_t len = 0;
  if (v->peer.family != PLAIT_NO_ADDRESS) {
    int rc = plait__uv_to_sockaddr(&v->peer, &name, &len);
    if (rc)
      return rc;
    to = (struct sockaddr *)&name;
  }
  return sendto(fd, v->data, v->len, MSG_NOSIGNAL, to, len) < 0 ? -errno : 1;
}

/* How many of |v| the system took, or a code. */
static int send_messages(plait__uv_socket *s, plait__uv_batch *b,
                         unsigned count) {
  int sent = sendmmsg(s->fd, b->out.messages, count, MSG_NOSIGNAL);
  if (sent < 0)
    return -errno;
  unsigned packets = 0;
  for (int i = 0; i < sent; i++)
    packets += b->packets[i];
  return (int)packets;
}

static int send_many(plait__uv_socket *s, const plait__packet *v, unsigned n) {
  plait__uv_batch *b = batches_of(s);
  if (!b)
    return PLAIT_ENOMEM;
  int count = send_gather(b, v, n, n > 1 && can_segment(s));
  if (count < 0)
    return count;
  int sent = send_messages(s, b, (unsigned)count);
  if ((sent == PLAIT_EINVAL || sent == PLAIT_EIO || sent == PLAIT_EMSGSIZE) &&
      b->packets[0] > 1) {
    s->segments = SEGMENTS_NO; /* no device on this way cuts */
    return send_many(s, v, n);
  }
  return sent;
}

int plait__uv_send_batch(plait__socket *socket, const plait__packet *v,
                         unsigned n) {
  plait__uv_socket *s = plait__uv_socket_of(socket);
  bool simple = n == 1 && v->local.family == PLAIT_NO_ADDRESS;
  int sent = simple ? send_one(s->fd, v) : send_many(s, v, n);
  return sent < 0 ? send_failed(v, sent) : sent;
}
