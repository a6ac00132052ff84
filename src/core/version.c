/* The version that is linked, which may be newer than the headers'. */
#include <plait/version.h>

const char *plait_version(void) {
  return PLAIT_VERSION;
}
