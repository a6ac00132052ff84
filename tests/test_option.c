/* Socket options: what is set is what the system has, on reactors and on
 * workers, and what makes no sense is told in words. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"

static void (*look)(plait_transport *t);
static unsigned looked;

static void looker_made(plait_protocol *p) {
  look(p->transport);
  looked++;
  plait_close(p->transport);
}

static const plait_protocol_ops looker = {.name = "looker",
                                          .size = sizeof(plait_protocol),
                                          .connection_made = looker_made};

static plait_factory factory;

static plait_dispatch dispatch_of(int i) {
  return i == 0 ? PLAIT_ON_REACTOR : PLAIT_ON_WORKERS;
}

static void begin(int i, void (*fn)(plait_transport *t)) {
  look = fn;
  looked = 0;
  factory = (plait_factory){.protocol = &looker, .dispatch = dispatch_of(i)};
  open_runtime((plait_runtime_options){0});
}

static void play(void) {
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  ck_assert_uint_eq(looked, 1);
}

/* This host's for IPv6. */
static struct in6_addr loopback;

/* Two ends of a connection over |family|. */
static void connect_over(int family, int *ret_fds) {
  struct sockaddr_storage sa = {.ss_family = (sa_family_t)family};
  socklen_t len = sizeof sa;
  if (family == AF_INET6)
    ((struct sockaddr_in6 *)&sa)->sin6_addr = loopback;
  else
    ((struct sockaddr_in *)&sa)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listening = socket(family, SOCK_STREAM, 0);
  ret_fds[0] = socket(family, SOCK_STREAM, 0);
  require(bind(listening, (struct sockaddr *)&sa, sizeof sa) == 0 &&
              listen(listening, 1) == 0 &&
              getsockname(listening, (struct sockaddr *)&sa, &len) == 0 &&
              connect(ret_fds[0], (struct sockaddr *)&sa, len) == 0,
          "no connection");
  ret_fds[1] = accept(listening, NULL, NULL);
  close(listening);
}

static void play_over(int family, int i, void (*fn)(plait_transport *t)) {
  int fds[2];
  begin(i, fn);
  connect_over(family, fds);
  require(plait_adopt(plait_runtime_reactor(runtime, 0), fds[0], &factory) == 0,
          "%s", plait_error_detail());
  close(fds[1]);
  play();
}

static void play_unix(int i, void (*fn)(plait_transport *t)) {
  begin(i, fn);
  close(join(&factory, 0));
  play();
}

/* ---- values -------------------------------------------------------------- */

static void set(plait_transport *t, plait_option option, plait_option_value v) {
  int code = plait_transport_option_set(t, option, v);
  require(code == 0, "%s", plait_error_detail());
}

static plait_option_value get(plait_transport *t, plait_option option) {
  plait_option_value v = {0};
  plait_option_type type;
  int code = plait_transport_option_get(t, option, &v);
  require(code == 0, "%s", plait_error_detail());
  require(plait_option_name(option, &type) != NULL && type == v.type,
          "another type");
  return v;
}

static int system_has(plait_transport *t, int level, int name) {
  int n = -1;
  socklen_t len = sizeof n;
  require(getsockopt(plait_transport_fd(t), level, name, &n, &len) == 0,
          "no option");
  return n;
}

static void flag_both_ways(plait_transport *t, plait_option option, int level,
                           int name) {
  for (int i = 1; i <= 2; i++) {
    bool on = i % 2;
    set(t, option, plait_option_flag(on));
    require(get(t, option).on == on, "flag %d", option);
    require((system_has(t, level, name) != 0) == on, "flag %d", option);
  }
}

static void number_is(plait_transport *t, plait_option option,
                      plait_option_value v, int level, int name, int n) {
  set(t, option, v);
  require(system_has(t, level, name) == n, "option %d: %d", option,
          system_has(t, level, name));
}

static void flags_of_all(plait_transport *t) {
  flag_both_ways(t, PLAIT_OPTION_REUSE_ADDRESS, SOL_SOCKET, SO_REUSEADDR);
  flag_both_ways(t, PLAIT_OPTION_KEEP_ALIVE, SOL_SOCKET, SO_KEEPALIVE);
  flag_both_ways(t, PLAIT_OPTION_DONT_ROUTE, SOL_SOCKET, SO_DONTROUTE);
  flag_both_ways(t, PLAIT_OPTION_BROADCAST, SOL_SOCKET, SO_BROADCAST);
  flag_both_ways(t, PLAIT_OPTION_OOB_INLINE, SOL_SOCKET, SO_OOBINLINE);
  require(!get(t, PLAIT_OPTION_ACCEPTCONN).on, "it listens");
  require(!get(t, PLAIT_OPTION_DEBUG).on, "debug");
}

static void numbers_of_all(plait_transport *t) {
  set(t, PLAIT_OPTION_SEND_BUFFER, plait_option_bytes(50000));
  set(t, PLAIT_OPTION_RECEIVE_BUFFER, plait_option_bytes(60000));
  require(get(t, PLAIT_OPTION_SEND_BUFFER).number ==
              (uint32_t)system_has(t, SOL_SOCKET, SO_SNDBUF),
          "send_buffer");
  require(get(t, PLAIT_OPTION_SEND_BUFFER).number == 100000, "send_buffer");
  require(get(t, PLAIT_OPTION_RECEIVE_BUFFER).number == 120000,
          "receive_buffer");
  number_is(t, PLAIT_OPTION_RECEIVE_LOWAT, plait_option_bytes(2), SOL_SOCKET,
            SO_RCVLOWAT, 2);
  require(get(t, PLAIT_OPTION_SEND_LOWAT).number == 1, "send_lowat");
  number_is(t, PLAIT_OPTION_PRIORITY, plait_option_number(3), SOL_SOCKET,
            SO_PRIORITY, 3);
  set(t, PLAIT_OPTION_SEND_TIMEOUT, plait_option_ms(1500));
  set(t, PLAIT_OPTION_RECEIVE_TIMEOUT, plait_option_ms(2500));
  require(get(t, PLAIT_OPTION_SEND_TIMEOUT).number == 1500, "send_timeout");
  require(get(t, PLAIT_OPTION_RECEIVE_TIMEOUT).number == 2500,
          "receive_timeout");
  require(!get(t, PLAIT_OPTION_LINGER).on, "linger");
  require(strcmp(get(t, PLAIT_OPTION_TYPE).text, "stream") == 0, "type");
}

static void all(plait_transport *t) {
  flags_of_all(t);
  numbers_of_all(t);
}

static void numbers_of_tcp(plait_transport *t) {
  number_is(t, PLAIT_OPTION_KEEP_ALIVE_IDLE, plait_option_ms(10001),
            IPPROTO_TCP, TCP_KEEPIDLE, 11);
  require(get(t, PLAIT_OPTION_KEEP_ALIVE_IDLE).number == 11000, "idle");
  number_is(t, PLAIT_OPTION_KEEP_ALIVE_IDLE, plait_option_ms(UINT32_MAX),
            IPPROTO_TCP, TCP_KEEPIDLE, 32767);
  number_is(t, PLAIT_OPTION_KEEP_ALIVE_INTERVAL, plait_option_ms(3000),
            IPPROTO_TCP, TCP_KEEPINTVL, 3);
  number_is(t, PLAIT_OPTION_KEEP_ALIVE_COUNT, plait_option_number(4),
            IPPROTO_TCP, TCP_KEEPCNT, 4);
  number_is(t, PLAIT_OPTION_USER_TIMEOUT, plait_option_ms(7001), IPPROTO_TCP,
            TCP_USER_TIMEOUT, 7001);
  number_is(t, PLAIT_OPTION_UNSENT_LOWAT, plait_option_bytes(8192), IPPROTO_TCP,
            TCP_NOTSENT_LOWAT, 8192);
}

static void of_tcp(plait_transport *t) {
  all(t);
  require(get(t, PLAIT_OPTION_NODELAY).on, "nodelay was set");
  flag_both_ways(t, PLAIT_OPTION_NODELAY, IPPROTO_TCP, TCP_NODELAY);
  flag_both_ways(t, PLAIT_OPTION_QUICKACK, IPPROTO_TCP, TCP_QUICKACK);
  numbers_of_tcp(t);
  plait_option_value v = get(t, PLAIT_OPTION_CONGESTION);
  require(v.text[0] != '\0', "no congestion control");
  set(t, PLAIT_OPTION_CONGESTION, v); /* what was read can be set */
  set(t, PLAIT_OPTION_CONGESTION, plait_option_text("reno"));
  require(strcmp(get(t, PLAIT_OPTION_CONGESTION).text, "reno") == 0, "reno");
}

static void of_tcp4(plait_transport *t) {
  set(t, PLAIT_OPTION_NODELAY, plait_option_flag(true));
  of_tcp(t);
  number_is(t, PLAIT_OPTION_TOS, plait_option_number(16), IPPROTO_IP, IP_TOS,
            16);
  require(get(t, PLAIT_OPTION_TOS).number == 16, "tos");
}

static void of_tcp6(plait_transport *t) {
  set(t, PLAIT_OPTION_NODELAY, plait_option_flag(true));
  of_tcp(t);
  number_is(t, PLAIT_OPTION_TOS, plait_option_number(32), IPPROTO_IPV6,
            IPV6_TCLASS, 32);
  require(get(t, PLAIT_OPTION_TOS).number == 32, "tos");
}

START_TEST(test_tcp) {
  play_over(AF_INET, _i, of_tcp4);
}
END_TEST

START_TEST(test_tcp6) {
  loopback = in6addr_loopback;
  play_over(AF_INET6, _i, of_tcp6);
}
END_TEST

/* What is sent over IPv4 has that one's. */
static void of_tcp6_over_4(plait_transport *t) {
  of_tcp6(t);
  number_is(t, PLAIT_OPTION_TOS, plait_option_number(16), IPPROTO_IP, IP_TOS,
            16);
}

START_TEST(test_tcp6_over_4) {
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &loopback);
  play_over(AF_INET6, _i, of_tcp6_over_4);
}
END_TEST

START_TEST(test_unix) {
  play_unix(_i, all);
}
END_TEST

/* ---- what makes no sense ------------------------------------------------- */

static void refuses(plait_transport *t, plait_option option,
                    plait_option_value v, int code, const char *detail) {
  int answer = plait_transport_option_set(t, option, v);
  require(answer == code, "%s", plait_strerror(answer));
  require(strcmp(plait_error_detail(), detail) == 0, "%s",
          plait_error_detail());
}

static void refuse_values(plait_transport *t) {
  refuses(t, PLAIT_OPTION_SEND_BUFFER, plait_option_flag(true), PLAIT_EINVAL,
          "option send_buffer: is bytes, and not a flag");
  refuses(t, PLAIT_OPTION_SEND_BUFFER, plait_option_bytes(UINT32_MAX),
          PLAIT_EINVAL, "option send_buffer: at most 2147483647");
  refuses(t, PLAIT_OPTION_ACCEPTCONN, plait_option_flag(true), PLAIT_EPERM,
          "option acceptconn: is not to be set");
  refuses(t, PLAIT_OPTION_LINGER, plait_option_ms(1), PLAIT_EPERM,
          "option linger: is not to be set: it would make a close block: see "
          "linger_ms");
  refuses(t, PLAIT_OPTION_ERROR, plait_option_number(1), PLAIT_EPERM,
          "option error: connection_lost is told it");
  refuses(t, (plait_option)77, plait_option_number(1), PLAIT_EINVAL,
          "option 77: there is none");
  plait_option_value v = {.on = true};
  require(plait_transport_option_get(t, PLAIT_OPTION_ERROR, &v) == PLAIT_EPERM,
          "the error was read");
  require(v.on, "it was written to");
}

static void refuse_on_unix(plait_transport *t) {
  refuse_values(t);
  refuses(t, PLAIT_OPTION_NODELAY, plait_option_flag(true), PLAIT_ENOTSUP,
          "option nodelay: only TCP has it");
  refuses(t, PLAIT_OPTION_TOS, plait_option_number(16), PLAIT_ENOTSUP,
          "option tos: only IP has it");
  plait_option_value v;
  require(plait_transport_option_get(t, PLAIT_OPTION_NODELAY, &v) ==
              PLAIT_ENOTSUP,
          "nodelay");
}

static void refuse_on_tcp(plait_transport *t) {
  refuse_values(t);
  refuses(t, PLAIT_OPTION_KEEP_ALIVE_COUNT, plait_option_number(128),
          PLAIT_EINVAL, "option keep_alive_count: at most 127");
  refuses(t, PLAIT_OPTION_TOS, plait_option_number(256), PLAIT_EINVAL,
          "option tos: at most 255");
  refuses(t, PLAIT_OPTION_CONGESTION, plait_option_text("no such algorithm"),
          PLAIT_ENOENT, "option congestion: no such file or directory");
}

START_TEST(test_refused) {
  play_unix(_i, refuse_on_unix);
  play_over(AF_INET, _i, refuse_on_tcp);
}
END_TEST

static void looker_lost(plait_protocol *p, int reason) {
  (void)reason;
  plait_option_value v;
  ck_assert_int_eq(plait_transport_option_set(p->transport,
                                              PLAIT_OPTION_KEEP_ALIVE,
                                              plait_option_flag(true)),
                   PLAIT_ECLOSED);
  ck_assert_int_eq(
      plait_transport_option_get(p->transport, PLAIT_OPTION_TYPE, &v),
      PLAIT_ECLOSED);
  looked++;
}

START_TEST(test_closed) {
  plait_protocol_ops ops = {.name = "looker",
                            .size = sizeof(plait_protocol),
                            .connection_lost = looker_lost};
  begin(_i, NULL);
  factory.protocol = &ops;
  close(join(&factory, 0));
  play();
}
END_TEST

START_TEST(test_names) {
  plait_option_type type;
  for (int i = 0; i <= PLAIT_OPTION_ERROR; i++)
    ck_assert_ptr_nonnull(plait_option_name((plait_option)i, &type));
  ck_assert_ptr_null(
      plait_option_name((plait_option)(PLAIT_OPTION_ERROR + 1), &type));
}
END_TEST

int main(void) {
  Suite *s = suite_create("option");
  TCase *tc = tcase_create("option");
  tcase_add_loop_test(tc, test_tcp, 0, 2);
  tcase_add_loop_test(tc, test_tcp6, 0, 2);
  tcase_add_loop_test(tc, test_tcp6_over_4, 0, 2);
  tcase_add_loop_test(tc, test_unix, 0, 2);
  tcase_add_loop_test(tc, test_refused, 0, 2);
  tcase_add_loop_test(tc, test_closed, 0, 2);
  tcase_add_test(tc, test_names);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
