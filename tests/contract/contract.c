/* The table of the contract. */
#include "contract/contract.h"

#include <stdio.h>

static const struct behaviour *const themes[] = {
    framing_behaviours,  reading_behaviours,   writing_behaviours,
    closing_behaviours,  switching_behaviours, timer_behaviours,
    lifetime_behaviours, stopping_behaviours,  task_behaviours,
    abuse_behaviours,    matrix_behaviours};

enum { THEMES = sizeof themes / sizeof *themes };

const struct behaviour *contract_behaviour(unsigned i) {
  for (size_t theme = 0; theme < THEMES; theme++) {
    for (const struct behaviour *b = themes[theme]; b->name != NULL; b++) {
      if (i-- == 0)
        return b;
    }
  }
  return NULL;
}

bool contract_applies(const struct behaviour *b, enum medium medium,
                      unsigned backend) {
  if (medium == MEDIUM_BACKGROUND && backend != ON_KERNEL)
    return false; /* there are no functions that block */
  return (b->where & 1u << medium) != 0 && (b->where & backend) != 0;
}

void contract_print_table(unsigned backend, const struct contract_mode *modes,
                          unsigned n) {
  printf("%-36s", "behaviour");
  for (int m = 0; m < MEDIA; m++) {
    for (unsigned i = 0; i < n; i++)
      printf(" %4s/%-2s", medium_names[m], modes[i].name);
  }
  putchar('\n');
  const struct behaviour *b;
  for (unsigned k = 0; (b = contract_behaviour(k)) != NULL; k++) {
    printf("%-36s", b->name);
    for (int m = 0; m < MEDIA; m++) {
      for (unsigned i = 0; i < n; i++)
        printf(" %7s",
               contract_applies(b, (enum medium)m, backend) ? "x" : "-");
    }
    putchar('\n');
  }
  fflush(stdout);
}
