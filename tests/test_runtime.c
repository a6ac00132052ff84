/* A runtime by itself: what its functions refuse, and the jar of a reactor. */
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"

/* ---- refusals ------------------------------------------------------------ */

START_TEST(test_too_many_reactors) {
  plait_runtime_options options = {.reactors = PLAIT_REACTORS_MAX + 1};
  plait_runtime *none = NULL;
  ck_assert_int_eq(plait_runtime_new(&options, &none), PLAIT_EINVAL);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "reactors"));
  ck_assert_ptr_null(none);
}
END_TEST

START_TEST(test_free_nothing) {
  ck_assert_int_eq(plait_runtime_free(NULL), 0);
}
END_TEST

static int freed;

static void free_in_run(plait_call *call, plait_protocol *protocol) {
  (void)call;
  (void)protocol;
  freed = plait_runtime_free(runtime);
}

START_TEST(test_free_while_it_runs) {
  open_runtime((plait_runtime_options){.reactors = 1});
  ck_assert_int_eq(run(free_in_run), 0);
  ck_assert_int_eq(freed, PLAIT_EBUSY);
  close_runtime();
}
END_TEST

START_TEST(test_reactors_by_number) {
  open_runtime((plait_runtime_options){.reactors = 2});
  ck_assert_uint_eq(plait_runtime_reactors(runtime), 2);
  ck_assert_ptr_nonnull(plait_runtime_reactor(runtime, 1));
  ck_assert_ptr_null(plait_runtime_reactor(runtime, 2));
  close_runtime();
}
END_TEST

START_TEST(test_no_protocol) {
  plait_factory factory = {.protocol = NULL};
  plait_listener *listener = NULL;
  plait_connector *connector = NULL;
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(plait_listen(runtime, "tcp:0", &factory, NULL, &listener),
                   PLAIT_EINVAL);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "no protocol"));
  ck_assert_ptr_null(listener);
  ck_assert_int_eq(
      plait_connect(runtime, "tcp:127.0.0.1:9", &factory, NULL, &connector),
      PLAIT_EINVAL);
  ck_assert_int_eq(plait_run(runtime), 0); /* nothing began */
  close_runtime();
}
END_TEST

/* ---- the cookie jar ------------------------------------------------------ */

static const plait_cookie_key first = {"first"}, second = {"second"};
static int values[3];

static void eat(void *value) {
  ++*(int *)value;
}

START_TEST(test_cookies) {
  open_runtime((plait_runtime_options){.reactors = 2});
  plait_reactor *r = plait_runtime_reactor(runtime, 0);
  ck_assert_ptr_null(plait_reactor_cookie(r, &first));
  ck_assert_ptr_null(plait_reactor_cookie_set(r, &first, NULL, eat));
  ck_assert_ptr_null(plait_reactor_cookie_set(r, &first, &values[0], eat));
  ck_assert_ptr_null(plait_reactor_cookie_set(r, &second, &values[1], eat));
  ck_assert_ptr_eq(plait_reactor_cookie(r, &first), &values[0]);
  ck_assert_ptr_eq(plait_reactor_cookie(r, &second), &values[1]);
  plait_reactor *other = plait_runtime_reactor(runtime, 1);
  ck_assert_ptr_null(plait_reactor_cookie(other, &first));

  /* What is replaced or taken out is not eaten, nor is one without |eat|. */
  ck_assert_ptr_eq(plait_reactor_cookie_set(r, &first, &values[2], eat),
                   &values[0]);
  ck_assert_ptr_eq(plait_reactor_cookie_set(r, &second, NULL, NULL),
                   &values[1]);
  ck_assert_ptr_null(plait_reactor_cookie(r, &second));
  ck_assert_ptr_null(plait_reactor_cookie_set(r, &second, &values[1], NULL));
  close_runtime();
  ck_assert_int_eq(values[0], 0);
  ck_assert_int_eq(values[1], 0);
  ck_assert_int_eq(values[2], 1);
}
END_TEST

START_TEST(test_cookie_without_memory) {
  open_runtime((plait_runtime_options){.reactors = 1});
  plait_reactor *r = plait_runtime_reactor(runtime, 0);
  leak_fail_at(1);
  ck_assert_ptr_eq(plait_reactor_cookie_set(r, &first, &values[0], eat),
                   &values[0]);
  ck_assert(leak_failed());
  leak_fail_at(0);
  ck_assert_ptr_null(plait_reactor_cookie(r, &first));
  close_runtime();
  ck_assert_int_eq(values[0], 0);
}
END_TEST

/* ---- factories that come and go ------------------------------------------ */

enum { FACTORIES = 1000, FIRST_FACTORIES = 100 };

static plait_factory *passing;
static unsigned passed;
static size_t bytes_at_first;

static void pass(plait_call *call, plait_protocol *p);

/* The next one begins on the other reactor, while the first one may still be
 * busy with this one. */
static void passing_stopped(plait_factory *factory) {
  static plait_call call = {.run = pass};
  ck_assert_ptr_eq(factory, passing);
  free(factory);
  if (++passed == FIRST_FACTORIES)
    bytes_at_first = leak_bytes();
  if (passed < FACTORIES)
    plait_reactor_post(plait_runtime_reactor(runtime, 1), &call);
}

static void passing_made(plait_protocol *p) {
  plait_abort(p->transport);
}

static const plait_protocol_ops passing_ops = {.name = "passing",
                                               .size = sizeof(plait_protocol),
                                               .connection_made = passing_made};

static void pass(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  passing = calloc(1, sizeof *passing);
  ck_assert_ptr_nonnull(passing);
  *passing =
      (plait_factory){.protocol = &passing_ops, .stopped = passing_stopped};
  close(join(passing, passed % 2));
}

/* A program that makes one for each connection keeps nothing of them. */
START_TEST(test_stopped_factories_leave_nothing) {
  open_runtime((plait_runtime_options){.reactors = 2});
  ck_assert_int_eq(run(pass), 0);
  ck_assert_uint_eq(passed, FACTORIES);
  ck_assert_uint_lt(leak_bytes(), bytes_at_first + 4096);
  close_runtime();
}
END_TEST

/* ---- the backlog when a drain begins ------------------------------------- */

static void greet(plait_protocol *p) {
  plait_write_str(p->transport, "hello");
}

static const plait_protocol_ops greet_ops = {.name = "greets",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = greet};

/* Who waits in it is served, however short the grace is. */
START_TEST(test_drain_serves_the_backlog) {
  plait_factory factory = {.protocol = &greet_ops};
  plait_listener *listener;
  char path[] = "/tmp/plait-XXXXXX", spec[128], text[8];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  ck_assert_ptr_nonnull(mkdtemp(path));
  snprintf(address.sun_path, sizeof address.sun_path, "%s/s", path);
  snprintf(spec, sizeof spec, "unix:%s", address.sun_path);
  open_runtime((plait_runtime_options){.grace_ms = 1});
  ck_assert_int_eq(plait_listen(runtime, spec, &factory, NULL, &listener), 0);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ck_assert_int_eq(connect(fd, (void *)&address, sizeof address), 0);
  plait_runtime_stop(runtime);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_int_eq(read(fd, text, sizeof text), 5);
  ck_assert_int_eq(memcmp(text, "hello", 5), 0);
  close(fd);
  close_runtime();
  rmdir(path);
}
END_TEST

/* It is read once, and nobody else is to take it for its own: it was not even
 * ours. */
START_TEST(test_activation_is_read_once) {
  plait_factory factory = {.protocol = &plait_discard};
  open_runtime((plait_runtime_options){0});
  setenv("LISTEN_PID", "1", 1);
  setenv("LISTEN_FDS", "1", 1);
  setenv("LISTEN_FDNAMES", "web", 1);
  ck_assert_int_eq(
      plait_listen(runtime, "systemd:index=0", &factory, NULL, NULL),
      PLAIT_ENOENT);
  ck_assert_ptr_null(getenv("LISTEN_PID"));
  ck_assert_ptr_null(getenv("LISTEN_FDS"));
  ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
  close_runtime();
}
END_TEST

/* Whoever has it, too, may shut it down: it is over, and nobody spins. */
static int shared;

static void shut_down(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  require(shutdown(shared, SHUT_RD) == 0, "no shutdown");
}

START_TEST(test_shut_down_by_others) {
  static const int families[] = {AF_INET, AF_UNIX};
  plait_factory factory = {.protocol = &plait_discard};
  struct sockaddr_storage any = {.ss_family = (sa_family_t)families[_i]};
  char endpoint[32];
  open_runtime((plait_runtime_options){0});
  shared = socket(families[_i], SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(bind(shared, (void *)&any,
               _i == 0 ? sizeof(struct sockaddr_in) : sizeof(sa_family_t)) ==
                  0 &&
              listen(shared, 1) == 0,
          "no socket");
  snprintf(endpoint, sizeof endpoint, "fd:%d", dup(shared));
  ck_assert_int_eq(plait_listen(runtime, endpoint, &factory, NULL, NULL), 0);
  ck_assert_int_eq(run(shut_down), 0);
  close(shared);
  close_runtime();
}
END_TEST

/* A service manager has handed a socket to this process. */
static int activated(const char *name, unsigned index, int *ret_fd,
                     const char **ret_step) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)name, (void)index, (void)ret_step;
  *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(bind(*ret_fd, (void *)&address, sizeof(sa_family_t)) == 0 &&
              listen(*ret_fd, 1) == 0,
          "no socket");
  return 0;
}

static void close_once(int fd) {
  require(fcntl(fd, F_GETFD) >= 0, "%d was closed before", fd);
  plait__uv_backend.io->close_fd(fd);
}

/* By then the number may be another thread's. */
START_TEST(test_activated_is_closed_once) {
  plait_factory nothing = {0};
  plait__host host = *plait__uv_backend.host;
  plait__io io = *plait__uv_backend.io;
  plait_backend driver = plait__uv_backend;
  host.activated = activated;
  io.close_fd = close_once;
  driver.host = &host;
  driver.io = &io;
  open_runtime_on(&driver, (plait_runtime_options){0});
  unsigned before = leak_count_descriptors();
  ck_assert_int_eq(
      plait_listen(runtime, "systemd:index=0", &nothing, NULL, NULL),
      PLAIT_EINVAL);
  ck_assert_uint_eq(leak_count_descriptors(), before);
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("runtime");
  tcase_add_test(tests, test_too_many_reactors);
  tcase_add_test(tests, test_free_nothing);
  tcase_add_test(tests, test_free_while_it_runs);
  tcase_add_test(tests, test_reactors_by_number);
  tcase_add_test(tests, test_no_protocol);
  tcase_add_test(tests, test_cookies);
  tcase_add_test(tests, test_cookie_without_memory);
  tcase_add_test(tests, test_stopped_factories_leave_nothing);
  tcase_add_test(tests, test_drain_serves_the_backlog);
  tcase_add_loop_test(tests, test_shut_down_by_others, 0, 2);
  tcase_add_test(tests, test_activation_is_read_once);
  tcase_add_test(tests, test_activated_is_closed_once);
  Suite *suite = suite_create("runtime");
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
