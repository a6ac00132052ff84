/* A name to connect to: what the core asks for its addresses. */
#ifndef PLAIT_ENDPOINT_NAME_H
#define PLAIT_ENDPOINT_NAME_H

#include "core/finder.h"
#include "endpoint/spec.h"

/* A finder of |e|'s host and port; a lookup takes |timeout_ms| at most (0: as
 * other queries).  0, or PLAIT_ENOMEM. */
int plait__name_new(plait_runtime *runtime, const plait__endpoint *e,
                    uint32_t timeout_ms, plait__finder **ret);

#endif
