/* Addresses as text and back.
 *
 * Only numeric text: a name takes a resolver, which may block.  A zone is a
 * number too ("fe80::1%2"), as the name of an interface takes a system call.
 */
#define _POSIX_C_SOURCE 200809L

#include <plait/address.h>
#include <plait/error.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* The zone index in |text|: a number from 1, as 0 means that there is none. */
static int address_zone(const char *text, uint32_t *ret) {
  uint64_t zone = 0;

  for (const char *c = text; *c != '\0'; c++) {
    if (*c < '0' || *c > '9')
      return PLAIT_EINVAL;
    zone = zone * 10 + (uint64_t)(*c - '0');
    if (zone > UINT32_MAX)
      return PLAIT_EINVAL;
  }
  if (zone == 0)
    return PLAIT_EINVAL;
  *ret = (uint32_t)zone;
  return 0;
}

static int address_parse_ipv6(const char *text, plait_address *address) {
  const char *percent = strchr(text, '%');
  size_t len = percent != NULL ? (size_t)(percent - text) : strlen(text);
  char digits[INET6_ADDRSTRLEN];

  if (len >= sizeof digits)
    return PLAIT_EINVAL;
  memcpy(digits, text, len);
  digits[len] = '\0';
  if (inet_pton(AF_INET6, digits, address->ip) != 1)
    return PLAIT_EINVAL;
  address->family = PLAIT_IPV6;
  return percent != NULL ? address_zone(percent + 1, &address->scope) : 0;
}

int plait_address_parse(const char *text, uint16_t port, plait_address *ret) {
  plait_address address;
  int code = 0;

  if (text == NULL)
    return PLAIT_EINVAL;
  memset(&address, 0, sizeof address);
  address.port = port;
  if (inet_pton(AF_INET, text, address.ip) == 1)
    address.family = PLAIT_IPV4;
  else
    code = address_parse_ipv6(text, &address);
  if (code == 0)
    *ret = address;
  return code;
}

const char *plait_address_format_ip(const plait_address *a, char *buffer,
                                    size_t size) {
  char ip[INET6_ADDRSTRLEN];
  int family = a->family == PLAIT_IPV6 ? AF_INET6 : AF_INET;

  if (a->family != PLAIT_IPV4 && a->family != PLAIT_IPV6)
    return plait_address_format(a, buffer, size);
  inet_ntop(family, a->ip, ip, sizeof ip);
  if (a->family == PLAIT_IPV6 && a->scope != 0)
    snprintf(buffer, size, "%s%%%lu", ip, (unsigned long)a->scope);
  else
    snprintf(buffer, size, "%s", ip);
  return buffer;
}

const char *plait_address_format(const plait_address *a, char *buffer,
                                 size_t size) {
  char ip[PLAIT_ADDRESS_TEXT_MAX];

  switch (a->family) {
  case PLAIT_IPV4:
    plait_address_format_ip(a, ip, sizeof ip);
    snprintf(buffer, size, "%s:%u", ip, (unsigned)a->port);
    break;
  case PLAIT_IPV6:
    plait_address_format_ip(a, ip, sizeof ip);
    snprintf(buffer, size, "[%s]:%u", ip, (unsigned)a->port);
    break;
  case PLAIT_UNIX:
    snprintf(buffer, size, "unix:%.*s", PLAIT_UNIX_PATH_MAX - 1, a->path);
    break;
  default:
    snprintf(buffer, size, "unknown");
    break;
  }
  return buffer;
}
