/* What protocols under test switch to. */
#include "support/after.h"

#include <plait/factory.h>
#include <plait/protocol.h>

#include "support/require.h"

struct after {
  plait_protocol base;
  struct text *trace;
};

static void after_made(plait_protocol *p) {
  text_format(plait_container_of(p, struct after, base)->trace, "after:");
}

static void after_data(plait_protocol *p, const uint8_t *data, size_t len) {
  text_escape(plait_container_of(p, struct after, base)->trace, data, len);
}

static const plait_protocol_ops after_ops = {
    .name = "after",
    .size = PLAIT_INSTANCE(struct after, base),
    .connection_made = after_made,
    .data_received = after_data,
};

void after_switch(plait_transport *t, plait_slice rest, struct text *trace) {
  plait_protocol *p = plait_switch_protocol(t, &after_ops, rest.data, rest.len);
  require(p != NULL, "no switch");
  plait_container_of(p, struct after, base)->trace = trace;
}
