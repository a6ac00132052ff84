/* The uv_poll_t handles of a loop, one per descriptor number, kept for the
 * next descriptor with that number.  |data| is the socket while one has it.
 *
 * Setting one up costs three system calls (a trial EPOLL_CTL_ADD and DEL, and
 * FIONBIO) and closing it a fourth, which a server that accepts and closes all
 * day would pay for every connection; our descriptors are non-blocking before
 * they get here.  A handle that is stopped does not care what becomes of its
 * number (libuv tells its own epoll set to forget the number now and then,
 * which finds nothing there).  Handles live in blocks that never move and stay
 * until the loop goes: as many as the loop had descriptors at once.
 */
#include "uv/backend.h"

#include <assert.h>

enum { BLOCK = 64, NUMBERS_FIRST = 64 };

struct plait__uv_block {
  uv_poll_t polls[BLOCK];
};

static uv_poll_t *poll_at(plait__uv_polls *polls, uint32_t i) {
  return &polls->blocks[i / BLOCK]->polls[i % BLOCK];
}

/* Room for |number| in the table by descriptor number. */
static bool polls_reserve(plait__uv_polls *polls, uint32_t number) {
  if (number < polls->numbers)
    return true;
  uint32_t n = polls->numbers == 0 ? NUMBERS_FIRST : polls->numbers;
  while (n <= number)
    n *= 2;
  uint32_t *table =
      plait__uv_alloc(polls->by_number, n * sizeof *table, "polls");
  if (!table)
    return false;
  for (uint32_t i = polls->numbers; i < n; i++)
    table[i] = 0;
  polls->by_number = table;
  polls->numbers = n;
  return true;
}

/* Room for one more handle. */
static bool polls_grow(plait__uv_polls *polls) {
  uint32_t n = polls->block_count;
  if (polls->count < n * BLOCK)
    return true;
  struct plait__uv_block **blocks =
      plait__uv_alloc(polls->blocks, (n + 1) * sizeof *blocks, "polls");
  if (!blocks)
    return false;
  polls->blocks = blocks;
  blocks[n] = plait__uv_alloc(NULL, sizeof *blocks[n], "polls");
  if (!blocks[n])
    return false;
  polls->block_count++;
  return true;
}

int plait__uv_poll_take(plait__loop *loop, int fd, uv_poll_t **ret) {
  plait__uv_polls *polls = &loop->polls;
  uint32_t number = (uint32_t)fd;
  if (!polls_reserve(polls, number))
    return PLAIT_ENOMEM;
  if (polls->by_number[number] == 0) {
    if (!polls_grow(polls))
      return PLAIT_ENOMEM;
    int rc = uv_poll_init(&loop->uv, poll_at(polls, polls->count), fd);
    if (rc)
      return rc;
    polls->by_number[number] = ++polls->count;
  }
  *ret = poll_at(polls, polls->by_number[number] - 1);
  polls->taken++;
  return 0;
}

void plait__uv_poll_give(plait__loop *loop, uv_poll_t *poll) {
  uv_poll_stop(poll);
  poll->data = NULL;
  loop->polls.taken--;
}

bool plait__uv_poll_taken(plait__loop *loop, int fd) {
  plait__uv_polls *polls = &loop->polls;
  uint32_t number = (uint32_t)fd;
  return number < polls->numbers && polls->by_number[number] != 0 &&
         poll_at(polls, polls->by_number[number] - 1)->data != NULL;
}

void plait__uv_polls_close(plait__loop *loop) {
  assert(loop->polls.taken == 0 && "a socket outlives its loop");
  for (uint32_t i = 0; i < loop->polls.count; i++)
    uv_close((uv_handle_t *)poll_at(&loop->polls, i), NULL);
}

void plait__uv_polls_free(plait__loop *loop) {
  plait__uv_polls *polls = &loop->polls;
  for (uint32_t i = 0; i < polls->block_count; i++)
    plait__uv_alloc(polls->blocks[i], 0, "polls");
  plait__uv_alloc(polls->blocks, 0, "polls");
  plait__uv_alloc(polls->by_number, 0, "polls");
}
