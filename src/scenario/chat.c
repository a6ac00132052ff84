/* chat: a crowd whose members are told by handle what one of them says, on all
 * reactors; other threads write to members, close and abort them.
 *
 * A line to a member is "SOURCE NUMBER text".  Numbers count what a source has
 * sent to that member, so whatever was lost ahead of something, doubled or
 * reordered is seen by its client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

struct chatter {
  plait_line line;
  struct witness *w;
  struct link *link; /* a client's */
  struct member *member;
  struct dice dice;
  plait_timer timer;
  struct token timed;
  unsigned messages, said, heard;
};

static struct chatter *chatter_of(plait_protocol *p) {
  return plait_container_of(p, struct chatter, line.base);
}

static struct crowd *crowd_of(const struct chatter *c) {
  struct side *side = side_of(c->line.base.factory);
  return (struct crowd *)side->stage->play;
}

static bool line_send(struct chatter *c, const char *text, size_t len) {
  if (!witness_writes(c->w, c->line.base.transport, len + 2))
    return false;
  bool more = plait_line_send(&c->line, text, len);
  witness_wrote(c->w, c->line.base.transport, more);
  return more;
}

/* ---- the client ---------------------------------------------------------- */

static void client_say(struct chatter *c) {
  char text[CROWD_LINE];
  size_t pad = dice_below(&c->dice, crowd_text_max(c->w->stage) + 1);
  int len = snprintf(text, sizeof text, "say %u ", c->said++);
  memset(text + len, 'a' + (int)(c->said % 26), pad);
  c->messages--;
  line_send(c, text, (size_t)len + pad);
}

static void client_later(struct chatter *c) {
  uint32_t pause_ms = c->w->stage->plan->pause_ms;
  bool even = c->w->stage->scenario == &scenario_pace;
  token_start(&c->timed, c->w->stage, "a timer");
  plait_timer_start(&c->timer,
                    even ? pause_ms : dice_below(&c->dice, pause_ms + 1), 0);
}

static void client_timer(plait_timer *timer) {
  struct chatter *c = plait_container_of(timer, struct chatter, timer);
  plait_transport *t = c->line.base.transport;
  witness_enter(c->w, CALL_TIMER);
  token_end(&c->timed);
  if (c->w->wants_resume || c->w->closed || c->w->wrote_eof) {
    witness_leave(c->w);
    return;
  }
  if (c->messages > 0)
    client_say(c);
  if (dice_chance(&c->dice, c->w->stage->plan->end_ppm / 8))
    witness_abort(c->w, t);
  else if (c->messages == 0)
    witness_write_eof(c->w, t);
  else
    client_later(c);
  witness_leave(c->w);
}

/* Some are so long that they do not fit on the stack of plait_printf(). */
static void client_greet(struct chatter *c) {
  plait_transport *t = c->line.base.transport;
  int blanks = c->link->number % 2 == 0 ? 600 : 0;
  char hello[32];
  int len = snprintf(hello, sizeof hello, "hello %u", c->link->number);
  if (!witness_writes(c->w, t, (size_t)(len + blanks + 2)))
    return;
  bool more = plait_printf(t, "%s%*s\r\n", hello, blanks, "");
  witness_wrote(c->w, t, more);
}

static void client_made(plait_protocol *p) {
  struct chatter *c = chatter_of(p);
  struct stage *stage = side_of(p->factory)->stage;
  witness_made(stage, &c->w, p, "client", true);
  c->dice = stage_dice(stage, c->w->number);
  c->link = link_new(c->w);
  c->messages = stage->plan->messages;
  c->member = crowd_client(crowd_of(c), c->link->number, c->w);
  plait_timer_init(&c->timer, p->transport, client_timer);
  client_greet(c);
  client_later(c);
  witness_leave(c->w);
}

static void client_line(plait_line *line, plait_slice text) {
  struct chatter *c = chatter_of(&line->base);
  struct stage *stage = c->w->stage;
  unsigned source, number;
  char head[32] = {0};
  CHECK(stage, witness_takes(c->w), "client %u got a line though it has closed",
        c->w->number);
  memcpy(head, text.data, text.len < 31 ? text.len : 31);
  CHECK(stage,
        sscanf(head, "%u %u", &source, &number) == 2 && source < CROWD_SOURCES,
        "client %u got \"%s\"", c->w->number, head);
  struct member *m = c->member;
  CHECK(stage, number == m->got[source],
        "client %u got line %u of source %u, and is to get line %u",
        c->w->number, number, source, m->got[source]);
  CHECK(stage, number < m->sent[source],
        "client %u got line %u of source %u, which has sent %u", c->w->number,
        number, source, m->sent[source]);
  m->got[source]++;
  stage->bytes += text.len;
}

/* ---- the server ---------------------------------------------------------- */

static void server_made(plait_protocol *p) {
  struct chatter *c = chatter_of(p);
  struct stage *stage = side_of(p->factory)->stage;
  witness_made(stage, &c->w, p, "server", false);
  stage->served++;
  c->w->exact = false;
  c->w->shared = true;
  witness_leave(c->w);
}

static void server_line(plait_line *line, plait_slice text) {
  struct chatter *c = chatter_of(&line->base);
  struct stage *stage = c->w->stage;
  struct crowd *crowd = crowd_of(c);
  unsigned number;
  char head[32] = {0};
  memcpy(head, text.data, text.len < 31 ? text.len : 31);
  CHECK(stage, witness_takes(c->w), "server %u got a line though it has closed",
        c->w->number);
  if (sscanf(head, "hello %u", &number) == 1) {
    CHECK(stage, c->member == NULL, "server %u was greeted twice",
          c->w->number);
    c->member = crowd_enter(crowd, number, c->w,
                            plait_transport_handle(line->base.transport));
    return;
  }
  CHECK(stage, sscanf(head, "say %u", &number) == 1 && c->member != NULL,
        "server %u got \"%s\"", c->w->number, head);
  CHECK(stage, number == c->heard,
        "server %u got line %u and is to get line %u", c->w->number, number,
        c->heard);
  c->heard++;
  if (stage->plan->work_ms != 0 && stage->plan->workers != 0 && number % 4 == 0)
    witness_block(c->w);
  crowd_say(crowd, c->member->number, text.len);
}

/* ---- events of both ------------------------------------------------------ */

static void chatter_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct chatter *c = chatter_of(p);
  witness_enter(c->w, CALL_DATA);
  plait_line_data_received(p, data, len);
  witness_leave(c->w);
}

static void chatter_eof(plait_protocol *p) {
  struct chatter *c = chatter_of(p);
  witness_enter(c->w, CALL_EOF);
  witness_close(c->w, p->transport);
  witness_leave(c->w);
}

static void chatter_resume(plait_protocol *p) {
  struct chatter *c = chatter_of(p);
  witness_enter(c->w, CALL_RESUME);
  if (c->w->client && !c->timed.out && !c->w->wrote_eof)
    client_later(c);
  witness_leave(c->w);
}

static void chatter_draining(plait_protocol *p) {
  struct chatter *c = chatter_of(p);
  witness_enter(c->w, CALL_DRAINING);
  CHECK(c->w->stage, c->w->stage->stopping, "%s %u is to drain, and why?",
        c->w->role, c->w->number);
  witness_close(c->w, p->transport);
  witness_leave(c->w);
}

static void chatter_lost(plait_protocol *p, int reason) {
  struct chatter *c = chatter_of(p);
  struct crowd *crowd = crowd_of(c);
  if (c->timed.out)
    token_end(&c->timed);
  witness_lost(c->w, p, reason);
  if (c->w->client)
    crowd->wanted--;
  else if (c->member != NULL)
    c->member->there = false;
}

static const plait_line_ops chat_server = {
    .base = {.name = "chat server",
             .size = PLAIT_INSTANCE(struct chatter, line),
             .connection_made = server_made,
             .data_received = chatter_data,
             .eof_received = chatter_eof,
             .resume_writing = chatter_resume,
             .draining = chatter_draining,
             .connection_lost = chatter_lost},
    .line_received = server_line};

static const plait_line_ops chat_client = {
    .base = {.name = "chat client",
             .size = PLAIT_INSTANCE(struct chatter, line),
             .connection_made = client_made,
             .data_received = chatter_data,
             .eof_received = chatter_eof,
             .resume_writing = chatter_resume,
             .draining = chatter_draining,
             .connection_lost = chatter_lost},
    .line_received = client_line};

struct witness *chat_witness(plait_protocol *p) {
  return p->ops == &chat_server.base ? chatter_of(p)->w : NULL;
}

/* ---- the play ------------------------------------------------------------ */

static void chat_failed(plait_factory *factory, plait_connector *connector,
                        int reason) {
  struct side *side = side_of(factory);
  (void)connector;
  CHECK(side->stage, reason < 0, "connect_failed says %d", reason);
  ((struct crowd *)side->stage->play)->wanted--;
}

static int chat_open(struct stage *stage) {
  struct crowd *crowd = (struct crowd *)stage->play;
  const struct plan *plan = stage->plan;
  crowd->stage = stage;
  stage_side(stage, &crowd->server, &chat_server.base, plan->workers != 0);
  stage_side(stage, &crowd->client, &chat_client.base, false);
  crowd->client.factory.connect_failed = chat_failed;
  crowd->server.factory.limits.connections_max = plan->connections_max;
  int code = stage_listen(stage, "tcp:4000", &crowd->server, &crowd->listener);
  for (unsigned i = 0; i < plan->connections && code == 0; i++) {
    plait_connect_options options = {
        .reactor = plait_runtime_reactor(stage->runtime, i % plan->reactors)};
    int failed = plait_connect(stage->runtime, "tcp:127.0.0.1:4000",
                               &crowd->client.factory, &options, NULL);
    CHECK(stage, failed == 0 || stage_faulty(stage), "connect: %s",
          plait_error_detail());
    crowd->wanted += failed == 0;
  }
  if (code == 0)
    crowd_threads(crowd);
  return code;
}

static bool chat_finished(struct stage *stage) {
  return ((const struct crowd *)stage->play)->wanted == 0;
}

/* The queue and what is on its way to it; a carry; a lease. */
static size_t chat_bound(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  size_t high = plan->high_bytes != 0 ? plan->high_bytes : 64 << 10;
  size_t lease = plan->lease_bytes != 0 ? plan->lease_bytes : 1 << 20;
  return (8 << 10) + 4 * (high + CROWD_LINE) + (3 << 20) +
         (plan->workers ? lease : 0);
}

static void chat_close(struct stage *stage) {
  const struct crowd *crowd = (const struct crowd *)stage->play;
  CHECK(stage,
        crowd->server.started == crowd->server.stopped &&
            crowd->client.started == crowd->client.stopped,
        "a factory was started and never stopped");
}

static void chat_leave(struct stage *stage) {
  crowd_join((struct crowd *)stage->play);
}

static const struct plan_range chat_ranges[] = {
    {"outage_ms", 0, 0},
    {"window_bytes", 1048576, 1048576},
    {"medium", 0, 0},
    {"framed", 0, 0},
    {"resolve_ms", 20, 20},
    {"task_threads", 0, 0},
    {"idle_ms", 1000, 60000},
    {"message_bytes", 1, 800},
    {"work_ms", 0, 30},
    {"turn_away_ppm", 0, 0},
    {NULL, 0, 0}};

const struct scenario scenario_chat = {
    .name = "chat",
    .summary = "a crowd on all reactors; other threads write, close and abort",
    .ranges = chat_ranges,
    .size = sizeof(struct crowd),
    .open = chat_open,
    .finished = chat_finished,
    .leave = chat_leave,
    .bound = chat_bound,
    .close = chat_close};

/* ---- pace: how fast the simulator is ------------------------------------- */

static const struct plan_range pace_ranges[] = {
    {"reactors", 1, 1},         {"connections", 10, 10},
    {"messages", 100, 100},     {"message_bytes", 80, 80},
    {"pause_ms", 1000, 1000},   {"window_bytes", 1048576, 1048576},
    {"threads", 0, 0},          {"medium", 0, 0},
    {"framed", 0, 0},           {"workers", 0, 0},
    {"work_ms", 0, 0},          {"task_threads", 0, 0},
    {"strand_threads", 0, 0},   {"end_ppm", 0, 0},
    {"outage_ms", 0, 0},        {"stop_ms", 0, 0},
    {"signals", 0, 0},          {"turn_away_ppm", 0, 0},
    {"stop_now", 0, 0},         {"grace_ms", 10000, 10000},
    {"connections_max", 0, 0},  {"idle_ms", 0, 0},
    {"flush_ms", 0, 0},         {"linger_ms", 0, 0},
    {"linger_bytes", 0, 0},     {"high_bytes", 0, 0},
    {"queue_bytes", 0, 0},      {"lease_bytes", 0, 0},
    {"switch_ppm", 0, 0},       {"wake_us", 0, 0},
    {"capacity", 65536, 65536}, {"segment", 65536, 65536},
    {"short_read_ppm", 0, 0},   {"short_write_ppm", 0, 0},
    {"again_ppm", 0, 0},        {"reset_ppm", 0, 0},
    {"stall_ppm", 0, 0},        {"refuse_ppm", 0, 0},
    {"black_hole_ppm", 0, 0},   {"accept_fail_ppm", 0, 0},
    {"backlog", 0, 0},          {"descriptors", 1024, 1024},
    {"alloc_fail_ppm", 0, 0},   {"resolve_fail_ppm", 0, 0},
    {"thread_fail_ppm", 0, 0},  {NULL, 0, 0}};

const struct scenario scenario_pace = {
    .name = "pace",
    .summary = "ten clients that each say something every second, no faults",
    .ranges = pace_ranges,
    .size = sizeof(struct crowd),
    .open = chat_open,
    .finished = chat_finished,
    .leave = chat_leave,
    .bound = chat_bound,
    .close = chat_close};
