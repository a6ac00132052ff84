/* The system's resolver, which blocks. */
#include "uv/backend.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum { RESOLVE_TEXT_MAX = 1025 }; /* NI_MAXHOST */

static int resolve_code(int rc) {
  switch (rc) {
  case 0:
    return 0;
  case EAI_NONAME:
  case EAI_NODATA:
  case EAI_ADDRFAMILY:
  case EAI_SERVICE:
    return PLAIT_ENOTFOUND;
  case EAI_MEMORY:
    return PLAIT_ENOMEM;
  case EAI_SYSTEM:
    return errno != 0 ? -errno : PLAIT_ETEMPORARY;
  case EAI_FAMILY:
    return PLAIT_EAFNOSUPPORT;
  default: /* EAI_AGAIN, EAI_FAIL */
    return PLAIT_ETEMPORARY;
  }
}

static char *resolve_copy(const plait__os *os, const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = os->alloc(NULL, size, "name");
  return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static int resolve_take(const plait__os *os, const char *name,
                        const struct addrinfo *list, plait__found *ret) {
  size_t count = 0;
  for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
    count++;
  const char *canonical = list->ai_canonname ? list->ai_canonname : name;
  ret->addresses = os->alloc(NULL, count * sizeof *ret->addresses, "addresses");
  ret->canonical = resolve_copy(os, canonical);
  if (!ret->addresses || !ret->canonical) {
    os->alloc(ret->addresses, 0, "addresses");
    os->alloc(ret->canonical, 0, "name");
    *ret = (plait__found){0};
    return PLAIT_ENOMEM;
  }
  for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
    struct sockaddr_storage sa = {0};
    memcpy(&sa, a->ai_addr, a->ai_addrlen);
    plait__uv_from_sockaddr(&sa, a->ai_addrlen, &ret->addresses[ret->count++]);
  }
  return 0;
}

static int resolve_forward(const plait__os *os, const plait__question *q,
                           plait__found *ret) {
  char port[8];
  struct addrinfo *list = NULL;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_CANONNAME,
                           .ai_family = q->family == PLAIT_IPV4   ? AF_INET
                                        : q->family == PLAIT_IPV6 ? AF_INET6
                                                                  : AF_UNSPEC};
  snprintf(port, sizeof port, "%u", q->port);
  errno = 0;
  int code = resolve_code(
      getaddrinfo(q->name, q->service ? q->service : port, &hints, &list));
  if (!code)
    code = resolve_take(os, q->name, list, ret);
  if (list)
    freeaddrinfo(list);
  return code;
}

static int resolve_reverse(const plait__os *os, const plait__question *q,
                           plait__found *ret) {
  char name[RESOLVE_TEXT_MAX];
  struct sockaddr_storage sa;
  socklen_t len;
  int code = plait__uv_to_sockaddr(&q->address, &sa, &len);
  errno = 0;
  if (!code)
    code = resolve_code(getnameinfo((struct sockaddr *)&sa, len, name,
                                    sizeof name, NULL, 0, NI_NAMEREQD));
  if (code)
    return code;
  ret->canonical = resolve_copy(os, name);
  return ret->canonical ? 0 : PLAIT_ENOMEM;
}

int plait__uv_resolve(const plait__os *os, const plait__question *question,
                      plait__found *ret) {
  return question->name ? resolve_forward(os, question, ret)
                        : resolve_reverse(os, question, ret);
}
