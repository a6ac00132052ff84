/* A side of a datagram test: a port whose sockets write a trace, and leave what
 * they do to the test. */
#ifndef PLAIT_TESTS_SIDE_H
#define PLAIT_TESTS_SIDE_H

#include <plait.h>

#include "support/text.h"

struct side {
  plait_datagram_factory factory;
  plait_datagram_port *port;
  plait_datagram *socket; /* the one that started last */
  struct text trace;      /* "opened started got(5) ... stopped(0) ended" */
  struct text bytes;      /* all that came, one behind the other */
  unsigned count;         /* of datagrams that came */
  uint64_t dropped;       /* as of the end */
  /* May be NULL. */
  void (*begin)(struct side *s);
  void (*got)(struct side *s, const uint8_t *data, size_t len,
              const plait_datagram_info *info);
  void (*failed)(struct side *s, int code, const plait_address *to);
  void (*resume)(struct side *s);
  void (*drain)(struct side *s);
  void (*opened)(struct side *s);
  void (*ended)(struct side *s); /* after its last socket */
};

/* Opens it; aborts if that fails. */
void side_listen(struct side *s, const char *endpoint,
                 const plait_datagram_options *options);
void side_connect(struct side *s, const char *endpoint,
                  const plait_datagram_options *options);
/* What the call answers. */
int side_try(struct side *s, const char *endpoint, bool client);
/* The endpoint by which a client connects to |s|, at |ip| ("127.0.0.1", or
 * "\\:\\:1"); UNIX: NULL.  Static. */
const char *side_client(const struct side *s, const char *ip);
/* Where |s| is, at |ip|. */
plait_address side_address(const struct side *s, const char *ip);
/* Checks the trace, unless it is NULL, and frees all. */
void side_end(struct side *s, const char *trace);

/* Common answers. */
void side_echo(struct side *s, const uint8_t *data, size_t len,
               const plait_datagram_info *info);
void side_close(struct side *s);

#endif
