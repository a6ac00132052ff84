/* User timers on the reactor's wheel. */
#ifndef PLAIT_CORE_TIMER_H
#define PLAIT_CORE_TIMER_H

#include <plait/timer.h>

/* Stops the timers of the instance |p| for good. */
void plait__timers_stop(plait_reactor *r, plait_protocol *p);

#endif
