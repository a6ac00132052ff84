/* A connection of a client with its server, told by the first four bytes. */
#include <stdlib.h>
#include <string.h>

#include "stage.h"

struct link *link_new(struct witness *client) {
  struct stage *stage = client->stage;
  struct link *link = calloc(1, sizeof *link);
  if (link == NULL)
    abort();
  link->number = ++stage->link_count;
  flow_init(&link->up, stage, "the way up", link->number, 0);
  flow_init(&link->down, stage, "the way down", link->number, 1);
  link->up.from = client;
  link->down.to = client;
  link->next = stage->links;
  stage->links = link;
  return link;
}

struct link *link_meet(struct witness *server, unsigned number) {
  struct stage *stage = server->stage;
  struct link *link = stage->links;
  while (link != NULL && link->number != number)
    link = link->next;
  CHECK(stage, link != NULL, "%s %u began with link %u, and there is none",
        server->role, server->number, number);
  CHECK(stage, link->up.to == NULL, "%s %u has got link %u of %s %u",
        server->role, server->number, number, link->up.to->role,
        link->up.to->number);
  link->up.to = server;
  link->down.from = server;
  server->peer = link->up.from;
  link->up.from->peer = server;
  return link;
}

static void end_meets(struct end *end, struct witness *server) {
  unsigned number = 0;
  for (unsigned i = 0; i < FLOW_HEAD; i++)
    number |= (unsigned)end->head[i] << (8 * i);
  end->link = link_meet(server, number);
  flow_deliver(&end->link->up, end->head, FLOW_HEAD);
}

void end_deliver(struct end *end, struct witness *server, const uint8_t *data,
                 size_t len) {
  while (end->link == NULL && len > 0) {
    end->head[end->heads++] = *data++;
    len--;
    if (end->heads == FLOW_HEAD)
      end_meets(end, server);
  }
  if (end->link != NULL && len > 0)
    flow_deliver(&end->link->up, data, len);
}

/* Whether the call that was failed is one that resets both ends of a stream. */
static bool link_broken(const struct stage *stage) {
  const char *failed = plait_sim_failed(stage->sim);
  return failed != NULL &&
         (strcmp(failed, "io.read") == 0 || strcmp(failed, "io.writev") == 0 ||
          strcmp(failed, "io.shut_wr") == 0);
}

/* Who closed, was soon done and was told that all went well has not reset the
 * reader of |f|: that would lose what the reader has not read.  |back| is what
 * the reader sent. */
static void link_check_close(const struct flow *f, const struct flow *back) {
  struct stage *stage = f->stage;
  const struct plan *plan = stage->plan;
  const struct witness *from = f->from, *to = f->to;
  enum { LINGER_MS = 2000, LINGER_BYTES = 256 * 1024 };
  if (from == NULL || to == NULL || !from->closed || from->reason != 0 ||
      plan->reset_ppm != 0 || link_broken(stage) || plan->linger_ms != 0 ||
      plan->linger_bytes != 0 || back->sent - back->delivered >= LINGER_BYTES ||
      from->lost_ns - from->closed_ns >= LINGER_MS * UINT64_C(1000000))
    return;
  CHECK(stage, to->reason != PLAIT_ECONNRESET,
        "%s %u closed and all went well, and %s %u was reset", from->role,
        from->number, to->role, to->number);
}

void links_check(struct stage *stage) {
  for (const struct link *link = stage->links; link != NULL;
       link = link->next) {
    flow_check(&link->up);
    flow_check(&link->down);
    if (stage->relayed)
      continue; /* it was another one that was reset, or reset it */
    link_check_close(&link->up, &link->down);
    link_check_close(&link->down, &link->up);
  }
}

void links_free(struct stage *stage) {
  while (stage->links != NULL) {
    struct link *link = stage->links;
    stage->links = link->next;
    free(link);
  }
}
