/* What protocols under test switch to: a trace gets "after:" and then the bytes
 * it is given. */
#ifndef PLAIT_TESTS_AFTER_H
#define PLAIT_TESTS_AFTER_H

#include <plait/transport.h>

#include "support/text.h"

void after_switch(plait_transport *t, plait_slice rest, struct text *trace);

#endif
