/* What the files of the libuv backend share. */
#ifndef PLAIT_UV_BACKEND_H
#define PLAIT_UV_BACKEND_H

#include <uv.h>

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <plait/error.h>

#include "core/driver.h"
#include "uv/patience.h"

/* ---- address.c: plait_address and struct sockaddr ------------------------ */

/* PLAIT_EINVAL: no family, or a path that has no end or no beginning. */
int plait__uv_to_sockaddr(const plait_address *address,
                          struct sockaddr_storage *ret, socklen_t *ret_len);
void plait__uv_from_sockaddr(const struct sockaddr_storage *sa, socklen_t len,
                             plait_address *ret);

/* ---- loop.c -------------------------------------------------------------- */

struct plait__uv_block;
typedef struct plait__uv_socket plait__uv_socket;

/* See poll.c. */
typedef struct plait__uv_polls {
  struct plait__uv_block **blocks;
  uint32_t *by_number; /* 1 + the handle's place; 0: none yet */
  uint32_t numbers, count, taken, block_count;
} plait__uv_polls;

enum { PLAIT__UV_WATCH_BATCH = 64 };

/* See watch.c. */
typedef struct plait__uv_watches {
  bool open; /* once there was a watch */
  int epoll;
  uv_poll_t poll;   /* of |epoll| */
  unsigned batched; /* of |batch|, while they are told */
  struct epoll_event batch[PLAIT__UV_WATCH_BATCH];
} plait__uv_watches;

typedef struct plait__uv_batch plait__uv_batch; /* see datagram.c */

struct plait__loop {
  uv_loop_t uv; /* uv.data: the reactor */
  plait__uv_polls polls;
  plait__uv_watches watches;
  plait__uv_batch *batch; /* NULL until there are datagrams */
  plait__uv_socket *closed_first, *closed_last; /* |closed| is due */
  uv_async_t async;
  uv_timer_t timer;
  uv_check_t check;
  uv_prepare_t prepare;
  plait__uv_patience patience;
  uv_idle_t idle;    /* active: the next poll does not wait ... */
  bool spins;        /* ... as it is known here */
  atomic_bool awake; /* it looks at |woken| before it waits: no poll has to be
                        ended */
  atomic_bool woken; /* a turn is due */
  /* In milliseconds of uv_now(), UINT64_MAX for never: what arm() asked for,
   * and what |timer| is set to, which is never later. */
  uint64_t deadline_ms, timer_ms;
  struct plait__uv_signal *signals; /* that were ever caught */
};

int plait__uv_loop_new(plait_reactor *reactor, plait__loop **ret);
void plait__uv_loop_run(plait__loop *loop);
void plait__uv_loop_stop(plait__loop *loop);
void plait__uv_loop_free(plait__loop *loop);
void plait__uv_wake(plait__loop *loop);
void plait__uv_arm(plait__loop *loop, uint64_t deadline_ns);

/* ---- signal.c ------------------------------------------------------------ */

int plait__uv_signal_start(plait__loop *loop, int number);
void plait__uv_signal_stop(plait__loop *loop, int number);
void plait__uv_signals_close(plait__loop *loop);
void plait__uv_signals_free(plait__loop *loop); /* once they are closed */

/* ---- socket.c: a descriptor under a uv_poll_t ---------------------------- */

/* There may be a million of these: every byte of it counts. */
struct plait__uv_socket {
  plait__socket base; /* first: sockets are cast to this */
  union {
    uv_poll_t *poll; /* poll->data: this */
    plait__uv_socket *next_closed;
  } u;
  int fd;           /* -1 once closed */
  uint8_t interest; /* what |poll| watches */
  bool fin;         /* ours is out */
  bool file;        /* no socket: a pipe, or the master of a terminal */
  uint8_t segments : 4, receives : 4; /* datagrams: see datagram.c */
};

static inline plait__uv_socket *plait__uv_socket_of(plait__socket *socket) {
  return (plait__uv_socket *)socket;
}

int plait__uv_attach(plait__loop *loop, plait__socket *socket, int fd);
int plait__uv_fd(const plait__socket *socket);
void plait__uv_interest(plait__socket *socket, unsigned interest);
void plait__uv_close(plait__socket *socket, bool reset);
void plait__uv_close_fd(int fd);
/* Tells the owners of sockets that were closed, with nothing on the stack. */
void plait__uv_tell_closed(plait__loop *loop);

/* ---- poll.c: the handles of a loop --------------------------------------- */

/* A handle for the non-blocking |fd|, stopped. */
int plait__uv_poll_take(plait__loop *loop, int fd, uv_poll_t **ret);
/* Before |fd| is closed. */
void plait__uv_poll_give(plait__loop *loop, uv_poll_t *poll);
/* Whether the handle of |fd| is taken. */
bool plait__uv_poll_taken(plait__loop *loop, int fd);
void plait__uv_polls_close(plait__loop *loop);
void plait__uv_polls_free(plait__loop *loop); /* once they are closed */

/* ---- watch.c: foreign descriptors ---------------------------------------- */

int plait__uv_watch(plait__loop *loop, plait__socket *socket, int fd,
                    unsigned events);
int plait__uv_rewatch(plait__loop *loop, plait__socket *socket, int fd,
                      unsigned events);
void plait__uv_unwatch(plait__loop *loop, plait__socket *socket, int fd);
void plait__uv_watches_close(plait__loop *loop);

/* ---- stream.c ------------------------------------------------------------ */

ptrdiff_t plait__uv_read(plait__socket *socket, void *buffer, size_t len);
ptrdiff_t plait__uv_writev(plait__socket *socket, const plait__iovec *v,
                           size_t n);
int plait__uv_shut_wr(plait__socket *socket);
/* pass.c */
ptrdiff_t plait__uv_send_fd(plait__socket *socket, const plait__iovec *v,
                            size_t n, int fd);
ptrdiff_t plait__uv_read_fds(plait__socket *socket, void *buffer, size_t len,
                             int *ret_fds, unsigned max, unsigned *ret_n);
int plait__uv_check_fd(int fd);
size_t plait__uv_unacked(plait__socket *socket);
size_t plait__uv_unread(plait__socket *socket);
int plait__uv_pair(int ret_fds[2]);
size_t plait__uv_hang_up(int fd);

/* ---- option.c ------------------------------------------------------------ */

int plait__uv_names(int fd, bool peer, plait_address *ret);
int plait__uv_option(plait__socket *socket, bool set, plait_option option,
                     plait_option_value *value);
/* setsockopt() of an int. */
int plait__uv_set(int fd, int level, int name, int value);

/* ---- listen.c, path.c, connect.c ----------------------------------------- */

int plait__uv_listen(const plait__listen_spec *spec, int *ret_fds,
                     const char **ret_step);
int plait__uv_accept(plait__socket *listening, int *ret_fd,
                     plait_address *ret_peer);
void plait__uv_refuse(plait__socket *listening);

/* Binds |fd|, of |type|, to the path of |address|, in place of a socket that is
 * nobody's; closing it removes the path.  |mode| negative: the umask's. */
int plait__uv_path_bind(int fd, int type, const plait_address *address,
                        int mode, const char **ret_step);
int plait__uv_path_listen(const plait__listen_spec *spec, int *ret_fd,
                          const char **ret_step);
/* Before |fd| is closed: if it is a listener that made its path, and the path
 * is still the one it made, removes it. */
void plait__uv_path_forget(int fd);

int plait__uv_connect(const plait_address *peer, const plait_address *local,
                      int *ret_fd, const char **ret_step);
int plait__uv_finish_connect(plait__socket *socket);
int plait__uv_adopt(int fd, bool listening);

/* ---- datagram_open.c, datagram.c ----------------------------------------- */

int plait__uv_datagram_open(const plait__datagram_spec *spec, int *ret_fds,
                            const char **ret_step);
int plait__uv_datagram_option(plait__socket *socket,
                              plait__datagram_option option, unsigned value);
int plait__uv_group(plait__socket *socket, bool join,
                    const plait_address *group, unsigned interface);
int plait__uv_receive_batch(plait__socket *socket, const plait__room *room,
                            plait__packet *v, unsigned n);
int plait__uv_send_batch(plait__socket *socket, const plait__packet *v,
                         unsigned n);

/* ---- os.c and thread.c --------------------------------------------------- */

uint64_t plait__uv_now_ns(void);
int64_t plait__uv_wall_s(void);
int plait__uv_entropy(void *buffer, size_t len);
void *plait__uv_alloc(void *old, size_t size, const char *site);
void plait__uv_fatal(const char *text);
unsigned plait__uv_descriptor_limit(void);
/* activated.c */
int plait__uv_activated(const char *name, unsigned index, int *ret_fd,
                        const char **ret_step);

int plait__uv_thread_start(void (*fn)(void *arg), void *arg, const char *name,
                           int cpu, plait__thread **ret);
void plait__uv_thread_join(plait__thread *thread);
void plait__uv_thread_detach(plait__thread *thread);
/* worker.c */
int plait__uv_worker_start(uint64_t (*step)(void *arg), void *arg,
                           const char *name, plait__worker **ret);
void plait__uv_worker_wake(plait__worker *worker);
void plait__uv_worker_join(plait__worker *worker);
void plait__uv_worker_detach(plait__worker *worker);
int plait__uv_enter(int cpu, void **ret_saved);
void plait__uv_leave(void *saved);
void plait__uv_yield(void);
void plait__uv_sleep_ns(uint64_t ns);
unsigned plait__uv_cpu_count(void);
int plait__uv_cpu_number(unsigned i);

/* ---- resolve.c ----------------------------------------------------------- */

int plait__uv_resolve(const plait__os *os, const plait__question *question,
                      plait__found *ret);

/* ---- spawn.c, child.c, kid.c: children ----------------------------------- */

/* What the starting thread and its child share until that runs its program. */
typedef struct plait__uv_embryo {
  const plait__spawn *spawn;
  const int *theirs; /* the child's descriptors, by their place in the list */
  volatile int code; /* what it failed with, and where */
  const char *volatile step;
} plait__uv_embryo;

/* The child's part, of a plait__uv_embryo; returns only if it failed. */
int plait__uv_child(void *embryo);

int plait__uv_spawn(const plait__spawn *spawn, plait__kid *ret,
                    const char **ret_step);
int plait__uv_kid_reap(const plait__kid *kid, plait__kid_end *ret);
int plait__uv_kid_signal(const plait__kid *kid, int number, bool group);
void plait__uv_kid_close(const plait__kid *kid);
const char *const *plait__uv_environment(void);
int plait__uv_duplicate(int fd, int *ret_fd);
/* ---- terminal.c ---------------------------------------------------------- */

int plait__uv_terminal_raw(int fd, bool on);
int plait__uv_terminal_size(int fd, unsigned *ret_columns, unsigned *ret_rows);
/* Signal |number| has its previous action again. */
void plait__uv_terminal_guard(int number);

/* ---- stdio.c ------------------------------------------------------------- */

int plait__uv_stdio_open(const plait__os *os, void (*done)(void *arg, int code),
                         void *arg, int *ret_fd, plait__stdio **ret,
                         const char **ret_step);
void plait__uv_stdio_finish(plait__stdio *stdio, uint32_t wait_ms);
void plait__uv_stdio_close(plait__stdio *stdio);

#endif
