/* From c-ares' structs to plait's.  Services are looked up here and not by
 * c-ares, which takes "80x" for 80. */
#include "cares/answer.h"

#include <netdb.h>
#include <netinet/in.h>
#include <plait/error.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

int plait__cares_code(int status) {
  switch (status) {
  case ARES_SUCCESS:
    return 0;
  case ARES_ENODATA:
  case ARES_ENOTFOUND:
  case ARES_EBADNAME:
  case ARES_ENONAME:
    return PLAIT_ENOTFOUND;
  case ARES_ENOMEM:
    return PLAIT_ENOMEM;
  case ARES_ECANCELLED:
  case ARES_EDESTRUCTION:
    return PLAIT_ECANCELED;
  case ARES_EBADFAMILY:
    return PLAIT_EAFNOSUPPORT;
  default: /* they refused, failed, said nothing, or nothing of use */
    return PLAIT_ETEMPORARY;
  }
}

/* ---- ports --------------------------------------------------------------- */

int plait__cares_port(const plait__question *question, uint16_t *ret) {
  const char *service = question->service;
  struct servent room, *entry = NULL;
  char text[4096];
  char *end;
  *ret = question->port;
  if (service == NULL)
    return 0;
  if (getservbyname_r(service, "tcp", &room, text, sizeof text, &entry) == 0 &&
      entry != NULL) {
    *ret = ntohs((uint16_t)entry->s_port);
    return 0;
  }
  if (service[strspn(service, "0123456789")] != '\0')
    return PLAIT_ENOTFOUND;
  unsigned long number = strtoul(service, &end, 10);
  *ret = (uint16_t)number;
  return number <= UINT16_MAX ? 0 : PLAIT_ENOTFOUND;
}

/* ---- answers ------------------------------------------------------------- */

static void found_drop(const plait__os *os, plait__found *found) {
  plait__free(os, found->addresses);
  plait__free(os, found->canonical);
  *found = (plait__found){0};
}

/* Room for |count| addresses, and |name|. */
static int found_make(const plait__os *os, size_t count, const char *name,
                      plait__found *ret) {
  size_t size = strlen(name) + 1;
  ret->canonical = plait__alloc(os, size);
  if (count > 0)
    ret->addresses = plait__zalloc(os, count * sizeof *ret->addresses);
  if (ret->canonical == NULL || (count > 0 && ret->addresses == NULL)) {
    found_drop(os, ret);
    return PLAIT_ENOMEM;
  }
  memcpy(ret->canonical, name, size);
  return 0;
}

int plait__cares_take_name(const plait__os *os, const char *name,
                           plait__found *ret) {
  return found_make(os, 0, name, ret);
}

int plait__cares_take_literal(const plait__os *os, const char *name,
                              const plait_address *address, plait__found *ret) {
  int code = found_make(os, 1, name, ret);
  if (code != 0)
    return code;
  ret->addresses[0] = *address;
  ret->count = 1;
  return 0;
}

/* False: neither IPv4 nor IPv6. */
static bool address_take(const struct ares_addrinfo_node *node, uint16_t port,
                         plait_address *ret) {
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  *ret = (plait_address){.port = port};
  if (node->ai_family == AF_INET) {
    memcpy(&in, node->ai_addr, sizeof in);
    ret->family = PLAIT_IPV4;
    memcpy(ret->ip, &in.sin_addr, sizeof in.sin_addr);
  } else if (node->ai_family == AF_INET6) {
    memcpy(&in6, node->ai_addr, sizeof in6);
    ret->family = PLAIT_IPV6;
    ret->scope = in6.sin6_scope_id;
    memcpy(ret->ip, &in6.sin6_addr, sizeof in6.sin6_addr);
  }
  return ret->family != PLAIT_NO_ADDRESS;
}

/* The end of the chain of aliases that begins with |name|. */
static const char *canonical_of(const char *name,
                                const struct ares_addrinfo *info) {
  if (info->name != NULL && info->name[0] != '\0')
    name = info->name;
  for (const struct ares_addrinfo_cname *c = info->cnames; c != NULL;
       c = c->next)
    if (c->name != NULL && c->name[0] != '\0')
      name = c->name;
  return name;
}

int plait__cares_take(const plait__os *os, const char *name, uint16_t port,
                      const struct ares_addrinfo *info, plait__found *ret) {
  size_t count = 0;
  for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next)
    count++;
  if (count == 0)
    return PLAIT_ENOTFOUND;
  int code = found_make(os, count, canonical_of(name, info), ret);
  if (code != 0)
    return code;
  for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next)
    if (address_take(n, port, &ret->addresses[ret->count]))
      ret->count++;
  return 0;
}
