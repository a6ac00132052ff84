/* What a peer is expected to have got, and how a failure reads:
 *
 *     peer 1: byte 6 is not the expected one
 *       came     "hello\r\nbyte\r\n", 13 bytes, and the connection is open
 *       expected "hello\r\nbye\r\n", 12 bytes
 *                            ^
 */
#include <string.h>

#include "expect.h"
#include "kit.h"
#include "world.h"

enum { EXPECT_BEFORE = 40, EXPECT_BEHIND = 80 };

const char *plait__state_name(plait_test_state state) {
  static const char *const names[] = {[PLAIT_TEST_OPEN] = "is open",
                                      [PLAIT_TEST_ENDED] = "has ended",
                                      [PLAIT_TEST_RESET] = "was reset"};
  return names[state];
}

/* Where they differ, or the shorter one ends. */
static size_t difference_at(plait_slice a, plait_slice b) {
  size_t i = 0;
  while (i < a.len && i < b.len && a.data[i] == b.data[i])
    i++;
  return i;
}

/* What is around |at|. */
static void report_window(plait_slice s, size_t from, size_t at) {
  size_t to = s.len - at > EXPECT_BEHIND ? at + EXPECT_BEHIND : s.len;
  plait__report("%s", from > 0 ? "..." : "");
  plait__report_bytes(s.data + from, to - from);
  plait__report("%s, %zu bytes", to < s.len ? "..." : "", s.len);
}

void plait__report_difference(plait_slice came, const char *ended,
                              const char *other, plait_slice expected) {
  size_t at = difference_at(came, expected);
  size_t from = at > EXPECT_BEFORE ? at - EXPECT_BEFORE : 0;
  size_t mark = plait__report_width(expected.data + from, at - from);
  plait__report("\n  came     ");
  report_window(came, from, at);
  plait__report(", and the connection %s\n  %-8s ", ended, other);
  report_window(expected, from, at);
  plait__report("\n%*s^", (int)mark + (from > 0 ? 15 : 12), "");
}

static void report_headline(const plait_test_peer *peer, size_t came,
                            size_t expected, size_t at) {
  plait__report_clear();
  plait__report("peer %u: ", peer->number);
  if (at == came)
    plait__report("only %zu of %zu bytes came", came, expected);
  else if (at == expected)
    plait__report("%zu bytes more came than expected", came - expected);
  else
    plait__report("byte %zu is not the expected one", at);
}

const char *plait_test_expect_bytes(plait_test_peer *peer, const void *data,
                                    size_t len) {
  plait_test_settle(peer->test);
  plait_slice came = plait_test_value(peer), expected = {data, len};
  size_t at = difference_at(came, expected);
  if (at == came.len && at == len) {
    plait_test_clear(peer);
    return NULL;
  }
  report_headline(peer, came.len, len, at);
  plait__report_difference(came, plait__state_name(peer->state), "expected",
                           expected);
  return plait__report_text();
}

const char *plait_test_expect(plait_test_peer *peer, const char *text) {
  return plait_test_expect_bytes(peer, text, strlen(text));
}

const char *plait_test_expect_state(plait_test_peer *peer,
                                    plait_test_state state) {
  plait_test_settle(peer->test);
  plait_slice came = plait_test_value(peer);
  if (peer->state == state)
    return NULL;
  plait__report_clear();
  plait__report("peer %u: the connection %s\n  came     ", peer->number,
                plait__state_name(peer->state));
  report_window(came, came.len > EXPECT_BEFORE ? came.len - EXPECT_BEFORE : 0,
                came.len);
  plait__report("\n  expected that it %s", plait__state_name(state));
  return plait__report_text();
}
