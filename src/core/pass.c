/* A descriptor goes with the byte at its place in the stream, counted from the
 * connection's first.  What is sent is cut in front of that byte: so it is the
 * first one of its own call. */
#include "core/pass.h"

#include <plait/error.h>

#include "core/away.h"
#include "core/error.h"
#include "core/memory.h"

/* ---- lists --------------------------------------------------------------- */

/* The first one of |s| from |at| on, or the end. */
static plait__pass **pass_find(plait__pass **at, const plait__stream *s) {
  while (*at != NULL && (*at)->stream != s)
    at = &(*at)->next;
  return at;
}

static unsigned pass_count(plait__pass *first, const plait__stream *s) {
  unsigned n = 0;
  for (const plait__pass *p = first; p != NULL; p = p->next)
    n += p->stream == s;
  return n;
}

static bool pass_append(plait__pass **at, plait__stream *s, int fd,
                        uint64_t place) {
  plait__pass *p = plait__alloc(s->reactor->os, sizeof *p);
  if (p == NULL)
    return false;
  while (*at != NULL)
    at = &(*at)->next;
  *p = (plait__pass){.stream = s, .at = place, .fd = fd};
  *at = p;
  return true;
}

/* Takes the first one of |s| out; its descriptor, or -1. */
static int pass_remove(plait__pass **list, plait__stream *s) {
  plait__pass **at = pass_find(list, s), *p = *at;
  if (p == NULL)
    return -1;
  int fd = p->fd;
  *at = p->next;
  plait__free(s->reactor->os, p);
  return fd;
}

/* How many there were. */
static unsigned pass_close_all(plait__pass **list, plait__stream *s) {
  unsigned n = 0;
  for (int fd; (fd = pass_remove(list, s)) >= 0; n++)
    s->reactor->io->close_fd(fd);
  return n;
}

/* They wait no more to be sent. */
static void pass_uncount(plait__stream *s, unsigned n) {
  if (plait__stream_is_away(s))
    plait__away_passed(s, n);
}

void plait__pass_gone(plait__stream *s) {
  if (s->passes)
    pass_uncount(s, pass_close_all(&s->reactor->passed, s));
  if (s->catches != 0)
    pass_close_all(&s->reactor->caught, s);
  s->passes = false;
  s->catches = 0;
}

/* ---- sending ------------------------------------------------------------- */

int plait__pass_cut(plait__stream *s, plait__iovec *v, size_t *count) {
  const plait__pass *p = *pass_find(&s->reactor->passed, s);
  bool due = p->at == s->sent_bytes;
  const plait__pass *next =
      due ? *pass_find(&((plait__pass *)(uintptr_t)p)->next, s) : p;
  uint64_t room = next != NULL ? next->at - s->sent_bytes : UINT64_MAX;
  for (size_t i = 0; i < *count; i++) {
    if (v[i].len >= room) {
      v[i].len = (size_t)room;
      *count = i + 1;
    }
    room -= v[i].len;
  }
  return due ? p->fd : -1;
}

void plait__pass_sent(plait__stream *s) {
  plait_reactor *r = s->reactor;
  r->io->close_fd(pass_remove(&r->passed, s));
  pass_uncount(s, 1);
  s->passes = *pass_find(&r->passed, s) != NULL;
}

int plait__pass_check(const plait__stream *s) {
  if (s->peer.family == PLAIT_UNIX)
    return 0;
  return plait__fail(PLAIT_ENOTSUP,
                     "pass: only UNIX sockets bring descriptors along");
}

static int pass_failed(int code, int fd) {
  return plait__fail(code, "pass descriptor %d: %s", fd, plait_strerror(code));
}

int plait__pass_judge(const plait__stream *s, int fd, size_t len,
                      unsigned waiting, bool open) {
  int code = plait__pass_check(s);
  if (code != 0)
    return code;
  if (len == 0)
    return plait__fail(PLAIT_EINVAL, "pass: there is no byte to go with");
  code = s->reactor->io->check_fd(fd);
  if (code == 0 && waiting >= PLAIT_FDS_MAX)
    code = PLAIT_EFULL;
  if (!open)
    code = PLAIT_ECLOSED;
  return code != 0 ? pass_failed(code, fd) : 0;
}

int plait__pass_write(plait_transport *t, int fd, const void *data,
                      size_t len) {
  plait__stream *s = plait__stream_of(t);
  plait_reactor *r = s->reactor;
  plait_slice v = {data, len};
  bool open =
      s->phase == PLAIT__OPEN && !s->wr_end && !(s->due & PLAIT__DUE_FAIL);
  int code = plait__pass_judge(s, fd, len, pass_count(r->passed, s), open);
  if (code != 0)
    return code;
  if (!pass_append(&r->passed, s, fd, s->sent_bytes + s->queue.bytes))
    return pass_failed(PLAIT_ENOMEM, fd);
  s->passes = true;
  t->ops->writev(t, &v, 1);
  return 0;
}

/* ---- receiving ----------------------------------------------------------- */

int plait__pass_set_max(plait_transport *t, unsigned n) {
  plait__stream *s = plait__stream_of(t);
  int code = plait__pass_check(s);
  if (code != 0 || s->phase == PLAIT__GONE)
    return code;
  if (n == 0)
    pass_close_all(&s->reactor->caught, s);
  s->catches = (uint8_t)(n < PLAIT_FDS_MAX ? n : PLAIT_FDS_MAX);
  return 0;
}

int plait__pass_take(plait_transport *t) {
  plait__stream *s = plait__stream_of(t);
  return pass_remove(&s->reactor->caught, s);
}

plait__pass *plait__pass_detach(plait__stream *s) {
  plait__pass *list = NULL, **end = &list, **at = &s->reactor->caught;
  while (*(at = pass_find(at, s)) != NULL) {
    *end = *at;
    *at = (*at)->next;
    end = &(*end)->next;
  }
  *end = NULL;
  return list;
}

void plait__pass_attach(plait__stream *s, plait__pass *list) {
  plait__pass **end = &s->reactor->caught;
  if (s->phase == PLAIT__GONE || s->catches == 0) {
    plait__pass_close(s, list);
    return;
  }
  while (*end != NULL)
    end = &(*end)->next;
  *end = list;
}

void plait__pass_close(const plait__stream *s, plait__pass *list) {
  for (plait__pass *next; list != NULL; list = next) {
    next = list->next;
    s->reactor->io->close_fd(list->fd);
    plait__free(s->reactor->os, list);
  }
}

/* All that have come in one read wait, or none.  If not even the room for them
 * was used up, this process can have no more. */
static int pass_keep(plait__stream *s, const int *fds, unsigned n) {
  plait_reactor *r = s->reactor;
  unsigned kept = 0;
  int code = 0;
  if (s->phase != PLAIT__OPEN) /* nobody is going to take it */
    code = PLAIT_ECLOSED;
  else if (n > PLAIT_FDS_MAX && fds[PLAIT_FDS_MAX - 1] < 0)
    code = PLAIT_EMFILE;
  else if (n > PLAIT_FDS_MAX || pass_count(r->caught, s) + n > s->catches)
    code = PLAIT_ELIMIT;
  while (code == 0 && kept < n) {
    if (pass_append(&r->caught, s, fds[kept], 0))
      kept++;
    else
      code = PLAIT_ENOMEM;
  }
  for (; kept < n && kept < PLAIT_FDS_MAX; kept++)
    if (fds[kept] >= 0)
      r->io->close_fd(fds[kept]);
  return code;
}

ptrdiff_t plait__pass_read(plait__stream *s, void *buffer, size_t len) {
  int fds[PLAIT_FDS_MAX];
  unsigned n = 0;
  ptrdiff_t answer =
      s->reactor->io->read_fds(&s->socket, buffer, len, fds, PLAIT_FDS_MAX, &n);
  int code = n > 0 ? pass_keep(s, fds, n) : 0;
  if (code != 0 && s->phase == PLAIT__OPEN)
    plait__closing(s, PLAIT__ON_FAIL, code);
  return answer;
}

/* ---- the public functions ------------------------------------------------ */

int plait_write_fd(plait_transport *t, int fd, const void *data, size_t len) {
  plait__at_home(t, "plait_write_fd");
  return t->ops->write_fd(t, fd, data, len);
}

int plait_transport_set_fds_max(plait_transport *t, unsigned n) {
  plait__at_home(t, "plait_transport_set_fds_max");
  return t->ops->set_fds_max(t, n);
}

int plait_take_fd(plait_transport *t) {
  plait__at_home(t, "plait_take_fd");
  return t->ops->take_fd(t);
}
