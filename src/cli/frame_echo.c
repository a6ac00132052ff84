/* The services that echo frames: each payload comes back as a frame of the
 * same kind. */
#include "cli.h"

static void frame_echo_made(plait_protocol *p) {
  plait_framed *framed = plait_container_of(p, plait_framed, base);
  plait_framed_set_max(framed, served_of(p->factory)->frame_bytes_max);
}

static void frame_echo_resume(plait_protocol *p) {
  plait_resume_reading(p->transport);
}

/* What came in a frame of this kind fits into one, so nothing is refused. */
static void prefixed_echo(plait_framed *framed, plait_slice payload) {
  if (plait_prefixed_send(framed, payload.data, payload.len) == 0) {
    plait_pause_reading(framed->base.transport);
  }
}

static void netstring_echo_frame(plait_framed *framed, plait_slice payload) {
  if (!plait_netstring_send(framed, payload.data, payload.len)) {
    plait_pause_reading(framed->base.transport);
  }
}

static void delimited_echo_frame(plait_framed *framed, plait_slice payload) {
  if (!plait_delimited_send(framed, payload.data, payload.len)) {
    plait_pause_reading(framed->base.transport);
  }
}

/* Those that --delimiter named. */
static plait_delimited delimited = PLAIT_DELIMITED(PLAIT_BYTES("\0"));

void delimited_echo_set(const struct delimiters *d) {
  for (size_t i = 0; i < d->count; i++) {
    delimited.delimiters[i] = (plait_slice){d->bytes[i], d->len[i]};
  }
}

#define FRAME_ECHO(name_, codec_, frame_received_)                             \
  PLAIT_FRAMED_OPS(.base.name = name_, .base.size = sizeof(plait_framed),      \
                   .base.connection_made = frame_echo_made,                    \
                   .base.resume_writing = frame_echo_resume, .codec = codec_,  \
                   .frame_received = frame_received_)

const plait_framed_ops int8_echo =
    FRAME_ECHO("int8-echo", &plait_int8.codec, prefixed_echo);
const plait_framed_ops int16_echo =
    FRAME_ECHO("int16-echo", &plait_int16.codec, prefixed_echo);
const plait_framed_ops int32_echo =
    FRAME_ECHO("int32-echo", &plait_int32.codec, prefixed_echo);
const plait_framed_ops netstring_echo =
    FRAME_ECHO("netstring-echo", &plait_netstring, netstring_echo_frame);
const plait_framed_ops delimited_echo =
    FRAME_ECHO("delimited-echo", &delimited.codec, delimited_echo_frame);
