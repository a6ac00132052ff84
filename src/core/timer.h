/* User timers. */
#ifndef PLAIT_CORE_TIMER_H
#define PLAIT_CORE_TIMER_H

#include <plait/timer.h>

/* |timer|'s time has come: it is over unless it is periodic, and its function
 * is called.  In its serial context. */
void plait__timer_ring(plait_timer *timer);

#endif
