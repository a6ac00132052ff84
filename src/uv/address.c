/* plait_address from and to struct sockaddr. */
#include "uv/backend.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

/* Structs are filled apart and copied: a sockaddr_storage is not to be
 * written through the type of another. */
static void address_put(const void *sa, size_t len,
                        struct sockaddr_storage *ret, socklen_t *ret_len) {
  memcpy(ret, sa, len);
  *ret_len = (socklen_t)len;
}

static int address_to_unix(const plait_address *a, struct sockaddr_storage *ret,
                           socklen_t *ret_len) {
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  size_t len = strnlen(a->path, sizeof a->path);
  /* An empty path would make the kernel choose a name. */
  if (len == 0 || len >= sizeof un.sun_path)
    return PLAIT_EINVAL;
  memcpy(un.sun_path, a->path, len);
  address_put(&un, sizeof un, ret, ret_len);
  return 0;
}

int plait__uv_to_sockaddr(const plait_address *a, struct sockaddr_storage *ret,
                          socklen_t *ret_len) {
  switch (a->family) {
  case PLAIT_IPV4: {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
    memcpy(&in.sin_addr, a->ip, sizeof in.sin_addr);
    address_put(&in, sizeof in, ret, ret_len);
    return 0;
  }
  case PLAIT_IPV6: {
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(a->port),
                               .sin6_scope_id = a->scope};
    memcpy(&in6.sin6_addr, a->ip, sizeof in6.sin6_addr);
    address_put(&in6, sizeof in6, ret, ret_len);
    return 0;
  }
  case PLAIT_UNIX:
    return address_to_unix(a, ret, ret_len);
  default:
    return PLAIT_EINVAL;
  }
}

static void address_from_unix(const struct sockaddr_storage *sa, socklen_t len,
                              plait_address *ret) {
  size_t head = offsetof(struct sockaddr_un, sun_path);
  memset(ret->path, 0, sizeof ret->path);
  ret->family = PLAIT_UNIX;
  if (len <= head)
    return; /* unnamed */
  size_t n = len - head;
  if (n > sizeof ret->path - 1)
    n = sizeof ret->path - 1;
  memcpy(ret->path, (const char *)sa + head, n);
}

/* Most of an address is the path, which those of IP have no use for. */
void plait__uv_from_sockaddr(const struct sockaddr_storage *sa, socklen_t len,
                             plait_address *ret) {
  memset(ret, 0, offsetof(plait_address, path) + 1);
  if (len < sizeof sa->ss_family)
    return;
  if (sa->ss_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, sa, sizeof in);
    ret->family = PLAIT_IPV4;
    ret->port = ntohs(in.sin_port);
    memcpy(ret->ip, &in.sin_addr, sizeof in.sin_addr);
  } else if (sa->ss_family == AF_INET6) {
    struct sockaddr_in6 in6;
    memcpy(&in6, sa, sizeof in6);
    ret->family = PLAIT_IPV6;
    ret->port = ntohs(in6.sin6_port);
    ret->scope = in6.sin6_scope_id;
    memcpy(ret->ip, &in6.sin6_addr, sizeof in6.sin6_addr);
  } else if (sa->ss_family == AF_UNIX) {
    address_from_unix(sa, len, ret);
  }
}
