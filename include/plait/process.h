/* Child processes: a program with its descriptors as streams.
 *
 *     struct job { plait_process base; ... };
 *
 *     static const plait_process_ops job_ops = {
 *         .name = "job", .size = PLAIT_INSTANCE(struct job, base),
 *         .data_received = job_data, .ended = job_ended};
 *
 *     plait_spawn(reactor, &(plait_process_options){.program = "/bin/date"},
 *                 &job_ops, NULL);
 *
 * plait allocates an instance for each process, calls it back in this order,
 * the last one exactly once, and frees it after |ended| returned:
 *
 *     started (data | pipe_lost | resume | draining)*
 *             exited (data | pipe_lost | resume | draining)* ended
 *
 * or, if no program came to run, |ended| alone.  (Twisted's ProcessProtocol.)
 * Callbacks come one at a time, on the process's reactor, and no function here
 * calls one.  plait_run() waits for processes.
 *
 * plait reaps its own children and no others, and leaves SIGCHLD alone: the
 * program may use it, and other libraries may have children, as long as they
 * wait for these by pid.  Whoever waits for any child (waitpid(-1), SIGCHLD
 * ignored) takes the ends of ours: |exited| comes all the same, but on Linux
 * before 6.15 without knowing how (PLAIT_PROCESS_UNKNOWN).
 *
 * A program that fork()s may go on to exec() alone: reactors and threads of
 * plait are not there in its child.
 */
#ifndef PLAIT_PROCESS_H
#define PLAIT_PROCESS_H

#include <plait/factory.h>
#include <plait/protocol.h>

PLAIT_BEGIN

typedef struct plait_process plait_process;
typedef struct plait_process_ops plait_process_ops;

/* What a descriptor of the child is. */
typedef enum plait_process_fd_kind {
  PLAIT_CHILD_NULL,    /* /dev/null */
  PLAIT_CHILD_READS,   /* a pipe that you write to */
  PLAIT_CHILD_WRITES,  /* a pipe whose bytes you get */
  PLAIT_CHILD_INHERITS /* a descriptor of yours */
} plait_process_fd_kind;

/* One of them. */
typedef struct plait_process_fd {
  int number; /* in the child, at most 1,023 */
  plait_process_fd_kind kind;
  int fd; /* PLAIT_CHILD_INHERITS: yours, which plait copies at once */
} plait_process_fd;

enum { PLAIT_PROCESS_FDS_MAX = 61 }; /* that are named */

/* How to start a program.  All zero but |program| is a good choice; what is
 * pointed to is copied. */
typedef struct plait_process_options {
  /* A path; with no '/' in it, it is looked for in PATH of the child's
   * environment.  No shell has a part in it. */
  const char *program;
  const char *const *argv; /* with argv[0], ended by NULL [program] */

  /* "NAME=value" strings, ended by NULL: they are added to ours, as it is when
   * plait_spawn() is called, and replace those of the same name.  Or, with
   * |environment_alone|, they are all there is. */
  const char *const *environment;
  bool environment_alone;

  const char *directory; /* [ours]; |program| may be relative to it */

  /* What the child has: these and no others.  0, 1 and 2, where they are not
   * named, are /dev/null.  [0 is a pipe that the child reads, 1 and 2 are pipes
   * that it writes] */
  const plait_process_fd *fds;
  unsigned fd_count; /* at most PLAIT_PROCESS_FDS_MAX */

  /* 0, 1 and 2 are one pseudo-terminal, which controls the child; it leads a
   * session of its own.  What it writes is told of as descriptor 1.  |fds| may
   * name others.  plait_close() of the transport ends the input of a child that
   * reads lines, and hangs up once the child has closed, or 2 s later: what it
   * has not read by then is lost. */
  bool pty;
  bool pty_raw; /* which changes no bytes, echoes none and knows no keys */
  uint16_t pty_rows, pty_columns;

  bool new_session; /* setsid() */
  bool new_group;   /* it leads a process group, which signals go to; so it does
       with |new_session| or |pty| */

  /* Not 0: it runs as this user, in this group, which has to be given along,
   * and in |groups| alone.  Takes privileges. */
  uint32_t uid, gid;
  const uint32_t *groups;
  unsigned group_count;

  /* After plait_process_close(), from SIGTERM to SIGKILL [5,000];
   * PLAIT_UNLIMITED: no SIGKILL before the runtime's grace is over. */
  uint32_t term_ms;
  /* After it has exited: how long others who have its pipes (its own children)
   * may keep |ended| waiting [2,000]; PLAIT_UNLIMITED: however long. */
  uint32_t drain_ms;
} plait_process_options;

/* How it ended. */
typedef enum plait_process_how {
  PLAIT_PROCESS_FAILED,    /* no program came to run: |code| says why */
  PLAIT_PROCESS_EXITED,    /* |status| is its exit code */
  PLAIT_PROCESS_SIGNALLED, /* |status| is the signal */
  /* |code| is PLAIT_ECHILD: somebody else took its end; or PLAIT_EBUSY: the
   * runtime stops, and it has not ended a second after its SIGKILL. */
  PLAIT_PROCESS_UNKNOWN
} plait_process_how;

/* What |exited| and |ended| are told; good until they return. */
typedef struct plait_process_end {
  plait_process_how how;
  int status;
  int code;    /* FAILED, UNKNOWN: a PLAIT_E* code; else 0 */
  bool asked;  /* SIGNALLED: plait_process_signal() or plait_process_close() had
       sent that signal; EXITED: they had sent SIGTERM */
  bool dumped; /* there is a core file */
  bool cut;    /* in |ended|: pipes that others had were closed, see drain_ms */
} plait_process_end;

/* All members but |name| and |size| may be NULL: not interested. */
struct plait_process_ops {
  const char *name; /* for messages */
  size_t size;      /* PLAIT_INSTANCE(struct yours, base) */

  /* The program runs (exec was successful); plait_process_pid() is known, and
   * so are the transports. */
  void (*started)(plait_process *p);

  /* The child wrote |len| > 0 bytes to its descriptor |fd|, see
   * plait_protocol_ops.data_received. */
  void (*data_received)(plait_process *p, int fd, const uint8_t *data,
                        size_t len);

  /* The pipe |fd| is gone, and its transport after this returned.  0: the child
   * (and whoever else had it) closed it, and everything was delivered; or you
   * did, and all that you wrote was handed over.  PLAIT_EPIPE: the child does
   * not read any more.  PLAIT_ETIMEOUT: others had it for drain_ms, and it was
   * closed.  Else see connection_lost. */
  void (*pipe_lost)(plait_process *p, int fd, int reason);

  /* The send queue of |fd| is at or below its low-water mark again. */
  void (*resume_writing)(plait_process *p, int fd);

  /* The runtime is stopping: let it end, before the grace deadline.  NULL:
   * plait_process_close(). */
  void (*draining)(plait_process *p);

  /* It has ended and was reaped; its pipes may still hold data. */
  void (*exited)(plait_process *p, const plait_process_end *end);

  /* The last call: it has ended, and all its pipes have.  If it did not start,
   * plait_error_detail() tells the step. */
  void (*ended)(plait_process *p, const plait_process_end *end);
};

/* The base of every instance, its first member. */
struct plait_process {
  const plait_process_ops *ops;
  plait_reactor *reactor;

  /* private */
  struct plait__process *inside;
};

/* Starts |options->program| for a new instance of |ops|, which |ret| (may be
 * NULL) gets, zeroed, for you to fill.  On the reactor's thread, or while
 * plait_run() does not run.  0: callbacks follow, not inside this call.
 * Negative, with plait_error_detail(): none does; PLAIT_EINVAL (the options
 * make no sense, another thread), PLAIT_EBADF, PLAIT_ENOMEM.
 *
 * A thread of the pool starts it, without copying the memory of this process,
 * so no reactor stalls.  The child has default signal handlers and none
 * blocked.  What fails (no such program, a limit of the system, a user that may
 * not be had) is told in |ended|, PLAIT_PROCESS_FAILED:
 *     spawn /bin/nope: exec: no such file or directory */
PLAIT_EXTERN int plait_spawn(plait_reactor *reactor,
                             const plait_process_options *options,
                             const plait_process_ops *ops, plait_process **ret);

/* All of the following: in any callback on the process's reactor, from
 * plait_spawn() until |ended| has returned. */

/* The transport of the child's descriptor |fd|, for everything that one does
 * with a transport: plait_write(), plait_close() (of stdin, once all was handed
 * over), plait_pause_reading(), marks, time-outs.  NULL: it is no pipe of
 * plait's, or gone, or not there before |started|. */
PLAIT_EXTERN plait_transport *plait_process_transport(const plait_process *p,
                                                      int fd);

/* Its process id; 0 before |started| and once it was reaped. */
PLAIT_EXTERN int plait_process_pid(const plait_process *p);

/* Sends it, or its group if it leads one, the signal |number|.  0;
 * PLAIT_ESRCH: it does not run (yet, or any more); PLAIT_EINVAL; PLAIT_EPERM.
 */
PLAIT_EXTERN int plait_process_signal(plait_process *p, int number);

/* Ends it: what was written to it is still sent and its input then closed, it
 * gets SIGTERM at once and SIGKILL after term_ms.  Its output is delivered
 * until it ends.  If it has not started, it does not. */
PLAIT_EXTERN void plait_process_close(plait_process *p);

/* ---- programs behind a listener ------------------------------------------
 *
 * As inetd(8) has it: each connection is the standard input and output of a
 * child of its own, which reads and writes the socket itself.
 *
 *     plait_inetd_init(&inetd, &options);
 *     plait_listen(runtime, "tcp:7", &inetd.factory, NULL, NULL);
 *
 * plait closes its own descriptor without a word to the peer, and has the
 * connection until the child was reaped; limits.connections_max says how many
 * there are at once.  A connection whose child does not start is reset. */

/* Yours; must stay as long as its factory has to. */
typedef struct plait_inetd plait_inetd;
struct plait_inetd {
  plait_factory factory; /* first; its connections run on reactors */
  /* Yours, for as long as the factory.  |fds| may name others than 0 and 1, but
   * no pipes; 2 is ours if it does not. */
  const plait_process_options *options;
  /* Optional, set after plait_inetd_init(), once for each connection: its child
   * has ended; or it did not start, PLAIT_PROCESS_FAILED, be it that there was
   * no memory or no descriptor for it, and plait_error_detail() tells the step.
   * On the connection's reactor; with several, on several threads at once. */
  void (*ended)(plait_inetd *inetd, const plait_process_end *end);
};

/* Prepares |inetd|, whatever is in it, to run what |options| say.  Its factory
 * is then for plait_listen() and its kin; limits may be set.  Any thread. */
PLAIT_EXTERN void plait_inetd_init(plait_inetd *inetd,
                                   const plait_process_options *options);

PLAIT_END

#endif
