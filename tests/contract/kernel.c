/* The contract over the kernel, on one reactor and on three. */
#include <check.h>
#include <stdlib.h>

#include "contract/contract.h"

static const struct contract_mode *modes;

enum {
  MODES = CONTRACT_KERNEL_MODES,
  CELLS = (int)MEDIA * MODES,
  DEADLINE_S = 120
};

static struct world world;

/* Of each behaviour's test case, |_i| is its number times CELLS and the
 * cell. */
START_TEST(contract_holds) {
  const struct behaviour *b = contract_behaviour((unsigned)_i / CELLS);
  unsigned cell = (unsigned)_i % CELLS;
  enum medium medium = (enum medium)(cell / MODES);
  const struct contract_mode *mode = &modes[cell % MODES];
  ck_assert_ptr_nonnull(b);
  if (!contract_applies(b, medium, ON_KERNEL, mode))
    return;
  world_init(&world, &world_kernel, medium, mode->reactors);
  world.dispatch = mode->dispatch;
  b->check(&world);
}
END_TEST

static Suite *contract_suite(void) {
  Suite *s = suite_create("contract");
  const struct behaviour *b;
  for (int i = 0; (b = contract_behaviour((unsigned)i)) != NULL; i++) {
    TCase *tc = tcase_create(b->name);
    tcase_set_timeout(tc, DEADLINE_S);
    tcase_add_loop_test(tc, contract_holds, i * CELLS, (i + 1) * CELLS);
    suite_add_tcase(s, tc);
  }
  return s;
}

int contract_on_kernel(const struct contract_mode *these) {
  modes = these;
  contract_print_table(ON_KERNEL, modes, MODES);
  SRunner *runner = srunner_create(contract_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
