/* Watches: readiness of descriptors that are not plait's.
 *
 * A library with descriptors of its own (a database client, ALSA, a resolver,
 * inotify) is joined to a reactor by a watch for each of them, embedded in a
 * struct of yours:
 *
 *     struct session { plait_watch watch; PGconn *db; ... };
 *
 *     plait_watch_init(&session->watch, session_ready);
 *     plait_watch_start(&session->watch, PQsocket(db), PLAIT_WATCH_READABLE);
 *
 * plait reads nothing from the descriptor, changes none of its flags and never
 * closes it.  (libuv's uv_poll_t, Twisted's IReadDescriptor.)
 */
#ifndef PLAIT_WATCH_H
#define PLAIT_WATCH_H

#include <plait/export.h>

PLAIT_BEGIN

/* What is watched, and what has come. */
enum {
  PLAIT_WATCH_READABLE = 1u << 0, /* also: the peer's end has come */
  PLAIT_WATCH_WRITABLE = 1u << 1,
  /* Comes whatever is watched, along with all that is: an error, or both
   * directions have ended.  Reading or writing tells which. */
  PLAIT_WATCH_FAILED = 1u << 3
};

/* private: how the core and a backend know a descriptor */
typedef struct plait__socket {
  const struct plait__socket_events *events;
} plait__socket;

/* Embedded in a struct of yours. */
struct plait_watch {
  /* private */
  plait__socket socket;
  void (*fn)(plait_watch *watch, unsigned events);
  plait_reactor *reactor; /* NULL: not active */
  int fd;
  unsigned events;
};

/* Prepares |watch|, which is not active, to call |fn|. */
PLAIT_EXTERN void plait_watch_init(plait_watch *watch,
                                   void (*fn)(plait_watch *watch,
                                              unsigned events));

/* Watches |fd| for |events|, PLAIT_WATCH_READABLE, PLAIT_WATCH_WRITABLE or
 * both, on the reactor whose callback is running: |fn|(|watch|, what has come)
 * runs there again and again as long as something of it holds, so read until
 * nothing is left, or stop.  An active watch is changed to |fd| and |events|.
 * Keeps plait_run() from returning until it is stopped, or the runtime is.
 *
 * |fd| stays yours, and open until the watch was stopped.  0; PLAIT_EINVAL: not
 * on a reactor's thread (callbacks on workers are not), active on another one,
 * no descriptor, or no such events; PLAIT_EBADF: it is not open; PLAIT_EPERM:
 * the system does not watch such (files and directories, which never have to be
 * waited for); PLAIT_EEXIST: this reactor watches it already, by another watch
 * or as a connection; PLAIT_ENOMEM, PLAIT_EMFILE, PLAIT_ENFILE, PLAIT_ELIMIT
 * (the system's, of watched descriptors).  After a code all is as it was. */
PLAIT_EXTERN int plait_watch_start(plait_watch *watch, int fd, unsigned events);

/* Immediate: |fn| does not run after it, and |watch| and the descriptor are
 * yours alone.  Harmless if it is not active.  On the reactor's thread, inside
 * any callback, or while plait_run() does not run; before
 * plait_runtime_free(). */
PLAIT_EXTERN void plait_watch_stop(plait_watch *watch);

/* Whether it is started and was not stopped. */
PLAIT_EXTERN bool plait_watch_active(const plait_watch *watch);

PLAIT_END

#endif
