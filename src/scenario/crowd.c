/* See crowd.h. */
#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member *crowd_client(struct crowd *crowd, unsigned number,
                            struct witness *client) {
  CHECK(crowd->stage, number < CROWD_MEMBERS, "link %u is too many", number);
  struct member *m = &crowd->members[number];
  m->number = number;
  m->client = client;
  return m;
}

struct member *crowd_enter(struct crowd *crowd, unsigned number,
                           struct witness *w, plait_handle handle) {
  CHECK(crowd->stage,
        number < CROWD_MEMBERS && crowd->members[number].w == NULL,
        "server %u was greeted as client %u, which is elsewhere", w->number,
        number);
  struct member *m = &crowd->members[number];
  m->w = w;
  w->peer = m->client;
  m->client->peer = w;
  m->handle = handle;
  m->there = true;
  return m;
}

size_t crowd_text_max(const struct stage *stage) {
  return stage->plan->message_bytes < 900 ? stage->plan->message_bytes : 900;
}

/* ---- lines
 * -------------------------------------------------------------------
 */

static int member_tell(struct crowd *crowd, struct member *m, unsigned source,
                       size_t len) {
  char line[CROWD_LINE];
  int head = snprintf(line, sizeof line, "%u %u ", source, m->sent[source]);
  size_t whole = (size_t)head + (len < 900 ? len : 900);
  memset(line + head, 'z', whole - (size_t)head);
  line[whole++] = '\n';
  /* It may be read before the call returns. */
  m->sent[source]++;
  int code = plait_handle_write(m->handle, line, whole);
  CHECK(crowd->stage,
        code == 0 || code == PLAIT_EFULL || code == PLAIT_ECLOSED ||
            code == PLAIT_ENOMEM,
        "plait_handle_write() answered %d", code);
  if (code != 0)
    m->sent[source]--;
  return code;
}

void crowd_say(struct crowd *crowd, unsigned source, size_t len) {
  for (unsigned i = 0; i < CROWD_MEMBERS; i++)
    if (crowd->members[i].there)
      member_tell(crowd, &crowd->members[i], source, len);
}

/* ---- calls --------------------------------------------------------------- */

struct visit {
  plait_call call;
  struct token token;
};

static void visit_run(plait_call *call, plait_protocol *p) {
  struct visit *visit = plait_container_of(call, struct visit, call);
  struct witness *w = p != NULL ? chat_witness(p) : NULL;
  token_end(&visit->token);
  if (w != NULL) {
    witness_enter(w, CALL_CALL);
    witness_leave(w);
  }
  free(visit);
}

static void visit_drop(plait_call *call) {
  struct visit *visit = plait_container_of(call, struct visit, call);
  token_end(&visit->token);
  free(visit);
}

static void member_visit(struct crowd *crowd, struct member *m, bool writable) {
  struct visit *visit = calloc(1, sizeof *visit);
  if (visit == NULL)
    abort();
  visit->call = (plait_call){.run = visit_run, .drop = visit_drop};
  token_start(&visit->token, crowd->stage,
              writable ? "a wait for room" : "a call");
  int code = writable ? plait_handle_when_writable(m->handle, &visit->call)
                      : plait_handle_call(m->handle, &visit->call);
  if (code == 0)
    return;
  CHECK(crowd->stage, code == PLAIT_ECLOSED, "a call was answered by %d", code);
  visit_drop(&visit->call);
}

/* ---- threads that are none of plait's ------------------------------------ */

static void outsider_act(struct outsider *o) {
  struct crowd *crowd = o->crowd;
  unsigned count = crowd->stage->link_count;
  struct member *m =
      &crowd->members[1 + dice_below(&o->dice, count > 0 ? count : 1)];
  uint32_t end_ppm = crowd->stage->plan->end_ppm / 16;
  if (m->w == NULL)
    return;
  if (dice_chance(&o->dice, end_ppm))
    plait_handle_close(m->handle);
  else if (dice_chance(&o->dice, end_ppm))
    plait_handle_abort(m->handle);
  else if (dice_below(&o->dice, 4) == 0)
    member_visit(crowd, m, dice_below(&o->dice, 2) == 0);
  else
    for (uint64_t n = dice_below(&o->dice, 8); n > 0; n--)
      if (member_tell(crowd, m, CROWD_MEMBERS + o->number,
                      dice_below(&o->dice, 900)) == PLAIT_EFULL)
        member_visit(crowd, m, true);
}

static void outsider_run(void *arg) {
  struct outsider *o = (struct outsider *)arg;
  struct stage *stage = o->crowd->stage;
  while (stage->running) {
    plait_sim_sleep_us(stage->sim, dice_below(&o->dice, 50000));
    outsider_act(o);
  }
}

void crowd_threads(struct crowd *crowd) {
  while (crowd->thread_count < crowd->stage->plan->threads &&
         crowd->thread_count < CROWD_THREADS) {
    unsigned i = crowd->thread_count++;
    crowd->outsiders[i] =
        (struct outsider){crowd, i, stage_dice(crowd->stage, 1000 + i)};
    crowd->threads[i] = stage_thread(crowd->stage, outsider_run,
                                     &crowd->outsiders[i], "outsider");
  }
}

void crowd_join(struct crowd *crowd) {
  while (crowd->thread_count > 0)
    plait_sim_thread_join(crowd->threads[--crowd->thread_count]);
}
