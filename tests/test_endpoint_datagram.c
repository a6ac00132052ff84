/* Endpoint strings of datagrams: what they ask for, and what is wrong with
 * them.  The grammar and the values are those of test_endpoint. */
#include <check.h>
#include <string.h>

#include <plait/error.h>

#include "endpoint/spec.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

typedef int reader(const char *text, plait__endpoint *ret);

static const struct good {
  reader *read;
  const char *text, *address, *local, *canonical;
} good[] = {
    {plait__endpoint_datagram_listen, "udp:53", "0.0.0.0:53", "unknown",
     "udp:53"},
    {plait__endpoint_datagram_listen, "udp:0:interface=127.0.0.1",
     "127.0.0.1:0", "unknown", "udp:0:interface=127.0.0.1"},
    {plait__endpoint_datagram_listen, "udp:53:interface=\\:\\:", "[::]:53",
     "unknown", "udp:53:interface=\\:\\:"},
    {plait__endpoint_datagram_listen, "udp6:53", "[::]:53", "unknown",
     "udp6:53"},
    {plait__endpoint_datagram_listen, "udp6:53:interface=\\:\\:1", "[::1]:53",
     "unknown", "udp6:53:interface=\\:\\:1"},
    {plait__endpoint_datagram_listen, "unixgram:/x:mode=660", "unix:/x",
     "unknown", "unixgram:/x"},
    {plait__endpoint_datagram_connect, "udp:127.0.0.1:53", "127.0.0.1:53",
     "unknown", "udp:127.0.0.1:53"},
    {plait__endpoint_datagram_connect, "udp:[\\:\\:1]:53:bind=\\:\\:2",
     "[::1]:53", "[::2]:0", "udp:[\\:\\:1]:53"},
    {plait__endpoint_datagram_connect, "udp:a.example:53:bind=127.0.0.1",
     "unknown", "127.0.0.1:0", "udp:a.example:53"},
    {plait__endpoint_datagram_connect, "unixgram:/x:bind=/y", "unix:/x",
     "unix:/y", "unixgram:/x"},
};

static const struct bad {
  reader *read;
  const char *text, *error;
} bad[] = {
    {plait__endpoint_datagram_listen, "udp:65536",
     "port: \"65536\" is not a number from 0 to 65535 (example: "
     "udp:5353:interface=127.0.0.1)"},
    {plait__endpoint_datagram_listen, "udp:5:backlog=5",
     "key: \"backlog\" is unknown; the keys of udp are interface"},
    {plait__endpoint_datagram_listen, "udp6:5:interface=1.2.3.4",
     "interface: \"1.2.3.4\" is an IPv4 address, and udp6 takes IPv6 alone"},
    {plait__endpoint_datagram_listen, "tcp:5",
     "type: \"tcp\" carries streams, and datagrams are asked for: udp, udp6, "
     "unixgram"},
    {plait__endpoint_datagram_listen, "upd:5",
     "type: \"upd\" is none of udp, udp6, unixgram"},
    {plait__endpoint_datagram_connect, "udp6:5",
     "type: \"udp6\" can only listen; these connect: udp, unixgram"},
    {plait__endpoint_datagram_connect, "udp:127.0.0.1:0",
     "port: \"0\" is not a number from 1 to 65535"},
    {plait__endpoint_datagram_connect, "udp:local host:53",
     "host: \"local host\" is neither an IP address nor a name"},
    {plait__endpoint_datagram_connect, "udp:localhost:domain",
     "port: \"domain\" is not a number from 1 to 65535"},
    {plait__endpoint_datagram_connect, "udp:127.0.0.1:53:bind=\\:\\:1",
     "bind: \"::1\" is IPv6, and the host is IPv4"},
    {plait__endpoint_datagram_connect, "unixgram:/x:bind=", "bind: empty"},
    {plait__endpoint_listen, "udp:5",
     "type: \"udp\" carries datagrams, and streams are asked for: tcp, tcp6, "
     "unix, fd, systemd, stdio"},
    {plait__endpoint_connect, "unixgram:/x",
     "type: \"unixgram\" carries datagrams, and streams are asked for: tcp, "
     "unix, process, stdio"},
};

START_TEST(test_good) {
  const struct good *g = &good[_i];
  char text[PLAIT__ENDPOINT_TEXT_MAX];
  plait__endpoint e;
  ck_assert_int_eq(g->read(g->text, &e), 0);
  ck_assert_str_eq(plait_address_format(&e.address, text, sizeof text),
                   g->address);
  ck_assert_str_eq(plait_address_format(&e.local, text, sizeof text), g->local);
  if (g->read == plait__endpoint_datagram_connect)
    plait__endpoint_connect_text(&e, text);
  else
    plait__endpoint_listen_text(&e, text);
  ck_assert_str_eq(text, g->canonical);
}
END_TEST

START_TEST(test_bad) {
  plait__endpoint e;
  ck_assert_int_eq(bad[_i].read(bad[_i].text, &e), PLAIT_EENDPOINT);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), bad[_i].error));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("endpoints of datagrams");
  TCase *tcase = tcase_create("endpoints");
  tcase_add_loop_test(tcase, test_good, 0, COUNT(good));
  tcase_add_loop_test(tcase, test_bad, 0, COUNT(bad));
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
