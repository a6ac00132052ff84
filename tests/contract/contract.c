/* The table of the contract. */
#include "contract/contract.h"

#include <stdio.h>

static const struct behaviour *const themes[] = {
    framing_behaviours,  reading_behaviours,   writing_behaviours,
    closing_behaviours,  switching_behaviours, timer_behaviours,
    lifetime_behaviours, stopping_behaviours,  task_behaviours,
    abuse_behaviours,    matrix_behaviours};

enum { THEMES = sizeof themes / sizeof *themes, DEADLINE_S = 120 };

const struct behaviour *contract_behaviour(unsigned i) {
  for (size_t theme = 0; theme < THEMES; theme++) {
    for (const struct behaviour *b = themes[theme]; b->name != NULL; b++) {
      if (i-- == 0)
        return b;
    }
  }
  return NULL;
}

/* In the simulator there are no files and no standard input.  Those of children
 * are the process's, whose callbacks run on its reactor. */
static bool there_is(enum medium medium, unsigned backend,
                     const struct contract_mode *mode) {
  if (medium == MEDIUM_STDIO)
    return backend == ON_KERNEL;
  return !medium_is_file(medium) ||
         (backend == ON_KERNEL && mode->dispatch == PLAIT_ON_REACTOR);
}

bool contract_applies(const struct behaviour *b, enum medium medium,
                      unsigned backend, const struct contract_mode *mode) {
  return there_is(medium, backend, mode) && (b->where & 1u << medium) != 0 &&
         (b->where & backend) != 0;
}

void contract_print_table(unsigned backend, const struct contract_mode *modes,
                          unsigned n) {
  printf("%-36s", "behaviour");
  for (int m = 0; m < MEDIA; m++) {
    for (unsigned i = 0; i < n; i++)
      printf(" %5s/%-2s", medium_names[m], modes[i].name);
  }
  putchar('\n');
  const struct behaviour *b;
  for (unsigned k = 0; (b = contract_behaviour(k)) != NULL; k++) {
    printf("%-36s", b->name);
    for (int m = 0; m < MEDIA; m++) {
      for (unsigned i = 0; i < n; i++)
        printf(" %8s", contract_applies(b, (enum medium)m, backend, &modes[i])
                           ? "x"
                           : "-");
    }
    putchar('\n');
  }
  fflush(stdout);
}

static void add_cells(TCase *tc, const TTest *test, unsigned k,
                      unsigned backend, const struct contract_mode *modes,
                      unsigned n) {
  const struct behaviour *b = contract_behaviour(k);
  for (unsigned cell = 0; cell < n * MEDIA; cell++) {
    int number = (int)(k * n * MEDIA + cell);
    if (contract_applies(b, (enum medium)(cell / n), backend, &modes[cell % n]))
      tcase_add_loop_test(tc, test, number, number + 1);
  }
}

void contract_add(Suite *s, const TTest *test, unsigned backend,
                  const struct contract_mode *modes, unsigned n) {
  const struct behaviour *b;
  for (unsigned k = 0; (b = contract_behaviour(k)) != NULL; k++) {
    TCase *tc = tcase_create(b->name);
    tcase_set_timeout(tc, DEADLINE_S);
    add_cells(tc, test, k, backend, modes, n);
    suite_add_tcase(s, tc);
  }
}
