/* plait_check_codec(): fills the defaults in and goes through the stages. */
#include "input.h"
#include "stages.h"

enum { CODEC_OVERHEAD = 64, CODEC_PAYLOAD_MAX = 1 << 20 };

static const struct codec_stage {
  const char *name;
  bool (*run)(plait__kit *kit);
} stages[] = {
    {"small frames", plait__stage_small},
    {"the smallest frames", plait__stage_least},
    {"payloads of every byte", plait__stage_bytes},
    {"limits", plait__stage_limits},
    {"two streams in turn", plait__stage_in_turn},
    {"bytes that are no frames", plait__stage_noise},
    {"bytes that are no frames, limits", plait__stage_noise_limited},
    {"many frames", plait__stage_many},
    {"a large frame", plait__stage_large},
    {"a million frames", plait__stage_million},
};

/* What payload_max is unless it is said. */
static size_t codec_payload_max(const plait_codec *codec) {
  size_t most = codec->frame_bytes_max;

  if (most == 0)
    return PLAIT_FRAME_BYTES_MAX;
  return most < CODEC_PAYLOAD_MAX ? most : CODEC_PAYLOAD_MAX;
}

static void codec_defaults(plait__kit *kit) {
  plait_codec_check *c = &kit->check;

  if (c->ways == 0)
    c->ways = 1;
  if (c->overhead_max == 0)
    c->overhead_max = CODEC_OVERHEAD;
  if (c->payload_max == 0)
    c->payload_max = codec_payload_max(c->codec);
  if (c->seed == 0)
    c->seed = 1;
  if (c->alphabet.len > 0)
    return;
  for (size_t i = 0; i < sizeof kit->all_bytes; i++)
    kit->all_bytes[i] = (uint8_t)i;
  c->alphabet = (plait_slice){kit->all_bytes, sizeof kit->all_bytes};
}

const char *plait_check_codec(const plait_codec_check *check) {
  plait__kit kit = {.check = *check, .stage = "what to check"};
  const plait_codec *codec = check->codec;

  plait__report_start(&kit);
  if (codec == NULL || codec->scan == NULL || check->encode == NULL) {
    plait__report(": codec, its scan and encode are needed");
    return plait__report_text();
  }
  codec_defaults(&kit);
  if (kit.check.payload_min > kit.check.payload_max) {
    plait__report(": payload_min %zu is more than payload_max %zu",
                  kit.check.payload_min, kit.check.payload_max);
    return plait__report_text();
  }
  for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
    kit.stage = stages[i].name;
    kit.random = kit.check.seed;
    if (!stages[i].run(&kit))
      return plait__report_text();
  }
  return NULL;
}
