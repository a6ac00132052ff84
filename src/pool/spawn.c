/* What the options of a process ask for, as the seam wants it: all in one
 * block, which a first pass measures and a second one fills. */
#include <plait/error.h>
#include <stdalign.h>

#include "core/error.h"
#include "core/memory.h"
#include "pool/child.h"

/* ---- the block ----------------------------------------------------------- */

/* Pointers in front, texts behind them.  In the first pass |memory| is NULL. */
typedef struct block {
  char *memory;
  size_t pointers, pointer_room; /* taken, and all */
  size_t bytes;
} block;

static const char **block_pointers(block *b, size_t count) {
  const char **at =
      b->memory == NULL ? NULL : (const char **)(void *)b->memory + b->pointers;
  b->pointers += count;
  return at;
}

static void block_add(block *b, const char *text, size_t len) {
  if (b->memory != NULL)
    memcpy(b->memory + b->pointer_room * sizeof(char *) + b->bytes, text, len);
  b->bytes += len;
}

/* Begins a text, which block_add() then adds to. */
static const char *block_text(const block *b) {
  return b->memory == NULL
             ? NULL
             : b->memory + b->pointer_room * sizeof(char *) + b->bytes;
}

static const char *block_copy(block *b, const char *text) {
  const char *at = block_text(b);
  block_add(b, text, strlen(text) + 1);
  return at;
}

static size_t list_count(const char *const *list) {
  size_t n = 0;
  while (list != NULL && list[n] != NULL)
    n++;
  return n;
}

static void block_put(const char **list, size_t i, const char *text) {
  if (list != NULL)
    list[i] = text;
}

/* ---- arguments and environment ------------------------------------------- */

static void plan_argv(block *b, const plait_process_options *o,
                      plait__spawn *s) {
  const char *const alone[] = {o->program, NULL};
  const char *const *argv = o->argv != NULL ? o->argv : alone;
  size_t n = list_count(argv);
  const char **list = block_pointers(b, n + 1);
  for (size_t i = 0; i < n; i++)
    block_put(list, i, block_copy(b, argv[i]));
  block_put(list, n, NULL);
  s->argv = list;
}

static size_t name_length(const char *variable) {
  const char *end = strchr(variable, '=');
  return end != NULL ? (size_t)(end - variable) : strlen(variable);
}

/* The one of |list| that has the name of |variable|, or NULL. */
static const char *variable_find(const char *const *list,
                                 const char *variable) {
  size_t len = name_length(variable);
  for (; list != NULL && *list != NULL; list++)
    if (name_length(*list) == len && memcmp(*list, variable, len) == 0)
      return *list;
  return NULL;
}

static void plan_environment(block *b, const plait_process_options *o,
                             const char *const *ours, plait__spawn *s) {
  size_t given = list_count(o->environment), n = 0;
  size_t most = given + (o->environment_alone ? 0 : list_count(ours));
  const char **list = block_pointers(b, most + 1);
  for (size_t i = 0; !o->environment_alone && ours[i] != NULL; i++)
    if (variable_find(o->environment, ours[i]) == NULL)
      block_put(list, n++, block_copy(b, ours[i]));
  for (size_t i = 0; i < given; i++)
    block_put(list, n++, block_copy(b, o->environment[i]));
  block_put(list, n, NULL);
  s->environment = list;
}

/* ---- where the program may be -------------------------------------------- */

static const char *search_path(const plait_process_options *o,
                               const char *const *ours) {
  const char *path = variable_find(o->environment, "PATH");
  if (path == NULL && !o->environment_alone)
    path = variable_find(ours, "PATH");
  return path != NULL && path[name_length(path)] == '=' ? path + sizeof "PATH"
                                                        : NULL;
}

static size_t path_count(const char *path) {
  size_t n = path != NULL;
  for (; path != NULL && (path = strchr(path, ':')) != NULL; path++)
    n++;
  return n;
}

static void plan_search(block *b, const char *program, const char *path,
                        const char **list) {
  for (size_t i = 0; path != NULL; i++) {
    const char *end = strchr(path, ':');
    size_t len = end != NULL ? (size_t)(end - path) : strlen(path);
    const char *at = block_text(b);
    block_add(b, len > 0 ? path : ".", len > 0 ? len : 1);
    block_add(b, "/", 1);
    block_add(b, program, strlen(program) + 1);
    block_put(list, i, at);
    path = end != NULL ? end + 1 : NULL;
  }
}

static void plan_programs(block *b, const plait_process_options *o,
                          const char *const *ours, plait__spawn *s) {
  bool is_path = strchr(o->program, '/') != NULL;
  const char *path = is_path ? NULL : search_path(o, ours);
  size_t n = is_path ? 1 : path_count(path);
  const char **list = block_pointers(b, n + 1);
  if (is_path)
    block_put(list, 0, block_copy(b, o->program));
  else
    plan_search(b, o->program, path, list);
  block_put(list, n, NULL);
  s->programs = list;
}

static void plan_all(block *b, const plait_process_options *o,
                     const char *const *ours, plait__spawn *s) {
  plan_argv(b, o, s);
  plan_environment(b, o, ours, s);
  plan_programs(b, o, ours, s);
  s->directory = o->directory != NULL ? block_copy(b, o->directory) : NULL;
  while (b->bytes % alignof(uint32_t) != 0)
    block_add(b, "", 1);
  s->groups = (const uint32_t *)(const void *)block_text(b);
  if (o->group_count > 0)
    block_add(b, (const char *)o->groups, o->group_count * sizeof(uint32_t));
}

static int plan_texts(plait__child *c, const plait_process_options *o) {
  const plait_backend *driver = c->pool->runtime->driver;
  const char *const *ours = driver->host->environment();
  block b = {0};
  plan_all(&b, o, ours, &c->spawn);
  b.pointer_room = b.pointers;
  b.memory = plait__alloc(driver->os, b.pointers * sizeof(char *) + b.bytes);
  if (b.memory == NULL)
    return plait__fail(PLAIT_ENOMEM, "spawn %s: out of memory", o->program);
  c->block = b.memory;
  b.pointers = b.bytes = 0;
  plan_all(&b, o, ours, &c->spawn);
  return 0;
}

/* ---- descriptors --------------------------------------------------------- */

static plait__spawn_fd *plan_fd(plait__child *c, int number,
                                plait__spawn_kind kind) {
  plait__spawn_fd *d = &c->fds[c->spawn.fd_count++];
  *d = (plait__spawn_fd){.number = number, .kind = kind, .fd = -1};
  return d;
}

static bool plan_has(const plait__child *c, int number) {
  for (unsigned i = 0; i < c->spawn.fd_count; i++)
    if (c->fds[i].number == number)
      return true;
  return false;
}

/* A copy of |fd|, which may be closed before the child has started. */
static int plan_inherit(plait__child *c, const char *program, int fd,
                        plait__spawn_fd *d) {
  int code = c->pool->runtime->driver->host->duplicate(fd, &d->fd);
  if (code == 0)
    return 0;
  d->fd = -1;
  return plait__fail(code, "spawn %s: descriptor %d: %s", program, fd,
                     plait_strerror(code));
}

static int plan_given(plait__child *c, const char *program,
                      const plait_process_fd *given) {
  static const plait__spawn_kind kinds[] = {
      [PLAIT_CHILD_NULL] = PLAIT__SPAWN_NULL,
      [PLAIT_CHILD_READS] = PLAIT__SPAWN_READS,
      [PLAIT_CHILD_WRITES] = PLAIT__SPAWN_WRITES,
      [PLAIT_CHILD_INHERITS] = PLAIT__SPAWN_INHERITS};
  if ((unsigned)given->kind > PLAIT_CHILD_INHERITS)
    return plait__fail(PLAIT_EINVAL, "spawn %s: descriptor %d: no such kind",
                       program, given->number);
  if (given->number < 0 || given->number > PLAIT__CHILD_FDS_NUMBER)
    return plait__fail(PLAIT_EINVAL,
                       "spawn %s: descriptor %d: not from 0 to %d", program,
                       given->number, PLAIT__CHILD_FDS_NUMBER);
  if (plan_has(c, given->number))
    return plait__fail(PLAIT_EINVAL, "spawn %s: descriptor %d is given twice",
                       program, given->number);
  plait__spawn_fd *d = plan_fd(c, given->number, kinds[given->kind]);
  return given->kind == PLAIT_CHILD_INHERITS
             ? plan_inherit(c, program, given->fd, d)
             : 0;
}

/* Those that are the first of the list, whatever the options say. */
static int plan_stdio(plait__child *c, const plait_process_options *o,
                      plait__child_stdio stdio, int fd) {
  int code = 0;
  if (o->pty) {
    plan_fd(c, 0, PLAIT__SPAWN_PTY);
    plan_fd(c, 2, PLAIT__SPAWN_SAME)->fd = 0;
  } else if (stdio == PLAIT__CHILD_SOCKET) {
    plan_fd(c, 0, PLAIT__SPAWN_SOCKET);
  } else if (stdio == PLAIT__CHILD_CONNECTION) {
    plait__spawn_fd *d = plan_fd(c, 0, PLAIT__SPAWN_INHERITS);
    d->blocking = true;
    code = plan_inherit(c, o->program, fd, d);
  } else {
    return 0;
  }
  plan_fd(c, 1, PLAIT__SPAWN_SAME)->fd = 0;
  return code;
}

static int plan_fds(plait__child *c, const plait_process_options *o,
                    plait__child_stdio stdio, int fd) {
  static const plait_process_fd standard[] = {{0, PLAIT_CHILD_READS, 0},
                                              {1, PLAIT_CHILD_WRITES, 0},
                                              {2, PLAIT_CHILD_WRITES, 0}};
  bool pipes = o->fd_count == 0 && !o->pty && stdio == PLAIT__CHILD_PIPES;
  const plait_process_fd *given = pipes ? standard : o->fds;
  unsigned count = pipes ? 3 : o->fd_count;
  c->spawn.fds = c->fds;
  if (count > PLAIT_PROCESS_FDS_MAX)
    return plait__fail(PLAIT_EINVAL, "spawn %s: %u descriptors: at most %d",
                       o->program, count, PLAIT_PROCESS_FDS_MAX);
  int code = plan_stdio(c, o, stdio, fd);
  for (unsigned i = 0; i < count && code == 0; i++)
    code = plan_given(c, o->program, &given[i]);
  for (int number = 0; number <= 2 && code == 0; number++)
    if (!plan_has(c, number))
      plan_fd(c, number, PLAIT__SPAWN_NULL);
  return code;
}

void plait__spawn_close_copies(plait__child *c) {
  for (unsigned i = 0; i < c->spawn.fd_count; i++) {
    plait__spawn_fd *d = &c->fds[i];
    if (d->kind != PLAIT__SPAWN_INHERITS || d->fd < 0)
      continue;
    c->reactor->io->close_fd(d->fd);
    d->fd = -1;
  }
}

void plait__spawn_close_ends(plait__child *c) {
  for (unsigned i = 0; i < c->spawn.fd_count; i++) {
    plait__spawn_fd *d = &c->fds[i];
    if (d->kind == PLAIT__SPAWN_SAME || d->kind == PLAIT__SPAWN_INHERITS ||
        d->fd < 0)
      continue;
    c->reactor->io->close_fd(d->fd);
    d->fd = -1;
  }
}

/* ---- all of it ----------------------------------------------------------- */

static int plan_check(const plait_process_options *o) {
  if (o->program == NULL || o->program[0] == '\0')
    return plait__fail(PLAIT_EINVAL, "spawn: no program is named");
  if (o->argv != NULL && o->argv[0] == NULL)
    return plait__fail(PLAIT_EINVAL, "spawn %s: argv[0] is missing",
                       o->program);
  if ((o->uid != 0) != (o->gid != 0) || (o->uid == 0 && o->group_count > 0))
    return plait__fail(
        PLAIT_EINVAL, "spawn %s: a user and a group come together", o->program);
  return 0;
}

int plait__spawn_plan(plait__child *c, const plait_process_options *o,
                      plait__child_stdio stdio, int fd) {
  int code = plan_check(o);
  if (code != 0)
    return code;
  plait__spawn *s = &c->spawn;
  s->new_session = o->new_session || o->pty;
  s->new_group = o->new_group || s->new_session;
  s->as_user = o->uid != 0;
  s->uid = o->uid;
  s->gid = o->gid;
  s->group_count = o->group_count;
  s->raw = o->pty_raw;
  s->rows = o->pty_rows;
  s->columns = o->pty_columns;
  code = plan_fds(c, o, stdio, fd);
  return code != 0 ? code : plan_texts(c, o);
}
