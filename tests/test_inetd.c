/* Programs behind a listener. */
#include <check.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/child.h"
#include "support/require.h"
#include "support/runtime.h"
#include "support/spy.h"

static plait_process_options options;
static struct {
  plait_inetd inetd; /* first */
  plait_listener *listener;
  unsigned children, clients;
  atomic_uint ended, lost; /* on any reactor */
  plait_process_end end;
  char why[100]; /* it did not start */
} server;
static struct spy_side client;

static void on(enum spy_event event, spy_action *action) {
  client.kinds[0].script.on[event] = action;
}

/* Children, and connections of clients. */
static void stop_when_done(void) {
  if (atomic_load(&server.ended) == server.children &&
      atomic_load(&server.lost) == server.clients)
    plait_runtime_stop(runtime);
}

static void child_ended(plait_inetd *inetd, const plait_process_end *end) {
  ck_assert_ptr_eq(inetd, &server.inetd);
  if (server.children == 1)
    server.end = *end;
  if (end->how == PLAIT_PROCESS_FAILED)
    snprintf(server.why, sizeof server.why, "%s", plait_error_detail());
  atomic_fetch_add(&server.ended, 1);
  stop_when_done();
}

static void client_lost(struct spy *s) {
  (void)s;
  atomic_fetch_add(&server.lost, 1);
  stop_when_done();
}

/* Reset before it knew that it was connected. */
static void client_failed(struct spy_side *side) {
  ck_assert_int_eq(side->failure, PLAIT_ECONNRESET);
  client_lost(NULL);
}

static void begin(const char *program, const char *const *argv) {
  memset(&server, 0, sizeof server);
  server.children = server.clients = 1;
  options = (plait_process_options){.program = program, .argv = argv};
  plait_inetd_init(&server.inetd, &options);
  server.inetd.ended = child_ended;
  spy_side_init(&client, "client", NULL);
  client.on_failure = client_failed;
  on(SPY_LOST, client_lost);
}

static void play(unsigned connections, unsigned reactors) {
  open_runtime((plait_runtime_options){.reactors = reactors});
  require(plait_listen(runtime, "tcp:0:interface=127.0.0.1",
                       &server.inetd.factory, NULL, &server.listener) == 0,
          "%s", plait_error_detail());
  char endpoint[64];
  const char *text = plait_listener_endpoint(server.listener);
  unsigned port = 0;
  require(sscanf(text, "tcp:%u", &port) == 1, "%s", text);
  snprintf(endpoint, sizeof endpoint, "tcp:127.0.0.1:%u", port);
  spy_side_arm(&client);
  for (unsigned i = 0; i < connections; i++)
    require(plait_connect(runtime, endpoint, &client.factory, NULL, NULL) == 0,
            "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
}

static void hello(struct spy *s) {
  spy_say(s, "hello");
  spy_write_eof(s);
}

START_TEST(test_cat) {
  begin("/bin/cat", NULL);
  on(SPY_MADE, hello);
  on(SPY_EOF, spy_nothing);
  play(1, 1);
  ck_assert_str_eq(client.records[0].trace, "made data(5) eof lost(0)");
  ck_assert(server.end.how == PLAIT_PROCESS_EXITED && server.end.status == 0);
}
END_TEST

/* Only so many at once, on whichever reactor. */
START_TEST(test_many) {
  begin("/bin/cat", NULL);
  server.children = server.clients = 100;
  server.inetd.factory.limits.connections_max = 5;
  on(SPY_MADE, hello);
  on(SPY_EOF, spy_nothing);
  play(100, 2);
  ck_assert_uint_eq(server.ended, 100);
  for (unsigned i = 0; i < 100; i++)
    ck_assert_str_eq(client.records[i].trace, "made data(5) eof lost(0)");
}
END_TEST

START_TEST(test_blocking) {
  begin(CHILD_PROGRAM, CHILD("blocking"));
  play(1, 1);
  ck_assert(server.end.how == PLAIT_PROCESS_EXITED && server.end.status == 0);
}
END_TEST

/* The child has the connection and what is declared. */
START_TEST(test_descriptors) {
  static const plait_process_fd fds[] = {{5, PLAIT_CHILD_NULL, 0},
                                         {2, PLAIT_CHILD_NULL, 0}};
  begin(CHILD_PROGRAM, CHILD("descriptors"));
  options.fds = fds;
  options.fd_count = 1 + (unsigned)_i; /* the second time 2 is declared, too */
  play(1, 1);
  ck_assert_str_eq(client.records[0].trace, "made data(8) lost(EOF)");
}
END_TEST

/* The only client was reset, and why was told. */
static void expect_failure(int code, const char *why) {
  ck_assert(server.end.how == PLAIT_PROCESS_FAILED);
  ck_assert_int_eq(server.end.code, code);
  ck_assert_str_eq(server.why, why);
  if (client.failed == 0)
    ck_assert_str_eq(client.records[0].trace, "made lost(ECONNRESET)");
}

START_TEST(test_missing) {
  begin("/nowhere", NULL);
  play(1, 1);
  expect_failure(PLAIT_ENOENT,
                 "spawn /nowhere: exec: no such file or directory");
}
END_TEST

static void stop(struct spy *s) {
  (void)s;
  plait_runtime_stop(runtime);
}

/* A stop ends the children. */
START_TEST(test_stop) {
  begin(CHILD_PROGRAM, CHILD("patient"));
  on(SPY_DATA, stop);
  on(SPY_DRAINING, spy_nothing);
  play(1, 1);
  ck_assert_str_eq(client.records[0].trace, "made data(5) draining lost(EOF)");
  ck_assert(server.end.how == PLAIT_PROCESS_SIGNALLED && server.end.asked);
  ck_assert_int_eq(server.end.status, SIGTERM);
}
END_TEST

START_TEST(test_no_pipes) {
  static const plait_process_fd fds[] = {{2, PLAIT_CHILD_WRITES, 0}};
  begin("/bin/cat", NULL);
  options.fds = fds;
  options.fd_count = 1;
  play(1, 1);
  expect_failure(PLAIT_EINVAL, "spawn /bin/cat: no pipes behind a listener");
}
END_TEST

/* Standard error is one more unless it is among them. */
START_TEST(test_many_descriptors) {
  plait_process_fd fds[PLAIT_PROCESS_FDS_MAX];
  for (unsigned i = 0; i < PLAIT_PROCESS_FDS_MAX; i++)
    fds[i] = (plait_process_fd){3 - _i + (int)i, PLAIT_CHILD_NULL, 0};
  begin(CHILD_PROGRAM, CHILD("descriptors"));
  options.fds = fds;
  options.fd_count = PLAIT_PROCESS_FDS_MAX;
  play(1, 1);
  if (_i == 0)
    expect_failure(PLAIT_EINVAL, "spawn " CHILD_PROGRAM
                                 ": 62 descriptors, with 2: at most 61");
  else
    ck_assert(server.end.how == PLAIT_PROCESS_EXITED);
}
END_TEST

/* What it should inherit is not there: there is no child to tell of it. */
START_TEST(test_no_descriptor) {
  static const plait_process_fd fds[] = {{5, PLAIT_CHILD_INHERITS, 1000000}};
  begin("/bin/cat", NULL);
  options.fds = fds;
  options.fd_count = 1;
  play(1, 1);
  expect_failure(PLAIT_EBADF,
                 "spawn /bin/cat: descriptor 1000000: bad descriptor");
}
END_TEST

static int adopt_other_end(int *ret_fd) {
  int fds[2];
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no pair");
  int code = plait_adopt(plait_runtime_reactor(runtime, 0), fds[0],
                         &server.inetd.factory);
  if (code != 0)
    close(fds[0]);
  *ret_fd = fds[1];
  return code;
}

/* Each allocation fails once: nothing is left, of the connection either. */
START_TEST(test_memory) {
  bool failed = true;
  for (size_t n = 1; failed; n++) {
    int fd;
    char byte;
    begin("/bin/true", NULL);
    server.clients = 0;
    open_runtime((plait_runtime_options){0});
    leak_fail_at(n);
    int code = adopt_other_end(&fd);
    ck_assert(code == 0 || code == PLAIT_ENOMEM);
    ck_assert_int_eq(plait_run(runtime), 0);
    failed = leak_failed();
    leak_fail_at(0);
    ck_assert(server.ended == 1 || failed); /* else there was no connection */
    if (failed && server.ended == 1)
      ck_assert_int_eq(server.end.code, PLAIT_ENOMEM);
    ck_assert_int_le(read(fd, &byte, 1), 0);
    close(fd);
    close_runtime();
    ck_assert_uint_lt(n, 200);
  }
  ck_assert_uint_eq(server.ended, 1);
  ck_assert(server.end.how == PLAIT_PROCESS_EXITED && server.end.status == 0);
}
END_TEST

int main(int argc, char **argv) {
  if (argc > 1)
    return child_main(argv + 1);
  Suite *s = suite_create("inetd");
  TCase *c = tcase_create("inetd");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, test_cat);
  tcase_add_test(c, test_many);
  tcase_add_test(c, test_blocking);
  tcase_add_loop_test(c, test_descriptors, 0, 2);
  tcase_add_test(c, test_missing);
  tcase_add_test(c, test_stop);
  tcase_add_test(c, test_no_pipes);
  tcase_add_loop_test(c, test_many_descriptors, 0, 2);
  tcase_add_test(c, test_no_descriptor);
  tcase_add_test(c, test_memory);
  suite_add_tcase(s, c);
  return run_suite(s);
}
