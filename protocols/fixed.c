/* Records of one size. */
#include <plait/factory.h>
#include <plait/fixed.h>

int plait_fixed_scan(const plait_codec *codec, void *state,
                     const uint8_t *piece, size_t len, plait_scan *ret) {
  const plait_fixed *fixed =
      plait_container_of(codec, const plait_fixed, codec);
  size_t *seen = state, left = fixed->record_bytes - *seen;

  (void)piece;
  ret->length = fixed->record_bytes;
  if (len < left) {
    *seen += len;
    ret->need = left - len;
    return PLAIT_MORE;
  }
  *seen = 0;
  ret->consumed = left;
  return PLAIT_FRAME;
}
