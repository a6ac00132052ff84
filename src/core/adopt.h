/* Connections of descriptors that somebody else connected. */
#ifndef PLAIT_CORE_ADOPT_H
#define PLAIT_CORE_ADOPT_H

#include <plait/endpoint.h>

#include "core/reactor.h"

/* plait_adopt() of a descriptor that is known to do. */
int plait__adopt_fd(plait_reactor *r, int fd, plait_factory *factory);

#endif
