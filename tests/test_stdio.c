/* Standard input and output as a connection: what is left of it, and whose. */
#include <check.h>
#include <plait.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/stdio_peer.h"

static struct stdio_peer peer;
static int peer_fd;
static unsigned lost;
static int reason;

static void begin(void) {
  int fds[2];
  open_runtime((plait_runtime_options){0});
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no pair");
  peer_fd = fds[0];
  stdio_peer_begin(&peer, fds[1]);
}

/* Who is refused may be gone at once. */
static void run_and_end(plait_factory *factory) {
  plait_reactor *reactor = plait_runtime_reactor(runtime, 0);
  plait_factory other = {.protocol = factory->protocol}, gone;
  ck_assert_int_eq(plait_stdio(reactor, factory), 0);
  ck_assert_int_eq(plait_stdio(reactor, &other), PLAIT_EBUSY);
  memset(&other, 0xee, sizeof other);
  memset(&gone, 0xee, sizeof gone);
  ck_assert_int_eq(plait_run(runtime), 0);
  close(peer_fd);
  stdio_peer_end(&peer);
  close_runtime();
  ck_assert_mem_eq(&other, &gone, sizeof gone);
}

/* ---- once more ----------------------------------------------------------- */

static void close_now(plait_protocol *p) {
  plait_write_str(p->transport, "hello");
  plait_close(p->transport);
}

/* Who reads standard output hears of its end, although plait runs on. */
static void check_end(void) {
  char bytes[16];
  stdio_peer_give_back(&peer);
  ck_assert_int_eq(recv(peer_fd, bytes, sizeof bytes, MSG_WAITALL), 10);
}

static void once_more(plait_protocol *p, int code) {
  ck_assert_int_eq(code, 0);
  if (++lost == 1)
    ck_assert_int_eq(
        plait_stdio(plait_transport_reactor(p->transport), p->factory), 0);
  else
    check_end();
}

static const plait_protocol_ops twice_ops = {
    .name = "twice",
    .size = sizeof(plait_protocol),
    .connection_made = close_now,
    .connection_lost = once_more,
};

START_TEST(it_is_had_again) {
  plait_factory factory = {.protocol = &twice_ops};
  begin();
  run_and_end(&factory);
  ck_assert_uint_eq(lost, 2);
}
END_TEST

/* ---- nobody reads -------------------------------------------------------- */

static void say(plait_protocol *p) {
  plait_write_str(p->transport, "hello");
}

static void note(plait_protocol *p, int code) {
  (void)p;
  reason = code;
  lost++;
}

static const plait_protocol_ops unread_ops = {
    .name = "unread",
    .size = sizeof(plait_protocol),
    .connection_made = say,
    .connection_lost = note,
};

/* Standard input stays open: it is writing that ends it. */
START_TEST(nobody_reads) {
  plait_factory factory = {.protocol = &unread_ops};
  int fds[2];
  begin();
  require(pipe(fds) == 0 && dup2(fds[1], STDOUT_FILENO) == STDOUT_FILENO,
          "no pipe");
  close(fds[0]);
  close(fds[1]);
  run_and_end(&factory);
  ck_assert_uint_eq(lost, 1);
  ck_assert_int_eq(reason, PLAIT_EPIPE);
}
END_TEST

int main(void) {
  Suite *s = suite_create("stdio");
  TCase *tc = tcase_create("stdio");
  tcase_add_test(tc, it_is_had_again);
  tcase_add_test(tc, nobody_reads);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
