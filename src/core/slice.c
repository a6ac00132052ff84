/* Views of bytes. */
#include <plait/export.h>

#include <string.h>

bool plait_slice_equal(plait_slice s, const char *text) {
  size_t len = strlen(text);

  /* An empty slice may have no data at all, which memcmp must not see. */
  return s.len == len && (len == 0 || memcmp(s.data, text, len) == 0);
}
