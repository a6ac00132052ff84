/* Built without c-ares. */
#include "pool/resolver.h"

const plait__lookup_backend *const plait__lookup_cares = NULL;
const char *plait__cares_servers;
