/* Two connections that are joined.
 *
 * Each side is an instance that knows the other one until that is lost.  A view
 * of what one received is written to the other in the same callback: a big one
 * is offered to the system in place, and only what it does not take is queued.
 * A queue above its mark pauses the other side, so what is under way is one
 * delivery and one mark for each direction.
 */
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/pipe.h>
#include <plait/protocol.h>
#include <plait/transport.h>

struct side {
  plait_protocol base;
  struct side *other; /* NULL once that is lost */
  plait_joint *joint; /* may be NULL */
  uint64_t silent_at; /* what had moved when it was idle the last time */
  int index;
  bool ended; /* the end of its bytes was passed on */
};

static struct side *side_of(plait_protocol *p) {
  return plait_container_of(p, struct side, base);
}

static void side_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct side *self = side_of(p);
  if (self->joint != NULL)
    self->joint->bytes[self->index] += len;
  if (!plait_write(self->other->base.transport, data, len))
    plait_pause_reading(p->transport);
}

static void side_resume(plait_protocol *p) {
  struct side *self = side_of(p);
  if (self->other != NULL)
    plait_resume_reading(self->other->base.transport);
}

/* Until now resume_writing was its predecessor's, which may have waited for a
 * task while the other side wrote, and was paused. */
static void side_made(plait_protocol *p) {
  side_resume(p);
}

static void side_eof(plait_protocol *p) {
  struct side *self = side_of(p);
  self->ended = true;
  plait_write_eof(self->other->base.transport);
  if (self->joint != NULL && self->joint->ended != NULL)
    self->joint->ended(self->joint, self->index);
}

static uint64_t side_moved(const struct side *self) {
  plait_transport_stats stats;
  plait_transport_get_stats(self->base.transport, &stats);
  return stats.received_bytes + stats.sent_bytes;
}

/* A side that waits for the other is not idle, as long as that one is not: the
 * one that falls silent last ends both. */
static void side_timed_out(plait_protocol *p) {
  struct side *self = side_of(p), *other = self->other;
  self->silent_at = side_moved(self);
  if (other != NULL && side_moved(other) != other->silent_at)
    return;
  plait_close_reason(p->transport, PLAIT_ETIMEOUT);
  if (other != NULL)
    plait_close_reason(other->base.transport, PLAIT_ETIMEOUT);
}

/* |self| is lost; nothing more comes for |other|, and nothing goes from it. */
static void side_release(struct side *self, struct side *other, int reason) {
  plait_transport *t = other->base.transport;
  bool in_order = reason == 0 || reason == PLAIT_ESWITCHED;
  if (plait_transport_closing(t) || (in_order && self->ended && other->ended))
    return; /* the latter closes by itself, when all was sent */
  if (in_order || self->ended)
    plait_close(t);
  else
    plait_abort(t);
}

static void side_lost(plait_protocol *p, int reason) {
  struct side *self = side_of(p), *other = self->other;
  plait_joint *joint = self->joint;
  if (joint != NULL && joint->lost != NULL)
    joint->lost(joint, self->index, reason);
  if (other == NULL)
    return; /* the joint may be gone */
  if (joint != NULL)
    joint->sides[self->index] = NULL;
  other->other = NULL;
  side_release(self, other, reason);
}

static const plait_protocol_ops side_ops = {
    .name = "pipe",
    .size = PLAIT_INSTANCE(struct side, base),
    .connection_made = side_made,
    .data_received = side_data,
    .eof_received = side_eof,
    .resume_writing = side_resume,
    .timed_out = side_timed_out,
    .connection_lost = side_lost,
};

static struct side *side_take(plait_transport *t) {
  plait_protocol *p = plait_switch_protocol(t, &side_ops, NULL, 0);
  return PLAIT_CAST(p, &side_ops, struct side);
}

static void side_join(struct side *self, struct side *other, int index,
                      plait_joint *joint) {
  self->other = other;
  self->index = index;
  self->joint = joint;
  self->silent_at = UINT64_MAX;
  if (joint != NULL)
    joint->sides[index] = self->base.transport;
  plait_resume_reading(self->base.transport);
}

int plait_pipe_joint(plait_transport *a, plait_transport *b,
                     plait_joint *joint) {
  if (a == b || plait_transport_reactor(a) != plait_transport_reactor(b))
    return PLAIT_EINVAL;
  if (plait_transport_on_workers(a) || plait_transport_on_workers(b))
    return PLAIT_ENOTSUP;
  struct side *first = side_take(a);
  struct side *second = first != NULL ? side_take(b) : NULL;
  if (second == NULL) {
    plait_close_reason(a, PLAIT_ECLOSED);
    plait_close_reason(b, PLAIT_ECLOSED);
    return PLAIT_ECLOSED;
  }
  side_join(first, second, 0, joint);
  side_join(second, first, 1, joint);
  return 0;
}

int plait_pipe(plait_transport *a, plait_transport *b) {
  return plait_pipe_joint(a, b, NULL);
}
