/* plait: protocols and transports for C.  This includes all of it. */
#ifndef PLAIT_H
#define PLAIT_H

#include <plait/address.h>
#include <plait/background.h>
#include <plait/call.h>
#include <plait/datagram.h>
#include <plait/control.h>
#include <plait/delimited.h>
#include <plait/endpoint.h>
#include <plait/error.h>
#include <plait/export.h>
#include <plait/factory.h>
#include <plait/fixed.h>
#include <plait/framed.h>
#include <plait/framing.h>
#include <plait/handle.h>
#include <plait/idle.h>
#include <plait/line.h>
#include <plait/netstring.h>
#include <plait/pipe.h>
#include <plait/option.h>
#include <plait/pass.h>
#include <plait/pool.h>
#include <plait/prefixed.h>
#include <plait/process.h>
#include <plait/protocol.h>
#include <plait/reactor.h>
#include <plait/resolver.h>
#include <plait/runtime.h>
#include <plait/signal.h>
#include <plait/strand.h>
#include <plait/terminal.h>
#include <plait/timer.h>
#include <plait/transport.h>
#include <plait/version.h>
#include <plait/watch.h>
#include <plait/wire.h>

#endif
