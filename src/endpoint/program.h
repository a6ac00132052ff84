/* A program to connect to: what the core asks for its connections. */
#ifndef PLAIT_ENDPOINT_PROGRAM_H
#define PLAIT_ENDPOINT_PROGRAM_H

#include "core/connector.h"
#include "endpoint/spec.h"

/* A finder that starts |e|'s program.  0, or PLAIT_ENOMEM. */
int plait__endpoint_program_new(plait_runtime *runtime,
                                const plait__endpoint *e, plait__finder **ret);

#endif
