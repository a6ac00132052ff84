/* Queries of the resolver: names, literals and reverses, some given up; each is
 * answered exactly once, with what the world has. */
#include <stdlib.h>
#include <string.h>

#include "stage.h"

enum { ASK_NAME, ASK_FAMILY, ASK_LITERAL, ASK_REVERSE, ASK_NOBODY, ASK_KINDS };
enum { ASK_PORT = 7000 };

struct ask {
  plait_query query;
  struct token token;
  struct stage *stage;
  struct witness *w; /* the owner's, or NULL */
  unsigned kind;
  bool cancelled;
};

static void ask_fill(struct ask *ask) {
  plait_query *q = &ask->query;
  q->name = "db";
  q->port = ASK_PORT;
  switch (ask->kind) {
  case ASK_FAMILY:
    q->family = PLAIT_IPV6;
    q->ordered = true;
    break;
  case ASK_LITERAL:
    q->name = "127.0.0.9";
    q->service = "7000";
    break;
  case ASK_REVERSE:
    q->name = NULL;
    plait_address_parse("127.0.0.1", 0, &q->address);
    break;
  case ASK_NOBODY:
    q->name = "nobody";
    break;
  default:
    break;
  }
}

/* What an answer without a code has. */
static void ask_check(const struct ask *ask) {
  struct stage *stage = ask->stage;
  const plait_query *q = &ask->query;
  plait_address wanted;
  CHECK(stage, ask->kind != ASK_NOBODY, "a name that there is not was found");
  CHECK(stage, q->canonical != NULL, "an answer has no name");
  if (ask->kind == ASK_REVERSE) {
    CHECK(stage, strcmp(q->canonical, "db") == 0, "the name is \"%s\"",
          q->canonical);
    return;
  }
  CHECK(stage, q->count > 0, "an answer has no address");
  for (size_t i = 0; i < q->count; i++) {
    CHECK(stage, q->addresses[i].port == ASK_PORT, "the port is %u",
          q->addresses[i].port);
    CHECK(stage, ask->kind != ASK_FAMILY || q->addresses[i].family == q->family,
          "an address is of another family");
  }
  if (ask->kind != ASK_LITERAL)
    return;
  plait_address_parse("127.0.0.9", ASK_PORT, &wanted);
  CHECK(stage,
        q->count == 1 &&
            memcmp(wanted.ip, q->addresses[0].ip, sizeof wanted.ip) == 0,
        "a numeric address is answered by another one");
}

static void ask_answered(plait_query *query, int code) {
  struct ask *ask = plait_container_of(query, struct ask, query);
  struct stage *stage = ask->stage;
  token_end(&ask->token);
  if (ask->w != NULL) {
    ask->w->asks--;
    witness_enter(ask->w, CALL_ANSWERED);
  }
  CHECK(stage, !ask->cancelled || code == PLAIT_ECANCELED,
        "a query that was given up is answered by %s", plait_error_name(code));
  if (code == 0)
    ask_check(ask);
  else
    CHECK(stage,
          code == PLAIT_ECANCELED || ask->kind != ASK_LITERAL ||
              stage_faulty(stage),
          "a numeric address is answered by %s", plait_error_name(code));
  if (ask->w != NULL)
    witness_leave(ask->w);
  free(ask);
}

void ask_start(struct stage *stage, struct witness *w, plait_transport *t,
               struct dice *dice) {
  plait_resolver *resolver = plait_runtime_resolver(stage->runtime);
  struct ask *ask = calloc(1, sizeof *ask);
  if (ask == NULL)
    abort();
  *ask = (struct ask){.query.answered = ask_answered,
                      .stage = stage,
                      .w = w,
                      .kind = (unsigned)dice_below(dice, ASK_KINDS)};
  ask_fill(ask);
  token_start(&ask->token, stage, "a query");
  int code = plait_resolve(resolver, t, &ask->query);
  CHECK(stage,
        code == 0 || code == PLAIT_ECANCELED || code == PLAIT_ECLOSED ||
            stage_faulty(stage),
        "plait_resolve() answers %s", plait_error_name(code));
  if (code != 0) {
    token_end(&ask->token);
    free(ask);
    return;
  }
  if (w != NULL)
    w->asks++;
  if (dice_below(dice, 4) == 0)
    ask->cancelled = plait_query_cancel(&ask->query) == 0;
}
