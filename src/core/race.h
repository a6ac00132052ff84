/* A race: attempts to connect to the addresses of one name, as RFC 8305 has it
 * (happy eyeballs).
 *
 *     10.0.0.1     |-------- black hole ---------------------->| closed
 *     2001:db8::1  |   250 ms   |-- refused --|                :
 *     10.0.0.2     |                          |-- connected ---| won
 *
 * The addresses come in the order of the resolver, its first one's family
 * first, and then by turns of the families.  The next attempt begins a delay
 * after the last one, or at once when one fails.  The first that connects wins;
 * the others are closed, and no protocol is ever made for them.
 */
#ifndef PLAIT_CORE_RACE_H
#define PLAIT_CORE_RACE_H

#include <plait/address.h>

#include "core/reactor.h"

enum {
  PLAIT__RACE_MAX = 64, /* addresses of one name that are tried */
  PLAIT__RACE_DELAY_MS = 250,
  PLAIT__RACE_DELAY_MIN_MS = 10 /* of RFC 8305, section 8 */
};

typedef struct plait__race plait__race;

/* An attempt; its stream points to it while it is CONNECTING. */
typedef struct plait__attempt {
  plait__race *race;
  plait__stream *stream; /* NULL: not begun, or over */
  plait_address peer;
} plait__attempt;

/* Why there is no connection. */
typedef struct plait__failure {
  int code;           /* 0: nothing has failed */
  const char *step;   /* static: "resolve", "connect" */
  const char *words;  /* static; NULL: plait_strerror(code) */
  plait_address peer; /* family 0: of no one address */
  unsigned others;    /* attempts that came to nothing as well */
} plait__failure;

struct plait__race {
  plait_reactor *reactor;
  plait_address local; /* family 0: any; others of its family are tried only */
  uint32_t delay_ms;   /* PLAIT_UNLIMITED: one after the other */
  /* One of them is called, once, perhaps inside plait__race_start(), with the
   * race over: |stream| is connected, watched and of nobody, and |peer| good
   * until |won| returns; or |failure| is set. */
  void (*won)(plait__race *race, plait__stream *stream,
              const plait_address *peer);
  void (*lost)(plait__race *race);

  plait__failure failure;   /* the most telling one */
  plait__attempt *attempts; /* NULL: no race is on */
  unsigned count, begun, running;
  plait__alarm alarm; /* the next attempt */
};

/* |count| is at least 1. */
void plait__race_start(plait__race *race, const plait_address *addresses,
                       size_t count);
/* Ends a race that is on: |failure| says |code|, and neither |won| nor |lost|
 * follows. */
void plait__race_stop(plait__race *race, int code);
/* plait_runtime_free(): the streams are the loop's business. */
void plait__race_free(plait__race *race);

/* ---- for the stream ---- */

/* The descriptor of a stream that is CONNECTING has something to tell. */
void plait__attempt_ready(plait__stream *s);

#endif
