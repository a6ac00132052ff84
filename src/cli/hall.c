/* Names and rooms of a chat; see hall.h.
 *
 * No plait function calls back, so they are called with the mutex held.  A
 * member whose connection cannot take more (PLAIT_EFULL) must not hold up the
 * others: it is dropped.  That makes a notice, which may find the next one
 * that cannot take more, so they wait in a list until it is empty. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hall.h"

enum { BUCKETS = 1024, LINE_BYTES = HALL_TEXT_MAX + HALL_NAME_MAX + 64 };

struct room {
  char name[HALL_NAME_MAX + 1];
  struct member *first, *last;
  struct room *same_bucket;
};

struct hall {
  pthread_mutex_t lock;
  struct member *names[BUCKETS];
  struct room *rooms[BUCKETS];
};

struct hall *hall_new(void) {
  struct hall *hall = calloc(1, sizeof(*hall));
  if (hall != NULL && pthread_mutex_init(&hall->lock, NULL) != 0) {
    free(hall);
    return NULL;
  }
  return hall;
}

void hall_free(struct hall *hall) {
  if (hall != NULL) {
    pthread_mutex_destroy(&hall->lock);
    free(hall);
  }
}

/* ---- names ------------------------------------------------------------- */

static size_t bucket_of(const char *name) {
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (; *name != '\0'; name++) {
    hash = (hash ^ (uint8_t)*name) * 16777619u;
  }
  return hash % BUCKETS;
}

/* Copies |text| if it is 1 to 20 letters, digits, '-' and '_'. */
static bool read_name(plait_slice text, char *ret) {
  if (text.len == 0 || text.len > HALL_NAME_MAX) {
    return false;
  }
  for (size_t i = 0; i < text.len; i++) {
    uint8_t c = text.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_') {
      return false;
    }
  }
  memcpy(ret, text.data, text.len);
  ret[text.len] = '\0';
  return true;
}

static struct member *find_member(struct hall *hall, const char *name) {
  struct member *m = hall->names[bucket_of(name)];
  while (m != NULL && strcmp(m->name, name) != 0) {
    m = m->same_bucket;
  }
  return m;
}

static void add_name(struct hall *hall, struct member *m) {
  struct member **bucket = &hall->names[bucket_of(m->name)];
  m->same_bucket = *bucket;
  *bucket = m;
}

static void remove_name(struct hall *hall, struct member *m) {
  struct member **at = &hall->names[bucket_of(m->name)];
  while (*at != m) {
    at = &(*at)->same_bucket;
  }
  *at = m->same_bucket;
}

/* ---- rooms ------------------------------------------------------------- */

/* The room called |name|, made if it is not there; NULL: out of memory. */
static struct room *open_room(struct hall *hall, const char *name) {
  struct room **bucket = &hall->rooms[bucket_of(name)];
  for (struct room *room = *bucket; room != NULL; room = room->same_bucket) {
    if (strcmp(room->name, name) == 0) {
      return room;
    }
  }
  struct room *room = calloc(1, sizeof(*room));
  if (room != NULL) {
    snprintf(room->name, sizeof(room->name), "%s", name);
    room->same_bucket = *bucket;
    *bucket = room;
  }
  return room;
}

static void close_room(struct hall *hall, struct room *room) {
  struct room **at = &hall->rooms[bucket_of(room->name)];
  while (*at != room) {
    at = &(*at)->same_bucket;
  }
  *at = room->same_bucket;
  free(room);
}

static void add_to_room(struct room *room, struct member *m) {
  m->room = room;
  m->next = NULL;
  m->prev = room->last;
  *(m->prev != NULL ? &m->prev->next : &room->first) = m;
  room->last = m;
}

/* An empty room goes with its last member. */
static void remove_from_room(struct hall *hall, struct member *m) {
  struct room *room = m->room;
  *(m->prev != NULL ? &m->prev->next : &room->first) = m->next;
  *(m->next != NULL ? &m->next->prev : &room->last) = m->prev;
  m->room = NULL;
  if (room->first == NULL) {
    close_room(hall, room);
  }
}

/* ---- lines ------------------------------------------------------------- */

struct text {
  size_t len;
  char bytes[LINE_BYTES];
};

static void text_add(struct text *t, const char *bytes, size_t len) {
  size_t space = sizeof(t->bytes) - t->len;
  len = len < space ? len : space;
  memcpy(t->bytes + t->len, bytes, len);
  t->len += len;
}

static void text_add_string(struct text *t, const char *string) {
  text_add(t, string, strlen(string));
}

/* "* ann joined" */
static void notice(struct text *t, const struct member *m, const char *what) {
  t->len = 0;
  text_add_string(t, "* ");
  text_add_string(t, m->name);
  text_add_string(t, what);
  text_add_string(t, "\r\n");
}

/* "<ann> good morning" */
static void speech(struct text *t, const char *before, const struct member *m,
                   const char *after, plait_slice said) {
  t->len = 0;
  text_add_string(t, before);
  text_add_string(t, m->name);
  text_add_string(t, after);
  text_add(t, (const char *)said.data, said.len);
  text_add_string(t, "\r\n");
}

static void bring(struct member *to, const struct text *t,
                  struct member **slow) {
  if (to->slow) {
    return;
  }
  int code = plait_handle_write(to->handle, t->bytes, t->len);
  if (code == PLAIT_EFULL || code == PLAIT_ENOMEM) {
    to->slow = true;
    to->next_slow = *slow;
    *slow = to;
  }
}

static void bring_to_room(const struct room *room, const struct member *but,
                          const struct text *t, struct member **slow) {
  for (struct member *to = room->first; to != NULL; to = to->next) {
    if (to != but) {
      bring(to, t, slow);
    }
  }
}

static void take_out(struct hall *hall, struct member *m) {
  remove_name(hall, m);
  remove_from_room(hall, m);
}

static void drop_slow(struct hall *hall, struct member *slow) {
  struct text t;
  while (slow != NULL) {
    struct member *m = slow;
    slow = m->next_slow;
    plait_handle_abort(m->handle);
    notice(&t, m, " left: dropped, reads too slowly");
    bring_to_room(m->room, m, &t, &slow);
    take_out(hall, m);
  }
}

/* ---- what members do --------------------------------------------------- */

static enum hall_answer enter(struct hall *hall, struct member *m) {
  struct member *slow = NULL;
  struct text t;
  if (find_member(hall, m->name) != NULL) {
    return HALL_TAKEN;
  }
  struct room *lobby = open_room(hall, "lobby");
  if (lobby == NULL) {
    return HALL_MEMORY;
  }
  add_name(hall, m);
  add_to_room(lobby, m);
  notice(&t, m, " joined");
  bring_to_room(lobby, NULL, &t, &slow);
  drop_slow(hall, slow);
  return HALL_OK;
}

enum hall_answer hall_enter(struct hall *hall, struct member *m,
                            plait_slice name) {
  if (!read_name(name, m->name)) {
    return HALL_WRONG;
  }
  pthread_mutex_lock(&hall->lock);
  enum hall_answer answer = enter(hall, m);
  pthread_mutex_unlock(&hall->lock);
  return answer;
}

void hall_leave(struct hall *hall, struct member *m, bool say) {
  struct member *slow = NULL;
  struct text t;
  pthread_mutex_lock(&hall->lock);
  if (m->room != NULL) {
    if (say) {
      notice(&t, m, " left");
      bring_to_room(m->room, m, &t, &slow);
    }
    take_out(hall, m);
    drop_slow(hall, slow);
  }
  pthread_mutex_unlock(&hall->lock);
}

static enum hall_answer move(struct hall *hall, struct member *m,
                             const char *name) {
  struct member *slow = NULL;
  struct text t;
  if (m->room == NULL) {
    return HALL_OK;
  }
  struct room *room = open_room(hall, name);
  if (room == NULL || room == m->room) {
    return room == NULL ? HALL_MEMORY : HALL_THERE;
  }
  notice(&t, m, " left");
  bring_to_room(m->room, m, &t, &slow);
  remove_from_room(hall, m);
  add_to_room(room, m);
  notice(&t, m, " joined");
  bring_to_room(room, NULL, &t, &slow);
  drop_slow(hall, slow);
  return HALL_OK;
}

enum hall_answer hall_move(struct hall *hall, struct member *m,
                           plait_slice room) {
  char name[HALL_NAME_MAX + 1];
  if (!read_name(room, name)) {
    return HALL_WRONG;
  }
  pthread_mutex_lock(&hall->lock);
  enum hall_answer answer = move(hall, m, name);
  pthread_mutex_unlock(&hall->lock);
  return answer;
}

void hall_say(struct hall *hall, struct member *m, plait_slice text) {
  struct member *slow = NULL;
  struct text t;
  speech(&t, "<", m, "> ", text);
  pthread_mutex_lock(&hall->lock);
  if (m->room != NULL) {
    bring_to_room(m->room, m, &t, &slow);
    drop_slow(hall, slow);
  }
  pthread_mutex_unlock(&hall->lock);
}

enum hall_answer hall_tell(struct hall *hall, struct member *m,
                           plait_slice name, plait_slice text) {
  char to_name[HALL_NAME_MAX + 1];
  struct member *slow = NULL;
  struct text t;
  if (!read_name(name, to_name)) {
    return HALL_NOBODY;
  }
  speech(&t, "[", m, "] ", text);
  pthread_mutex_lock(&hall->lock);
  struct member *to = m->room != NULL ? find_member(hall, to_name) : NULL;
  if (to != NULL) {
    bring(to, &t, &slow);
    drop_slow(hall, slow);
  }
  pthread_mutex_unlock(&hall->lock);
  return to != NULL ? HALL_OK : HALL_NOBODY;
}

/* A room may hold more names than a line should. */
static size_t who(const struct room *room, char *buffer) {
  enum { TAIL = 40 };
  size_t left_out = 0;
  size_t len = (size_t)snprintf(buffer, HALL_WHO_BYTES, "* %s:", room->name);
  for (const struct member *m = room->first; m != NULL; m = m->next) {
    if (len + HALL_NAME_MAX + TAIL > HALL_WHO_BYTES) {
      left_out++;
      continue;
    }
    len += (size_t)snprintf(buffer + len, HALL_WHO_BYTES - len, " %s", m->name);
  }
  if (left_out > 0) {
    len += (size_t)snprintf(buffer + len, HALL_WHO_BYTES - len,
                            " (and %zu more)", left_out);
  }
  return len + (size_t)snprintf(buffer + len, HALL_WHO_BYTES - len, "\r\n");
}

size_t hall_who(struct hall *hall, const struct member *m, char *buffer) {
  pthread_mutex_lock(&hall->lock);
  size_t len = m->room != NULL ? who(m->room, buffer) : 0;
  pthread_mutex_unlock(&hall->lock);
  return len;
}
