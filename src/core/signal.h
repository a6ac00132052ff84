/* Who waits for signals, by reactor. */
#ifndef PLAIT_CORE_SIGNAL_H
#define PLAIT_CORE_SIGNAL_H

#include <plait/signal.h>

#include "core/reactor.h"

/* plait_signal_start() of one that is not active, for |r|, and the opposite;
 * plait_run() does not wait for it. */
int plait__signal_add(plait_signal *signal, plait_reactor *r, int number);
void plait__signal_remove(plait_signal *signal);

#endif
