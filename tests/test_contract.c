/* The contract over the kernel, with callbacks on reactors. */
#include "contract/contract.h"

int main(void) {
  static const struct contract_mode modes[CONTRACT_KERNEL_MODES] = {
      {"1", 1, PLAIT_ON_REACTOR}, {"3", 3, PLAIT_ON_REACTOR}};
  return contract_on_kernel(modes);
}
