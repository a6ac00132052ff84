/* The bytes of one direction, from their writer to their reader. */
#include <stdlib.h>
#include <string.h>

#include "stage.h"

enum { FLOW_PIECE = 65536 };

static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

void flow_init(struct flow *f, struct stage *stage, const char *name,
               unsigned number, unsigned direction) {
  *f = (struct flow){.stage = stage,
                     .name = name,
                     .number = number,
                     .key = mix(stage->plan->seed + number * 2 + direction)};
}

static uint8_t flow_byte(const struct flow *f, uint64_t offset) {
  if (offset < FLOW_HEAD)
    return (uint8_t)(f->number >> (8 * offset));
  return (uint8_t)(mix(f->key + offset / 8) >> (8 * (offset % 8)));
}

void flow_fill(const struct flow *f, uint64_t offset, uint8_t *ret,
               size_t len) {
  for (size_t i = 0; i < len; i++)
    ret[i] = flow_byte(f, offset + i);
}

/* Bytes that were given back are not sent any more: this would be seen. */
static void flow_release(void *arg, const void *data, size_t len) {
  uint8_t *bytes = (uint8_t *)arg;
  (void)data;
  memset(bytes + sizeof(struct token), 0xdd, len);
  token_end((struct token *)(void *)bytes);
  free(bytes);
}

static bool flow_write_owned(struct flow *f, plait_transport *t, size_t len) {
  uint8_t *bytes = calloc(1, sizeof(struct token) + len);
  if (bytes == NULL)
    abort();
  token_start((struct token *)(void *)bytes, f->stage, "a release function");
  flow_fill(f, f->sent, bytes + sizeof(struct token), len);
  return plait_write_owned(t, bytes + sizeof(struct token), len, flow_release,
                           bytes);
}

static bool flow_write_copied(struct flow *f, struct dice *dice,
                              plait_transport *t, size_t len) {
  uint8_t *bytes = malloc(len + 1);
  if (bytes == NULL)
    abort();
  flow_fill(f, f->sent, bytes, len);
  size_t cut = (size_t)dice_below(dice, len + 1);
  const plait_slice pieces[] = {
      {bytes, cut}, {bytes, 0}, {bytes + cut, len - cut}};
  bool more =
      cut % 2 == 0 ? plait_write(t, bytes, len) : plait_writev(t, pieces, 3);
  memset(bytes, 0xee, len);
  free(bytes);
  return more;
}

bool flow_write(struct flow *f, struct dice *dice, plait_transport *t,
                size_t len) {
  struct witness *w = f->from;
  if (!witness_writes(w, t, len))
    return false;
  bool more = dice_below(dice, 3) == 0 ? flow_write_owned(f, t, len)
                                       : flow_write_copied(f, dice, t, len);
  f->sent += len;
  witness_wrote(w, t, more);
  return more;
}

bool flow_write_frame(struct flow *f, plait_framed *framed, size_t len) {
  struct witness *w = f->from;
  plait_transport *t = framed->base.transport;
  if (!witness_writes(w, t, len + 4))
    return false;
  uint8_t *bytes = malloc(len + 1);
  if (bytes == NULL)
    abort();
  flow_fill(f, f->sent, bytes, len);
  bool more = plait_prefixed_send(framed, bytes, len);
  free(bytes);
  f->sent += len;
  witness_wrote(w, t, more);
  return more;
}

void flow_deliver(struct flow *f, const uint8_t *data, size_t len) {
  struct stage *stage = f->stage;
  CHECK(stage, f->delivered + len <= f->sent,
        "%s of link %u delivered %llu bytes, and only %llu were sent", f->name,
        f->number, (unsigned long long)(f->delivered + len),
        (unsigned long long)f->sent);
  for (size_t i = 0; i < len; i++) {
    uint64_t at = f->delivered + i;
    CHECK(stage, data[i] == flow_byte(f, at),
          "%s of link %u: byte %llu is 0x%02x and was sent as 0x%02x", f->name,
          f->number, (unsigned long long)at, data[i], flow_byte(f, at));
  }
  f->delivered += len;
  stage->bytes += len;
}

/* What was accepted was delivered, or one of the two was told that it was
 * not. */
void flow_check(const struct flow *f) {
  struct stage *stage = f->stage;
  const struct witness *from = f->from, *to = f->to;
  if (from == NULL || to == NULL || f->delivered == f->sent)
    return;
  /* Who is between them closes in order when all stop, be it all or not. */
  if (stage->relayed && stage->stopping && to->lost_ns >= stage->stopped_ns)
    return;
  bool said = from->reason != 0 && from->reason != PLAIT_EOF;
  bool early = to->closed || !to->eof;
  CHECK(stage, said || early,
        "%s of link %u: %llu bytes were accepted, the reader got %llu and then "
        "the end, and the writer's reason is %s",
        f->name, f->number, (unsigned long long)f->sent,
        (unsigned long long)f->delivered, plait_error_name(from->reason));
  /* A reader that neither closed nor heard of a failure has got all. */
  bool told = to->closed || (to->reason != 0 && to->reason != PLAIT_EOF);
  CHECK(stage, said || told,
        "%s of link %u: %llu of %llu bytes were delivered, and nobody was told",
        f->name, f->number, (unsigned long long)f->delivered,
        (unsigned long long)f->sent);
}
