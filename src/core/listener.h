/* Listeners: who accepts, when to stop accepting, and whose the connections
 * are.  A listener has an acceptor on each reactor that listens for it. */
#ifndef PLAIT_CORE_LISTENER_H
#define PLAIT_CORE_LISTENER_H

#include <plait/endpoint.h>

#include "core/driver.h"

/* Each leaves "STEP: reason" as the error detail when it fails, and takes the
 * caller as the owner of |ret|. */

/* Binds and listens; |spec->sockets| is filled in here. */
int plait__listen_at(plait_runtime *runtime, const plait__listen_spec *spec,
                     plait_factory *factory, plait_listener **ret);
/* Listens on a descriptor that was inherited. */
int plait__listen_fd(plait_runtime *runtime, int fd, plait_factory *factory,
                     plait_listener **ret);
/* Listens on one that a service manager has handed over: see host->activated().
 */
int plait__listen_activated(plait_runtime *runtime, const char *name,
                            unsigned index, plait_factory *factory,
                            plait_listener **ret);
/* Standard input and output as the one connection. */
int plait__listen_stdio(plait_runtime *runtime, plait_factory *factory,
                        plait_listener **ret);

/* The address it really has. */
void plait__listener_address(const plait_listener *l, plait_address *ret);
int plait__listener_set_endpoint(plait_listener *l, const char *text);
/* Nobody keeps a pointer to it. */
void plait__listener_disown(plait_listener *l);

/* ---- for the reactor ---- */

/* Backlogs are emptied, then the listening sockets close. */
void plait__acceptors_drain(plait_reactor *r);
/* The listening sockets close now. */
void plait__acceptors_cut(plait_reactor *r);
/* A connection is gone: those that waited for room try again. */
void plait__acceptors_room(plait_reactor *r);
void plait__acceptors_retry(plait_reactor *r);
void plait__listeners_free(plait_reactor *r);

#endif
