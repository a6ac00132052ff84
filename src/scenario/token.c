/* Timers, tasks, calls: each that was taken is told exactly once. */
#include "stage.h"

void token_start(struct token *token, struct stage *stage, const char *what) {
  CHECK(stage, !token->out, "%s was started twice", what);
  *token = (struct token){.stage = stage,
                          .what = what,
                          .since_ns = plait_sim_now_ns(stage->sim),
                          .next = stage->tokens,
                          .out = true};
  if (token->next != NULL)
    token->next->prev = token;
  stage->tokens = token;
}

void token_end(struct token *token) {
  struct stage *stage = token->stage;
  CHECK(stage, token->out, "%s was told twice", token->what);
  token->out = false;
  if (token->next != NULL)
    token->next->prev = token->prev;
  if (token->prev != NULL)
    token->prev->next = token->next;
  else
    stage->tokens = token->next;
}

void tokens_check(struct stage *stage) {
  const struct token *token = stage->tokens;
  CHECK(stage, token == NULL, "%s of %.3f ms was never told", token->what,
        (double)(token->since_ns - 1000000000) / 1e6);
}
