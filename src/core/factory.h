/* What the core keeps of a factory: its limits with the defaults filled in,
 * its counters, and when to call started and stopped. */
#ifndef PLAIT_CORE_FACTORY_H
#define PLAIT_CORE_FACTORY_H

#include <plait/factory.h>

#include "core/runtime.h"

/* A listener, a connector or a connection uses |factory| from now on.  0,
 * PLAIT_EINVAL (no protocol, or the factory is another runtime's),
 * PLAIT_ENOMEM. */
int plait__factory_use(plait_runtime *runtime, plait_factory *factory);
/* The last unuse makes |stopped| come. */
void plait__factory_unuse(plait_factory *factory);

/* On the runtime's first reactor: calls |started| if it is due. */
void plait__factory_start(plait_factory *factory);

/* One more connection (it uses the factory, too); false if connections_max is
 * reached. */
bool plait__factory_reserve(plait_factory *factory);
/* Whether reserve() would do. */
bool plait__factory_has_room(const plait_factory *factory);
/* The same for a connection that was not accepted: no limit. */
void plait__factory_count(plait_factory *factory);
/* The connection is gone, or was not made. */
void plait__factory_release(plait_factory *factory);

const plait_limits *plait__factory_limits(const plait_factory *factory);
void plait__limits_fill_marks(plait_limits *limits);

/* plait_runtime_free(): forgets the factories that were not stopped. */
void plait__factories_free(plait_runtime *runtime);

#endif
