/* Functions that block, each on a thread of its own and at the other end of a
 * connection. */
#ifndef PLAIT_CORE_BACKGROUND_H
#define PLAIT_CORE_BACKGROUND_H

#include <plait/background.h>

#include "core/reactor.h"
#include "core/stream.h"

/* References to the runtime that functions account for that have not returned,
 * less what jobs do that count in the same |busy|: so it may be 0, or less,
 * though there are some.  |ret_name| becomes the name of one, if there is one.
 * Any thread. */
int plait__backgrounds_running(const plait_runtime *runtime,
                               const char **ret_name);

/* plait_runtime_free(), where all have returned: their last acts are behind
 * it. */
void plait__backgrounds_join(plait_reactor *r);

#endif
