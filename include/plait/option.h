/* Options of a connection's socket, each with a type.
 *
 *     plait_transport_option_set(t, PLAIT_OPTION_SEND_BUFFER,
 *                                plait_option_bytes(1 << 20));
 *     plait_option_value v;
 *     if (plait_transport_option_get(t, PLAIT_OPTION_CONGESTION, &v) == 0)
 *       puts(v.text);
 *
 * They act on the system's socket at once, ahead of what is still queued.  Most
 * programs need none of them: plait has its own limits and time-outs
 * (plait_limits), and turns Nagle's algorithm off.
 */
#ifndef PLAIT_OPTION_H
#define PLAIT_OPTION_H

#include <plait/export.h>

PLAIT_BEGIN

/* By the type of their values; "reads" are those that cannot be set.  All
 * connections have them, unless TCP or IP (TCP over IPv4 or IPv6) is said. */
typedef enum plait_option {
  /* Flags. */
  PLAIT_OPTION_DEBUG,         /* SO_DEBUG: takes a privilege */
  PLAIT_OPTION_ACCEPTCONN,    /* reads: whether it listens, which none does */
  PLAIT_OPTION_REUSE_ADDRESS, /* SO_REUSEADDR */
  PLAIT_OPTION_KEEP_ALIVE,    /* SO_KEEPALIVE */
  PLAIT_OPTION_DONT_ROUTE,    /* SO_DONTROUTE */
  PLAIT_OPTION_BROADCAST,     /* SO_BROADCAST: of no use to a stream */
  PLAIT_OPTION_OOB_INLINE,    /* SO_OOBINLINE: urgent bytes come as data */
  PLAIT_OPTION_NODELAY,       /* TCP: TCP_NODELAY, which plait turns on */
  PLAIT_OPTION_QUICKACK,      /* TCP: TCP_QUICKACK, for the next segments */

  /* Milliseconds. */
  PLAIT_OPTION_KEEP_ALIVE_IDLE,     /* TCP: until the first probe; rounded up to
                                       seconds, 32,767 of them at most */
  PLAIT_OPTION_KEEP_ALIVE_INTERVAL, /* TCP: between probes; likewise */
  PLAIT_OPTION_USER_TIMEOUT, /* TCP: that bytes may stay unacknowledged; 0: the
                                system's */
  /* SO_SNDTIMEO and SO_RCVTIMEO: plait does not block, so see plait_limits
   * instead. */
  PLAIT_OPTION_SEND_TIMEOUT,
  PLAIT_OPTION_RECEIVE_TIMEOUT,

  /* Bytes.  SO_SNDBUF and SO_RCVBUF: Linux makes room for its own needs and
   * answers twice what was set, and sets no more than net.core.wmem_max and
   * rmem_max. */
  PLAIT_OPTION_SEND_BUFFER,
  PLAIT_OPTION_RECEIVE_BUFFER,
  PLAIT_OPTION_SEND_LOWAT,    /* reads: SO_SNDLOWAT */
  PLAIT_OPTION_RECEIVE_LOWAT, /* SO_RCVLOWAT: data_received waits for so much */
  PLAIT_OPTION_UNSENT_LOWAT, /* TCP: TCP_NOTSENT_LOWAT: the system takes no more
                                while so much is not sent */

  /* Numbers. */
  PLAIT_OPTION_KEEP_ALIVE_COUNT, /* TCP: probes without an answer, to 127 */
  PLAIT_OPTION_PRIORITY,         /* SO_PRIORITY, 0 to 6 without a privilege */
  PLAIT_OPTION_TOS,              /* IP: IP_TOS or IPV6_TCLASS, 0 to 255 */

  /* A flag with milliseconds. */
  PLAIT_OPTION_LINGER, /* reads: SO_LINGER; set, it would make close(2) block
                          the reactor: see plait_limits.linger_ms, plait_abort()
                        */

  /* Texts. */
  PLAIT_OPTION_CONGESTION, /* TCP: TCP_CONGESTION, "cubic" say */
  PLAIT_OPTION_TYPE,       /* reads: "stream" */

  /* Neither set nor read: it would take the error from connection_lost, whose
   * reason it is. */
  PLAIT_OPTION_ERROR
} plait_option;

/* What a value is. */
typedef enum plait_option_type {
  PLAIT_OPTION_IS_FLAG,
  PLAIT_OPTION_IS_NUMBER,
  PLAIT_OPTION_IS_BYTES,
  PLAIT_OPTION_IS_MS,
  PLAIT_OPTION_IS_LINGER, /* |on|, and |number| milliseconds */
  PLAIT_OPTION_IS_TEXT
} plait_option_type;

enum { PLAIT_OPTION_TEXT_MAX = 16 }; /* with the NUL */

/* Its |type| says which of the others count. */
typedef struct plait_option_value {
  plait_option_type type;
  bool on;         /* a flag */
  uint32_t number; /* a number, bytes or milliseconds */
  char text[PLAIT_OPTION_TEXT_MAX];
} plait_option_value;

/* Values to set. */
static inline plait_option_value plait_option_flag(bool on) {
  plait_option_value v = {PLAIT_OPTION_IS_FLAG, on, 0, ""};
  return v;
}
static inline plait_option_value plait_option_number(uint32_t number) {
  plait_option_value v = {PLAIT_OPTION_IS_NUMBER, false, number, ""};
  return v;
}
static inline plait_option_value plait_option_bytes(uint32_t bytes) {
  plait_option_value v = {PLAIT_OPTION_IS_BYTES, false, bytes, ""};
  return v;
}
static inline plait_option_value plait_option_ms(uint32_t ms) {
  plait_option_value v = {PLAIT_OPTION_IS_MS, false, ms, ""};
  return v;
}
/* |text| is cut if it is too long: no option has such a value. */
PLAIT_EXTERN plait_option_value plait_option_text(const char *text);

/* Sets |option|, in the connection's serial context, be it on its reactor or on
 * a worker.  0, or a negative code with plait_error_detail(), which names the
 * option: PLAIT_EINVAL, the value has another type or is out of range, or there
 * is no such option; PLAIT_EPERM, it is not to be set; PLAIT_ENOTSUP, it is not
 * for such a connection; PLAIT_ECLOSED, the descriptor is closed; or what the
 * system answers. */
PLAIT_EXTERN int plait_transport_option_set(plait_transport *t,
                                            plait_option option,
                                            plait_option_value value);

/* The same to read it: what the system answers, in |ret|. */
PLAIT_EXTERN int plait_transport_option_get(const plait_transport *t,
                                            plait_option option,
                                            plait_option_value *ret);

/* Its name, such as "keep_alive_idle", and the type of its values; NULL: there
 * is no such option. */
PLAIT_EXTERN const char *plait_option_name(plait_option option,
                                           plait_option_type *ret_type);

PLAIT_END

#endif
