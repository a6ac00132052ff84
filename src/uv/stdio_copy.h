/* What stdio.c opens and the thread of stdio_copy.c copies. */
#ifndef PLAIT_UV_STDIO_COPY_H
#define PLAIT_UV_STDIO_COPY_H

#include <stdatomic.h>

#include "core/driver.h"

/* How to read or write a descriptor without waiting and without setting
 * O_NONBLOCK where others share it. */
typedef enum plait__stdio_kind {
  PLAIT__STDIO_PLAIN,    /* always ready: files, /dev/null */
  PLAIT__STDIO_SOCKET,   /* MSG_DONTWAIT */
  PLAIT__STDIO_REOPENED, /* O_NONBLOCK on an open file description of ours */
  PLAIT__STDIO_CAREFUL   /* poll, then no more than is sure to fit */
} plait__stdio_kind;

typedef struct plait__stdio_side {
  int fd; /* ours if REOPENED */
  plait__stdio_kind kind;
  size_t piece; /* CAREFUL: what fits when poll says that something does */
} plait__stdio_side;

enum { PLAIT__STDIO_BYTES = 64 * 1024 };

struct plait__stdio {
  const plait__os *os;
  plait__thread *thread;
  void (*done)(void *arg, int code);
  void *arg;
  plait__stdio_side in, out;
  int end;                  /* the thread's end of the pair */
  int quit;                 /* eventfd */
  _Atomic uint32_t wait_ms; /* what quitting waits for progress */
  _Atomic bool closing;     /* our end is closed, not only shut */

  /* The rest is the thread's alone. */
  bool in_ready;  /* standard input has something */
  bool in_ended;  /* nothing more is wanted of it */
  bool out_ready; /* our end has sent something that is not copied yet */
  bool out_ended; /* it has sent its last */
  bool gone;      /* nobody reads or writes at our end any more */
  bool quitting;
  int code; /* what standard output failed with */
  uint64_t progress_ns;
  size_t off, len; /* of |input|: read, and not sent yet */
  uint8_t input[PLAIT__STDIO_BYTES], output[PLAIT__STDIO_BYTES];
};

/* The thread: copies both ways until both have ended, standard output breaks,
 * or it is to quit. */
void plait__uv_stdio_copy(void *stdio);

#endif
