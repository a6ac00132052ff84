/* The canonical text of an endpoint.  Reading it gives the same place again. */
#include "endpoint/spec.h"

#include <stdio.h>
#include <string.h>

/* "[", an IPv6 address, "%", a zone, "]", escaped: under 120. */
enum { TEXT_IP_MAX = 160 };

/* |text| with a backslash before each of |special|; |out| has room for twice as
 * much. */
static const char *text_escape_of(const char *text, const char *special,
                                  char *out) {
  char *c = out;

  for (; *text != '\0'; text++) {
    if (strchr(special, *text) != NULL)
      *c++ = '\\';
    *c++ = *text;
  }
  *c = '\0';
  return out;
}

/* What the grammar would take for its own. */
static const char *text_escape(const char *text, char *out) {
  return text_escape_of(text, ":=\\", out);
}

/* The escaped IP address of |a| without its port, an IPv6 one in brackets. */
static const char *text_ip(const plait_address *a, char *out) {
  char ip[PLAIT_ADDRESS_TEXT_MAX];

  plait_address_format(a, ip, sizeof ip);
  *strrchr(ip, ':') = '\0'; /* both families end in ":port" */
  return text_escape(ip, out);
}

static void text_listen_ip(const plait__endpoint *e, const char *type,
                           char *buffer) {
  bool is_6 = type[3] == '6';
  const char *any = is_6 ? "[\\:\\:]" : "0.0.0.0";
  unsigned port = e->address.port;
  char ip[TEXT_IP_MAX];
  int len;

  text_ip(&e->address, ip);
  len = (int)strlen(ip);
  if (strcmp(ip, any) == 0)
    snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "%s:%u", type, port);
  else if (ip[0] == '[') /* as a value it needs no brackets */
    snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "%s:%u:interface=%.*s", type,
             port, len - 2, ip + 1);
  else
    snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "%s:%u:interface=%s", type, port,
             ip);
}

static void text_unix(const plait__endpoint *e, const char *type,
                      char *buffer) {
  char path[2 * PLAIT_UNIX_PATH_MAX];

  snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "%s:%s", type,
           text_escape(e->address.path, path));
}

static void text_systemd(const plait__endpoint *e, char *buffer) {
  char name[2 * sizeof e->host];

  if (e->host[0] == '\0')
    snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "systemd:index=%d", e->fd);
  else
    snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "systemd:name=%.*s",
             2 * PLAIT__ACTIVATED_MAX, text_escape(e->host, name));
}

const char *plait__endpoint_listen_text(const plait__endpoint *e,
                                        char *buffer) {
  switch (e->kind) {
  case PLAIT__KIND_TCP:
    text_listen_ip(e, "tcp", buffer);
    break;
  case PLAIT__KIND_TCP6:
    text_listen_ip(e, "tcp6", buffer);
    break;
  case PLAIT__KIND_UDP:
    text_listen_ip(e, "udp", buffer);
    break;
  case PLAIT__KIND_UDP6:
    text_listen_ip(e, "udp6", buffer);
    break;
  case PLAIT__KIND_UNIX:
    text_unix(e, "unix", buffer);
    break;
  case PLAIT__KIND_UNIXGRAM:
    text_unix(e, "unixgram", buffer);
    break;
  case PLAIT__KIND_FD:
    snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "fd:%d", e->fd);
    break;
  case PLAIT__KIND_SYSTEMD:
    text_systemd(e, buffer);
    break;
  case PLAIT__KIND_STDIO:
    snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "stdio:");
    break;
  case PLAIT__KIND_PROCESS: /* nobody listens there */
    break;
  }
  return buffer;
}

static void text_connect_ip(const plait__endpoint *e, const char *type,
                            char *buffer) {
  char ip[TEXT_IP_MAX], port[sizeof e->service];
  bool named = e->host[0] != '\0', service = e->service[0] != '\0';

  snprintf(port, sizeof port, "%u", (unsigned)e->address.port);
  snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "%s:%s:%s", type,
           named ? e->host : text_ip(&e->address, ip),
           service ? e->service : port);
}

/* No longer than what was read: behind "arg=" a '=' needs no backslash. */
static void text_process(const plait__endpoint *e, char *buffer) {
  char word[2 * PLAIT__PROGRAM_TEXT_MAX];
  const char *next = e->program;
  size_t len = (size_t)snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "process:%s",
                                text_escape(next, word));

  for (unsigned i = 0; i < e->arg_count; i++) {
    next += strlen(next) + 1;
    len += (size_t)snprintf(buffer + len, PLAIT__ENDPOINT_TEXT_MAX - len,
                            ":arg=%s", text_escape_of(next, ":\\", word));
  }
}

const char *plait__endpoint_connect_text(const plait__endpoint *e,
                                         char *buffer) {
  if (e->kind == PLAIT__KIND_TCP)
    text_connect_ip(e, "tcp", buffer);
  else if (e->kind == PLAIT__KIND_UDP)
    text_connect_ip(e, "udp", buffer);
  else if (e->kind == PLAIT__KIND_UNIX)
    text_unix(e, "unix", buffer);
  else if (e->kind == PLAIT__KIND_UNIXGRAM)
    text_unix(e, "unixgram", buffer);
  else if (e->kind == PLAIT__KIND_PROCESS)
    text_process(e, buffer);
  else
    snprintf(buffer, PLAIT__ENDPOINT_TEXT_MAX, "stdio:");
  return buffer;
}
