/* The message table: everything that is ever sent.
 *
 * A connection's stream is a table of distinct messages repeated for ever,
 * entered at a place that depends on the connection.  Bytes that were lost,
 * doubled, reordered or crossed between connections all differ from the table,
 * and both sending and checking are one call on a constant piece of it, so the
 * generator stays cheap beside the server it loads.
 *
 * The number of messages is odd and at least 17: a slip by a power of two
 * never lands on the same message. */
#include "loadgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct table table;

static uint64_t table_random(void) {
  static uint64_t x = 88172645463325252u;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return x >> 32;
}

static void table_fill(void) {
  for (size_t i = 0; i < table.period; i++) {
    uint64_t r = table_random();
    table.bytes[i] = (unsigned char)(opt.mode == MODE_LINE ? '!' + r % 93 : r);
  }
}

static void table_frame(void) {
  uint32_t prefix = htonl((uint32_t)(opt.size - 4));
  for (unsigned m = 0; m < table.messages; m++) {
    unsigned char *p = table.bytes + m * opt.size;
    if (opt.mode == MODE_LINE)
      memcpy(p + opt.size - 2, "\r\n", 2);
    else if (opt.mode == MODE_LEN)
      memcpy(p, &prefix, sizeof prefix);
  }
}

void table_make(void) {
  size_t least = opt.mode == MODE_LINE ? 3 : opt.mode == MODE_LEN ? 4 : 1;
  size_t tail = opt.depth * opt.size;
  if (opt.size < least) {
    errno = EINVAL;
    die("message size");
  }
  table.messages = (unsigned)(65536 / opt.size) | 1;
  if (table.messages < 17)
    table.messages = 17;
  table.period = table.messages * opt.size;
  if (tail < READ_BYTES)
    tail = READ_BYTES;
  table.bytes = malloc(table.period + tail);
  if (!table.bytes)
    die("memory for the table");
  table_fill();
  table_frame();
  /* Repeated, so that any piece that is sent or read is contiguous. */
  for (size_t i = 0; i < tail; i++)
    table.bytes[table.period + i] = table.bytes[i % table.period];
}

size_t table_start(unsigned serial) {
  return (serial * 7u % table.messages) * opt.size;
}
