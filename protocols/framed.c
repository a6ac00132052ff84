/* Protocols that receive frames: what stands between plait_framing and the
 * callbacks of a plait_framed. */
#include <plait/factory.h>
#include <plait/framed.h>
#include <plait/transport.h>

#include <assert.h>

/* |p| is the first member of a plait_framed, and its ops of plait_framed_ops.
 */
static plait_framed *framed_of(plait_protocol *p) {
  return plait_container_of(p, plait_framed, base);
}

static const plait_framed_ops *framed_ops(const plait_framed *framed) {
  return (const plait_framed_ops *)(const void *)framed->base.ops;
}

static void framed_frame(plait_protocol *p, plait_slice payload) {
  plait_framed *framed = framed_of(p);
  const plait_framed_ops *ops = framed_ops(framed);

  if (ops->frame_received != NULL)
    ops->frame_received(framed, payload);
}

static void framed_raw(plait_protocol *p, plait_slice bytes) {
  plait_framed *framed = framed_of(p);
  const plait_framed_ops *ops = framed_ops(framed);

  if (ops->raw_received != NULL)
    ops->raw_received(framed, bytes);
}

/* Without a frame_too_long the loop closes the connection. */
static void framed_too_long(plait_protocol *p, size_t seen) {
  plait_framed *framed = framed_of(p);
  const plait_framed_ops *ops = framed_ops(framed);

  if (ops->frame_too_long != NULL)
    ops->frame_too_long(framed, seen);
}

/* connection_made belongs to the user, so the first use prepares the loop. */
static void framed_start(plait_framed *framed) {
  static const plait_framing_events events = {
      .frame = framed_frame, .too_long = framed_too_long, .raw = framed_raw};
  const plait_framed_ops *ops = framed_ops(framed);

  assert(ops->codec != NULL);
  if (framed->framing.codec == NULL)
    plait_framing_init(&framed->framing, &framed->base, ops->codec, NULL,
                       &events, 0);
}

void plait_framed_data_received(plait_protocol *p, const uint8_t *data,
                                size_t len) {
  plait_framed *framed = framed_of(p);

  framed_start(framed);
  size_t used = plait_framing_receive(&framed->framing, data, len);
  if (used < len)
    plait_unread(p->transport, data + used, len - used);
}

void plait_framed_set_max(plait_framed *framed, size_t bytes_max) {
  framed_start(framed);
  plait_framing_set_max(&framed->framing, bytes_max);
}

void plait_framed_set_raw(plait_framed *framed, uint64_t bytes) {
  framed_start(framed);
  plait_framing_set_raw(&framed->framing, bytes);
}

void plait_framed_set_frames(plait_framed *framed, plait_slice extra) {
  framed_start(framed);
  plait_framing_set_frames(&framed->framing, extra);
}

const plait_codec *plait_framed_codec(const plait_framed *framed) {
  return framed_ops(framed)->codec;
}

void plait_framed_skip(plait_framed *framed) {
  plait_framing_skip(&framed->framing);
}

plait_slice plait_framed_rest(const plait_framed *framed) {
  return plait_framing_rest(&framed->framing);
}

plait_slice plait_framed_unfinished(const plait_framed *framed) {
  return plait_framing_unfinished(&framed->framing);
}

void plait_framed_clear(plait_framed *framed) {
  framed_start(framed);
  plait_framing_clear(&framed->framing);
}
