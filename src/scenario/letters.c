/* datagrams: clients that send to a server, which answers half of what it gets.
 * Each side pauses reading now and then, and some clients know a name alone.
 * Each datagram is a function of its sender and its number, so what comes is
 * one that was sent, whole, and from whom it says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"

enum {
  KIB = 1024,
  LETTER_HEAD = 9,
  LETTER_MAX = 6000,
  CLIENTS_MAX = 24,
  MESSAGES_MAX = 60,
  BURST = 5,
  PAUSES = 4, /* after one datagram of so many */
  PORT = 4002
};

/* A client; it outlives its socket. */
struct sender {
  plait_datagram_factory factory;
  struct stage *stage;
  unsigned number, started, stopped;
  struct dice dice;
  plait_address address;
  const struct station *home; /* the server's socket that gets it all */
  bool moved;                 /* it has had another one */
  unsigned sent;              /* numbers that were used up */
  bool accepted[MESSAGES_MAX];
  unsigned got[MESSAGES_MAX], answered[MESSAGES_MAX], back[MESSAGES_MAX];
  unsigned last_up, last_down;
};

struct letters {
  plait_datagram_factory server;
  struct stage *stage;
  unsigned started, stopped, wanted;
  struct dice dice;
  struct sender list[CLIENTS_MAX];
};

/* An instance. */
struct station {
  plait_datagram_protocol base;
  struct stage *stage;
  struct sender *sender; /* NULL: it is the server's */
  plait_timer timer;
  bool wants, closed, paused;
  plait_datagram_stats seen; /* .dropped: sends, taken or not */
};

static struct station *station_of(plait_datagram_protocol *p) {
  return plait_container_of(p, struct station, base);
}

static struct sender *sender_of(plait_datagram_factory *factory) {
  return plait_container_of(factory, struct sender, factory);
}

static struct letters *letters_of(const struct stage *stage) {
  return (struct letters *)stage->play;
}

static bool is_local(const struct stage *stage) {
  return stage->plan->medium == MEDIUM_UNIX;
}

/* ---- letters ------------------------------------------------------------- */

static size_t letter_fill(const struct stage *stage, unsigned sender,
                          unsigned number, bool down, uint8_t *ret) {
  const uint32_t most = LETTER_MAX - LETTER_HEAD;
  uint32_t bytes = stage->plan->message_bytes;
  struct dice dice =
      stage_dice(stage, 9000 + (sender * MESSAGES_MAX + number) * 2 + down);
  size_t len =
      LETTER_HEAD +
      (size_t)dice_below(&dice, (bytes < most ? (uint64_t)bytes : most) + 1);
  for (size_t i = 0; i < len; i++)
    ret[i] = (uint8_t)dice_roll(&dice);
  memcpy(ret, &sender, 4);
  memcpy(ret + 4, &number, 4);
  ret[8] = down;
  return len;
}

/* Whose it is, and its number; it is one that was sent. */
static struct sender *letter_check(struct stage *stage, bool down,
                                   const uint8_t *data, size_t len,
                                   unsigned *ret_number) {
  uint8_t wanted[LETTER_MAX];
  unsigned sender = CLIENTS_MAX, number = 0;
  if (len >= LETTER_HEAD) {
    memcpy(&sender, data, 4);
    memcpy(&number, data + 4, 4);
  }
  CHECK(stage, sender < stage->plan->connections && number < MESSAGES_MAX,
        "a datagram of %zu bytes is nobody's", len);
  size_t whole = letter_fill(stage, sender, number, down, wanted);
  CHECK(stage, len == whole && memcmp(data, wanted, len) == 0,
        "datagram %u of client %u has %zu bytes, and %zu were sent, or others",
        number, sender, len, whole);
  *ret_number = number;
  return &letters_of(stage)->list[sender];
}

static void info_check(struct stage *stage, const plait_datagram_info *info,
                       const plait_address *from) {
  bool same = info->from->family == from->family &&
              info->from->port == from->port &&
              memcmp(info->from->ip, from->ip, sizeof from->ip) == 0 &&
              strcmp(info->from->path, from->path) == 0;
  bool unknown = from->family == PLAIT_NO_ADDRESS && stage_faulty(stage);
  CHECK(stage, (same || unknown) && !info->truncated && !info->to_many,
        "a datagram comes from elsewhere, in part, or to many");
}

/* How often one that was sent so often comes at most. */
static unsigned copies(const struct stage *stage, unsigned sent) {
  return stage->plan->twice_ppm != 0 && !is_local(stage) ? 2 * sent : sent;
}

/* Order is kept where the world keeps it. */
static void order_check(struct stage *stage, unsigned number, unsigned *last) {
  CHECK(stage,
        number >= *last || (stage->plan->reorder_ppm != 0 && !is_local(stage)),
        "datagram %u comes behind %u", number, *last);
  *last = number;
}

/* ---- both ---------------------------------------------------------------- */

static void station_close(struct station *s) {
  s->closed = true;
  plait_datagram_close(s->base.socket);
}

/* Whether it was accepted. */
static bool station_send(struct station *s, struct sender *sender,
                         unsigned number, const plait_datagram_info *info) {
  struct stage *stage = s->stage;
  uint8_t bytes[LETTER_MAX];
  size_t len = letter_fill(stage, sender->number, number, info != NULL, bytes);
  int code = info != NULL
                 ? plait_datagram_reply(s->base.socket, info, bytes, len)
                 : plait_datagram_send(s->base.socket, bytes, len, NULL);
  CHECK(stage,
        code == 1 || code == 0 || code == PLAIT_EFULL ||
            (code == PLAIT_ECLOSED && stage->stopping) ||
            (code < 0 && stage_faulty(stage)),
        "a send is answered by %s", plait_error_name(code));
  s->seen.dropped++;
  s->wants |= code == 0 || code == PLAIT_EFULL;
  memset(bytes, 0xee, len);
  return code >= 0;
}

/* Until the timer goes off. */
static void station_pause(struct station *s, struct dice *dice) {
  if (dice_below(dice, PAUSES) != 0)
    return;
  s->paused = true;
  plait_datagram_pause_reading(s->base.socket);
  plait_timer_start(&s->timer,
                    1 + dice_below(dice, s->stage->plan->pause_ms + 1), 0);
}

static void station_go_on(struct station *s) {
  s->paused = false;
  plait_datagram_resume_reading(s->base.socket);
}

static void station_got(struct station *s, size_t len) {
  CHECK(s->stage, !s->closed, "a datagram comes to one that has closed");
  CHECK(s->stage, !s->paused, "a datagram comes while reading is paused");
  plait_sim_note(s->stage->sim, CALL_DATA, len);
  s->stage->bytes += len;
  s->seen.received++;
  s->seen.received_bytes += len;
}

static void station_error(plait_datagram_protocol *p, int code,
                          const plait_address *to) {
  struct station *s = station_of(p);
  (void)to;
  CHECK(s->stage, code < 0 && !s->closed, "error_received says %d", code);
}

static void station_resume(plait_datagram_protocol *p) {
  struct station *s = station_of(p);
  CHECK(s->stage, s->wants && !s->closed,
        "resume_writing, and all sends were answered by 1");
  s->wants = false;
}

static void station_draining(plait_datagram_protocol *p) {
  struct station *s = station_of(p);
  CHECK(s->stage, s->stage->stopping && !s->closed,
        "a socket is to drain, and nobody stopped anything");
  station_close(s);
}

static void station_stopped(plait_datagram_protocol *p, int reason) {
  struct station *s = station_of(p);
  plait_datagram_stats stats;
  plait_timer_stop(&s->timer);
  plait_datagram_get_stats(p->socket, &stats);
  CHECK(s->stage,
        (reason == 0 && s->closed) ||
            (reason == PLAIT_EDRAIN && s->stage->stopping) ||
            stage_faulty(s->stage),
        "a socket has stopped: %s", plait_error_name(reason));
  CHECK(s->stage,
        stats.received == s->seen.received &&
            stats.received_bytes == s->seen.received_bytes,
        "%llu datagrams were received, and %llu came",
        (unsigned long long)stats.received,
        (unsigned long long)s->seen.received);
  CHECK(s->stage, stats.sent + stats.dropped == s->seen.dropped,
        "%llu datagrams were sent and %llu dropped, of %llu",
        (unsigned long long)stats.sent, (unsigned long long)stats.dropped,
        (unsigned long long)s->seen.dropped);
}

/* ---- the server ---------------------------------------------------------- */

static void server_timer(plait_timer *timer) {
  station_go_on(plait_container_of(timer, struct station, timer));
}

/* What UNIX sockets have not; nothing is sent there. */
static void server_tune(struct station *s) {
  struct stage *stage = s->stage;
  plait_datagram *d = s->base.socket;
  plait_address group;
  plait_address_parse("239.1.2.3", PORT, &group);
  const int codes[] = {plait_datagram_set_multicast_ttl(d, 2),
                       plait_datagram_join(d, &group, 0),
                       plait_datagram_leave(d, &group, 0)};
  for (int i = 0; i < 3; i++)
    CHECK(stage,
          is_local(stage) ? codes[i] < 0 : codes[i] == 0 || stage_faulty(stage),
          "a group's setting answers %s", plait_error_name(codes[i]));
}

static void server_started(plait_datagram_protocol *p) {
  struct station *s = station_of(p);
  struct letters *letters =
      plait_container_of(p->factory, struct letters, server);
  s->stage = letters->stage;
  plait_timer_init(&s->timer, NULL, server_timer);
  server_tune(s);
}

/* One that is gone leaves its senders to others, behind which some of theirs
 * may still wait. */
static void sender_home(struct sender *sender, const struct station *s) {
  struct stage *stage = s->stage;
  bool moves = sender->home != NULL && sender->home != s;
  CHECK(stage, !moves || stage->stopping || stage_faulty(stage),
        "client %u comes to two sockets", sender->number);
  sender->home = s;
  sender->moved |= moves;
  if (moves)
    sender->last_up = 0;
}

static void server_received(plait_datagram_protocol *p, const uint8_t *data,
                            size_t len, const plait_datagram_info *info) {
  struct station *s = station_of(p);
  struct stage *stage = s->stage;
  unsigned n;
  station_got(s, len);
  struct sender *sender = letter_check(stage, false, data, len, &n);
  CHECK(stage, sender->accepted[n], "datagram %u was not accepted", n);
  CHECK(stage, ++sender->got[n] <= copies(stage, 1),
        "datagram %u of client %u came %u times", n, sender->number,
        sender->got[n]);
  sender_home(sender, s);
  info_check(stage, info, &sender->address);
  order_check(stage, n, &sender->last_up);
  if (dice_below(&letters_of(stage)->dice, 2) == 0 &&
      station_send(s, sender, n, info))
    sender->answered[n]++;
  station_pause(s, &letters_of(stage)->dice);
}

/* ---- clients ------------------------------------------------------------- */

static void client_go_on(struct station *s) {
  struct sender *sender = s->sender;
  const struct plan *plan = s->stage->plan;
  for (int i = 0; i < BURST && sender->sent < plan->messages && !s->wants;
       i++) {
    unsigned n = sender->sent++;
    sender->accepted[n] = station_send(s, sender, n, NULL);
  }
  plait_timer_start(&s->timer,
                    1 + dice_below(&sender->dice, plan->pause_ms + 1), 0);
}

static void client_timer(plait_timer *timer) {
  struct station *s = plait_container_of(timer, struct station, timer);
  const struct plan *plan = s->stage->plan;
  if (s->closed)
    return;
  station_go_on(s);
  if (s->sender->sent == plan->messages ||
      dice_chance(&s->sender->dice, plan->end_ppm / 8))
    station_close(s);
  else
    client_go_on(s);
}

static void client_started(plait_datagram_protocol *p) {
  struct station *s = station_of(p);
  s->sender = sender_of(p->factory);
  s->stage = s->sender->stage;
  CHECK(s->stage,
        plait_datagram_local(p->socket, &s->sender->address) == 0 ||
            stage_faulty(s->stage),
        "a socket is nowhere");
  plait_timer_init(&s->timer, NULL, client_timer);
  client_go_on(s);
}

static void client_received(plait_datagram_protocol *p, const uint8_t *data,
                            size_t len, const plait_datagram_info *info) {
  struct station *s = station_of(p);
  plait_address server;
  unsigned n;
  station_got(s, len);
  struct sender *sender = letter_check(s->stage, true, data, len, &n);
  CHECK(s->stage,
        sender == s->sender &&
            ++sender->back[n] <= copies(s->stage, sender->answered[n]),
        "answer %u to client %u came %u times, or to another", n,
        sender->number, sender->back[n]);
  CHECK(s->stage, plait_datagram_peer(p->socket, &server) == 0,
        "a client has no peer");
  info_check(s->stage, info, &server);
  if (!sender->moved)
    order_check(s->stage, n, &sender->last_down);
  station_pause(s, &sender->dice);
}

#define STATION_OPS(begin, got)                                                \
  {                                                                            \
    .name = "station", .size = PLAIT_INSTANCE(struct station, base),           \
    .started = begin, .datagram_received = got,                                \
    .error_received = station_error, .resume_writing = station_resume,         \
    .draining = station_draining, .stopped = station_stopped                   \
  }

static const plait_datagram_ops server_ops =
    STATION_OPS(server_started, server_received);
static const plait_datagram_ops client_ops =
    STATION_OPS(client_started, client_received);

/* ---- the scenario -------------------------------------------------------- */

static void letters_started(plait_datagram_factory *f, plait_datagram_port *p) {
  (void)p;
  plait_container_of(f, struct letters, server)->started++;
}

static void letters_stopped(plait_datagram_factory *f) {
  plait_container_of(f, struct letters, server)->stopped++;
}

static void sender_started(plait_datagram_factory *f, plait_datagram_port *p) {
  (void)p;
  sender_of(f)->started++;
}

static void sender_stopped(plait_datagram_factory *f) {
  sender_of(f)->stopped++;
  letters_of(sender_of(f)->stage)->wanted--;
}

static void sender_failed(plait_datagram_factory *f, plait_datagram_port *p,
                          int reason) {
  const struct stage *stage = sender_of(f)->stage;
  (void)p;
  CHECK(sender_of(f)->stage,
        (reason == PLAIT_ETEMPORARY && stage->plan->resolve_fail_ppm != 0) ||
            (reason == PLAIT_ECANCELED && stage->stopping) ||
            stage_faulty(stage),
        "the server's name: %s", plait_error_detail());
}

/* The server is found after a while. */
static void letters_name(struct stage *stage) {
  plait_address address;
  plait_address_parse("127.0.0.1", 0, &address);
  if (plait_sim_name(stage->sim, "post", &address, 1,
                     (uint32_t)dice_below(&letters_of(stage)->dice, 200),
                     0) < 0)
    abort();
}

static void sender_open(struct stage *stage, unsigned number) {
  struct letters *letters = letters_of(stage);
  struct sender *sender = &letters->list[number];
  char path[64];
  plait_datagram_options options = {
      .reactor = plait_runtime_reactor(stage->runtime,
                                       number % stage->plan->reactors)};
  snprintf(path, sizeof path, "unixgram:/post:bind=/from-%u", number);
  sender->stage = stage;
  sender->number = number;
  sender->dice = stage_dice(stage, 8000 + number);
  sender->factory = (plait_datagram_factory){.protocol = &client_ops,
                                             .limits = letters->server.limits,
                                             .started = sender_started,
                                             .stopped = sender_stopped,
                                             .connect_failed = sender_failed};
  const char *server = dice_below(&sender->dice, 2) == 0 ? "udp:127.0.0.1:4002"
                                                         : "udp:post:4002";
  int code =
      plait_datagram_connect(stage->runtime, is_local(stage) ? path : server,
                             &sender->factory, &options, NULL);
  CHECK(stage, code == 0 || stage_faulty(stage), "connect: %s",
        plait_error_detail());
  letters->wanted += code == 0;
}

static int letters_open(struct stage *stage) {
  struct letters *letters = letters_of(stage);
  const struct plan *plan = stage->plan;
  letters->stage = stage;
  letters->dice = stage_dice(stage, 8100);
  letters->server =
      (plait_datagram_factory){.protocol = &server_ops,
                               .limits = {.high_bytes = plan->high_bytes,
                                          .queue_bytes_max = plan->queue_bytes},
                               .started = letters_started,
                               .stopped = letters_stopped};
  int code = plait_datagram_listen(
      stage->runtime, is_local(stage) ? "unixgram:/post" : "udp:4002",
      &letters->server, NULL, NULL);
  CHECK(stage, code == 0 || stage_faulty(stage), "listen: %s",
        plait_error_detail());
  letters_name(stage);
  for (unsigned i = 0; i < plan->connections && code == 0; i++)
    sender_open(stage, i);
  return code;
}

static bool letters_finished(struct stage *stage) {
  return letters_of(stage)->wanted == 0;
}

/* The queues of a client and of the server's sockets, and each reactor's area.
 */
static size_t letters_bound(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  size_t queue = plan->queue_bytes != 0 ? plan->queue_bytes : 1024 * KIB;
  return plan->reactors * (queue + 1024 * KIB) + queue;
}

static void letters_close(struct stage *stage) {
  const struct letters *letters = letters_of(stage);
  CHECK(stage, letters->started == letters->stopped && letters->started <= 1,
        "the server's port was started %u times and stopped %u times",
        letters->started, letters->stopped);
  for (unsigned i = 0; i < stage->plan->connections; i++)
    CHECK(stage,
          letters->list[i].started == letters->list[i].stopped &&
              letters->list[i].started <= 1,
          "the port of client %u was started %u times and stopped %u times", i,
          letters->list[i].started, letters->list[i].stopped);
}

static const struct plan_range letters_ranges[] = {
    {"threads", 0, 0},
    {"framed", 0, 0},
    {"medium", 0, MEDIUM_UNIX},
    {"workers", 0, 0},
    {"window_bytes", 1048576, 1048576},
    {"work_ms", 0, 0},
    {"outage_ms", 0, 0},
    {"task_threads", 0, 0},
    {"strand_threads", 0, 0},
    {"turn_away_ppm", 0, 0},
    {"connections_max", 0, 0},
    {"idle_ms", 0, 0},
    {"flush_ms", 0, 0},
    {"linger_ms", 0, 0},
    {"linger_bytes", 0, 0},
    {"lease_bytes", 0, 0},
    {"refuse_ppm", 0, 0},
    {"black_hole_ppm", 0, 0},
    {"accept_fail_ppm", 0, 0},
    {"backlog", 0, 0},
    {"resolve_ms", 20, 20},
    {"thread_fail_ppm", 0, 0},
    {"descriptors", 1024, 1024},
    {"loss_ppm", 1000, 300000},
    {"twice_ppm", 1000, 300000},
    {"reorder_ppm", 1000, 300000},
    {NULL, 0, 0}};

const struct scenario scenario_datagrams = {
    .name = "datagrams",
    .summary = "datagrams that are lost, doubled and overtaken, and answers",
    .ranges = letters_ranges,
    .size = sizeof(struct letters),
    .open = letters_open,
    .finished = letters_finished,
    .bound = letters_bound,
    .close = letters_close};
