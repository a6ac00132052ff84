/* See race.h. */
#include "core/race.h"

#include <plait/error.h>

#include "core/memory.h"
#include "core/stream.h"

/* ---- why it failed ------------------------------------------------------- */

/* What a peer answered, or a lack of memory or descriptors here, says more than
 * what the network did, and that more than an address family that this host
 * has no route for. */
static int failure_weight(int code) {
  switch (code) {
  case PLAIT_EADDRNOTAVAIL:
  case PLAIT_EAFNOSUPPORT:
  case PLAIT_ENETUNREACH:
    return 1;
  case PLAIT_EHOSTUNREACH:
  case PLAIT_ETIMEDOUT:
    return 2;
  default:
    return 3;
  }
}

/* The most telling failure stays, among equals the first: that address was
 * preferred. */
static void race_note(plait__race *race, const plait__failure *failure) {
  plait__failure *kept = &race->failure;
  if (kept->code == 0 ||
      failure_weight(failure->code) > failure_weight(kept->code))
    *kept = *failure;
}

/* ---- order --------------------------------------------------------------- */

/* The first address at or after |i| that is of the first one's family, or is
 * not; |count| if there is none. */
static size_t race_find(const plait_address *addresses, size_t count, size_t i,
                        bool alike) {
  while (i < count && (addresses[i].family == addresses[0].family) != alike)
    i++;
  return i;
}

static void race_line_up(plait__race *race, const plait_address *addresses,
                         size_t count) {
  size_t at[2] = {race_find(addresses, count, 0, true),
                  race_find(addresses, count, 0, false)};
  unsigned turn = 0;
  for (unsigned i = 0; i < race->count; i++) {
    if (at[turn] == count)
      turn ^= 1;
    race->attempts[i].race = race;
    race->attempts[i].peer = addresses[at[turn]];
    at[turn] = race_find(addresses, count, at[turn] + 1, turn == 0);
    turn ^= 1;
  }
}

/* ---- attempts ------------------------------------------------------------ */

/* Lets go of the attempt's stream, which closes. */
static void attempt_close(plait__attempt *a, plait__closing_event event,
                          int code) {
  plait__stream *s = a->stream;
  a->stream = NULL;
  a->race->running--;
  s->u.attempt = NULL;
  plait__closing(s, event, code);
}

static int attempt_open(plait__attempt *a, plait__failure *failure) {
  const plait__race *race = a->race;
  plait_reactor *r = race->reactor;
  bool bound = race->local.family != PLAIT_NO_ADDRESS;
  int fd, code;
  if (bound && race->local.family != a->peer.family) {
    failure->step = "bind for";
    failure->words = "the local address is of another family";
    return PLAIT_EAFNOSUPPORT;
  }
  code = r->io->connect(&a->peer, bound ? &race->local : NULL, &fd,
                        &failure->step);
  if (code != 0)
    return code;
  code = plait__stream_new(r, fd, &a->stream);
  if (code != 0)
    r->io->close_fd(fd);
  return code;
}

/* False: it failed already. */
static bool attempt_begin(plait__attempt *a) {
  plait__failure failure = {.step = "connect", .peer = a->peer};
  failure.code = attempt_open(a, &failure);
  if (failure.code != 0) {
    race_note(a->race, &failure);
    return false;
  }
  a->race->running++;
  a->stream->u.attempt = a;
  plait__stream_watch(a->stream);
  return true;
}

/* ---- the race ------------------------------------------------------------ */

/* All attempts that run are closed. */
static void race_end(plait__race *race, int code) {
  plait__reactor_unalarm(race->reactor, &race->alarm);
  race->failure.others = race->begun - 1;
  for (unsigned i = 0; i < race->begun; i++)
    if (race->attempts[i].stream != NULL)
      attempt_close(&race->attempts[i], PLAIT__ON_ABORT, code);
  plait__race_free(race);
}

/* Begins the next attempt, and at once another one if that fails at once. */
static void race_go_on(plait__race *race) {
  bool began = false;
  plait__reactor_unalarm(race->reactor, &race->alarm);
  while (!began && race->begun < race->count)
    began = attempt_begin(&race->attempts[race->begun++]);
  if (race->running == 0) {
    race_end(race, PLAIT_ECANCELED);
    race->lost(race);
  } else if (race->begun < race->count && race->delay_ms != PLAIT_UNLIMITED) {
    plait__reactor_alarm(race->reactor, &race->alarm, race->delay_ms);
  }
}

static void race_ring(plait__alarm *alarm) {
  race_go_on(plait_container_of(alarm, plait__race, alarm));
}

static void race_win(plait__attempt *a) {
  plait__race *race = a->race;
  plait__stream *s = a->stream;
  plait_address peer = a->peer;
  a->stream = NULL;
  race->running--;
  s->u.attempt = NULL;
  race_end(race, PLAIT_ECANCELED);
  race->won(race, s, &peer);
}

/* A connect to a port of this host that nobody listens on, out of the very port
 * that it was given itself: TCP makes a connection of that.  The socket's own
 * word for the peer counts: 0.0.0.0 and :: are this host, too. */
static bool attempt_met_itself(const plait__attempt *a) {
  const plait__io *io = a->race->reactor->io;
  int fd = io->fd(&a->stream->socket);
  plait_address local, peer;
  return a->peer.family != PLAIT_UNIX && io->names(fd, false, &local) == 0 &&
         local.port == a->peer.port && io->names(fd, true, &peer) == 0 &&
         local.family == peer.family &&
         memcmp(local.ip, peer.ip, sizeof local.ip) == 0;
}

void plait__attempt_ready(plait__stream *s) {
  plait__attempt *a = s->u.attempt;
  int code = s->reactor->io->finish_connect(&s->socket);
  if (code == PLAIT_EAGAIN)
    return;
  if (code == 0 && attempt_met_itself(a))
    code = PLAIT_ECONNREFUSED;
  if (code == 0) {
    race_win(a);
    return;
  }
  plait__failure failure = {.code = code, .step = "connect", .peer = a->peer};
  race_note(a->race, &failure);
  attempt_close(a, PLAIT__ON_FAIL, code);
  race_go_on(a->race);
}

void plait__race_start(plait__race *race, const plait_address *addresses,
                       size_t count) {
  race->count = (unsigned)(count < PLAIT__RACE_MAX ? count : PLAIT__RACE_MAX);
  race->begun = race->running = 0;
  race->failure = (plait__failure){0};
  race->alarm.ring = race_ring;
  race->attempts =
      plait__zalloc(race->reactor->os, race->count * sizeof *race->attempts);
  if (race->attempts == NULL) {
    race->failure.code = PLAIT_ENOMEM;
    race->failure.step = "connect";
    race->lost(race);
    return;
  }
  race_line_up(race, addresses, count);
  race_go_on(race);
}

void plait__race_stop(plait__race *race, int code) {
  const plait__attempt *oldest = race->attempts;
  while (oldest->stream == NULL)
    oldest++; /* one runs: else the race would be lost */
  race->failure =
      (plait__failure){.code = code, .step = "connect", .peer = oldest->peer};
  race_end(race, code);
}

void plait__race_free(plait__race *race) {
  plait__free(race->reactor->os, race->attempts);
  race->attempts = NULL;
}
