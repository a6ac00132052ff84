/* The states in which a connection ends: one table, in closing.c, drawn in
 * docs/lifetime.md. */
#ifndef PLAIT_CORE_CLOSING_H
#define PLAIT_CORE_CLOSING_H

typedef struct plait__stream plait__stream;

typedef enum plait__phase {
  PLAIT__CONNECTING, /* a connector's, no protocol yet */
  PLAIT__OPEN,
  PLAIT__FLUSHING,  /* closed by us: the queue is being sent */
  PLAIT__LINGERING, /* all is sent and our side ended: the peer's end is due */
  PLAIT__GONE, /* the descriptor is closed; lost comes when no hold is left */
  PLAIT__PHASES
} plait__phase;

typedef enum plait__closing_event {
  PLAIT__ON_CLOSE, /* plait_close() */
  PLAIT__ON_SENT,  /* the queue is empty, the peer's side still open */
  PLAIT__ON_DONE,  /* the queue is empty and the peer's end was read */
  PLAIT__ON_LATE,  /* a deadline, or too much input to discard */
  PLAIT__ON_FAIL,  /* an error of the descriptor, of memory or of a limit */
  PLAIT__ON_ABORT,
  PLAIT__CLOSING_EVENTS
} plait__closing_event;

/* Something happened that may end the connection; |code| says why (0: no
 * reason of its own). */
void plait__closing(plait__stream *s, plait__closing_event event, int code);

/* |code| becomes the reason of connection_lost, unless there is one already. */
void plait__closing_reason(plait__stream *s, int code);

/* FLUSHING or LINGERING: raises ON_SENT or ON_DONE if that is so. */
void plait__closing_check(plait__stream *s);

#endif
