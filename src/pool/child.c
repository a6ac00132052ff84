/* See child.h. */
#include "pool/child.h"

#include <plait/error.h>

#include "core/error.h"
#include "core/memory.h"

enum { CHILD_LOOK_MAX_MS = 64 };

static const plait__host *child_host(const plait__child *c) {
  return c->pool->runtime->driver->host;
}

/* ---- signals ------------------------------------------------------------- */

int plait__child_signal(plait__child *c, int number) {
  if (number <= 0 || number > PLAIT__CHILD_SIGNALS)
    return PLAIT_EINVAL;
  if (c->state != PLAIT__CHILD_RUNS)
    return PLAIT_ESRCH;
  int code = child_host(c)->kid_signal(&c->kid, number, c->spawn.new_group);
  if (code == 0)
    c->sent |= UINT64_C(1) << (number - 1);
  return code;
}

static bool child_was_sent(const plait__child *c, int number) {
  return c->sent >> (number - 1) & 1;
}

void plait__child_kill(plait__child *c) {
  plait__child_signal(c, PLAIT__CHILD_KILL);
}

/* The next step of the ladder is due in |after_ms|. */
static void ladder_set(plait__child *c, uint64_t after_ms,
                       void (*ring)(plait__alarm *alarm)) {
  plait__reactor_unalarm(c->reactor, &c->ladder);
  c->ladder.ring = ring;
  plait__reactor_alarm(c->reactor, &c->ladder, after_ms);
}

static void ladder_ring(plait__alarm *alarm) {
  plait__child_kill(plait_container_of(alarm, plait__child, ladder));
}

/* Once the grace is over, child_cut() is the end of it. */
static void ladder_begin(plait__child *c) {
  if (c->reactor->cut)
    return;
  plait__child_signal(c, PLAIT__CHILD_TERM);
  if (c->term_ms != PLAIT_UNLIMITED)
    ladder_set(c, c->term_ms, ladder_ring);
}

/* ---- its end ------------------------------------------------------------- */

static void child_link(plait__child *c) {
  plait__child **first = &c->reactor->children;
  c->next = *first;
  if (c->next != NULL)
    c->next->prev = c;
  *first = c;
}

static void child_unlink(plait__child *c) {
  *(c->prev != NULL ? &c->prev->next : &c->reactor->children) = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
}

static void child_unwatch(plait__child *c) {
  plait_reactor *r = c->reactor;
  if (c->watched)
    r->io->unwatch(r->loop, &c->socket, c->kid.fd);
  c->watched = false;
  plait__reactor_unalarm(r, &c->look);
  plait__reactor_unalarm(r, &c->ladder);
}

static void child_exited(plait__child *c) {
  child_unwatch(c);
  child_unlink(c);
  child_host(c)->kid_close(&c->kid);
  c->state = PLAIT__CHILD_OVER;
  c->events->exited(c);
}

static void child_reaped(plait__child *c, const plait__kid_end *end, int code) {
  c->end.how = code != 0        ? PLAIT_PROCESS_UNKNOWN
               : end->signalled ? PLAIT_PROCESS_SIGNALLED
                                : PLAIT_PROCESS_EXITED;
  c->end.code = code;
  c->end.status = end->status;
  c->end.dumped = end->dumped;
  if (code == 0)
    c->end.asked =
        child_was_sent(c, end->signalled ? end->status : PLAIT__CHILD_TERM);
  child_exited(c);
}

static void look_later(plait__child *c) {
  c->look_ms = c->look_ms == 0 ? 1 : c->look_ms * 2;
  if (c->look_ms > CHILD_LOOK_MAX_MS)
    c->look_ms = CHILD_LOOK_MAX_MS;
  plait__reactor_alarm(c->reactor, &c->look, c->look_ms);
}

static void child_look(plait__child *c) {
  plait__kid_end end = {0};
  int code = child_host(c)->kid_reap(&c->kid, &end);
  if (code != PLAIT_EAGAIN)
    child_reaped(c, &end, code);
  else if (!c->watched)
    look_later(c);
}

static void look_ring(plait__alarm *alarm) {
  child_look(plait_container_of(alarm, plait__child, look));
}

/* It has ended, and nobody has its number yet: what is left of the group that
 * it led is what the ladder did not reach. */
static void child_ready(plait__socket *socket, unsigned events) {
  plait__child *c = plait_container_of(socket, plait__child, socket);
  (void)events;
  if (c->closing && c->spawn.new_group)
    child_host(c)->kid_signal(&c->kid, PLAIT__CHILD_KILL, true);
  child_look(c);
}

static const plait__socket_events child_events = {.ready = child_ready};

/* Not even SIGKILL ends it: its system call does not return. */
static void give_up_ring(plait__alarm *alarm) {
  plait__child *c = plait_container_of(alarm, plait__child, ladder);
  child_reaped(c, &(plait__kid_end){0}, PLAIT_EBUSY);
}

/* The grace is over. */
static void child_cut(plait__child *c) {
  plait__child_kill(c);
  ladder_set(c, PLAIT__STUCK_MS, give_up_ring);
}

static void child_watch(plait__child *c) {
  plait_reactor *r = c->reactor;
  c->socket.events = &child_events;
  c->look.ring = look_ring;
  if (c->kid.fd >= 0)
    c->watched =
        r->io->watch(r->loop, &c->socket, c->kid.fd, PLAIT__READABLE) == 0;
  if (!c->watched)
    look_later(c);
}

/* ---- its start ----------------------------------------------------------- */

static void child_failed(plait__child *c, int code) {
  c->state = PLAIT__CHILD_OVER;
  c->end.how = PLAIT_PROCESS_FAILED;
  c->end.code = plait__fail(code, "spawn %s: %s: %s", c->spawn.argv[0], c->step,
                            plait_strerror(code));
  c->events->began(c, code);
}

static void child_began(plait__child *c) {
  plait_reactor *r = c->reactor;
  bool closed = c->closing;
  c->state = PLAIT__CHILD_RUNS;
  child_link(c);
  child_watch(c);
  c->events->began(c, 0);
  if (c->state != PLAIT__CHILD_RUNS)
    return;
  if (r->cut)
    child_cut(c);
  else if (closed)
    ladder_begin(c);
  else if (r->draining && !c->closing)
    c->events->draining(c);
}

/* It began after plait_run() had given up waiting for that.  It has hardly run,
 * so it does not take long. */
static void child_bury(plait__child *c) {
  const plait__host *host = child_host(c);
  plait__kid_end end;
  host->kid_signal(&c->kid, PLAIT__CHILD_KILL, c->spawn.new_group);
  for (int ms = 0; ms < PLAIT__STUCK_MS; ms++) {
    if (host->kid_reap(&c->kid, &end) != PLAIT_EAGAIN)
      break;
    c->reactor->os->sleep_ns(1000000);
  }
  host->kid_close(&c->kid);
}

/* The runtime is being freed. */
static void child_drop(plait__child *c) {
  plait__spawn_close_copies(c);
  if (c->state == PLAIT__CHILD_STARTS && c->code == 0) {
    plait__spawn_close_ends(c);
    child_bury(c);
  }
  c->state = PLAIT__CHILD_OVER;
  c->events->dropped(c);
}

static void began_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__child *c = plait_container_of(mail, plait__child, mail);
  (void)r;
  if (drop) {
    child_drop(c);
    return;
  }
  plait__spawn_close_copies(c);
  if (c->code != 0)
    child_failed(c, c->code);
  else
    child_began(c);
}

static void began_send(plait__child *c, int code, const char *step) {
  c->code = code;
  c->step = step;
  c->mail.deliver = began_deliver;
  plait__reactor_mail(c->reactor, &c->mail);
}

static void job_run(plait__job *job) {
  plait__child *c = plait_container_of(job, plait__child, job);
  c->code = child_host(c)->spawn(&c->spawn, &c->kid, &c->step);
}

static void job_finished(plait__job *job) {
  plait__child *c = plait_container_of(job, plait__child, job);
  began_send(c, c->code, c->step);
}

static void job_dropped(plait__job *job, int code) {
  began_send(plait_container_of(job, plait__child, job), code, "pool");
}

static void start_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__child *c = plait_container_of(mail, plait__child, mail);
  (void)r;
  if (drop) {
    child_drop(c);
    return;
  }
  int code = c->closing ? PLAIT_ECANCELED : 0;
  c->state = PLAIT__CHILD_STARTS;
  c->job = (plait__job){.run = job_run,
                        .finished = job_finished,
                        .dropped = job_dropped,
                        .name = "the start of a process"};
  if (code == 0)
    code = plait__lane_push(&c->pool->processes, &c->job, NULL);
  if (code == 0)
    return;
  plait__spawn_close_copies(c);
  c->step = c->closing ? "closed" : "pool";
  child_failed(c, code);
}

void plait__child_start(plait__child *c) {
  plait__runtime_ref(c->pool->runtime);
  c->mail.deliver = start_deliver;
  plait__reactor_mail(c->reactor, &c->mail);
}

/* ---- ending it ----------------------------------------------------------- */

void plait__child_close(plait__child *c) {
  if (c->closing)
    return;
  c->closing = true;
  if (c->state == PLAIT__CHILD_RUNS)
    ladder_begin(c);
  else if (c->state == PLAIT__CHILD_STARTS &&
           plait__lane_remove(&c->pool->processes, &c->job))
    began_send(c, PLAIT_ECANCELED, "closed");
}

/* In all loops here a callback may start children, which come in front, but
 * ends none. */
void plait__children_drain(plait_reactor *r) {
  for (plait__child *c = r->children; c != NULL; c = c->next)
    if (!c->closing)
      c->events->draining(c);
}

void plait__children_cut(plait_reactor *r) {
  for (plait__child *c = r->children; c != NULL; c = c->next)
    child_cut(c);
}

/* ---- life ---------------------------------------------------------------- */

int plait__child_init(plait__child *c, plait_pool *pool, plait_reactor *reactor,
                      const plait_process_options *options,
                      plait__child_stdio stdio, int fd,
                      const plait__child_events *events) {
  c->events = events;
  c->pool = pool;
  c->reactor = reactor;
  c->kid.fd = -1;
  c->term_ms = options->term_ms != 0 ? options->term_ms : PLAIT__CHILD_TERM_MS;
  int code = plait__spawn_plan(c, options, stdio, fd);
  if (code != 0)
    plait__child_undo(c);
  return code;
}

void plait__child_undo(plait__child *c) {
  plait__spawn_close_copies(c);
  plait__free(c->reactor->os, c->block);
}

void plait__child_fini(plait__child *c) {
  plait_runtime *runtime = c->pool->runtime;
  plait__free(c->reactor->os, c->block);
  c->block = NULL;
  plait__runtime_unref(runtime);
}
