/* See helper.h. */
#include "helper.h"

#include <string.h>

enum { HELPER_BYTES = 5000 };

/* Which link it is turns out with the first four bytes. */
static bool helper_head(struct helper *h, int fd) {
  struct stage *stage = h->all->stage;
  uint8_t head[FLOW_HEAD];
  unsigned number = 0;
  for (unsigned i = 0; i < FLOW_HEAD; i++) {
    ptrdiff_t n = plait_sim_read(stage->sim, fd, &head[i], 1);
    if (n <= 0) {
      h->ended = n == 0;
      return false;
    }
    number |= (unsigned)head[i] << (8 * i);
  }
  struct link *link = stage->links;
  while (link != NULL && link->number != number)
    link = link->next;
  CHECK(stage, link != NULL, "a function got link %u, and there is none",
        number);
  h->link = link;
  flow_deliver(&link->up, head, FLOW_HEAD);
  return true;
}

/* Whether the other end has taken all. */
static bool helper_answer(struct helper *h, int fd, size_t len) {
  struct stage *stage = h->all->stage;
  struct flow *down = &h->link->down;
  uint8_t bytes[HELPER_BYTES];
  flow_fill(down, down->sent, bytes, len);
  down->sent += len; /* it may be read before the call returns */
  ptrdiff_t n = plait_sim_write(stage->sim, fd, bytes, len);
  h->sent += n > 0 ? (uint64_t)n : 0;
  return n == (ptrdiff_t)len;
}

static int helper_serve(struct helper *h, int fd) {
  struct stage *stage = h->all->stage;
  uint8_t bytes[HELPER_BYTES];
  ptrdiff_t n = FLOW_HEAD;
  bool good = helper_head(h, fd);
  while (good && helper_answer(h, fd, (size_t)n)) {
    if (dice_chance(&h->dice, stage->plan->end_ppm / 32))
      return dice_below(&h->dice, 2) == 0 ? 0 : HELPER_CODE;
    n = plait_sim_read(stage->sim, fd, bytes,
                       1 + dice_below(&h->dice, sizeof bytes));
    h->ended = n == 0;
    good = n > 0;
    if (good)
      flow_deliver(&h->link->up, bytes, (size_t)n);
  }
  return dice_below(&h->dice, 4) == 0 ? HELPER_CODE : 0;
}

static int helper_run(int fd, void *arg) {
  struct helper *h = (struct helper *)arg;
  struct stage *stage = h->all->stage;
  CHECK(stage, !h->began, "a function was called twice");
  h->began = true;
  h->code = helper_serve(h, fd);
  h->returned_ns = plait_sim_now_ns(stage->sim);
  h->returned = true;
  return h->code;
}

unsigned helpers_open(struct helpers *helpers, struct stage *stage,
                      struct side *client) {
  const struct plan *plan = stage->plan;
  unsigned count = 0;
  helpers->stage = stage;
  for (unsigned i = 0; i < plan->connections; i++) {
    struct helper *h = &helpers->list[i];
    *h = (struct helper){
        .all = helpers, .number = i, .dice = stage_dice(stage, 5000 + i)};
    int code = plait_background(
        plait_runtime_reactor(stage->runtime, i % plan->reactors), helper_run,
        h, &client->factory);
    CHECK(stage, code == 0 || stage_faulty(stage), "a function: %s",
          plait_error_detail());
    count += code == 0;
  }
  return count;
}

/* ---- the accounts -------------------------------------------------------- */

static void helper_check(const struct helper *h) {
  struct stage *stage = h->all->stage;
  const struct flow *up = &h->link->up, *down = &h->link->down;
  const struct witness *client = up->from;
  CHECK(stage, h->returned_ns <= client->lost_ns,
        "client %u: connection_lost, and its function runs", client->number);
  CHECK(stage, h->code == 0 || client->reason != 0,
        "client %u: its function failed, and the reason is PLAIT_OK",
        client->number);
  /* A world with resets loses with one what is on its way. */
  CHECK(stage,
        h->code != 0 || client->reason != 0 || stage->plan->reset_ppm != 0 ||
            up->delivered == up->sent,
        "client %u: its function read %llu of %llu bytes, and the reason is "
        "PLAIT_OK",
        client->number, (unsigned long long)up->delivered,
        (unsigned long long)up->sent);
  CHECK(stage, !client->eof || down->delivered == h->sent,
        "client %u got the end behind %llu bytes, and its function wrote %llu",
        client->number, (unsigned long long)down->delivered,
        (unsigned long long)h->sent);
}

void helpers_close(const struct helpers *helpers) {
  for (unsigned i = 0; i < helpers->stage->plan->connections; i++) {
    const struct helper *h = &helpers->list[i];
    CHECK(helpers->stage, h->returned || !h->began,
          "a function never returned");
    if (h->link != NULL)
      helper_check(h);
  }
}
