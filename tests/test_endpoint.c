/* What endpoint strings ask for, their errors and canonical texts.  Nothing
 * here needs a runtime; tests of the transports listen and connect. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include <plait/error.h>

#include "core/error.h"
#include "endpoint/spec.h"
#include "endpoint/value.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

/* ---- good strings -------------------------------------------------------- */

#define TEXT_32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_61 TEXT_32 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LABEL_63 LABEL_61 "bb"
#define NAME_253 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61

typedef struct good_case {
  const char *text;
  const char *asks; /* see describe() */
  const char *canonical;
} good_case;

static const good_case good_servers[] = {
    {"tcp:8000", "tcp 0.0.0.0:8000", "tcp:8000"},
    {"tcp:0", "tcp 0.0.0.0:0", "tcp:0"},
    {"tcp:1", "tcp 0.0.0.0:1", "tcp:1"},
    {"tcp:65534", "tcp 0.0.0.0:65534", "tcp:65534"},
    {"tcp:65535", "tcp 0.0.0.0:65535", "tcp:65535"},
    {"tcp:00080", "tcp 0.0.0.0:80", "tcp:80"},
    {"tcp:4001:interface=127.0.0.1", "tcp 127.0.0.1:4001",
     "tcp:4001:interface=127.0.0.1"},
    {"tcp:interface=127.0.0.1:4001", "tcp 127.0.0.1:4001",
     "tcp:4001:interface=127.0.0.1"},
    {"tcp:4001:interface=0.0.0.0", "tcp 0.0.0.0:4001", "tcp:4001"},
    {"tcp:4001:backlog=1", "tcp 0.0.0.0:4001 backlog 1", "tcp:4001"},
    {"tcp:4001:backlog=65535", "tcp 0.0.0.0:4001 backlog 65535", "tcp:4001"},
    {"tcp:4001:backlog=7:interface=1.2.3.4", "tcp 1.2.3.4:4001 backlog 7",
     "tcp:4001:interface=1.2.3.4"},
    /* All IPv6 interfaces are all IPv4 ones too. */
    {"tcp:4001:interface=\\:\\:", "tcp [::]:4001 dual",
     "tcp:4001:interface=\\:\\:"},
    {"tcp:4001:interface=[\\:\\:]", "tcp [::]:4001 dual",
     "tcp:4001:interface=\\:\\:"},
    {"tcp:4001:interface=0\\:0\\:0\\:0\\:0\\:0\\:0\\:0", "tcp [::]:4001 dual",
     "tcp:4001:interface=\\:\\:"},
    {"tcp:4001:interface=\\:\\:1", "tcp [::1]:4001",
     "tcp:4001:interface=\\:\\:1"},
    {"tcp:4001:interface=fe80\\:\\:1%2", "tcp [fe80::1%2]:4001",
     "tcp:4001:interface=fe80\\:\\:1%2"},
    {"tcp:1:interface=ffff\\:ffff\\:ffff\\:ffff\\:ffff\\:ffff\\:ffff\\:ffff"
     "%4294967295",
     "tcp [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:1",
     "tcp:1:interface=ffff\\:ffff\\:ffff\\:ffff\\:ffff\\:ffff\\:ffff\\:ffff"
     "%4294967295"},
    {"tcp6:4001", "tcp6 [::]:4001", "tcp6:4001"},
    {"tcp6:4001:interface=\\:\\:", "tcp6 [::]:4001", "tcp6:4001"},
    {"tcp6:4001:interface=\\:\\:1:backlog=9", "tcp6 [::1]:4001 backlog 9",
     "tcp6:4001:interface=\\:\\:1"},
    {"unix:/run/x.sock", "unix unix:/run/x.sock", "unix:/run/x.sock"},
    {"unix:x", "unix unix:x", "unix:x"},
    {"unix:/x:mode=660", "unix unix:/x mode 660", "unix:/x"},
    {"unix:/x:mode=0", "unix unix:/x mode 0", "unix:/x"},
    {"unix:/x:mode=777", "unix unix:/x mode 777", "unix:/x"},
    {"unix:/x:mode=0600:backlog=3", "unix unix:/x backlog 3 mode 600",
     "unix:/x"},
    {"unix:/a\\:b\\=c\\\\d", "unix unix:/a:b=c\\d", "unix:/a\\:b\\=c\\\\d"},
    {"unix:/a b\xc3\xa4", "unix unix:/a b\xc3\xa4", "unix:/a b\xc3\xa4"},
    {"fd:0", "fd 0", "fd:0"},
    {"fd:3", "fd 3", "fd:3"},
    {"fd:2147483647", "fd 2147483647", "fd:2147483647"},
    {"systemd:name=web", "systemd web:0", "systemd:name=web"},
    {"systemd:name=a\\:b", "systemd a:b:0", "systemd:name=a\\:b"},
    {"systemd:index=7", "systemd 7", "systemd:index=7"},
    {"stdio:", "stdio", "stdio:"},
    {"stdio", "stdio", "stdio:"},
};

static const good_case good_clients[] = {
    {"tcp:127.0.0.1:8000", "tcp 127.0.0.1:8000", "tcp:127.0.0.1:8000"},
    {"tcp:127.0.0.1:1", "tcp 127.0.0.1:1", "tcp:127.0.0.1:1"},
    {"tcp:127.0.0.1:65535", "tcp 127.0.0.1:65535", "tcp:127.0.0.1:65535"},
    {"tcp:[\\:\\:1]:80", "tcp [::1]:80", "tcp:[\\:\\:1]:80"},
    {"tcp:\\:\\:1:80", "tcp [::1]:80", "tcp:[\\:\\:1]:80"},
    {"tcp:fe80\\:\\:1%2:80", "tcp [fe80::1%2]:80", "tcp:[fe80\\:\\:1%2]:80"},
    {"tcp:1.2.3.4:80:timeout=0.5", "tcp 1.2.3.4:80 timeout 500",
     "tcp:1.2.3.4:80"},
    {"tcp:1.2.3.4:80:timeout=30:bind=127.0.0.2",
     "tcp 1.2.3.4:80 timeout 30000 from 127.0.0.2:0", "tcp:1.2.3.4:80"},
    {"tcp:1.2.3.4:80:bindAddress=127.0.0.2", "tcp 1.2.3.4:80 from 127.0.0.2:0",
     "tcp:1.2.3.4:80"},
    {"tcp:[\\:\\:1]:80:bind=[\\:\\:2]", "tcp [::1]:80 from [::2]:0",
     "tcp:[\\:\\:1]:80"},
    {"tcp:localhost:80", "tcp localhost:80", "tcp:localhost:80"},
    {"tcp:www.example.net.:80", "tcp www.example.net.:80",
     "tcp:www.example.net.:80"},
    {"tcp:a_b-1.example:443:timeout=2:bind=127.0.0.2",
     "tcp a_b-1.example:443 timeout 2000 from 127.0.0.2:0",
     "tcp:a_b-1.example:443"},
    {"tcp:10.0.0.1x:80", "tcp 10.0.0.1x:80", "tcp:10.0.0.1x:80"},
    {"tcp:a:http", "tcp a:http", "tcp:a:http"},
    {"tcp:127.0.0.1:http", "tcp 127.0.0.1:http", "tcp:127.0.0.1:http"},
    {"tcp:\\:\\:1:http", "tcp [::1]:http", "tcp:[\\:\\:1]:http"},
    {"tcp:" NAME_253 ":80", "tcp " NAME_253 ":80", "tcp:" NAME_253 ":80"},
    {"tcp:" NAME_253 ".:80", "tcp " NAME_253 ".:80", "tcp:" NAME_253 ".:80"},
    {"unix:/run/x.sock", "unix unix:/run/x.sock", "unix:/run/x.sock"},
    {"unix:/x:timeout=86400", "unix unix:/x timeout 86400000", "unix:/x"},
    {"stdio:", "stdio", "stdio:"},
    {"process:/bin/cat", "process '/bin/cat'", "process:/bin/cat"},
    {"process:timeout=2:arg=-c:/bin/a\\:b:arg=x\\:y=z:arg=:arg=\\=",
     "process '/bin/a:b' '-c' 'x:y=z' '' '=' timeout 2000",
     "process:/bin/a\\:b:arg=-c:arg=x\\:y=z:arg=:arg=="},
};

typedef struct side {
  int (*read)(const char *text, plait__endpoint *ret);
  const char *(*text)(const plait__endpoint *e, char *buffer);
} side;

static const side server = {plait__endpoint_listen,
                            plait__endpoint_listen_text};
static const side client = {plait__endpoint_connect,
                            plait__endpoint_connect_text};

/* " 127.0.0.1:80", " localhost:http". */
static const char *describe_place(const plait__endpoint *e, char *buffer,
                                  size_t size) {
  char address[PLAIT_ADDRESS_TEXT_MAX], port[8];
  const char *host = e->host;

  snprintf(port, sizeof port, "%u", e->address.port);
  if (host[0] == '\0') {
    host = plait_address_format(&e->address, address, sizeof address);
    if (e->address.family != PLAIT_UNIX)
      *strrchr(address, ':') = '\0';
  }
  snprintf(buffer, size, e->address.family == PLAIT_UNIX ? " %s" : " %s:%s",
           host, e->service[0] != '\0' ? e->service : port);
  return buffer;
}

/* Everything that |e| says, in a line of |buffer|. */
static const char *describe(const plait__endpoint *e, char *buffer,
                            size_t size) {
  static const char *const kinds[] = {"tcp",     "tcp6",  "unix",   "fd",
                                      "systemd", "stdio", "process"};
  char address[PLAIT__ENDPOINT_TEXT_MAX];
  FILE *out = fmemopen(buffer, size, "w");

  ck_assert_ptr_nonnull(out);
  fputs(kinds[e->kind], out);
  if (e->host[0] != '\0' || e->address.family != PLAIT_NO_ADDRESS)
    fputs(describe_place(e, address, sizeof address), out);
  const char *word = e->program;
  for (unsigned i = 0; e->kind == PLAIT__KIND_PROCESS && i <= e->arg_count;
       i++, word += strlen(word) + 1)
    fprintf(out, " '%s'", word);
  if (e->kind == PLAIT__KIND_FD ||
      (e->kind == PLAIT__KIND_SYSTEMD && e->host[0] == '\0'))
    fprintf(out, " %d", e->fd);
  if (e->dual)
    fputs(" dual", out);
  if (e->backlog != 0)
    fprintf(out, " backlog %u", e->backlog);
  if (e->mode != -1)
    fprintf(out, " mode %o", (unsigned)e->mode);
  if (e->timeout_ms != 0)
    fprintf(out, " timeout %u", e->timeout_ms);
  if (e->local.family != PLAIT_NO_ADDRESS)
    fprintf(out, " from %s",
            plait_address_format(&e->local, address, sizeof address));
  fclose(out);
  return buffer;
}

/* The canonical text reads as the same place and is its own canonical text. */
static void check_round_trip(const side *s, const plait__endpoint *e) {
  char first[PLAIT__ENDPOINT_TEXT_MAX];
  char second[PLAIT__ENDPOINT_TEXT_MAX];
  plait__endpoint again;

  s->text(e, first);
  ck_assert_msg(s->read(first, &again) == 0, "%s: %s", first,
                plait_error_detail());
  ck_assert_int_eq(again.kind, e->kind);
  ck_assert_mem_eq(&again.address, &e->address, sizeof again.address);
  ck_assert_str_eq(again.host, e->host);
  ck_assert_str_eq(again.service, e->service);
  ck_assert_int_eq(again.fd, e->fd);
  ck_assert_uint_eq(again.arg_count, e->arg_count);
  ck_assert_mem_eq(again.program, e->program, sizeof again.program);
  ck_assert(again.dual == e->dual);
  ck_assert_str_eq(s->text(&again, second), first);
}

static void check_good(const side *s, const good_case *c) {
  char buffer[PLAIT__ENDPOINT_TEXT_MAX];
  plait__endpoint e;

  memset(&e, 0xff, sizeof e);
  ck_assert_msg(s->read(c->text, &e) == 0, "%s", plait_error_detail());
  ck_assert_str_eq(describe(&e, buffer, sizeof buffer), c->asks);
  ck_assert_str_eq(s->text(&e, buffer), c->canonical);
  check_round_trip(s, &e);
}

START_TEST(test_good_server) {
  check_good(&server, &good_servers[_i]);
}
END_TEST

START_TEST(test_good_client) {
  check_good(&client, &good_clients[_i]);
}
END_TEST

/* ---- bad strings --------------------------------------------------------- */

typedef struct bad_case {
  const char *text;
  const char *error; /* without the string in front and the example behind */
  const char *example;
} bad_case;

#define SERVER_TCP "tcp:8000:interface=127.0.0.1"
#define SERVER_TCP6 "tcp6:8000:interface=\\:\\:1"
#define SERVER_UNIX "unix:/run/x.sock:mode=660"
#define CLIENT_TCP "tcp:www.example.net:80:timeout=0.5"
#define CLIENT_UNIX "unix:/run/x.sock:timeout=5"
#define CLIENT_PROCESS "process:/bin/cat:arg=-n"
#define TOO_MANY                                                               \
  " is one too many; ':' within a value is written '\\:', as in \\:\\:1"

#define NO_PORT " is neither a number from 1 to 65535 nor the name of a service"
#define NO_NAME                                                                \
  " is neither an IP address nor a name: names are of letters, digits, '-', "  \
  "'_' and '.'"

static const bad_case bad_servers[] = {
    {"", "type: \"\" is none of tcp, tcp6, unix, fd, systemd, stdio",
     SERVER_TCP},
    {"8000", "type: \"8000\" is none of tcp, tcp6, unix, fd, systemd, stdio",
     SERVER_TCP},
    {"TCP:80", "type: \"TCP\" is none of tcp, tcp6, unix, fd, systemd, stdio",
     SERVER_TCP},
    {"tcp =80", "type: \"tcp \" is followed by '='; the type ends in ':'",
     SERVER_TCP},
    {"tcp=80", "type: \"tcp\" is followed by '='; the type ends in ':'",
     SERVER_TCP},
    {"tcp", "port: missing", SERVER_TCP},
    {"tcp:", "port: missing", SERVER_TCP},
    {"tcp:interface=127.0.0.1", "port: missing", SERVER_TCP},
    {"tcp:80x", "port: \"80x\" is not a number from 0 to 65535", SERVER_TCP},
    {"tcp:-1", "port: \"-1\" is not a number from 0 to 65535", SERVER_TCP},
    {"tcp: 80", "port: \" 80\" is not a number from 0 to 65535", SERVER_TCP},
    {"tcp:65536", "port: \"65536\" is not a number from 0 to 65535",
     SERVER_TCP},
    {"tcp:18446744073709551696",
     "port: \"18446744073709551696\" is not a number from 0 to 65535",
     SERVER_TCP},
    {"tcp::interface=1.2.3.4", "port: \"\" is not a number from 0 to 65535",
     SERVER_TCP},
    {"tcp:80:81", "argument: \"81\"" TOO_MANY, SERVER_TCP},
    {"tcp:80:", "argument: \"\"" TOO_MANY, SERVER_TCP},
    {"tcp:80:interface=::1", "argument: \"\"" TOO_MANY, SERVER_TCP},
    {"tcp:80:port=81",
     "key: \"port\" is unknown; the keys of tcp are interface, backlog",
     SERVER_TCP},
    {"tcp:80:=", "key: \"\" is unknown; the keys of tcp are interface, backlog",
     SERVER_TCP},
    {"tcp:80:timeout=5",
     "key: \"timeout\" is unknown; the keys of tcp are interface, backlog",
     SERVER_TCP},
    {"tcp:80:interface=1.1.1.1:interface=1.1.1.1", "interface: given twice",
     SERVER_TCP},
    {"tcp:80:backlog=5:backlog=6", "backlog: given twice", SERVER_TCP},
    {"tcp:80:backlog=0", "backlog: \"0\" is not a number from 1 to 65535",
     SERVER_TCP},
    {"tcp:80:backlog=65536",
     "backlog: \"65536\" is not a number from 1 to 65535", SERVER_TCP},
    {"tcp:80:backlog=", "backlog: \"\" is not a number from 1 to 65535",
     SERVER_TCP},
    {"tcp:80:interface=", "interface: \"\" is not an IP address", SERVER_TCP},
    {"tcp:80:interface=127.0.0.300",
     "interface: \"127.0.0.300\" is not an IP address", SERVER_TCP},
    {"tcp:80:interface=[127.0.0.1]",
     "interface: \"[127.0.0.1]\" is not an IP address", SERVER_TCP},
    {"tcp:80:interface=[\\:\\:1", "interface: \"[::1\" is not an IP address",
     SERVER_TCP},
    {"tcp:80:interface=eth0",
     "interface: \"eth0\" is a name; only numeric addresses work", SERVER_TCP},
    {"tcp:80:interface=fe80\\:\\:1%eth0",
     "interface: \"fe80::1%eth0\" is not an IP address; a zone is a number, "
     "as in fe80\\:\\:1%2",
     SERVER_TCP},
    {"tcp6:80:interface=127.0.0.1",
     "interface: \"127.0.0.1\" is an IPv4 address, and tcp6 takes IPv6 alone",
     SERVER_TCP6},
    {"tcp6:80x", "port: \"80x\" is not a number from 0 to 65535", SERVER_TCP6},
    {"tcp6:80:interface=x",
     "interface: \"x\" is a name; only numeric addresses work", SERVER_TCP6},
    {"tcp6:80:mode=660",
     "key: \"mode\" is unknown; the keys of tcp6 are interface, backlog",
     SERVER_TCP6},
    {"unix:", "path: missing", SERVER_UNIX},
    {"unix::mode=660", "path: empty", SERVER_UNIX},
    {"unix:/a:/b", "argument: \"/b\"" TOO_MANY, SERVER_UNIX},
    {"unix:/a=b", "key: \"/a\" is unknown; the keys of unix are mode, backlog",
     SERVER_UNIX},
    {"unix:/x:mode=668", "mode: \"668\" is not an octal number from 0 to 777",
     SERVER_UNIX},
    {"unix:/x:mode=1000", "mode: \"1000\" is not an octal number from 0 to 777",
     SERVER_UNIX},
    {"unix:/x:mode=", "mode: \"\" is not an octal number from 0 to 777",
     SERVER_UNIX},
    {"unix:/x:mode=rw", "mode: \"rw\" is not an octal number from 0 to 777",
     SERVER_UNIX},
    {"fd:", "descriptor: missing", "fd:3"},
    {"fd:x", "descriptor: \"x\" is not a number from 0 to 2147483647", "fd:3"},
    {"fd:2147483648",
     "descriptor: \"2147483648\" is not a number from 0 to 2147483647", "fd:3"},
    {"fd:3:name=x", "key: \"name\" is unknown; fd has no keys", "fd:3"},
    {"systemd:", "name: missing, and so is index", "systemd:name=web"},
    {"systemd:name=a:index=1", "index: given along with name",
     "systemd:name=web"},
    {"systemd:name=", "name: 0 bytes; 1 to 127 will do", "systemd:name=web"},
    {"systemd:index=x", "index: \"x\" is not a number from 0 to 2147483647",
     "systemd:name=web"},
    {"stdio:x", "argument: \"x\"" TOO_MANY, "stdio:"},
    {"stdio::", "argument: \"\"" TOO_MANY, "stdio:"},
    {"stdio:a=b", "key: \"a\" is unknown; stdio has no keys", "stdio:"},
    {"tcp:80\\",
     "string: nothing follows the '\\' at the end; a backslash is written "
     "'\\\\'",
     SERVER_TCP},
    {"1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:g:h", "string: more than 16 fields",
     SERVER_TCP},
};

static const bad_case bad_clients[] = {
    {"", "type: \"\" is none of tcp, unix, process, stdio", CLIENT_TCP},
    {"sctp:1", "type: \"sctp\" is none of tcp, unix, process, stdio",
     CLIENT_TCP},
    {"tcp6:80",
     "type: \"tcp6\" can only listen; these connect: tcp, unix, process, stdio",
     CLIENT_TCP},
    {"fd:3",
     "type: \"fd\" can only listen; these connect: tcp, unix, process, stdio",
     CLIENT_TCP},
    {"tcp:", "host: missing", CLIENT_TCP},
    {"tcp:1.2.3.4", "port: missing", CLIENT_TCP},
    {"tcp:1.2.3.4:0", "port: \"0\"" NO_PORT, CLIENT_TCP},
    {"tcp:1.2.3.4:65536", "port: \"65536\"" NO_PORT, CLIENT_TCP},
    {"tcp:a:", "port: \"\"" NO_PORT, CLIENT_TCP},
    {"tcp:a:80x", "port: \"80x\"" NO_PORT, CLIENT_TCP},
    {"tcp:a:h ttp", "port: \"h ttp\"" NO_PORT, CLIENT_TCP},
    {"tcp:a:" TEXT_32, "port: \"" TEXT_32 "\"" NO_PORT, CLIENT_TCP},
    {"tcp:1.2.3.4:80:81", "argument: \"81\"" TOO_MANY, CLIENT_TCP},
    {"tcp:[::1]:80", "argument: \"1]\"" TOO_MANY, CLIENT_TCP},
    {"tcp:a b:80", "host: \"a b\"" NO_NAME, CLIENT_TCP},
    {"tcp: a:80", "host: \" a\"" NO_NAME, CLIENT_TCP},
    {"tcp:a/b:80", "host: \"a/b\"" NO_NAME, CLIENT_TCP},
    {"tcp:.a:80", "host: \".a\" has an empty part", CLIENT_TCP},
    {"tcp:a..b:80", "host: \"a..b\" has an empty part", CLIENT_TCP},
    {"tcp:b\xc3\xbc:80",
     "host: \"b\xc3\xbc\" is not ASCII; names in other letters are written as "
     "in xn--bcher-kva.example",
     CLIENT_TCP},
    {"tcp:" TEXT_32 TEXT_32 ".a:80",
     "host: "
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\" has "
     "more than 63 bytes between two dots",
     CLIENT_TCP},
    {"tcp::80", "host: \"\" is not an IP address", CLIENT_TCP},
    {"tcp:1.2.3:80", "host: \"1.2.3\" is not an IP address", CLIENT_TCP},
    {"tcp:1.2.3.4:80:timeout=0",
     "timeout: \"0\" is not a number of seconds from 0.001 to 86400",
     CLIENT_TCP},
    {"tcp:1.2.3.4:80:timeout=86400.001",
     "timeout: \"86400.001\" is not a number of seconds from 0.001 to 86400",
     CLIENT_TCP},
    {"tcp:1.2.3.4:80:timeout=5:timeout=5", "timeout: given twice", CLIENT_TCP},
    {"tcp:1.2.3.4:80:bind=1.1.1.1:bindAddress=1.1.1.1", "bind: given twice",
     CLIENT_TCP},
    {"tcp:1.2.3.4:80:bind=lo",
     "bind: \"lo\" is a name; only numeric addresses work", CLIENT_TCP},
    {"tcp:1.2.3.4:80:bind=\\:\\:1",
     "bind: \"::1\" is IPv6, and the host is IPv4", CLIENT_TCP},
    {"tcp:\\:\\:1:80:bind=1.2.3.4",
     "bind: \"1.2.3.4\" is IPv4, and the host is IPv6", CLIENT_TCP},
    {"tcp:1.2.3.4:80:interface=1.2.3.4",
     "key: \"interface\" is unknown; the keys of tcp are timeout, bind",
     CLIENT_TCP},
    {"unix:", "path: missing", CLIENT_UNIX},
    {"unix:/x:timeout=soon",
     "timeout: \"soon\" is not a number of seconds from 0.001 to 86400",
     CLIENT_UNIX},
    {"unix:/x:bindAddress=1",
     "key: \"bindAddress\" is unknown; the keys of unix are timeout",
     CLIENT_UNIX},
    {"process:", "program: missing", CLIENT_PROCESS},
    {"process::arg=x", "program: empty", CLIENT_PROCESS},
    {"process:/bin/cat:-n", "argument: \"-n\"" TOO_MANY, CLIENT_PROCESS},
    {"process:/bin/cat:env=x",
     "key: \"env\" is unknown; the keys of process are timeout, arg",
     CLIENT_PROCESS},
    {"stdio:timeout=5", "key: \"timeout\" is unknown; stdio has no keys",
     "stdio:"},
};

static void check_bad(const side *s, const bad_case *c) {
  char expected[PLAIT__ERROR_DETAIL_MAX];
  plait__endpoint before;
  plait__endpoint e;

  memset(&before, 0x5a, sizeof before);
  e = before;
  snprintf(expected, sizeof expected, "endpoint \"%s\": %s (example: %s)",
           c->text, c->error, c->example);
  ck_assert_int_eq(s->read(c->text, &e), PLAIT_EENDPOINT);
  ck_assert_str_eq(plait_error_detail(), expected);
  ck_assert_mem_eq(&e, &before, sizeof e);
  /* And the example is right. */
  ck_assert_int_eq(s->read(c->example, &e), 0);
}

/* R100 */
START_TEST(test_long_host) {
  ck_assert_ptr_null(plait__value_host(NAME_253));
  ck_assert_str_eq(plait__value_host(NAME_253 "a"), "is longer than 253 bytes");
  ck_assert_str_eq(plait__value_host(NAME_253 "a."),
                   "is longer than 253 bytes");
  ck_assert_ptr_null(plait__value_host("a." LABEL_63 ".a"));
  ck_assert_str_eq(plait__value_host("a." LABEL_63 "b.a"),
                   "has more than 63 bytes between two dots");
}
END_TEST

START_TEST(test_bad_server) {
  check_bad(&server, &bad_servers[_i]);
}
END_TEST

START_TEST(test_bad_client) {
  check_bad(&client, &bad_clients[_i]);
}
END_TEST

START_TEST(test_null) {
  plait__endpoint e;

  ck_assert_int_eq(plait__endpoint_listen(NULL, &e), PLAIT_EENDPOINT);
  ck_assert_int_eq(plait__endpoint_connect(NULL, &e), PLAIT_EENDPOINT);
}
END_TEST

START_TEST(test_path_length) {
  const side *s = _i == 0 ? &server : &client;
  char text[8 + PLAIT_UNIX_PATH_MAX] = "unix:";
  char expected[PLAIT__ERROR_DETAIL_MAX];
  plait__endpoint e;

  for (size_t len = 106; len <= 108; len++) {
    memset(text + 5, '/', len);
    text[5 + len] = '\0';
    if (len <= 107) {
      ck_assert_int_eq(s->read(text, &e), 0);
      ck_assert_uint_eq(strlen(e.address.path), len);
      check_round_trip(s, &e);
      continue;
    }
    ck_assert_int_eq(s->read(text, &e), PLAIT_EENDPOINT);
    snprintf(expected, sizeof expected,
             "endpoint \"%s\": path: 108 bytes, and 107 are the most "
             "(example: %s)",
             text, _i == 0 ? SERVER_UNIX : CLIENT_UNIX);
    ck_assert_str_eq(plait_error_detail(), expected);
  }
}
END_TEST

/* The longest canonical text: a path in which all is escaped. */
START_TEST(test_longest_text) {
  char text[8 + 2 * PLAIT_UNIX_PATH_MAX] = "unix:";
  char buffer[PLAIT__ENDPOINT_TEXT_MAX];
  plait__endpoint e;

  for (int i = 0; i < PLAIT_UNIX_PATH_MAX - 1; i++)
    strcat(text, "\\:");
  ck_assert_int_eq(plait__endpoint_listen(text, &e), 0);
  ck_assert_str_eq(plait__endpoint_listen_text(&e, buffer), text);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("endpoint");
  TCase *tcase = tcase_create("endpoint");
  SRunner *runner;
  int failed;

  suite_add_tcase(suite, tcase);
  tcase_add_loop_test(tcase, test_good_server, 0, COUNT(good_servers));
  tcase_add_loop_test(tcase, test_good_client, 0, COUNT(good_clients));
  tcase_add_loop_test(tcase, test_bad_server, 0, COUNT(bad_servers));
  tcase_add_loop_test(tcase, test_bad_client, 0, COUNT(bad_clients));
  tcase_add_test(tcase, test_long_host);
  tcase_add_test(tcase, test_null);
  tcase_add_loop_test(tcase, test_path_length, 0, 2);
  tcase_add_test(tcase, test_longest_text);

  runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
