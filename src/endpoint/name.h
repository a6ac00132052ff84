/* A name to connect to: what the core asks for its addresses. */
#ifndef PLAIT_ENDPOINT_NAME_H
#define PLAIT_ENDPOINT_NAME_H

#include "core/connector.h"
#include "endpoint/spec.h"

/* A finder of |e|'s host and port; lookups may take as long as the connector,
 * whose attempts end after |timeout_ms|.  0, or PLAIT_ENOMEM. */
int plait__name_new(plait_runtime *runtime, const plait__endpoint *e,
                    uint32_t timeout_ms, plait__finder **ret);

#endif
