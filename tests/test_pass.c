/* Descriptors that bytes bring along: their place, their number, and who closes
 * them. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"

enum { PIECE = 100000, PASSED = 6 };

/* Whose callbacks run on workers. */
enum { ON_GIVER = 1, ON_TAKER = 2, MODES = 4 };
static int mode;

/* A file that says who it is. */
static int file_of(unsigned number) {
  int fd = memfd_create("plait", MFD_CLOEXEC);
  char text[16];
  int len = snprintf(text, sizeof text, "%u", number);
  require(fd >= 0 && pwrite(fd, text, (size_t)len, 0) == len, "no file");
  return fd;
}

static unsigned number_of(int fd) {
  char text[16] = "";
  unsigned number;
  require(fcntl(fd, F_GETFD) & FD_CLOEXEC, "it is not close-on-exec");
  require(pread(fd, text, sizeof text - 1, 0) > 0 &&
              sscanf(text, "%u", &number) == 1,
          "no number");
  close(fd);
  return number;
}

/* ---- both ends ----------------------------------------------------------- */

static void (*made)(plait_protocol *p);
static unsigned fds_max, taken;
static uint64_t received, places[PASSED]; /* of the bytes that have one */
static int reason;

static void giver_made(plait_protocol *p) {
  made(p);
}

static const plait_protocol_ops giver = {.name = "giver",
                                         .size = sizeof(plait_protocol),
                                         .connection_made = giver_made};

static void taker_resume(plait_timer *timer) {
  plait_resume_reading(timer->instance->transport);
}

static plait_timer timer;

/* So that the giver's queue is not sent at once. */
static void taker_made(plait_protocol *p) {
  int code = plait_transport_set_fds_max(p->transport, fds_max);
  require(code == 0, "%s", plait_error_detail());
  plait_pause_reading(p->transport);
  plait_timer_init(&timer, p->transport, taker_resume);
  plait_timer_start(&timer, 10, 0);
}

static void taker_data(plait_protocol *p, const uint8_t *data, size_t len) {
  int fd;
  (void)data;
  while ((fd = plait_take_fd(p->transport)) >= 0) {
    require(number_of(fd) == taken, "another one");
    require(received <= places[taken] && places[taken] < received + len,
            "descriptor %u came with byte %llu", taken,
            (unsigned long long)received);
    taken++;
  }
  received += len;
}

static void taker_lost(plait_protocol *p, int why) {
  ck_assert_int_eq(plait_take_fd(p->transport), -1);
  reason = why;
}

static const plait_protocol_ops taker = {.name = "taker",
                                         .size = sizeof(plait_protocol),
                                         .connection_made = taker_made,
                                         .data_received = taker_data,
                                         .connection_lost = taker_lost};

static plait_factory giving = {.protocol = &giver};
static plait_factory taking = {.protocol = &taker};

static void begin(unsigned max) {
  fds_max = max;
  taken = 0;
  received = 0;
  reason = 1;
  giving.dispatch = mode & ON_GIVER ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR;
  taking.dispatch = mode & ON_TAKER ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR;
  open_runtime((plait_runtime_options){0});
}

static void adopt(int fd, plait_factory *factory) {
  int code = plait_adopt(plait_runtime_reactor(runtime, 0), fd, factory);
  require(code == 0, "%s", plait_error_detail());
}

static void play(unsigned max, void (*fn)(plait_protocol *p)) {
  int fds[2];
  made = fn;
  begin(max);
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no pair");
  adopt(fds[1], &taking);
  adopt(fds[0], &giving);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
}

/* ---- order --------------------------------------------------------------- */

static uint64_t written;

static void give(plait_protocol *p, unsigned number, const void *data,
                 size_t len) {
  places[number] = written;
  int code = plait_write_fd(p->transport, file_of(number), data, len);
  require(code == 0, "%s", plait_error_detail());
  written += len;
}

static void say(plait_protocol *p, const void *data, size_t len) {
  plait_write(p->transport, data, len);
  written += len;
}

/* Small and big writes, more than the system takes at a time. */
static void give_in_order(plait_protocol *p) {
  static char big[PIECE];
  written = 0;
  give(p, 0, "a", 1);
  give(p, 1, "b", 1);
  say(p, "some", 4);
  give(p, 2, "more", 4);
  say(p, big, sizeof big);
  give(p, 3, big, sizeof big);
  for (int i = 0; i < 5; i++)
    say(p, big, sizeof big);
  give(p, 4, "c", 1);
  say(p, big, sizeof big);
  give(p, 5, big, sizeof big);
  say(p, "the end", 7);
  plait_close(p->transport);
}

START_TEST(test_order) {
  mode = _i;
  play(PASSED, give_in_order);
  ck_assert_uint_eq(taken, PASSED);
  ck_assert_uint_eq(received, written);
  ck_assert_int_eq(reason, PLAIT_EOF);
}
END_TEST

/* They are closed along with the connection: leak_end() looks. */
static void give_and_abort(plait_protocol *p) {
  static char big[8 * PIECE];
  written = 0;
  say(p, big, sizeof big);
  give(p, 0, "a", 1);
  plait_abort(p->transport);
}

START_TEST(test_not_sent) {
  mode = _i;
  play(PASSED, give_and_abort);
  ck_assert_uint_eq(taken, 0);
}
END_TEST

/* ---- bounds -------------------------------------------------------------- */

static void ignore_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data;
  received += len;
}

static void play_ignored(unsigned max, void (*fn)(plait_protocol *p)) {
  plait_protocol_ops ops = taker;
  ops.data_received = ignore_data;
  taking.protocol = &ops;
  play(max, fn);
  taking.protocol = &taker;
}

/* What waits is closed when nothing is wanted any more. */
static void want_no_more(plait_protocol *p, const uint8_t *data, size_t len) {
  ignore_data(p, data, len);
  ck_assert_int_eq(plait_transport_set_fds_max(p->transport, 0), 0);
  ck_assert_int_eq(plait_take_fd(p->transport), -1);
}

static void give_three(plait_protocol *p) {
  written = 0;
  give(p, 0, "abc", 3);
  give(p, 1, "def", 3);
  give(p, 2, "ghi", 3);
  plait_close(p->transport);
}

START_TEST(test_not_taken) {
  mode = _i;
  play_ignored(3, give_three);
  ck_assert_uint_eq(received, 9);
  ck_assert_int_eq(reason, PLAIT_EOF);
}
END_TEST

START_TEST(test_wanted_no_more) {
  mode = _i;
  plait_protocol_ops ops = taker;
  ops.data_received = want_no_more;
  taking.protocol = &ops;
  play(3, give_three);
  taking.protocol = &taker;
  ck_assert_uint_eq(received, 9);
}
END_TEST

START_TEST(test_too_many) {
  mode = _i;
  play_ignored(2, give_three);
  ck_assert_int_eq(reason, PLAIT_ELIMIT);
}
END_TEST

START_TEST(test_none_wanted) {
  mode = _i;
  play_ignored(0, give_three);
  ck_assert_uint_eq(received, 9);
  ck_assert_int_eq(reason, PLAIT_EOF);
}
END_TEST

/* What another program may send: several with one byte. */
static void send_at_once(int fd, const int *fds, unsigned n) {
  alignas(struct cmsghdr) char control[CMSG_SPACE(20 * sizeof(int))] = {0};
  struct iovec v = {(char[]){'x'}, 1};
  struct msghdr message = {.msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = CMSG_SPACE(n * sizeof(int))};
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(n * sizeof(int));
  memcpy(CMSG_DATA(c), fds, n * sizeof(int));
  require(sendmsg(fd, &message, 0) == 1, "not sent");
}

static void play_at_once(unsigned n, unsigned max) {
  int fds[2], sent[20];
  begin(max);
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no pair");
  adopt(fds[1], &taking);
  for (unsigned i = 0; i < n; i++) {
    sent[i] = file_of(i);
    if (i < PASSED)
      places[i] = 0;
  }
  send_at_once(fds[0], sent, n);
  for (unsigned i = 0; i < n; i++)
    close(sent[i]);
  close(fds[0]);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
}

START_TEST(test_several_at_once) {
  mode = _i;
  play_at_once(PASSED, PASSED);
  ck_assert_uint_eq(taken, PASSED);
  ck_assert_int_eq(reason, PLAIT_EOF);
  play_at_once(PASSED, PASSED - 1);
  ck_assert_uint_eq(taken, 0);
  ck_assert_int_eq(reason, PLAIT_ELIMIT);
  play_at_once(20, PLAIT_FDS_MAX); /* more than there is room for */
  ck_assert_uint_eq(taken, 0);
  ck_assert_int_eq(reason, PLAIT_ELIMIT);
}
END_TEST

static struct rlimit numbers;

static void numbers_end(plait_protocol *p) {
  struct rlimit none = {.rlim_cur = 3, .rlim_max = numbers.rlim_max};
  taker_made(p);
  require(setrlimit(RLIMIT_NOFILE, &none) == 0, "no limit");
}

static void numbers_back(plait_protocol *p, int why) {
  require(setrlimit(RLIMIT_NOFILE, &numbers) == 0, "no limit");
  taker_lost(p, why);
}

/* The system tells no more than that something was cut off.  Valgrind keeps the
 * limit to itself. */
START_TEST(test_no_more_numbers) {
  plait_protocol_ops ops = taker;
  const char *sanitizer = getenv("PLAIT_SANITIZER");
  if (sanitizer != NULL && strcmp(sanitizer, "valgrind") == 0)
    return;
  mode = _i;
  ops.connection_made = numbers_end;
  ops.connection_lost = numbers_back;
  taking.protocol = &ops;
  require(getrlimit(RLIMIT_NOFILE, &numbers) == 0, "no limit");
  play_at_once(2, PASSED);
  taking.protocol = &taker;
  ck_assert_uint_eq(taken, 0);
  ck_assert_int_eq(reason, PLAIT_EMFILE);
}
END_TEST

/* ---- one that is busy ---------------------------------------------------- */

enum { MANY = 150, MORE_OPEN = 60 };

static unsigned open_before;

static void *send_many(void *arg) {
  int fd = *(const int *)arg, passed = file_of(7);
  for (unsigned i = 0; i < MANY; i++)
    send_at_once(fd, &passed, 1);
  close(passed);
  close(fd);
  return NULL;
}

/* Takes what has come, one at a time, and its time. */
static void busy_data(plait_protocol *p, const uint8_t *data, size_t len) {
  int fd = plait_take_fd(p->transport);
  (void)data;
  ck_assert_int_eq(plait_take_fd(p->transport), -1);
  require(fd >= 0 && len == 1 && number_of(fd) == 7, "no descriptor");
  require(leak_count_descriptors() < open_before + MORE_OPEN,
          "%u descriptors are open", leak_count_descriptors() - open_before);
  usleep(500);
  taken++;
}

/* It gets each of them, and is not lost for those that it had no time for; nor
 * are all of them open meanwhile. */
START_TEST(test_busy) {
  plait_protocol_ops ops = taker;
  pthread_t sender;
  int fds[2];
  mode = _i;
  ops.data_received = busy_data;
  taking.protocol = &ops;
  begin(1);
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no pair");
  adopt(fds[1], &taking);
  open_before = leak_count_descriptors();
  pthread_create(&sender, NULL, send_many, &fds[0]);
  ck_assert_int_eq(plait_run(runtime), 0);
  pthread_join(sender, NULL);
  close_runtime();
  taking.protocol = &taker;
  ck_assert_uint_eq(taken, MANY);
  ck_assert_int_eq(reason, PLAIT_EOF);
}
END_TEST

/* ---- what is refused ----------------------------------------------------- */

static void refuses(int code, const char *detail) {
  require(strcmp(plait_error_detail(), detail) == 0, "%s: %s",
          plait_strerror(code), plait_error_detail());
}

static void refuse(plait_protocol *p) {
  char detail[64];
  plait_transport *t = p->transport;
  int code = plait_write_fd(t, -1, "x", 1);
  ck_assert_int_eq(code, PLAIT_EBADF);
  refuses(code, "pass descriptor -1: bad descriptor");
  int fd = file_of(0);
  code = plait_write_fd(t, fd, "x", 0);
  ck_assert_int_eq(code, PLAIT_EINVAL);
  refuses(code, "pass: there is no byte to go with");
  written = 0;
  for (unsigned i = 0; i < PLAIT_FDS_MAX; i++)
    require(plait_write_fd(t, file_of(i), "x", 1) == 0, "number %u", i);
  code = plait_write_fd(t, fd, "x", 1);
  ck_assert_int_eq(code, PLAIT_EFULL);
  snprintf(detail, sizeof detail, "pass descriptor %d: full for now", fd);
  refuses(code, detail);
  plait_close(t);
  ck_assert_int_eq(plait_write_fd(t, fd, "x", 1), PLAIT_ECLOSED);
  close(fd); /* it is still ours */
}

START_TEST(test_refused) {
  mode = _i;
  play_ignored(PLAIT_FDS_MAX, refuse);
  ck_assert_uint_eq(received, PLAIT_FDS_MAX);
}
END_TEST

static size_t failing;

static void give_short_of_memory(plait_protocol *p) {
  int fd = file_of(0);
  written = places[0] = 0;
  leak_fail_at(failing);
  int code = plait_write_fd(p->transport, fd, "x", 1);
  ck_assert(code == 0 || code == PLAIT_ENOMEM);
  if (code != 0)
    close(fd); /* it is still ours */
  plait_close(p->transport);
}

/* Each allocation from the write on fails once. */
START_TEST(test_memory) {
  mode = _i;
  bool failed = true;
  for (failing = 1; failed; failing++) {
    play(1, give_short_of_memory);
    failed = leak_failed();
    leak_fail_at(0);
    ck_assert(reason == PLAIT_EOF || reason == PLAIT_ENOMEM);
    ck_assert_uint_eq(taken, received);
    ck_assert_uint_lt(failing, 100);
  }
  ck_assert_uint_eq(taken, 1);
}
END_TEST

static void cannot(plait_protocol *p) {
  plait_transport *t = p->transport;
  ck_assert_int_eq(plait_transport_set_fds_max(t, 1), PLAIT_ENOTSUP);
  ck_assert_int_eq(plait_write_fd(t, 0, "x", 1), PLAIT_ENOTSUP);
  ck_assert_int_eq(plait_take_fd(t), -1);
  taken++;
  plait_close(t);
}

static plait_listener *listener;

static void cannot_and_close(plait_protocol *p) {
  cannot(p);
  plait_listener_close(listener);
}

START_TEST(test_tcp) {
  mode = _i;
  made = cannot_and_close;
  begin(0);
  require(plait_listen(runtime, "tcp:0:interface=127.0.0.1", &giving, NULL,
                       &listener) == 0,
          "%s", plait_error_detail());
  unsigned port;
  char endpoint[64];
  sscanf(plait_listener_endpoint(listener), "tcp:%u", &port);
  snprintf(endpoint, sizeof endpoint, "tcp:127.0.0.1:%u", port);
  plait_factory idle = {.protocol = &plait_discard};
  require(plait_connect(runtime, endpoint, &idle, NULL, NULL) == 0, "%s",
          plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  ck_assert_uint_eq(taken, 1);
}
END_TEST

int main(void) {
  Suite *s = suite_create("pass");
  TCase *tc = tcase_create("pass");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, test_order, 0, MODES);
  tcase_add_loop_test(tc, test_not_sent, 0, MODES);
  tcase_add_loop_test(tc, test_not_taken, 0, MODES);
  tcase_add_loop_test(tc, test_wanted_no_more, 0, MODES);
  tcase_add_loop_test(tc, test_too_many, 0, MODES);
  tcase_add_loop_test(tc, test_none_wanted, 0, MODES);
  tcase_add_loop_test(tc, test_several_at_once, 0, MODES);
  tcase_add_loop_test(tc, test_no_more_numbers, 0, MODES);
  tcase_add_loop_test(tc, test_busy, 0, MODES);
  tcase_add_loop_test(tc, test_refused, 0, MODES);
  tcase_add_loop_test(tc, test_memory, 0, MODES);
  tcase_add_loop_test(tc, test_tcp, 0, MODES);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
