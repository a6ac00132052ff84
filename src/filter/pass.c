/* Descriptors that bytes bring along, on the strand.  One that is sent is an
 * order, with its bytes; one that has come is a lease's, and waits to be taken
 * from when that is delivered. */
#include <plait/error.h>

#include "core/error.h"
#include "core/memory.h"
#include "filter/away.h"

static plait__away *away_of(const plait_transport *t) {
  return plait_container_of((uintptr_t)t, plait__away, head);
}

static unsigned pass_count(const plait__pass *list) {
  unsigned n = 0;
  for (; list != NULL; list = list->next)
    n++;
  return n;
}

/* ---- sending ------------------------------------------------------------- */

int plait__away_write_fd(plait_transport *t, int fd, const void *data,
                         size_t len) {
  plait__away *a = away_of(t);
  bool open = a->phase == PLAIT__OPEN && !a->wr_end;
  int code =
      plait__pass_judge(a->stream, fd, len, atomic_load(&a->passing), open);
  if (code != 0)
    return code;
  if (!plait__away_takes(a))
    return plait__fail(PLAIT_ECLOSED, "pass descriptor %d: %s", fd,
                       plait_strerror(PLAIT_ECLOSED));
  if (!plait__order_pass(a, fd, data, len))
    return plait__fail(PLAIT_ENOMEM, "pass descriptor %d: out of memory", fd);
  atomic_fetch_add(&a->passing, 1);
  return 0;
}

/* ---- receiving ----------------------------------------------------------- */

int plait__away_set_fds_max(plait_transport *t, unsigned n) {
  plait__away *a = away_of(t);
  int code = plait__pass_check(a->stream);
  if (code != 0 || a->phase == PLAIT__GONE)
    return code;
  if (n == 0) {
    plait__pass_close(a->stream, a->caught);
    a->caught = NULL;
  }
  a->catches = n < PLAIT_FDS_MAX ? n : PLAIT_FDS_MAX;
  (void)plait__order(a, PLAIT__ORDER_CATCHES, a->catches, 0);
  return 0;
}

int plait__away_take_fd(plait_transport *t) {
  plait__away *a = away_of(t);
  plait__pass *p = a->caught;
  if (p == NULL)
    return -1;
  int fd = p->fd;
  a->caught = p->next;
  plait__free(a->reactor->os, p);
  return fd;
}

bool plait__away_catch(plait__away *a, plait__lease *lease) {
  plait__pass **end = &a->caught;
  if (a->catches == 0) { /* they were on their way when that was said */
    plait__pass_close(a->stream, lease->caught);
  } else if (pass_count(a->caught) + pass_count(lease->caught) > a->catches) {
    plait__away_fail(a, PLAIT_ELIMIT);
    return false;
  } else {
    while (*end != NULL)
      end = &(*end)->next;
    *end = lease->caught;
  }
  lease->caught = NULL;
  return true;
}
