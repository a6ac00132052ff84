/* A c-ares channel on a reactor: its sockets are watched, its time-outs are
 * the wheel's. */
#ifndef PLAIT_CARES_CHANNEL_H
#define PLAIT_CARES_CHANNEL_H

#include <ares.h>

#include <plait/watch.h>

#include "core/reactor.h"

typedef struct plait__cares_watch plait__cares_watch;
typedef struct plait__cares_channel plait__cares_channel;

struct plait__cares_channel {
  plait_reactor *reactor;
  /* c-ares was at work, and nothing of it is on the stack: what it answered
   * may be followed by questions. */
  void (*worked)(plait__cares_channel *channel);
  ares_channel ares; /* NULL while there was nothing to ask for a while */
  plait__cares_watch *watches;
  plait__alarm alarm;
  unsigned pending; /* questions that c-ares has */
  unsigned nobodys; /* of these, questions that nobody waits for any more */
  int broken;       /* why a socket could not be watched: all are cancelled */
  bool working;     /* c-ares is on the stack */
};

/* Around asking c-ares, not inside one of its answers.  begin(): 0, and it may
 * be asked; or a code, and no end() follows. */
int plait__cares_begin(plait__cares_channel *channel);
void plait__cares_end(plait__cares_channel *channel);

/* Nobody waits for one of the questions any more; |worked| follows. */
void plait__cares_abandon(plait__cares_channel *channel);

/* Ends c-ares on this reactor; what is pending is answered.  On the reactor's
 * thread, or when plait_run() is over. */
void plait__cares_close(plait__cares_channel *channel);

#endif
