/* The contract over the kernel, on one reactor and on three. */
#include <stdlib.h>

#include "contract/contract.h"
#include "support/leak.h"

static const struct contract_mode *modes;

enum { MODES = CONTRACT_KERNEL_MODES, CELLS = (int)MEDIA * MODES };

static struct world world;

START_TEST(contract_holds) {
  const struct behaviour *b = contract_behaviour((unsigned)_i / CELLS);
  unsigned cell = (unsigned)_i % CELLS;
  enum medium medium = (enum medium)(cell / MODES);
  const struct contract_mode *mode = &modes[cell % MODES];
  ck_assert_ptr_nonnull(b);
  world_init(&world, &world_kernel, medium, mode->reactors);
  world.dispatch = mode->dispatch;
  b->check(&world);
}
END_TEST

int contract_on_kernel(const struct contract_mode *these) {
  modes = these;
  contract_print_table(ON_KERNEL, modes, MODES);
  Suite *s = suite_create("contract");
  contract_add(s, contract_holds, ON_KERNEL, modes, MODES);
  leak_start_symbolizer();
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
