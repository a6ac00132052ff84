/* Endpoint strings, from fields to what they ask for.
 *
 * A table says which arguments and keys each type has.  Fields are matched
 * with it first (unknown, twice, missing, too many), in one place for all
 * types; then the type's own function reads the values.
 */
#include "endpoint/spec.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <plait/error.h>

#include "endpoint/complain.h"
#include "endpoint/parse.h"
#include "endpoint/value.h"

enum { SPEC_ARGS = 2, SPEC_KEYS = 2 };

typedef struct spec_reader spec_reader;

typedef struct spec_type {
  const char *name;
  plait__kind kind;
  const char *example;
  const char *args[SPEC_ARGS]; /* all of them are needed */
  const char *keys[SPEC_KEYS]; /* none of them is */
  const char *list;            /* a key that may come any number of times */
  int (*read)(const spec_reader *r, plait__endpoint *ret);
} spec_type;

/* A string with its fields, in the order of the type's tables. */
struct spec_reader {
  const char *text;
  const char *example;
  const spec_type *type;
  plait__fields fields;
  const char *args[SPEC_ARGS];
  const char *keys[SPEC_KEYS]; /* NULL: not given */
};

/* ---- one value ----------------------------------------------------------- */

static int spec_number(const spec_reader *r, const char *field,
                       const char *value, unsigned min, unsigned max,
                       unsigned *ret) {
  if (value == NULL || plait__value_number(value, 10, min, max, ret))
    return 0;
  return plait__complain(r->text, field, value, r->example,
                         "is not a number from %u to %u", min, max);
}

static int spec_port(const spec_reader *r, const char *value, unsigned min,
                     uint16_t *ret) {
  unsigned port = 0;
  int code = spec_number(r, "port", value, min, UINT16_MAX, &port);

  if (code == 0)
    *ret = (uint16_t)port;
  return code;
}

static int spec_mode(const spec_reader *r, const char *value, int *ret) {
  unsigned mode;

  *ret = -1;
  if (value == NULL)
    return 0;
  if (!plait__value_number(value, 8, 0, 0777, &mode))
    return plait__complain(r->text, "mode", value, r->example,
                           "is not an octal number from 0 to 777");
  *ret = (int)mode;
  return 0;
}

static int spec_timeout(const spec_reader *r, const char *value,
                        uint32_t *ret) {
  if (value == NULL || plait__value_seconds(value, PLAIT__CONNECT_MS_MAX, ret))
    return 0;
  return plait__complain(r->text, "timeout", value, r->example,
                         "is not a number of seconds from 0.001 to %d",
                         PLAIT__CONNECT_MS_MAX / 1000);
}

static int spec_ip(const spec_reader *r, const char *field, const char *value,
                   uint16_t port, plait_address *ret) {
  if (plait__value_ip(value, port, ret))
    return 0;
  if (plait__value_is_name(value))
    return plait__complain(r->text, field, value, r->example,
                           "is a name; only numeric addresses work");
  if (strchr(value, '%') != NULL)
    return plait__complain(r->text, field, value, r->example,
                           "is not an IP address; a zone is a number, "
                           "as in fe80\\:\\:1%%2");
  return plait__complain(r->text, field, value, r->example,
                         "is not an IP address");
}

static int spec_path(const spec_reader *r, const char *field, const char *path,
                     plait_address *ret) {
  size_t len = strlen(path);

  if (len == 0)
    return plait__complain(r->text, field, NULL, r->example, "empty");
  if (len >= PLAIT_UNIX_PATH_MAX)
    return plait__complain(r->text, field, NULL, r->example,
                           "%u bytes, and %d are the most", (unsigned)len,
                           PLAIT_UNIX_PATH_MAX - 1);
  ret->family = PLAIT_UNIX;
  memcpy(ret->path, path, len + 1);
  return 0;
}

/* ---- the types ----------------------------------------------------------- */

static bool spec_is_any(const plait_address *a) {
  static const uint8_t zero[sizeof a->ip];

  return memcmp(a->ip, zero, sizeof zero) == 0;
}

/* What both tcp and tcp6 listen on, when |family| is that of no interface. */
static int spec_interface(const spec_reader *r, uint8_t family,
                          plait__endpoint *ret) {
  uint16_t port = 0;
  int code = spec_port(r, r->args[0], 0, &port);

  if (code == 0)
    code = spec_number(r, "backlog", r->keys[1], 1, PLAIT__BACKLOG_MAX,
                       &ret->backlog);
  if (code == 0 && r->keys[0] != NULL)
    return spec_ip(r, "interface", r->keys[0], port, &ret->address);
  ret->address.family = family;
  ret->address.port = port;
  return code;
}

static int spec_listen_tcp(const spec_reader *r, plait__endpoint *ret) {
  int code = spec_interface(r, PLAIT_IPV4, ret);

  ret->dual = ret->address.family == PLAIT_IPV6 && spec_is_any(&ret->address);
  return code;
}

static int spec_listen_tcp6(const spec_reader *r, plait__endpoint *ret) {
  int code = spec_interface(r, PLAIT_IPV6, ret);

  if (code == 0 && ret->address.family != PLAIT_IPV6)
    return plait__complain(r->text, "interface", r->keys[0], r->example,
                           "is an IPv4 address, and %s takes IPv6 alone",
                           r->type->name);
  return code;
}

static int spec_listen_unix(const spec_reader *r, plait__endpoint *ret) {
  int code = spec_path(r, "path", r->args[0], &ret->address);

  if (code == 0)
    code = spec_mode(r, r->keys[0], &ret->mode);
  if (code == 0)
    code = spec_number(r, "backlog", r->keys[1], 1, PLAIT__BACKLOG_MAX,
                       &ret->backlog);
  return code;
}

static int spec_listen_fd(const spec_reader *r, plait__endpoint *ret) {
  unsigned fd = 0;
  int code = spec_number(r, "descriptor", r->args[0], 0, INT_MAX, &fd);

  ret->fd = (int)fd;
  return code;
}

/* One of the two. */
static int spec_listen_systemd(const spec_reader *r, plait__endpoint *ret) {
  const char *name = r->keys[0], *index = r->keys[1];
  unsigned number = 0;

  if ((name == NULL) == (index == NULL))
    return plait__complain(
        r->text, name == NULL ? "name" : "index", NULL, r->example,
        name == NULL ? "missing, and so is index" : "given along with name");
  if (name != NULL && (name[0] == '\0' || strlen(name) > PLAIT__ACTIVATED_MAX))
    return plait__complain(r->text, "name", NULL, r->example,
                           "%u bytes; 1 to %d will do", (unsigned)strlen(name),
                           PLAIT__ACTIVATED_MAX);
  if (name != NULL)
    memcpy(ret->host, name, strlen(name) + 1);
  int code = spec_number(r, "index", index, 0, INT_MAX, &number);
  ret->fd = (int)number;
  return code;
}

static int spec_stdio(const spec_reader *r, plait__endpoint *ret) {
  (void)r;
  (void)ret;
  return 0;
}

static int spec_bind(const spec_reader *r, const char *bind,
                     plait__endpoint *ret) {
  int code;

  if (bind == NULL)
    return 0;
  code = spec_ip(r, "bind", bind, 0, &ret->local);
  if (code == 0 && ret->address.family != PLAIT_NO_ADDRESS &&
      ret->local.family != ret->address.family)
    return plait__complain(r->text, "bind", bind, r->example,
                           "is IPv%d, and the host is IPv%d",
                           (int)ret->local.family, (int)ret->address.family);
  return code;
}

/* An IP address, or a name to be looked up. */
static int spec_host(const spec_reader *r, plait__endpoint *ret) {
  const char *host = r->args[0];
  const char *problem;

  if (plait__value_ip(host, 0, &ret->address))
    return 0;
  if (!plait__value_is_name(host))
    return spec_ip(r, "host", host, 0, &ret->address);
  problem = plait__value_host(host);
  if (problem != NULL)
    return plait__complain(r->text, "host", host, r->example, "%s", problem);
  memcpy(ret->host, host, strlen(host) + 1);
  return 0;
}

/* A number, or the name of a service, to be looked up with the host. */
static int spec_connect_port(const spec_reader *r, plait__endpoint *ret) {
  const char *port = r->args[1];
  unsigned number = 0;

  if (plait__value_is_service(port))
    memcpy(ret->service, port, strlen(port) + 1);
  else if (!plait__value_number(port, 10, 1, UINT16_MAX, &number))
    return plait__complain(r->text, "port", port, r->example,
                           "is neither a number from 1 to %d nor the name of a "
                           "service",
                           UINT16_MAX);
  ret->address.port = (uint16_t)number;
  return 0;
}

static int spec_connect_tcp(const spec_reader *r, plait__endpoint *ret) {
  int code = spec_host(r, ret);

  if (code == 0)
    code = spec_connect_port(r, ret);
  if (code == 0)
    code = spec_timeout(r, r->keys[0], &ret->timeout_ms);
  return code == 0 ? spec_bind(r, r->keys[1], ret) : code;
}

static int spec_connect_unix(const spec_reader *r, plait__endpoint *ret) {
  int code = spec_path(r, "path", r->args[0], &ret->address);

  return code == 0 ? spec_timeout(r, r->keys[0], &ret->timeout_ms) : code;
}

static void spec_add_word(plait__endpoint *e, size_t *at, const char *word) {
  size_t size = strlen(word) + 1;

  memcpy(e->program + *at, word, size); /* the string was no longer */
  *at += size;
}

static int spec_connect_process(const spec_reader *r, plait__endpoint *ret) {
  size_t at = 0;

  if (r->args[0][0] == '\0')
    return plait__complain(r->text, "program", NULL, r->example, "empty");
  spec_add_word(ret, &at, r->args[0]);
  for (size_t i = 1; i < r->fields.count; i++) {
    const plait__field *field = &r->fields.field[i];

    if (field->key == NULL || strcmp(field->key, r->type->list) != 0)
      continue;
    spec_add_word(ret, &at, field->value);
    ret->arg_count++;
  }
  return spec_timeout(r, r->keys[0], &ret->timeout_ms);
}

static int spec_connect_udp(const spec_reader *r, plait__endpoint *ret) {
  int code = spec_host(r, ret);

  if (code == 0)
    code = spec_port(r, r->args[1], 1, &ret->address.port);
  return code == 0 ? spec_bind(r, r->keys[0], ret) : code;
}

static int spec_connect_unixgram(const spec_reader *r, plait__endpoint *ret) {
  int code = spec_path(r, "path", r->args[0], &ret->address);

  if (code == 0 && r->keys[0] != NULL)
    code = spec_path(r, "bind", r->keys[0], &ret->local);
  return code;
}

static const spec_type spec_servers[] = {
    {"tcp",
     PLAIT__KIND_TCP,
     "tcp:8000:interface=127.0.0.1",
     {"port"},
     {"interface", "backlog"},
     NULL,
     spec_listen_tcp},
    {"tcp6",
     PLAIT__KIND_TCP6,
     "tcp6:8000:interface=\\:\\:1",
     {"port"},
     {"interface", "backlog"},
     NULL,
     spec_listen_tcp6},
    {"unix",
     PLAIT__KIND_UNIX,
     "unix:/run/x.sock:mode=660",
     {"path"},
     {"mode", "backlog"},
     NULL,
     spec_listen_unix},
    {"fd",
     PLAIT__KIND_FD,
     "fd:3",
     {"descriptor"},
     {NULL},
     NULL,
     spec_listen_fd},
    {"systemd",
     PLAIT__KIND_SYSTEMD,
     "systemd:name=web",
     {NULL},
     {"name", "index"},
     NULL,
     spec_listen_systemd},
    {"stdio", PLAIT__KIND_STDIO, "stdio:", {NULL}, {NULL}, NULL, spec_stdio},
    {NULL, PLAIT__KIND_TCP, NULL, {NULL}, {NULL}, NULL, NULL},
};

static const spec_type spec_clients[] = {
    {"tcp",
     PLAIT__KIND_TCP,
     "tcp:www.example.net:80:timeout=0.5",
     {"host", "port"},
     {"timeout", "bind"},
     NULL,
     spec_connect_tcp},
    {"unix",
     PLAIT__KIND_UNIX,
     "unix:/run/x.sock:timeout=5",
     {"path"},
     {"timeout"},
     NULL,
     spec_connect_unix},
    {"process",
     PLAIT__KIND_PROCESS,
     "process:/bin/cat:arg=-n",
     {"program"},
     {"timeout"},
     "arg",
     spec_connect_process},
    {"stdio", PLAIT__KIND_STDIO, "stdio:", {NULL}, {NULL}, NULL, spec_stdio},
    {NULL, PLAIT__KIND_TCP, NULL, {NULL}, {NULL}, NULL, NULL},
};

static const spec_type spec_datagram_servers[] = {
    {"udp",
     PLAIT__KIND_UDP,
     "udp:5353:interface=127.0.0.1",
     {"port"},
     {"interface"},
     NULL,
     spec_listen_tcp},
    {"udp6",
     PLAIT__KIND_UDP6,
     "udp6:5353:interface=\\:\\:1",
     {"port"},
     {"interface"},
     NULL,
     spec_listen_tcp6},
    {"unixgram",
     PLAIT__KIND_UNIXGRAM,
     "unixgram:/run/x.sock:mode=660",
     {"path"},
     {"mode"},
     NULL,
     spec_listen_unix},
    {NULL, PLAIT__KIND_UDP, NULL, {NULL}, {NULL}, NULL, NULL},
};

static const spec_type spec_datagram_clients[] = {
    {"udp",
     PLAIT__KIND_UDP,
     "udp:127.0.0.1:53:bind=127.0.0.2",
     {"host", "port"},
     {"bind"},
     NULL,
     spec_connect_udp},
    {"unixgram",
     PLAIT__KIND_UNIXGRAM,
     "unixgram:/run/x.sock:bind=/run/mine.sock",
     {"path"},
     {"bind"},
     NULL,
     spec_connect_unixgram},
    {NULL, PLAIT__KIND_UDP, NULL, {NULL}, {NULL}, NULL, NULL},
};

/* ---- fields, matched with the tables ------------------------------------- */

/* Appends |name| to the list "a, b" in |buffer| of |size| bytes. */
static void spec_list_add(char *buffer, size_t size, const char *name) {
  size_t len = strlen(buffer);

  snprintf(buffer + len, size - len, "%s%s", len > 0 ? ", " : "", name);
}

static const spec_type *spec_find(const spec_type *types, const char *name) {
  for (; types->name != NULL; types++)
    if (strcmp(types->name, name) == 0)
      return types;
  return NULL;
}

/* What is wrong with the type |name|, which |types| does not have. */
static int spec_wrong_type(const spec_reader *r, const spec_type *types,
                           const char *name) {
  bool datagrams =
      types == spec_datagram_servers || types == spec_datagram_clients;
  const spec_type *servers = datagrams ? spec_datagram_servers : spec_servers;
  const spec_type *others = datagrams ? spec_servers : spec_datagram_servers;
  char list[64] = "";

  for (const spec_type *t = types; t->name != NULL; t++)
    spec_list_add(list, sizeof list, t->name);
  if (types != servers && spec_find(servers, name) != NULL)
    return plait__complain(r->text, "type", name, r->example,
                           "can only listen; these connect: %s", list);
  if (spec_find(others, name) != NULL)
    return plait__complain(r->text, "type", name, r->example,
                           "carries %s, and %s are asked for: %s",
                           datagrams ? "streams" : "datagrams",
                           datagrams ? "datagrams" : "streams", list);
  return plait__complain(r->text, "type", name, r->example, "is none of %s",
                         list);
}

static int spec_match_type(spec_reader *r, const spec_type *types) {
  const plait__field *first = &r->fields.field[0];

  if (first->key != NULL)
    return plait__complain(r->text, "type", first->key, r->example,
                           "is followed by '='; the type ends in ':'");
  r->type = spec_find(types, first->value);
  if (r->type == NULL)
    return spec_wrong_type(r, types, first->value);
  r->example = r->type->example;
  return 0;
}

/* Twisted says bindAddress, which stays good for the strings that have it. */
static bool spec_key_is(const char *name, const char *key) {
  return strcmp(name, key) == 0 ||
         (strcmp(name, "bind") == 0 && strcmp(key, "bindAddress") == 0);
}

static int spec_unknown_key(const spec_reader *r, const char *key) {
  char list[64] = "";

  for (size_t i = 0; i < SPEC_KEYS && r->type->keys[i] != NULL; i++)
    spec_list_add(list, sizeof list, r->type->keys[i]);
  if (r->type->list != NULL)
    spec_list_add(list, sizeof list, r->type->list);
  if (list[0] == '\0')
    return plait__complain(r->text, "key", key, r->example,
                           "is unknown; %s has no keys", r->type->name);
  return plait__complain(r->text, "key", key, r->example,
                         "is unknown; the keys of %s are %s", r->type->name,
                         list);
}

static int spec_match_key(spec_reader *r, const plait__field *field) {
  if (r->type->list != NULL && strcmp(r->type->list, field->key) == 0)
    return 0;
  for (size_t i = 0; i < SPEC_KEYS && r->type->keys[i] != NULL; i++) {
    if (!spec_key_is(r->type->keys[i], field->key))
      continue;
    if (r->keys[i] != NULL)
      return plait__complain(r->text, r->type->keys[i], NULL, r->example,
                             "given twice");
    r->keys[i] = field->value;
    return 0;
  }
  return spec_unknown_key(r, field->key);
}

static int spec_match_arg(spec_reader *r, const plait__field *field) {
  for (size_t i = 0; i < SPEC_ARGS && r->type->args[i] != NULL; i++) {
    if (r->args[i] != NULL)
      continue;
    r->args[i] = field->value;
    return 0;
  }
  return plait__complain(r->text, "argument", field->value, r->example,
                         "is one too many; ':' within a value is written "
                         "'\\:', as in \\:\\:1");
}

static int spec_match(spec_reader *r) {
  const plait__fields *fields = &r->fields;
  size_t count = fields->count;
  int code = 0;

  /* "stdio:" has no argument rather than an empty one. */
  if (count == 2 && fields->field[1].key == NULL &&
      fields->field[1].value[0] == '\0')
    count = 1;
  for (size_t i = 1; code == 0 && i < count; i++)
    code = fields->field[i].key != NULL ? spec_match_key(r, &fields->field[i])
                                        : spec_match_arg(r, &fields->field[i]);
  for (size_t i = 0; code == 0 && i < SPEC_ARGS; i++)
    if (r->type->args[i] != NULL && r->args[i] == NULL)
      return plait__complain(r->text, r->type->args[i], NULL, r->example,
                             "missing");
  return code;
}

static int spec_read(const spec_type *types, const char *text,
                     plait__endpoint *ret) {
  plait__endpoint endpoint;
  const char *problem;
  spec_reader r;
  int code;

  memset(&r, 0, sizeof r);
  r.text = text != NULL ? text : "";
  r.example = types[0].example;
  problem = plait__fields_parse(r.text, &r.fields);
  if (problem != NULL)
    return plait__complain(r.text, "string", NULL, r.example, "%s", problem);
  code = spec_match_type(&r, types);
  if (code == 0)
    code = spec_match(&r);
  if (code != 0)
    return code;
  memset(&endpoint, 0, sizeof endpoint);
  endpoint.kind = r.type->kind;
  endpoint.mode = -1;
  code = r.type->read(&r, &endpoint);
  if (code == 0)
    *ret = endpoint;
  return code;
}

int plait__endpoint_listen(const char *text, plait__endpoint *ret) {
  return spec_read(spec_servers, text, ret);
}

int plait__endpoint_connect(const char *text, plait__endpoint *ret) {
  return spec_read(spec_clients, text, ret);
}

int plait__endpoint_datagram_listen(const char *text, plait__endpoint *ret) {
  return spec_read(spec_datagram_servers, text, ret);
}

int plait__endpoint_datagram_connect(const char *text, plait__endpoint *ret) {
  return spec_read(spec_datagram_clients, text, ret);
}
