/* THE SEAM: the whole outside world, as three small tables.
 *
 * Nothing above this line reads a clock, opens a socket, starts a thread or
 * allocates memory but through them; a backend (src/uv, or src/sim, which lives
 * in memory) fills them in and decides nothing: which connection to accept,
 * when to back off, when to read or to close is decided above, once.
 *
 * Codes are 0 or a negative PLAIT_E* code.  Descriptors are ints; in a backend
 * without descriptors they are names it gave out.
 */
#ifndef PLAIT_CORE_DRIVER_H
#define PLAIT_CORE_DRIVER_H

#include <plait/address.h>
#include <plait/export.h>
#include <plait/option.h>
#include <plait/watch.h>

typedef struct plait__loop plait__loop; /* the backend's half of a reactor */
typedef struct plait__thread plait__thread; /* the backend's */
typedef struct plait__worker plait__worker; /* the backend's */
typedef struct plait__stdio plait__stdio;   /* the backend's */

/* What a socket's owner waits for, and what has come.
 *
 * READABLE and WRITABLE are level-triggered.  ALIVE is for an owner that wants
 * neither: it is silent on data and on the peer's end and reports only that
 * both directions are gone (HANGUP, which comes for ever until the interest
 * becomes 0) or a reset (FAILED); or, along with READABLE, for a listening
 * socket, of which HANGUP says that it was shut down.  FAILED comes whatever
 * the interest is, and the backend has stopped watching: bytes that arrived
 * before the failure are still readable, so the owner reads until it gets the
 * error. */
enum {
  PLAIT__READABLE = 1u << 0,
  PLAIT__WRITABLE = 1u << 1,
  PLAIT__ALIVE = 1u << 2,  /* interest only */
  PLAIT__HANGUP = 1u << 2, /* event only: the answer to ALIVE */
  PLAIT__FAILED = 1u << 3  /* event only */
};

/* Where a socket's events go.  Both run on the loop's thread with none of the
 * core's frames on the stack. */
typedef struct plait__socket_events {
  /* Called through plait__dispatch(). */
  void (*ready)(plait__socket *socket, unsigned events);
  /* After io->close(): the backend has forgotten |socket|; its memory may go.
   * Never from inside io->close(). */
  void (*closed)(plait__socket *socket);
} plait__socket_events;

/* A plait__socket is the head of the backend's socket.  Its owner embeds
 * io->socket_bytes bytes for it, aligned for any type, as its own last member.
 * (For watch() it is but the head: <plait/watch.h>, where it is declared.) */

typedef struct plait__iovec { /* same members as struct iovec */
  const void *data;
  size_t len;
} plait__iovec;

/* How to open a listening socket. */
typedef struct plait__listen_spec {
  const plait_address *address;
  unsigned backlog;
  unsigned sockets; /* TCP: how many are to share the port */
  bool dual;        /* IPv6: take IPv4 as well */
  int mode;         /* UNIX: permissions of the path, -1 leaves the umask's */
} plait__listen_spec;

/* How to open sockets for datagrams. */
typedef struct plait__datagram_spec {
  const plait_address *local; /* family 0: the system's choice, with a peer */
  const plait_address *peer;  /* NULL: they have none */
  unsigned sockets;           /* how many are to share the port */
  bool shared;                /* with those of others, too */
  bool dual;                  /* IPv6: take IPv4 as well */
  int mode;                   /* UNIX: permissions of the path, or -1 */
  uint32_t receive_bytes;     /* SO_RCVBUF; 0: the system's */
} plait__datagram_spec;

/* A datagram, received or to be sent. */
typedef struct plait__packet {
  uint8_t *data;
  size_t len;
  size_t segment; /* received: the length of each datagram in it but the last,
                     which may be shorter; 0: there is one */
  plait_address peer;  /* family 0: the socket's own peer */
  plait_address local; /* our side of it; family 0: where the socket is bound */
  unsigned interface;  /* received: by which, 0 if that is not known */
  bool truncated;      /* received: it was longer */
  bool to_many;        /* received: |local| is a group or a broadcast address */
} plait__packet;

/* Where datagrams are received: the first at |data|, each |stride| bytes behind
 * the one before. */
typedef struct plait__room {
  uint8_t *data;
  size_t stride, len;
} plait__room;

typedef enum plait__datagram_option {
  PLAIT__BROADCAST,
  PLAIT__MULTICAST_TTL,
  PLAIT__MULTICAST_LOOP,
  PLAIT__MULTICAST_INTERFACE /* value: its number */
} plait__datagram_option;

typedef struct plait__io {
  size_t socket_bytes;

  /* Opens |spec->sockets| sockets that listen on one address, NODELAY set for
   * what they accept.  With several, a first bind without address sharing
   * proves that nobody else has the port.  A stale UNIX path that nobody
   * listens on is replaced.  |ret_step| names the step that failed ("bind"). */
  int (*listen)(const plait__listen_spec *spec, int *ret_fds,
                const char **ret_step);
  /* Takes one connection, non-blocking and close-on-exec.  PLAIT_EAGAIN when
   * none waits. */
  int (*accept)(plait__socket *listening, int *ret_fd, plait_address *ret_peer);
  /* No new connection enters the backlog from now on; those in it, and
   * handshakes in flight, still do.  (A filter that drops SYN, shutdown.) */
  void (*refuse)(plait__socket *listening);
  /* Starts to connect a new socket; 0 when begun or done: finish_connect()
   * tells, once it is WRITABLE.  |local| may be NULL. */
  int (*connect)(const plait_address *peer, const plait_address *local,
                 int *ret_fd, const char **ret_step);
  int (*finish_connect)(plait__socket *socket);
  /* Whether |fd| is a connected stream socket (or a listening one); makes it
   * non-blocking. */
  int (*adopt)(int fd, bool listening);

  /* Two ends of a stream: ours is non-blocking, as what adopt() has looked at,
   * and reading and writing the other one block.  Close-on-exec. */
  int (*pair)(int ret_fds[2]);
  /* Ends both directions of |fd|, which is not attached, and leaves it open.
   * Answers how many bytes have come there that nobody has read. */
  size_t (*hang_up)(int fd);

  /* Puts |fd| under |socket|, watching nothing.  On failure fd is the
   * caller's. */
  int (*attach)(plait__loop *loop, plait__socket *socket, int fd);
  int (*fd)(const plait__socket *socket); /* -1 once closed */
  void (*interest)(plait__socket *socket, unsigned interest);

  /* The peer's bytes: a count, 0 at its end, or a code (PLAIT_EAGAIN). */
  ptrdiff_t (*read)(plait__socket *socket, void *buffer, size_t len);
  /* Bytes taken, or a code (PLAIT_EAGAIN). */
  ptrdiff_t (*writev)(plait__socket *socket, const plait__iovec *v, size_t n);
  /* The same of a UNIX socket, with |fd| along with the first byte; and
   * receiving: |ret_n| descriptors have come, close-on-exec, or more than
   * |max|, of which the first |max| are there; but where this process can have
   * no more, -1. */
  ptrdiff_t (*send_fd)(plait__socket *socket, const plait__iovec *v, size_t n,
                       int fd);
  ptrdiff_t (*read_fds)(plait__socket *socket, void *buffer, size_t len,
                        int *ret_fds, unsigned max, unsigned *ret_n);
  /* Whether |fd| can be sent: 0 or PLAIT_EBADF; PLAIT_ENOTSUP. */
  int (*check_fd)(int fd);
  int (*shut_wr)(plait__socket *socket);
  /* Bytes of ours that the peer has not acknowledged (UNIX: not read). */
  size_t (*unacked)(plait__socket *socket);
  /* Bytes of the peer's that have come and were not read. */
  size_t (*unread)(plait__socket *socket);
  /* Closes the descriptor now, with a reset if |reset|; |closed| follows. */
  void (*close)(plait__socket *socket, bool reset);
  /* Closes a descriptor that was never attached. */
  void (*close_fd)(int fd);

  int (*names)(int fd, bool peer, plait_address *ret);
  /* Sets |option| to |value|, which has its type, or reads it there. */
  int (*option)(plait__socket *socket, bool set, plait_option option,
                plait_option_value *value);

  /* The room that receive_batch() needs for each, because it may receive
   * several as one; 0: as much as the owner wants of them. */
  size_t datagram_room;
  /* Opens |spec->sockets| sockets for datagrams, as listen() does: with several
   * a first bind proves that nobody else has the port, unless it is |shared|.
   * UNIX paths as there. */
  int (*datagram_open)(const plait__datagram_spec *spec, int *ret_fds,
                       const char **ret_step);
  /* Receives up to |n| datagrams, of up to |room->len| bytes each, and tells of
   * each in |v|.  How many, or a code (PLAIT_EAGAIN).  Any other code is an
   * error that was pending, and is told once. */
  int (*receive_batch)(plait__socket *socket, const plait__room *room,
                       plait__packet *v, unsigned n);
  /* Sends the first of |n| datagrams, and as many others as go along.  How many
   * the system took, or a code for the first.  PLAIT_EAGAIN: WRITABLE will tell
   * when.  Of a socket with a peer another code may be one that was pending:
   * then the first one was not tried. */
  int (*send_batch)(plait__socket *socket, const plait__packet *v, unsigned n);
  int (*datagram_option)(plait__socket *socket, plait__datagram_option option,
                         unsigned value);
  /* Joins or leaves |group| on the interface with that number, or any for 0. */
  int (*group)(plait__socket *socket, bool join, const plait_address *group,
               unsigned interface);

  /* Foreign descriptors: |socket|, a head alone, gets READABLE and WRITABLE as
   * far as they are |events|, and FAILED for an error or a hang-up, for as long
   * as they last.  Nothing but this is done to |fd|.  PLAIT_EEXIST: the loop
   * watches it; PLAIT_EPERM: it is always ready. */
  int (*watch)(plait__loop *loop, plait__socket *socket, int fd,
               unsigned events);
  /* Other |events| of what is watched. */
  int (*rewatch)(plait__loop *loop, plait__socket *socket, int fd,
                 unsigned events);
  /* |socket| is told nothing more, and its memory may go. */
  void (*unwatch)(plait__loop *loop, plait__socket *socket, int fd);
} plait__io;

enum { PLAIT__SIGNALS = 64 }; /* the last signal's number */

enum { PLAIT__STEP_AGAIN = 0, PLAIT__STEP_END = 1 };

typedef struct plait__os {
  uint64_t (*now_ns)(void); /* monotonic */
  int64_t (*wall_s)(void);
  /* Random bytes; a code leaves |buffer| as it is. */
  int (*entropy)(void *buffer, size_t len);
  /* realloc() semantics; size 0 frees.  |site| says who asks. */
  void *(*alloc)(void *old, size_t size, const char *site);

  /* A loop calls plait__dispatch() for events and plait__turn() after each
   * batch of them, when arm()'s time has come and after a wake(). */
  int (*loop_new)(plait_reactor *reactor, plait__loop **ret);
  void (*loop_run)(plait__loop *loop); /* returns after loop_stop() */
  void (*loop_stop)(plait__loop *loop);
  /* Lets pending closes finish first. */
  void (*loop_free)(plait__loop *loop);
  /* Any thread, any signal handler: plait__turn() is going to be called.
   * Wakes that come together may become one. */
  void (*wake)(plait__loop *loop);
  /* Wakes once the clock has reached |deadline_ns|; UINT64_MAX never.
   * Replaces the last one. */
  void (*arm)(plait__loop *loop, uint64_t deadline_ns);

  /* Runs |fn|(|arg|) on a new thread (SIGPIPE blocked), on processor |cpu|
   * unless negative. */
  int (*thread_start)(void (*fn)(void *arg), void *arg, const char *name,
                      int cpu, plait__thread **ret);
  void (*thread_join)(plait__thread *thread);
  /* A worker runs |step|(|arg|) again and again, on a thread of its own as
   * above.  Each answers PLAIT__STEP_AGAIN; or a time of the clock, until which
   * the worker parks (UINT64_MAX: for ever) unless it is woken; or
   * PLAIT__STEP_END.  A wake that comes while a step runs is not lost: the next
   * park returns at once.  So a backend without threads can run the steps on a
   * clock of its own. */
  int (*worker_start)(uint64_t (*step)(void *arg), void *arg, const char *name,
                      plait__worker **ret);
  /* Any thread, until the worker is joined. */
  void (*worker_wake)(plait__worker *worker);
  /* Waits for its end, and frees it. */
  void (*worker_join)(plait__worker *worker);
  /* Lets it end by itself, and be freed then. */
  void (*worker_detach)(plait__worker *worker);
  /* Around the calling thread's part of plait_run(): SIGPIPE is blocked, and
   * one that became pending is taken before the old mask returns; bound to
   * |cpu| unless negative.  |ret_saved| is freed by leave(). */
  int (*enter)(int cpu, void **ret_saved);
  void (*leave)(void *saved);
  void (*yield)(void);
  /* The calling thread sleeps. */
  void (*sleep_ns)(uint64_t ns);
  unsigned (*cpu_count)(void);
  /* The |i|th processor this process may use. */
  int (*cpu_number)(unsigned i);
  /* Prints |text| and ends the process: a broken law in a debug build. */
  void (*fatal)(const char *text);
} plait__os;

/* A question to the system's resolver. */
typedef struct plait__question {
  const char *name;    /* NULL: |address| is asked for its name */
  const char *service; /* NULL: |port| */
  uint16_t port;
  uint8_t family; /* 0: any */
  plait_address address;
} plait__question;

/* Its answer, in memory of os->alloc(). */
typedef struct plait__found {
  plait_address *addresses;
  size_t count;
  char *canonical; /* or the name of the address */
} plait__found;

/* What one descriptor of a child is. */
typedef enum plait__spawn_kind {
  PLAIT__SPAWN_NULL,    /* /dev/null */
  PLAIT__SPAWN_READS,   /* a pipe that the child reads from */
  PLAIT__SPAWN_WRITES,  /* one that it writes to */
  PLAIT__SPAWN_SOCKET,  /* one end of a pair */
  PLAIT__SPAWN_PTY,     /* a pseudo-terminal, which controls the child */
  PLAIT__SPAWN_SAME,    /* as descriptor |fd| of the list, which comes before */
  PLAIT__SPAWN_INHERITS /* |fd| */
} plait__spawn_kind;

typedef struct plait__spawn_fd {
  int number; /* in the child; no two have the same */
  plait__spawn_kind kind;
  int fd; /* see above; else our end, non-blocking, which spawn() fills in */
  bool blocking; /* INHERITS: |fd| becomes so */
} plait__spawn_fd;

/* A program to start.  All that is pointed to is the caller's. */
typedef struct plait__spawn {
  const char *const *programs; /* paths, tried in turn; ended by NULL */
  const char *const *argv, *const *environment; /* likewise */
  const char *directory;                        /* NULL: ours */
  plait__spawn_fd *fds; /* the child has no others, at most
                           PLAIT__SPAWN_FDS_MAX */
  unsigned fd_count;
  bool new_session, new_group;
  bool as_user; /* as these, and in no other groups */
  uint32_t uid, gid;
  const uint32_t *groups;
  unsigned group_count;
  bool raw; /* the pseudo-terminal changes no bytes */
  uint16_t rows, columns;
} plait__spawn;

enum { PLAIT__SPAWN_FDS_MAX = 64 };

/* A child; its descriptor becomes readable when it has ended, and is -1 where
 * there are none such: then whoever waits for it looks now and then. */
typedef struct plait__kid {
  int pid, fd;
} plait__kid;

/* How it ended. */
typedef struct plait__kid_end {
  bool signalled, dumped;
  int status; /* exit code, or signal */
} plait__kid_end;

typedef struct plait__host {
  /* Blocks, maybe for long; on a worker.  |ret| is zeroed; with a code nothing
   * is in it.  PLAIT_ENOTFOUND, PLAIT_ETEMPORARY, or another. */
  int (*resolve)(const plait__os *os, const plait__question *question,
                 plait__found *ret);
  unsigned (*descriptor_limit)(void);
  /* A copy, close-on-exec, of the descriptor that a service manager has handed
   * to this process (LISTEN_FDS) under |name|, or as number |index| if that is
   * NULL.  PLAIT_ENOENT with |ret_step|: there is none. */
  int (*activated)(const char *name, unsigned index, int *ret_fd,
                   const char **ret_step);
  /* Has plait__signal() called for |number| from now on.  Once for a loop and a
   * signal; the last signal_stop() of a signal in this process, or loop_free(),
   * restores what was before the first start. */
  int (*signal_start)(plait__loop *loop, int number);
  void (*signal_stop)(plait__loop *loop, int number);
  /* Raw mode of the terminal |fd|, which is restored at exit(3) and before a
   * signal ends the process, too; off: of that which is raw, if |fd| is not
   * open, or no terminal.  PLAIT_ENOTSUP: it is none; PLAIT_EBUSY: another one
   * is raw, and stays so. */
  int (*terminal_raw)(int fd, bool on);
  int (*terminal_size)(int fd, unsigned *ret_columns, unsigned *ret_rows);
  /* Joins standard input and output to a stream socket by a thread that
   * copies; |ret_fd| is our end.  The thread's last act is |done|(|arg|), with
   * 0 if all that our end sent has reached standard output, what writing that
   * failed with, or PLAIT_ELINGER; our end stays connected.  It ends when both
   * directions have, when writing fails, or as stdio_finish() says.  With a
   * code there was no thread.  PLAIT_EBUSY if they are taken. */
  int (*stdio_open)(const plait__os *os, void (*done)(void *arg, int code),
                    void *arg, int *ret_fd, plait__stdio **ret,
                    const char **ret_step);
  /* Our end has sent its last and is about to be closed: no more input is
   * wanted, and what was sent is still copied out, for at most |wait_ms|
   * without progress (PLAIT_UNLIMITED: however long).  May be called again with
   * less, and after |done|.  Does not wait. */
  void (*stdio_finish)(plait__stdio *stdio, uint32_t wait_ms);
  /* Finishes without waiting for progress, joins the thread and frees. */
  void (*stdio_close)(plait__stdio *stdio);

  /* Starts a child; blocks until its program runs; on a worker.  It has the
   * declared descriptors alone, default signals, and none blocked.  With a
   * code, and the step in |ret_step|, there is none, and no end of ours. */
  int (*spawn)(const plait__spawn *spawn, plait__kid *ret,
               const char **ret_step);
  /* Takes its end; PLAIT_EAGAIN: it runs.  PLAIT_ECHILD: somebody else in the
   * process took it. */
  int (*kid_reap)(const plait__kid *kid, plait__kid_end *ret);
  /* Sends the signal |number| to the child, or all of its |group|.  0, or a
   * code. */
  int (*kid_signal)(const plait__kid *kid, int number, bool group);
  /* Lets go of it.  Whoever has not reaped it leaves it to itself. */
  void (*kid_close)(const plait__kid *kid);
  /* Ended by NULL; good for a moment. */
  const char *const *(*environment)(void);
  /* A copy of |fd| for spawn(), which no other child gets. */
  int (*duplicate)(int fd, int *ret_fd);
} plait__host;

struct plait_backend {
  const char *name;
  const plait__io *io;
  const plait__os *os;
  const plait__host *host;
};

/* The system (src/uv): what a runtime runs on unless it is told otherwise. */
extern const plait_backend plait__uv_backend;

/* ---- what a backend calls: src/core/reactor.c ----------------------------
 *
 * One outside the library (src/sim) calls them, too. */

/* |socket| has |events|; counts them and takes a turn in between when 256
 * events or 2 ms have gone by since the last. */
PLAIT_EXTERN void plait__dispatch(plait_reactor *reactor, plait__socket *socket,
                                  unsigned events);

/* Whether what was sent to workers is still to come back: before a loop waits,
 * it may look for it for a moment. */
bool plait__expects(const plait_reactor *reactor);

/* A loop calls it before it waits, and then looks once more whether it was
 * woken: other threads may be told of what this one has left to them, and idle
 * functions have run. */
PLAIT_EXTERN void plait__before_wait(plait_reactor *reactor);

/* |number| was sent.  On the loop's thread, with none of the core's frames on
 * the stack; a turn follows. */
PLAIT_EXTERN void plait__signal(plait_reactor *reactor, int number);

/* The work between events: flushes, time-outs, the mailbox. */
PLAIT_EXTERN void plait__turn(plait_reactor *reactor);

#endif
