/* chat: the protocol of one member.  What concerns others is the hall's. */
#include <string.h>

#include "cli.h"
#include "hall.h"
#include "utf8.h"

struct chat {
  plait_line line;
  struct member member;
  bool entered; /* has a name */
};

static struct chat *chat_of(plait_protocol *p) {
  return PLAIT_CAST(p, &chat.base, struct chat);
}

static struct hall *hall_of(const struct chat *self) {
  return served_of(self->line.base.factory)->hall;
}

/* Answers the member itself.  One that asks without reading the answers is
 * not read any further. */
static void answer(struct chat *self, const char *text) {
  if (!plait_line_send(&self->line, text, strlen(text))) {
    plait_pause_reading(self->line.base.transport);
  }
}

static void out_of_memory(struct chat *self) {
  answer(self, "! the server is out of memory");
  plait_close_reason(self->line.base.transport, PLAIT_ENOMEM);
}

/* ---- commands ---------------------------------------------------------- */

static void chat_join(struct chat *self, plait_slice room) {
  switch (hall_move(hall_of(self), &self->member, room)) {
  case HALL_WRONG:
    answer(self, "! a room is called by 1 to 20 letters, digits, - and _");
    break;
  case HALL_THERE:
    answer(self, "! you are in that room");
    break;
  case HALL_MEMORY:
    out_of_memory(self);
    break;
  default:
    break;
  }
}

static void chat_who(struct chat *self, plait_slice nothing) {
  char line[HALL_WHO_BYTES];
  (void)nothing;
  size_t len = hall_who(hall_of(self), &self->member, line);
  if (len > 0 && !plait_write(self->line.base.transport, line, len)) {
    plait_pause_reading(self->line.base.transport);
  }
}

/* Cuts the first word off |text|, and the blanks behind it. */
static plait_slice first_word(plait_slice *text) {
  plait_slice word = {text->data, 0};
  while (word.len < text->len && word.data[word.len] != ' ') {
    word.len++;
  }
  text->data += word.len;
  text->len -= word.len;
  while (text->len > 0 && *text->data == ' ') {
    text->data++;
    text->len--;
  }
  return word;
}

static void chat_msg(struct chat *self, plait_slice text) {
  plait_slice name = first_word(&text);
  if (text.len == 0) {
    answer(self, "! say it as /msg NAME text");
  } else if (hall_tell(hall_of(self), &self->member, name, text) != HALL_OK) {
    answer(self, "! nobody has that name");
  }
}

static void chat_quit(struct chat *self, plait_slice nothing) {
  (void)nothing;
  hall_leave(hall_of(self), &self->member, true);
  plait_close(self->line.base.transport);
}

static void chat_command(struct chat *self, plait_slice text) {
  static const struct {
    const char *name;
    void (*run)(struct chat *self, plait_slice text);
  } commands[] = {
      {"/join", chat_join},
      {"/who", chat_who},
      {"/msg", chat_msg},
      {"/quit", chat_quit},
  };
  plait_slice name = first_word(&text);
  while (text.len > 0 && text.data[text.len - 1] == ' ') {
    text.len--;
  }
  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
    if (plait_slice_equal(name, commands[i].name)) {
      commands[i].run(self, text);
      return;
    }
  }
  answer(self, "! commands are /join ROOM, /who, /msg NAME text, /quit");
}

/* ---- events ------------------------------------------------------------ */

static void chat_made(plait_protocol *p) {
  struct chat *self = chat_of(p);
  self->member.handle = plait_transport_handle(p->transport);
  plait_line_set_max(&self->line, HALL_TEXT_MAX);
  answer(self, "name?");
}

static void chat_name(struct chat *self, plait_slice name) {
  if (plait_slice_equal(name, "/quit")) {
    chat_quit(self, (plait_slice){NULL, 0});
    return;
  }
  switch (hall_enter(hall_of(self), &self->member, name)) {
  case HALL_OK:
    self->entered = true;
    break;
  case HALL_MEMORY:
    out_of_memory(self);
    break;
  default:
    answer(self, "! name taken");
    answer(self, "name?");
    break;
  }
}

static void chat_line(plait_line *line, plait_slice text) {
  struct chat *self = chat_of(&line->base);
  if (!self->entered) {
    chat_name(self, text);
    return;
  }
  switch (utf8_check(text)) {
  case UTF8_MALFORMED:
    answer(self, "! not UTF-8: nobody was shown that line");
    return;
  case UTF8_CONTROL:
    answer(self, "! control characters: nobody was shown that line");
    return;
  case UTF8_TEXT:
    break;
  }
  if (text.len > 0 && text.data[0] == '/') {
    chat_command(self, text);
  } else if (text.len > 0) {
    hall_say(hall_of(self), &self->member, text);
  }
}

/* What follows cannot be told from the rest of that line. */
static void chat_too_long(plait_line *line, size_t seen) {
  struct chat *self = chat_of(&line->base);
  (void)seen;
  answer(self, "! line too long");
  hall_leave(hall_of(self), &self->member, true);
  plait_close_reason(line->base.transport, PLAIT_EFRAME);
}

static void chat_resume(plait_protocol *p) {
  plait_resume_reading(p->transport);
}

static void chat_timed_out(plait_protocol *p) {
  answer(chat_of(p), "* nothing was said for too long");
  plait_close_reason(p->transport, PLAIT_ETIMEOUT);
}

/* Everybody goes: no need to tell everybody about everybody. */
static void chat_draining(plait_protocol *p) {
  struct chat *self = chat_of(p);
  hall_leave(hall_of(self), &self->member, false);
  answer(self, "* server is stopping");
  plait_close(p->transport);
}

static void chat_lost(plait_protocol *p, int reason) {
  struct chat *self = chat_of(p);
  (void)reason;
  hall_leave(hall_of(self), &self->member, true);
}

const plait_line_ops chat =
    PLAIT_LINE_OPS(.base.name = "chat",
                   .base.size = PLAIT_INSTANCE(struct chat, line),
                   .base.connection_made = chat_made,
                   .base.resume_writing = chat_resume,
                   .base.timed_out = chat_timed_out,
                   .base.draining = chat_draining,
                   .base.connection_lost = chat_lost,
                   .line_received = chat_line, .line_too_long = chat_too_long);
