/* workers: requests that block, on workers or as tasks: in order or not, with
 * time-outs, on a strand, in the pool, cancelled; and switches of protocols. */
#include <stdlib.h>
#include <string.h>

#include "workers.h"

static struct asker *asker_of(plait_protocol *p) {
  return plait_container_of(p, struct asker, framed.base);
}

static struct office *office_of(const plait_protocol *p) {
  return (struct office *)side_of(p->factory)->stage->play;
}

static bool asker_send(struct asker *a, const struct letter *letter,
                       size_t pad) {
  plait_transport *t = a->framed.base.transport;
  uint8_t bytes[sizeof *letter + LETTER_PAD] = {0};
  memcpy(bytes, letter, sizeof *letter);
  if (pad > LETTER_PAD)
    pad = LETTER_PAD;
  if (!witness_writes(a->w, t, sizeof *letter + pad + 4))
    return false;
  bool more = plait_prefixed_send(&a->framed, bytes, sizeof *letter + pad);
  witness_wrote(a->w, t, more);
  return more;
}

static struct letter letter_of(struct asker *a, plait_slice payload) {
  struct letter letter;
  CHECK(a->w->stage, payload.len >= sizeof letter,
        "%s %u got a frame of %zu bytes", a->w->role, a->w->number,
        payload.len);
  CHECK(a->w->stage, witness_takes(a->w) && a->w->held == 0,
        "%s %u got a frame though it has closed or holds", a->w->role,
        a->w->number);
  memcpy(&letter, payload.data, sizeof letter);
  return letter;
}

/* Others are answered by handle, which may be full. */
static bool letter_is_answered(const struct letter *letter) {
  return letter->kind != LETTER_STRAND && letter->kind != LETTER_POOL;
}

/* ---- the client ---------------------------------------------------------- */

static void client_later(struct asker *a) {
  struct stage *stage = a->w->stage;
  uint64_t ms = dice_below(&a->dice, stage->plan->pause_ms + 1);
  token_start(&a->timed, stage, "a timer");
  a->due_ns = plait_sim_now_ns(stage->sim) + ms * 1000000;
  plait_timer_start(&a->timer, ms, 0);
}

static void client_timer(plait_timer *timer) {
  struct asker *a = plait_container_of(timer, struct asker, timer);
  struct stage *stage = a->w->stage;
  plait_transport *t = a->framed.base.transport;
  witness_enter(a->w, CALL_TIMER);
  token_end(&a->timed);
  CHECK(stage, plait_sim_now_ns(stage->sim) >= a->due_ns,
        "a timer of %.3f ms is early", (double)(a->due_ns - 1000000000) / 1e6);
  if (!a->w->wants_resume && !a->w->closed && !a->w->wrote_eof) {
    if (a->messages > 0) {
      struct letter letter = {.link = a->link->number,
                              .number = a->asked++,
                              .kind =
                                  (uint32_t)dice_below(&a->dice, LETTER_KINDS)};
      a->messages--;
      a->due += letter_is_answered(&letter);
      asker_send(a, &letter,
                 dice_below(&a->dice, stage->plan->message_bytes + 1));
    }
    if (dice_chance(&a->dice, stage->plan->end_ppm / 8))
      witness_abort(a->w, t);
    else if (a->messages == 0)
      witness_write_eof(a->w, t);
    else
      client_later(a);
  }
  witness_leave(a->w);
}

static void client_made(plait_protocol *p) {
  struct asker *a = asker_of(p);
  struct stage *stage = side_of(p->factory)->stage;
  witness_made(stage, &a->w, p, "client", true);
  a->dice = stage_dice(stage, a->w->number);
  a->link = link_new(a->w);
  a->messages =
      stage->plan->messages < LETTERS ? stage->plan->messages : LETTERS - 1;
  plait_timer_init(&a->timer, p->transport, client_timer);
  client_later(a);
  witness_leave(a->w);
}

static void client_frame(plait_framed *framed, plait_slice payload) {
  struct asker *a = asker_of(&framed->base);
  struct stage *stage = a->w->stage;
  struct letter letter = letter_of(a, payload);
  CHECK(stage, letter.link == a->link->number,
        "client %u of link %u got an answer of link %u", a->w->number,
        a->link->number, letter.link);
  CHECK(stage, letter.number < a->asked, "client %u got answer %u of %u",
        a->w->number, letter.number, a->asked);
  CHECK(stage, !a->answered[letter.number], "client %u got answer %u twice",
        a->w->number, letter.number);
  a->answered[letter.number] = true;
  a->due -= letter_is_answered(&letter);
  a->w->owed = a->due > 0;
  /* What is done before the next request is looked at comes in order. */
  if (letter.kind <= LETTER_HELD) {
    CHECK(stage, letter.number >= a->next_held,
          "client %u got answer %u behind answer %u", a->w->number,
          letter.number, a->next_held);
    a->next_held = letter.number + 1;
  }
  stage->bytes += payload.len;
}

static void client_resume(plait_protocol *p) {
  struct asker *a = asker_of(p);
  witness_enter(a->w, CALL_RESUME);
  if (!a->timed.out && !a->w->wrote_eof)
    client_later(a);
  witness_leave(a->w);
}

static void client_eof(plait_protocol *p) {
  struct asker *a = asker_of(p);
  struct stage *stage = a->w->stage;
  const struct plan *plan = stage->plan;
  witness_enter(a->w, CALL_EOF);
  CHECK(stage,
        a->due == 0 || stage->stopping || stage_faulty(stage) ||
            plan->queue_bytes != 0 || plan->idle_ms != 0 || !a->w->wrote_eof,
        "client %u got the end, and %u answers are missing", a->w->number,
        a->due);
  witness_close(a->w, p->transport);
  witness_leave(a->w);
}

/* ---- the server ---------------------------------------------------------- */

static void server_takes_over(struct asker *a, const struct witness *before) {
  CHECK(a->w->stage, before->state == WITNESS_LOST,
        "server %u took over from server %u, which goes on", a->w->number,
        before->number);
  a->w->peer = before->peer;
  a->w->peer->peer = a->w;
}

static void server_made(plait_protocol *p) {
  struct asker *a = asker_of(p);
  struct stage *stage = side_of(p->factory)->stage;
  struct witness *before = a->before;
  witness_made(stage, &a->w, p, "server", false);
  a->dice = stage_dice(stage, a->w->number);
  a->w->exact = false;
  a->w->shared = true;
  if (before == NULL)
    stage->served++;
  else
    server_takes_over(a, before);
  witness_leave(a->w);
}

static void server_switch(struct asker *a) {
  plait_slice rest = plait_framed_rest(&a->framed);
  uint8_t *copy = NULL;
  if (rest.len > 0 && a->w->number % 4 != 0) { /* where it lies is free */
    copy = malloc(rest.len);
    if (copy == NULL)
      abort();
    rest.data = memcpy(copy, rest.data, rest.len);
  }
  plait_transport *t = a->framed.base.transport;
  plait_protocol *p =
      (a->w->number % 3 == 2 ? plait_switch_to_reactor : plait_switch_protocol)(
          t, &workers_server.base, rest.data, rest.len);
  if (copy != NULL)
    memset(copy, 0xee, rest.len);
  free(copy);
  if (p == NULL)
    return;
  asker_of(p)->before = a->w;
  asker_of(p)->link = a->link;
  a->w->paused = true; /* no data comes to it any more */
}

void server_reply(struct asker *a, const struct letter *letter) {
  asker_send(a, letter, letter->number % 50);
}

void server_close_if_done(struct asker *a) {
  if (a->w->eof && a->jobs == 0 && !a->w->closed)
    witness_close(a->w, a->framed.base.transport);
}

static void server_frame(plait_framed *framed, plait_slice payload) {
  struct asker *a = asker_of(&framed->base);
  bool blocks = plait_transport_on_workers(framed->base.transport);
  struct letter letter = letter_of(a, payload);
  struct office *office = office_of(&framed->base);
  if (a->link == NULL)
    a->link = link_meet(a->w, letter.link);
  CHECK(a->w->stage, letter.link == a->link->number,
        "server %u of link %u got a request of link %u", a->w->number,
        a->link->number, letter.link);
  switch (letter.kind) {
  case LETTER_HELD:
  case LETTER_LOOSE:
  case LETTER_TIMED:
    if (job_defer(a, &letter) != 0)
      server_reply(a, &letter);
    break;
  case LETTER_STRAND:
    job_post(office, a, &letter);
    break;
  case LETTER_POOL:
    job_submit(office, a, &letter);
    break;
  case LETTER_SWITCH:
    server_reply(a, &letter);
    server_switch(a);
    break;
  default:
    if (blocks && a->w->stage->plan->work_ms != 0)
      witness_block(a->w);
    server_reply(a, &letter);
    break;
  }
}

static void server_eof(plait_protocol *p) {
  struct asker *a = asker_of(p);
  witness_enter(a->w, CALL_EOF);
  server_close_if_done(a);
  witness_leave(a->w);
}

static void server_resume(plait_protocol *p) {
  struct asker *a = asker_of(p);
  witness_enter(a->w, CALL_RESUME);
  witness_leave(a->w);
}

/* ---- of both ------------------------------------------------------------- */

static void asker_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct asker *a = asker_of(p);
  witness_enter(a->w, CALL_DATA);
  plait_framed_data_received(p, data, len);
  witness_leave(a->w);
}

static void asker_draining(plait_protocol *p) {
  struct asker *a = asker_of(p);
  witness_enter(a->w, CALL_DRAINING);
  witness_close(a->w, p->transport);
  witness_leave(a->w);
}

static void asker_lost(plait_protocol *p, int reason) {
  struct asker *a = asker_of(p);
  CHECK(a->w->stage, a->jobs == 0,
        "%s %u: connection_lost, and %u tasks are not done", a->w->role,
        a->w->number, a->jobs);
  if (a->timed.out)
    token_end(&a->timed);
  witness_lost(a->w, p, reason);
  if (a->w->client)
    office_of(p)->wanted--;
}

const plait_framed_ops workers_server = {
    .base = {.name = "workers server",
             .size = PLAIT_INSTANCE(struct asker, framed),
             .connection_made = server_made,
             .data_received = asker_data,
             .eof_received = server_eof,
             .resume_writing = server_resume,
             .draining = asker_draining,
             .connection_lost = asker_lost},
    .codec = &plait_int32.codec,
    .frame_received = server_frame};

static const plait_framed_ops workers_client = {
    .base = {.name = "workers client",
             .size = PLAIT_INSTANCE(struct asker, framed),
             .connection_made = client_made,
             .data_received = asker_data,
             .eof_received = client_eof,
             .resume_writing = client_resume,
             .draining = asker_draining,
             .connection_lost = asker_lost},
    .codec = &plait_int32.codec,
    .frame_received = client_frame};

/* ---- the play ------------------------------------------------------------ */

static void workers_failed(plait_factory *factory, plait_connector *connector,
                           int reason) {
  struct side *side = side_of(factory);
  (void)connector;
  CHECK(side->stage, reason < 0, "connect_failed says %d", reason);
  ((struct office *)side->stage->play)->wanted--;
}

static int workers_open(struct stage *stage) {
  struct office *office = (struct office *)stage->play;
  const struct plan *plan = stage->plan;
  stage_side(stage, &office->server, &workers_server.base, plan->workers != 0);
  stage_side(stage, &office->client, &workers_client.base, false);
  office->client.factory.connect_failed = workers_failed;
  office->strand = plait_strand_new(plait_runtime_pool(stage->runtime));
  int code = stage_listen(stage, "tcp:4002", &office->server, NULL);
  for (unsigned i = 0; i < plan->connections && code == 0; i++) {
    plait_connect_options options = {
        .reactor = plait_runtime_reactor(stage->runtime, i % plan->reactors)};
    int failed = plait_connect(stage->runtime, "tcp:127.0.0.1:4002",
                               &office->client.factory, &options, NULL);
    CHECK(stage, failed == 0 || stage_faulty(stage), "connect: %s",
          plait_error_detail());
    office->wanted += failed == 0;
  }
  if (code < 0)
    plait_strand_free(office->strand);
  return code;
}

static void workers_leave(struct stage *stage) {
  plait_strand_free(((struct office *)stage->play)->strand);
}

static bool workers_finished(struct stage *stage) {
  return ((const struct office *)stage->play)->wanted == 0;
}

static size_t workers_bound(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  size_t lease = plan->lease_bytes != 0 ? plan->lease_bytes : 1 << 20;
  return (16 << 10) + 4 * LETTERS * LETTER_PAD + (1 << 20) + lease;
}

static void workers_close(struct stage *stage) {
  const struct office *office = (const struct office *)stage->play;
  CHECK(stage,
        office->server.started == office->server.stopped &&
            office->client.started == office->client.stopped,
        "a factory was started and never stopped");
}

static const struct plan_range workers_ranges[] = {
    {"outage_ms", 0, 0},        {"window_bytes", 1048576, 1048576},
    {"medium", 0, 0},           {"framed", 1, 1},
    {"threads", 0, 0},          {"resolve_ms", 20, 20},
    {"connections_max", 0, 0},  {"turn_away_ppm", 0, 0},
    {"message_bytes", 1, 2000}, {NULL, 0, 0}};

const struct scenario scenario_workers = {
    .name = "workers",
    .summary = "callbacks that block, tasks, time-outs, strands, switches",
    .ranges = workers_ranges,
    .size = sizeof(struct office),
    .open = workers_open,
    .finished = workers_finished,
    .leave = workers_leave,
    .bound = workers_bound,
    .close = workers_close};
