/* Processes: a child whose pipes are streams.
 *
 * Each pipe is a stream with a protocol of ours, which passes on to the
 * process; that the stream is gone is heard from itself, for a program may
 * switch it to a protocol of its own.  The process is over when the child was
 * reaped and no pipe is left.  That others still have its pipes is no reason to
 * wait for ever: once the child has exited, and all is delivered that it can
 * have written, they are closed after a while.
 */
#include <plait/error.h>

#include "core/error.h"
#include "core/factory.h"
#include "core/memory.h"
#include "pool/child.h"

typedef struct plait__process plait__process;

typedef struct process_pipe {
  plait__process *process;
  plait__stream *stream; /* NULL: gone, or not there yet */
  plait_call gone;
  int number;
  plait__spawn_kind kind;
  uint64_t owed; /* received by then: all that the child had written */
  /* A terminal's master, once more: a child that has closed its descriptors and
   * is about to exit would get SIGHUP if there was none.  -1: not kept. */
  int kept;
} process_pipe;

struct plait__process {
  plait_process *user;
  plait__child child;
  int failed; /* no memory for its streams: it is killed, and nothing told */
  bool exited;
  uint32_t drain_ms;
  plait__alarm drain;
  unsigned open, count;
  process_pipe pipes[];
};

static plait__process *process_of(plait__child *c) {
  return plait_container_of(c, plait__process, child);
}

/* ---- life ---------------------------------------------------------------- */

static void process_free(plait__process *p) {
  const plait__os *os = p->child.reactor->os;
  plait__free(os, p->user);
  plait__child_fini(&p->child);
  plait__free(os, p);
}

/* The last call. */
static void process_end(plait__process *p) {
  plait_process *user = p->user;
  plait__reactor_unalarm(p->child.reactor, &p->drain);
  if (p->failed != 0) {
    p->child.end = (plait_process_end){.how = PLAIT_PROCESS_FAILED};
    p->child.end.code =
        plait__fail(p->failed, "spawn %s: pipes: %s", p->child.spawn.argv[0],
                    plait_strerror(p->failed));
  }
  if (user->ops->ended != NULL)
    user->ops->ended(user, &p->child.end);
  process_free(p);
}

static void process_check(plait__process *p) {
  if (p->exited && p->open == 0)
    process_end(p);
}

/* ---- the protocol of a pipe ---------------------------------------------- */

typedef struct pipe_protocol {
  plait_protocol base;
  process_pipe *pipe;
} pipe_protocol;

static process_pipe *pipe_of(plait_protocol *protocol) {
  return ((pipe_protocol *)protocol)->pipe;
}

static void pipe_data(plait_protocol *protocol, const uint8_t *data,
                      size_t len) {
  process_pipe *pipe = pipe_of(protocol);
  plait_process *user = pipe->process->user;
  if (user->ops->data_received != NULL)
    user->ops->data_received(user, pipe->number, data, len);
}

static void pipe_resume(plait_protocol *protocol) {
  process_pipe *pipe = pipe_of(protocol);
  plait_process *user = pipe->process->user;
  if (user->ops->resume_writing != NULL)
    user->ops->resume_writing(user, pipe->number);
}

/* The process is told, and once. */
static void pipe_draining(plait_protocol *protocol) {
  (void)protocol;
}

const plait_protocol_ops plait__pipe_ops = {
    .name = "pipe",
    .size = PLAIT_INSTANCE(pipe_protocol, base),
    .data_received = pipe_data,
    .resume_writing = pipe_resume,
    .draining = pipe_draining,
};

static void pipe_let_go(process_pipe *pipe) {
  if (pipe->kept >= 0)
    pipe->process->child.reactor->io->close_fd(pipe->kept);
  pipe->kept = -1;
}

static void pipe_gone(plait_call *call, plait_protocol *protocol) {
  process_pipe *pipe = plait_container_of(call, process_pipe, gone);
  plait__process *p = pipe->process;
  plait_process *user = p->user;
  int reason = pipe->stream->reason;
  (void)protocol;
  if (!pipe->stream->rd_end) /* we hang up */
    pipe_let_go(pipe);
  pipe->stream = NULL;
  p->open--;
  if (user->ops->pipe_lost != NULL && p->failed == 0)
    user->ops->pipe_lost(user, pipe->number, reason == PLAIT_EOF ? 0 : reason);
  process_check(p);
}

/* Makes a stream of |*fd|, which is its own after that. */
static int pipe_open(process_pipe *pipe, int *fd) {
  plait__child *c = &pipe->process->child;
  plait_factory *factory = &c->pool->pipes;
  static const plait_address nobody;
  plait__stream *s;
  int code = 0;
  if (pipe->kind == PLAIT__SPAWN_PTY)
    code = c->pool->runtime->driver->host->duplicate(*fd, &pipe->kept);
  if (code == 0)
    code = plait__stream_new(c->reactor, *fd, &s);
  if (code != 0)
    return code;
  *fd = -1;
  if (pipe->kind != PLAIT__SPAWN_PTY)
    plait__stream_one_way(s, pipe->kind == PLAIT__SPAWN_WRITES);
  plait__factory_count(factory);
  code = plait__stream_open(s, factory, &nobody);
  if (code != 0) {
    plait__factory_release(factory);
    return code;
  }
  ((pipe_protocol *)s->head.protocol)->pipe = pipe;
  pipe->stream = s;
  pipe->gone.run = pipe_gone;
  pipe->process->open++;
  plait__runtime_ref(c->pool->runtime);
  plait__stream_when_gone(s, &pipe->gone);
  return 0;
}

/* ---- the child's events -------------------------------------------------- */

static void pipes_abort(plait__process *p, int code) {
  for (unsigned i = 0; i < p->count; i++)
    if (p->pipes[i].stream != NULL)
      plait__closing(p->pipes[i].stream, PLAIT__ON_ABORT, code);
}

static int pipes_open(plait__process *p) {
  plait__child *c = &p->child;
  unsigned n = 0;
  int code = 0;
  for (unsigned i = 0; i < c->spawn.fd_count && code == 0; i++)
    if (c->fds[i].kind == PLAIT__SPAWN_READS ||
        c->fds[i].kind == PLAIT__SPAWN_WRITES ||
        c->fds[i].kind == PLAIT__SPAWN_PTY)
      code = pipe_open(&p->pipes[n++], &c->fds[i].fd);
  return code;
}

/* A terminal stays, for what the child still writes. */
static void process_end_input(plait__process *p) {
  for (unsigned i = 0; i < p->count; i++) {
    plait__stream *s = p->pipes[i].stream;
    if (s == NULL)
      continue;
    if (p->pipes[i].kind == PLAIT__SPAWN_READS)
      plait_close(&s->head);
    else if (p->pipes[i].kind == PLAIT__SPAWN_PTY)
      plait_write_eof(&s->head);
  }
}

/* It may have been closed when its start could not be stopped any more. */
static void process_began(plait__child *c, int code) {
  plait__process *p = process_of(c);
  if (code != 0) {
    process_end(p);
    return;
  }
  p->failed = pipes_open(p);
  if (p->failed != 0) {
    plait__spawn_close_ends(c);
    pipes_abort(p, p->failed);
    plait__child_kill(c);
    return;
  }
  if (p->user->ops->started != NULL)
    p->user->ops->started(p->user);
  if (c->closing)
    process_end_input(p);
}

static void process_draining(plait__child *c) {
  plait__process *p = process_of(c);
  if (p->failed != 0)
    return;
  if (p->user->ops->draining != NULL)
    p->user->ops->draining(p->user);
  else
    plait_process_close(p->user);
}

/* Whether all that the child has written to |pipe| is delivered. */
static bool pipe_is_settled(const process_pipe *pipe) {
  return pipe->kind == PLAIT__SPAWN_READS ||
         plait__child_is_drained(pipe->stream, pipe->owed);
}

static void drain_ring(plait__alarm *alarm) {
  plait__process *p = plait_container_of(alarm, plait__process, drain);
  for (unsigned i = 0; i < p->count; i++) {
    process_pipe *pipe = &p->pipes[i];
    if (pipe->stream == NULL || pipe->stream->phase == PLAIT__GONE ||
        !pipe_is_settled(pipe))
      continue;
    p->child.end.cut = true;
    plait__closing(pipe->stream, PLAIT__ON_FAIL,
                   pipe->kind == PLAIT__SPAWN_READS ? PLAIT_EPIPE
                                                    : PLAIT_ETIMEOUT);
  }
  plait__reactor_alarm(p->child.reactor, alarm, p->drain_ms);
}

static void drain_begin(plait__process *p) {
  for (unsigned i = 0; i < p->count; i++) {
    process_pipe *pipe = &p->pipes[i];
    plait__stream *s = pipe->stream;
    if (s != NULL && s->phase == PLAIT__OPEN)
      pipe->owed = s->received_bytes + s->reactor->io->unread(&s->socket);
  }
  p->drain.ring = drain_ring;
  if (p->drain_ms != PLAIT_UNLIMITED)
    plait__reactor_alarm(p->child.reactor, &p->drain, p->drain_ms);
}

static void process_exited(plait__child *c) {
  plait__process *p = process_of(c);
  p->exited = true;
  for (unsigned i = 0; i < p->count; i++)
    pipe_let_go(&p->pipes[i]);
  if (p->open > 0)
    drain_begin(p);
  if (p->user->ops->exited != NULL && p->failed == 0)
    p->user->ops->exited(p->user, &c->end);
  process_check(p);
}

static void process_dropped(plait__child *c) {
  process_free(process_of(c));
}

static const plait__child_events process_events = {
    .began = process_began,
    .draining = process_draining,
    .exited = process_exited,
    .dropped = process_dropped,
};

/* ---- the public functions ------------------------------------------------ */

/* The terminal is 0, 1 and 2, and what comes from it is told of as 1. */
static bool pipe_is(const process_pipe *pipe, int fd) {
  return pipe->number == fd ||
         (pipe->kind == PLAIT__SPAWN_PTY && fd >= 0 && fd <= 2);
}

static void process_add_pipes(plait__process *p) {
  const plait__spawn *spawn = &p->child.spawn;
  for (unsigned i = 0; i < spawn->fd_count; i++) {
    plait__spawn_kind kind = spawn->fds[i].kind;
    if (kind != PLAIT__SPAWN_READS && kind != PLAIT__SPAWN_WRITES &&
        kind != PLAIT__SPAWN_PTY)
      continue;
    p->pipes[p->count++] = (process_pipe){
        .process = p,
        .number = kind == PLAIT__SPAWN_PTY ? 1 : spawn->fds[i].number,
        .kept = -1,
        .kind = kind};
  }
}

static int process_new(plait_reactor *r, plait_pool *pool,
                       const plait_process_options *options,
                       const plait_process_ops *ops, plait__process **ret) {
  size_t size =
      sizeof(plait__process) + (options->fd_count + 3) * sizeof(process_pipe);
  plait__process *p = plait__zalloc(r->os, size);
  plait_process *user = plait__zalloc(r->os, ops->size);
  int code = PLAIT_ENOMEM;
  if (p == NULL || user == NULL)
    plait__fail(code, "spawn: out of memory");
  else
    code = plait__child_init(&p->child, pool, r, options, PLAIT__CHILD_PIPES,
                             -1, &process_events);
  if (code != 0) {
    plait__free(r->os, user);
    plait__free(r->os, p);
    return code;
  }
  user->ops = ops;
  user->reactor = r;
  user->inside = p;
  p->user = user;
  p->drain_ms =
      options->drain_ms != 0 ? options->drain_ms : PLAIT__CHILD_DRAIN_MS;
  process_add_pipes(p);
  *ret = p;
  return 0;
}

/* Limits are the defaults; it is used for as long as there is a pool. */
static int pipes_use(plait_pool *pool) {
  if (__atomic_load_n(&pool->pipes.state, __ATOMIC_ACQUIRE) != NULL)
    return 0;
  int code = plait__factory_use(pool->runtime, &pool->pipes);
  return code == 0 ? 0 : plait__fail(code, "spawn: out of memory");
}

int plait_spawn(plait_reactor *reactor, const plait_process_options *options,
                const plait_process_ops *ops, plait_process **ret) {
  plait_runtime *runtime = reactor->runtime;
  plait__process *p = NULL;
  if (plait__here() != reactor && atomic_load(&runtime->running))
    return plait__fail(PLAIT_EINVAL, "spawn: not on the process's reactor");
  plait_pool *pool = plait_runtime_pool(runtime);
  if (pool == NULL)
    return plait__fail(PLAIT_ENOMEM, "spawn: out of memory");
  int code = pipes_use(pool);
  if (code == 0)
    code = process_new(reactor, pool, options, ops, &p);
  if (code != 0)
    return code;
  if (ret != NULL)
    *ret = p->user;
  plait__child_start(&p->child);
  return 0;
}

plait_transport *plait_process_transport(const plait_process *process, int fd) {
  plait__process *p = process->inside;
  for (unsigned i = 0; i < p->count; i++)
    if (pipe_is(&p->pipes[i], fd))
      return p->pipes[i].stream != NULL ? &p->pipes[i].stream->head : NULL;
  return NULL;
}

int plait_process_pid(const plait_process *process) {
  const plait__child *c = &process->inside->child;
  return c->state == PLAIT__CHILD_RUNS ? c->kid.pid : 0;
}

int plait_process_signal(plait_process *process, int number) {
  return plait__child_signal(&process->inside->child, number);
}

void plait_process_close(plait_process *process) {
  plait__process *p = process->inside;
  process_end_input(p);
  plait__child_close(&p->child);
}
