/* Watches: the readiness of one descriptor that is not plait's. */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"
#include "support/seen.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- one descriptor ------------------------------------------------------ */

/* Told of what is there until it is read, then of the end. */
static void pipe_then(struct seen *s) {
  char bytes[8];
  if (s->calls < 3) {
    ck_assert_uint_eq(s->events, R);
  } else if (s->calls == 3) {
    ck_assert_int_eq(read(s->fd, bytes, sizeof bytes), 8);
    close(s->other_end);
  } else {
    ck_assert_uint_eq(s->events, R | F);
    ck_assert_int_eq(read(s->fd, bytes, sizeof bytes), 0);
    if (s->calls == 6) /* it comes again until it is stopped */
      stop_and_close(s);
  }
}

static void start_pipe(void) {
  int fds[2];
  require(pipe2(fds, O_CLOEXEC) == 0, "no pipe");
  watch(&seen[0], fds[0], R, pipe_then);
  seen[0].other_end = fds[1];
  put(fds[1]);
}

START_TEST(test_pipe) {
  run_alone(start_pipe);
  ck_assert_uint_eq(seen[0].calls, 6);
  close_runtime();
}
END_TEST

static void broken_then(struct seen *s) {
  if (s->calls == 1) {
    ck_assert_uint_eq(s->events, W);
    close(s->other_end);
  } else {
    ck_assert_uint_eq(s->events, W | F);
    stop_and_close(s);
  }
}

static void start_broken(void) {
  int fds[2];
  require(pipe2(fds, O_CLOEXEC) == 0, "no pipe");
  watch(&seen[0], fds[1], W, broken_then);
  seen[0].other_end = fds[0];
}

START_TEST(test_broken_pipe) {
  run_alone(start_broken);
  ck_assert_uint_eq(seen[0].calls, 2);
  close_runtime();
}
END_TEST

/* The peer's end is readable, and a failure only once ours is out, too. */
static void socket_then(struct seen *s) {
  static const unsigned expected[] = {W, R | W, R, R | F};
  ck_assert_uint_le(s->calls, COUNT(expected));
  ck_assert_uint_eq(s->events, expected[s->calls - 1]);
  if (s->calls == 1)
    put(s->other_end);
  else if (s->calls == 2)
    change(s, R);
  else if (s->calls == 3)
    close(s->other_end);
  else
    stop_and_close(s);
}

static void start_socket(void) {
  int fds[2];
  pair(fds);
  int flags = fcntl(fds[0], F_GETFL);
  watch(&seen[0], fds[0], R | W, socket_then);
  ck_assert_int_eq(fcntl(fds[0], F_GETFL), flags);
  seen[0].other_end = fds[1];
}

START_TEST(test_socket) {
  run_alone(start_socket);
  ck_assert_uint_eq(seen[0].calls, 4);
  close_runtime();
}
END_TEST

/* Only what is watched comes; stopped and started again inside its callback,
 * as the last that plait_run() waits for. */
static void event_then(struct seen *s) {
  switch (s->calls) {
  case 1:
    ck_assert_uint_eq(s->events, W);
    change(s, R);
    put(s->fd);
    break;
  case 2:
    ck_assert_uint_eq(s->events, R);
    stop(s);
    take(s->fd);
    change(s, W);
    break;
  default:
    ck_assert_uint_eq(s->events, W);
    stop_and_close(s);
  }
}

static void start_event(void) {
  watch(&seen[0], event(0), W, event_then);
}

START_TEST(test_change_and_restart) {
  run_alone(start_event);
  ck_assert_uint_eq(seen[0].calls, 3);
  close_runtime();
}
END_TEST

static char folder[] = "/tmp/plait-watch-XXXXXX";

static void inotify_then(struct seen *s) {
  _Alignas(struct inotify_event) char bytes[1024];
  struct inotify_event *e = (struct inotify_event *)(void *)bytes;
  ck_assert_int_gt(read(s->fd, bytes, sizeof bytes), 0);
  ck_assert_uint_eq(e->mask & IN_CREATE, IN_CREATE);
  ck_assert_str_eq(e->name, "file");
  stop_and_close(s);
}

static void start_inotify(void) {
  char path[sizeof folder + 8];
  require(mkdtemp(folder) != NULL, "no folder");
  int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  require(inotify_add_watch(fd, folder, IN_CREATE) >= 0, "not watched");
  watch(&seen[0], fd, R, inotify_then);
  snprintf(path, sizeof path, "%s/file", folder);
  close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  unlink(path);
  rmdir(folder);
}

START_TEST(test_inotify) {
  run_alone(start_inotify);
  ck_assert_uint_eq(seen[0].calls, 1);
  close_runtime();
}
END_TEST

/* A failure that is read away is not the end: the watch goes on. */
static struct sockaddr_in udp_address;

static int udp_socket(void) {
  socklen_t len = sizeof udp_address;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  udp_address = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  require(bind(fd, (struct sockaddr *)&udp_address, len) == 0, "not bound");
  getsockname(fd, (struct sockaddr *)&udp_address, &len);
  return fd;
}

static void udp_then(struct seen *s) {
  char byte;
  if (s->calls == 1) {
    ck_assert_uint_eq(s->events, R | F);
    ck_assert_int_eq(recv(s->fd, &byte, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    struct sockaddr_in self;
    socklen_t len = sizeof self;
    getsockname(s->fd, (struct sockaddr *)&self, &len);
    ck_assert_int_eq(
        sendto(s->other_end, "x", 1, 0, (struct sockaddr *)&self, len), 1);
  } else {
    ck_assert_uint_eq(s->events, R);
    stop_and_close(s);
    close(s->other_end);
  }
}

static void start_udp(void) {
  int gone = udp_socket(), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t len = sizeof udp_address;
  require(connect(fd, (struct sockaddr *)&udp_address, len) == 0, "no peer");
  close(gone);
  require(send(fd, "x", 1, 0) == 1, "not sent");
  watch(&seen[0], fd, R, udp_then);
  /* The same port again: datagrams of others do not reach a connected one. */
  seen[0].other_end = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  require(bind(seen[0].other_end, (struct sockaddr *)&udp_address, len) == 0,
          "not bound");
}

START_TEST(test_failure_goes_on) {
  run_alone(start_udp);
  ck_assert_uint_eq(seen[0].calls, 2);
  close_runtime();
}
END_TEST

/* An active watch is moved to another descriptor, and hears no more of the
 * first one, which stays ready. */
static int moved_from;

static void put_later(plait_timer *timer) {
  (void)timer;
  put(seen[0].fd);
}

static void move_then(struct seen *s) {
  static plait_timer later; /* the system was asked again by then */
  if (s->calls == 1) {
    moved_from = s->fd;
    s->fd = event(0);
    change(s, R);
    plait_timer_init(&later, NULL, put_later);
    plait_timer_start(&later, 2, 0);
  } else {
    take(s->fd);
    stop_and_close(s);
    close(moved_from);
  }
}

static void start_move(void) {
  watch(&seen[0], event(1), R, move_then);
}

START_TEST(test_move) {
  run_alone(start_move);
  ck_assert_uint_eq(seen[0].calls, 2);
  close_runtime();
}
END_TEST

/* As PQreset() does it: another descriptor with the same number, of which the
 * watch is told only then. */
static void start_reopened(void) {
  watch(&seen[0], event(1), R, stop_and_close);
  close(seen[0].fd);
  require(event(1) == seen[0].fd, "another number");
  change(&seen[0], R);
}

START_TEST(test_reopened) {
  run_alone(start_reopened);
  ck_assert_uint_eq(seen[0].calls, 1);
  close_runtime();
}
END_TEST

/* ---- what is refused ----------------------------------------------------- */

static void refused(int fd, unsigned events, int code, const char *detail) {
  plait_watch w;
  plait_watch_init(&w, NULL);
  ck_assert_int_eq(plait_watch_start(&w, fd, events), code);
  ck_assert_msg(strstr(plait_error_detail(), detail) != NULL, "%s",
                plait_error_detail());
  ck_assert(!plait_watch_active(&w));
  plait_watch_stop(&w);
}

static int connected_fd;

static void conn_made(plait_protocol *p) {
  connected_fd = plait_transport_fd(p->transport);
  refused(connected_fd, R, PLAIT_EEXIST, "this reactor watches it already");
  plait_close(p->transport);
}

static const plait_protocol_ops conn = {.name = "conn",
                                        .size = sizeof(plait_protocol),
                                        .connection_made = conn_made};
static plait_factory conn_factory = {.protocol = &conn};

static void start_refused(void) {
  refused(-1, R, PLAIT_EINVAL, "-1 is no descriptor");
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  refused(file, R, PLAIT_EPERM, "the system does not watch files");
  close(file);
  refused(900, R, PLAIT_EBADF, "watch descriptor 900: bad descriptor");
  watch(&seen[0], event(0), R, never);
  refused(seen[0].fd, W, PLAIT_EEXIST, "this reactor watches it already");
  refused(seen[0].fd, 0, PLAIT_EINVAL, "no such events: 0x0");
  refused(seen[0].fd, F, PLAIT_EINVAL, "no such events: 0x8");
  /* A change that fails changes nothing. */
  ck_assert_int_eq(plait_watch_start(&seen[0].watch, 900, R), PLAIT_EBADF);
  ck_assert(plait_watch_active(&seen[0].watch));
  stop_and_close(&seen[0]);
  int fds[2];
  pair(fds);
  close(fds[1]);
  require(plait_adopt(plait_reactor_current(), fds[0], &conn_factory) == 0,
          "%s", plait_error_detail());
}

START_TEST(test_refused) {
  refused(0, R, PLAIT_EINVAL, "not in a callback of a reactor");
  run_alone(start_refused);
  ck_assert_int_gt(connected_fd, 0);
  close_runtime();
}
END_TEST

/* The reactor's set is one more descriptor. */
static void start_starved(void) {
  struct rlimit old, none;
  int fd = event(1);
  getrlimit(RLIMIT_NOFILE, &old);
  none = old;
  none.rlim_cur = (rlim_t)fd + 1;
  setrlimit(RLIMIT_NOFILE, &none);
  refused(fd, R, PLAIT_EMFILE, "too many open descriptors");
  setrlimit(RLIMIT_NOFILE, &old);
  watch(&seen[0], fd, R, stop_and_close);
}

START_TEST(test_out_of_descriptors) {
  run_alone(start_starved);
  ck_assert_uint_eq(seen[0].calls, 1);
  close_runtime();
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("watch");
  tcase_add_test(tests, test_pipe);
  tcase_add_test(tests, test_broken_pipe);
  tcase_add_test(tests, test_socket);
  tcase_add_test(tests, test_change_and_restart);
  tcase_add_test(tests, test_inotify);
  tcase_add_test(tests, test_failure_goes_on);
  tcase_add_test(tests, test_move);
  tcase_add_test(tests, test_reopened);
  tcase_add_test(tests, test_refused);
  tcase_add_test(tests, test_out_of_descriptors);
  return seen_main(tests);
}
