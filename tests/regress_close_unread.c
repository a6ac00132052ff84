/* A close loses nothing, whatever the peer does with its own side: (1) input
 * is left unread, which would make the kernel's close() a reset; (2) the peer
 * uploads everything before it reads a byte, which would block both sides if
 * nobody read its input. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <plait.h>

#include "support/pattern.h"
#include "support/peer.h"
#include "support/require.h"

enum {
  UNREAD = 50000,
  REPLY = 2000000,
  UPLOAD = 20 << 20,
  BIG_REPLY = 8 << 20,
  ROUNDS = 10,
  DEADLINE_S = 240
};

/* ---- servers -------------------------------------------------------------*/

struct waiter {
  plait_protocol base;
  plait_timer timer;
};

static int lost_reason;

static void reply_and_close(plait_protocol *p, size_t len) {
  uint8_t *bytes = malloc(len);
  require(bytes != NULL, "no memory");
  pattern_fill(bytes, 0, len);
  plait_write(p->transport, bytes, len);
  plait_close(p->transport);
  free(bytes);
}

/* Replies as soon as all the input is there, unread. */
static void waiter_look(plait_timer *timer) {
  struct waiter *w = plait_container_of(timer, struct waiter, timer);
  int unread = 0;
  require(ioctl(plait_transport_fd(w->base.transport), FIONREAD, &unread) == 0,
          "no FIONREAD");
  if (unread < UNREAD)
    return;
  plait_timer_stop(timer);
  reply_and_close(&w->base, REPLY);
}

static void waiter_made(plait_protocol *p) {
  struct waiter *w = (struct waiter *)p;
  plait_pause_reading(p->transport);
  plait_timer_init(&w->timer, p->transport, waiter_look);
  plait_timer_start(&w->timer, 1, 1);
}

static void note_lost(plait_protocol *p, int reason) {
  (void)p;
  lost_reason = reason;
}

static const plait_protocol_ops waiter = {
    .name = "waiter",
    .size = PLAIT_INSTANCE(struct waiter, base),
    .connection_made = waiter_made,
    .connection_lost = note_lost};

static void replier_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data;
  (void)len;
  reply_and_close(p, BIG_REPLY);
}

static const plait_protocol_ops replier = {.name = "replier",
                                           .size = sizeof(plait_protocol),
                                           .data_received = replier_data,
                                           .connection_lost = note_lost};

/* ---- clients -------------------------------------------------------------*/

struct client {
  int fd;
  uint64_t upload, wanted;
};

static void *client_main(void *arg) {
  struct client *c = arg;
  int error;
  require(peer_send(c->fd, c->upload), "the upload was cut");
  uint64_t got = peer_read_all(c->fd, &error);
  require(got == c->wanted && error == 0, "%llu of %llu bytes, then %s",
          (unsigned long long)got, (unsigned long long)c->wanted,
          strerror(error));
  close(c->fd);
  return NULL;
}

/* The server's end is adopted: what carries it is up to the caller. */
/* R142 */
static void play(int fds[2], const plait_protocol_ops *ops, uint64_t upload,
                 uint64_t wanted) {
  plait_factory factory = {.protocol = ops};
  struct client client = {fds[1], upload, wanted};
  plait_runtime *runtime;
  pthread_t thread;
  require(plait_runtime_new(NULL, &runtime) == 0, "no runtime");
  int code = plait_adopt(plait_runtime_reactor(runtime, 0), fds[0], &factory);
  require(code == 0, "%s", plait_error_detail());
  lost_reason = 1;
  require(pthread_create(&thread, NULL, client_main, &client) == 0,
          "no thread");
  code = plait_run(runtime);
  require(code == 0, "plait_run: %s", plait_strerror(code));
  pthread_join(thread, NULL);
  plait_runtime_free(runtime);
  require(lost_reason == 0, "lost: %s", plait_strerror(lost_reason));
}

static void unix_pair(int fds[2]) {
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no pair");
}

int main(void) {
  int fds[2];
  alarm(DEADLINE_S);
  for (int i = 0; i < ROUNDS; i++) {
    peer_tcp_pair(fds);
    play(fds, &waiter, UNREAD, REPLY);
    unix_pair(fds);
    play(fds, &waiter, UNREAD, REPLY);
    peer_tcp_pair(fds);
    play(fds, &replier, UPLOAD, BIG_REPLY);
    unix_pair(fds);
    play(fds, &replier, UPLOAD, BIG_REPLY);
  }
  printf("%d times %d, and %d bytes: all came\n", ROUNDS, REPLY, BIG_REPLY);
  return 0;
}
