/* c-ares on a reactor.
 *
 * Its rules (as of 1.18): it may answer inside the call that asks; a channel
 * must not be destroyed, nor its questions cancelled, inside an answer; one
 * question alone cannot be cancelled.  So
 *
 *  - begin() and end() frame everything that may answer; what follows from
 *    answers comes behind end(), with nothing of c-ares on the stack;
 *  - a question that nobody waits for stays until c-ares gives it up, or until
 *    only such are left: then all are cancelled, which closes the sockets.
 *
 * c-ares tells which of its sockets to watch for what, and is called again
 * every CARES_TICK_MS for its time-outs.  (ares_timeout() would tell when the
 * next one is due, but looks at all questions to find out.)  A channel that has
 * had nothing to do for a while is destroyed, so the next question goes to the
 * name servers that resolv.conf has by then. */
#include "cares/channel.h"

#include <assert.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <pthread.h>

#include "core/memory.h"
#include "pool/resolver.h"

enum {
  CARES_TICK_MS = 100,
  CARES_IDLE_MS = 1000,
  CARES_TIMEOUT_MS = 1500, /* the first try of a server; doubled for each */
  CARES_TRIES = 3
};

const char *plait__cares_servers;

struct plait__cares_watch {
  plait_watch watch;
  plait__cares_channel *channel;
  ares_socket_t fd;
  plait__cares_watch *next;
};

static void channel_work(plait__cares_channel *channel, ares_socket_t readable,
                         ares_socket_t writable) {
  channel->working = true;
  ares_process_fd(channel->ares, readable, writable);
  plait__cares_end(channel);
  channel->worked(channel);
}

/* ---- sockets ------------------------------------------------------------- */

static void watch_ready(plait_watch *watch, unsigned events) {
  plait__cares_watch *w = plait_container_of(watch, plait__cares_watch, watch);
  ares_socket_t fd = w->fd;
  channel_work(w->channel, events & PLAIT_WATCH_READABLE ? fd : ARES_SOCKET_BAD,
               events & PLAIT_WATCH_WRITABLE ? fd : ARES_SOCKET_BAD);
}

static plait__cares_watch **watch_find(plait__cares_channel *channel,
                                       ares_socket_t fd) {
  plait__cares_watch **at = &channel->watches;
  while (*at != NULL && (*at)->fd != fd)
    at = &(*at)->next;
  return at;
}

static void watch_forget(plait__cares_channel *channel,
                         plait__cares_watch **at) {
  plait__cares_watch *w = *at;
  if (w == NULL)
    return;
  plait_watch_stop(&w->watch);
  *at = w->next;
  plait__free(channel->reactor->os, w);
}

static int watch_set(plait__cares_channel *channel, ares_socket_t fd,
                     unsigned events) {
  plait__cares_watch **at = watch_find(channel, fd);
  if (*at == NULL) {
    plait__cares_watch *w = plait__zalloc(channel->reactor->os, sizeof *w);
    if (w == NULL)
      return PLAIT_ENOMEM;
    plait_watch_init(&w->watch, watch_ready);
    w->channel = channel;
    w->fd = fd;
    *at = w;
  }
  return plait_watch_start(&(*at)->watch, fd, events);
}

/* c-ares wants |fd| to be watched so; neither: it is about to be closed. */
static void channel_on_socket(void *arg, ares_socket_t fd, int readable,
                              int writable) {
  plait__cares_channel *channel = arg;
  unsigned events = (readable ? PLAIT_WATCH_READABLE : 0u) |
                    (writable ? PLAIT_WATCH_WRITABLE : 0u);
  if (events == 0) {
    watch_forget(channel, watch_find(channel, fd));
    return;
  }
  int code = watch_set(channel, fd, events);
  if (code != 0)
    channel->broken = code;
}

/* ---- time ---------------------------------------------------------------- */

static void channel_set_alarm(plait__cares_channel *channel) {
  plait_reactor *r = channel->reactor;
  bool idle = channel->pending == 0;
  bool over = !idle && channel->pending == channel->nobodys;
  uint64_t after_ms = over ? 0 : idle ? CARES_IDLE_MS : CARES_TICK_MS;
  plait__reactor_unalarm(r, &channel->alarm);
  plait__reactor_alarm(r, &channel->alarm, after_ms);
}

static void channel_ring(plait__alarm *alarm) {
  plait__cares_channel *channel =
      plait_container_of(alarm, plait__cares_channel, alarm);
  if (channel->pending == 0) {
    plait__cares_close(channel);
    return;
  }
  if (channel->pending == channel->nobodys) {
    channel->working = true;
    ares_cancel(channel->ares);
    plait__cares_end(channel);
    channel->worked(channel);
    return;
  }
  channel_work(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* ---- life ---------------------------------------------------------------- */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_status;

/* Never undone: others in this process may use it, too. */
static void library_init(void) {
  library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static int channel_open(plait__cares_channel *channel) {
  struct ares_options o = {.timeout = CARES_TIMEOUT_MS,
                           .tries = CARES_TRIES,
                           .sock_state_cb = channel_on_socket,
                           .sock_state_cb_data = channel};
  int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (plait__cares_servers != NULL)
    mask |= ARES_OPT_DOMAINS; /* none */
  pthread_once(&library_once, library_init);
  int status = library_status;
  if (status == ARES_SUCCESS)
    status = ares_init_options(&channel->ares, &o, mask);
  if (status == ARES_SUCCESS && plait__cares_servers != NULL)
    status = ares_set_servers_ports_csv(channel->ares, plait__cares_servers);
  if (status == ARES_SUCCESS)
    return 0;
  ares_destroy(channel->ares);
  channel->ares = NULL;
  return status == ARES_ENOMEM ? PLAIT_ENOMEM : PLAIT_EIO;
}

int plait__cares_begin(plait__cares_channel *channel) {
  assert(!channel->working && "inside an answer of c-ares");
  channel->alarm.ring = channel_ring;
  if (channel->ares == NULL) {
    int code = channel_open(channel);
    if (code != 0)
      return code;
  }
  channel->working = true;
  return 0;
}

void plait__cares_end(plait__cares_channel *channel) {
  /* Without its socket no answer would come: all fail now. */
  if (channel->broken != 0)
    ares_cancel(channel->ares);
  channel->broken = 0;
  channel->working = false;
  channel_set_alarm(channel);
}

void plait__cares_abandon(plait__cares_channel *channel) {
  plait_reactor *r = channel->reactor;
  channel->nobodys++;
  plait__reactor_unalarm(r, &channel->alarm);
  plait__reactor_alarm(r, &channel->alarm, 0);
}

void plait__cares_close(plait__cares_channel *channel) {
  if (channel->ares == NULL)
    return;
  ares_destroy(channel->ares);
  channel->ares = NULL;
  while (channel->watches != NULL) /* there are none, says c-ares */
    watch_forget(channel, &channel->watches);
  plait__reactor_unalarm(channel->reactor, &channel->alarm);
}
