/* Addresses of endpoints: an IP address with its port, or a UNIX path. */
#ifndef PLAIT_ADDRESS_H
#define PLAIT_ADDRESS_H

#include <plait/export.h>

PLAIT_BEGIN

/* What an address is of. */
enum plait_family {
  PLAIT_NO_ADDRESS = 0, /* unknown, or a transport that has none */
  PLAIT_IPV4 = 4,
  PLAIT_IPV6 = 6,
  PLAIT_UNIX = 1
};

/* Bytes of a path, and of an address as text, with the NUL. */
enum { PLAIT_UNIX_PATH_MAX = 108, PLAIT_ADDRESS_TEXT_MAX = 128 };

/* All zero is PLAIT_NO_ADDRESS. */
struct plait_address {
  uint8_t family; /* enum plait_family */
  uint16_t port;  /* host byte order; 0 for UNIX */
  uint32_t scope; /* IPv6 zone index, 0 for none */
  uint8_t ip[16]; /* network byte order; IPv4 uses the first four */
  char path[PLAIT_UNIX_PATH_MAX]; /* UNIX only; empty for an unnamed socket */
};

/* Makes |ret| the address of the numeric |text| ("127.0.0.1", "::1",
 * "fe80::1%2") with |port|.  0, or PLAIT_EINVAL if |text| is not numeric.  Any
 * thread, as all functions here. */
PLAIT_EXTERN int plait_address_parse(const char *text, uint16_t port,
                                     plait_address *ret);

/* Writes |a| as "127.0.0.1:80", "[::1]:80", "unix:/run/x" or "unknown" into
 * |buffer| of |size| bytes, always terminated; PLAIT_ADDRESS_TEXT_MAX is
 * enough for any.  Returns |buffer|. */
PLAIT_EXTERN const char *plait_address_format(const plait_address *a,
                                              char *buffer, size_t size);

/* The same without port and brackets, as plait_address_parse() reads it:
 * "127.0.0.1", "fe80::1%2". */
PLAIT_EXTERN const char *plait_address_format_ip(const plait_address *a,
                                                 char *buffer, size_t size);

PLAIT_END

#endif
