/* Whoever connects gives a name, and then what one says all others hear. */
#include "chat_room.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 20, TEXT_MAX_BYTES = 500, SAID_BYTES = 600 };

struct member {
  plait_line line; /* comes first */
  struct member *next, *prev;
  char name[NAME_MAX_BYTES + 1]; /* empty: not in yet */
  bool lags;                     /* does not read what it is told */
  unsigned missed;
};

static struct member *member_of(plait_protocol *p) {
  return plait_container_of(p, struct member, line.base);
}

static struct chat *chat_of(struct member *self) {
  return plait_container_of(self->line.base.factory, struct chat, factory);
}

/* A member whose queue is full misses lines until it has read the others. */
static void tell(struct member *self, const char *text) {
  if (self->lags)
    self->missed++;
  else
    self->lags = !plait_line_send(&self->line, text, strlen(text));
}

static void tell_others(struct member *self, const char *text) {
  for (struct member *m = chat_of(self)->first; m != NULL; m = m->next)
    if (m != self && m->name[0] != '\0')
      tell(m, text);
}

static void member_resume(plait_protocol *p) {
  struct member *self = member_of(p);
  char text[SAID_BYTES];
  self->lags = false;
  if (self->missed > 0) {
    snprintf(text, sizeof text, "* you missed %u lines", self->missed);
    self->missed = 0;
    tell(self, text);
  }
}

/* ---- coming and going ---------------------------------------------------- */

static void member_made(plait_protocol *p) {
  struct member *self = member_of(p);
  struct chat *chat = chat_of(self);
  self->next = chat->first;
  if (self->next != NULL)
    self->next->prev = self;
  chat->first = self;
  tell(self, "* who are you?");
}

static bool name_taken(struct member *self, plait_slice name) {
  for (struct member *m = chat_of(self)->first; m != NULL; m = m->next)
    if (plait_slice_equal(name, m->name))
      return true;
  return false;
}

static void member_enter(struct member *self, plait_slice name) {
  char text[SAID_BYTES];
  if (name.len == 0 || name.len > NAME_MAX_BYTES) {
    tell(self, "* 1 to 20 bytes, please");
    return;
  }
  if (name_taken(self, name)) {
    tell(self, "* there is one of that name");
    return;
  }
  memcpy(self->name, name.data, name.len);
  snprintf(text, sizeof text, "* %s is here", self->name);
  tell_others(self, text);
  tell(self, "* welcome");
}

static void member_lost(plait_protocol *p, int reason) {
  struct member *self = member_of(p);
  char text[SAID_BYTES];
  (void)reason;
  *(self->prev != NULL ? &self->prev->next : &chat_of(self)->first) =
      self->next;
  if (self->next != NULL)
    self->next->prev = self->prev;
  snprintf(text, sizeof text, "* %s has left", self->name);
  if (self->name[0] != '\0')
    tell_others(self, text);
}

static void member_timed_out(plait_protocol *p) {
  tell(member_of(p), "* you say nothing");
  plait_close(p->transport);
}

/* ---- talking ------------------------------------------------------------- */

static void member_line(plait_line *line, plait_slice said) {
  struct member *self = plait_container_of(line, struct member, line);
  char text[SAID_BYTES];
  if (self->name[0] == '\0') {
    member_enter(self, said);
    return;
  }
  snprintf(text, sizeof text, "%s: %.*s", self->name,
           said.len < TEXT_MAX_BYTES ? (int)said.len : TEXT_MAX_BYTES,
           (const char *)said.data);
  tell_others(self, text);
}

static const plait_line_ops member =
    PLAIT_LINE_OPS(.base.name = "member",
                   .base.size = PLAIT_INSTANCE(struct member, line),
                   .base.connection_made = member_made,
                   .base.resume_writing = member_resume,
                   .base.timed_out = member_timed_out,
                   .base.connection_lost = member_lost,
                   .line_received = member_line);

void chat_init(struct chat *chat, uint32_t idle_ms) {
  *chat = (struct chat){
      .factory = {.protocol = &member.base, .limits.idle_ms = idle_ms}};
}
