/* What an endpoint string asks for, and the canonical string of what it got.
 * Pure: no runtime, nothing is opened. */
#ifndef PLAIT_ENDPOINT_SPEC_H
#define PLAIT_ENDPOINT_SPEC_H

#include <plait/address.h>

enum {
  PLAIT__BACKLOG = 511,
  PLAIT__BACKLOG_MAX = 65535,
  PLAIT__CONNECT_MS = 30 * 1000,
  PLAIT__CONNECT_MS_MAX = 86400 * 1000, /* a day */
  PLAIT__HOST_MAX = 253,                /* of RFC 1035, without its last dot */
  PLAIT__ACTIVATED_MAX = 127,           /* a service manager's name */
  PLAIT__LABEL_MAX = 63,                /* between two dots of it */
  PLAIT__SERVICE_MAX = 31,              /* "http": IANA's have 15 at most */
  PLAIT__PROGRAM_ARGS_MAX = 14,
  PLAIT__PROGRAM_TEXT_MAX = 1024 + 1,
  PLAIT__ENDPOINT_TEXT_MAX = 2 * 1024 + 64 /* "process:", all of it escaped */
};

typedef enum plait__kind {
  PLAIT__KIND_TCP,
  PLAIT__KIND_TCP6,
  PLAIT__KIND_UNIX,
  PLAIT__KIND_FD,
  PLAIT__KIND_SYSTEMD, /* |host| is its name, or |fd| its number if that is ""
                        */
  PLAIT__KIND_STDIO,
  PLAIT__KIND_PROCESS,
  PLAIT__KIND_UDP,
  PLAIT__KIND_UDP6,
  PLAIT__KIND_UNIXGRAM
} plait__kind;

/* Members that the kind has no field for are 0. */
typedef struct plait__endpoint {
  plait__kind kind;
  plait_address address; /* to listen on, or to connect to */
  /* A client's host and port, where they have to be looked up; else "".  What
   * is not is in |address|. */
  char host[PLAIT__HOST_MAX + 2];
  char service[PLAIT__SERVICE_MAX + 1];
  /* A program with its arguments, each ended by NUL. */
  char program[PLAIT__PROGRAM_TEXT_MAX];
  unsigned arg_count;
  plait_address local; /* family 0: any */
  unsigned backlog;    /* 0: the string names none */
  uint32_t timeout_ms; /* 0: the string names none */
  int fd;
  int mode;  /* -1: the string names none */
  bool dual; /* IPv6 that takes IPv4 as well */
} plait__endpoint;

/* Reads |text|, that of a server or of a client.  0, or PLAIT_EENDPOINT with
 * the error detail. */
int plait__endpoint_listen(const char *text, plait__endpoint *ret);
int plait__endpoint_connect(const char *text, plait__endpoint *ret);

/* The same of what carries datagrams. */
int plait__endpoint_datagram_listen(const char *text, plait__endpoint *ret);
int plait__endpoint_datagram_connect(const char *text, plait__endpoint *ret);

/* The shortest text that reads as the same place, into |buffer| of
 * PLAIT__ENDPOINT_TEXT_MAX bytes.  It says where, not how: backlog, mode,
 * time-out and local address are left out.  Returns |buffer|. */
const char *plait__endpoint_listen_text(const plait__endpoint *e, char *buffer);
const char *plait__endpoint_connect_text(const plait__endpoint *e,
                                         char *buffer);

#endif
