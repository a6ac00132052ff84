/* The contract over the kernel, with callbacks on workers. */
#include "contract/contract.h"

int main(void) {
  static const struct contract_mode modes[CONTRACT_KERNEL_MODES] = {
      {"1w", 1, PLAIT_ON_WORKERS}, {"3w", 3, PLAIT_ON_WORKERS}};
  return contract_on_kernel(modes);
}
