/* The hall of a chat: who is there, under which name, in which room.
 *
 * One hall serves all reactors; a mutex of its own guards it.  A member is
 * known by its plait_handle, so that a line reaches members on any reactor,
 * and because the mutex is held until a line has been handed to all of them,
 * everyone in a room gets one sender's lines in their order. */
#ifndef PLAIT_CLI_HALL_H
#define PLAIT_CLI_HALL_H

#include <plait.h>

enum {
  HALL_NAME_MAX = 20,
  HALL_TEXT_MAX = 1000, /* bytes of what somebody says */
  HALL_WHO_BYTES = 8192 /* what hall_who() needs room for */
};

struct hall;
struct room;

/* One per connection, in its protocol instance, zeroed.  All but |handle| is
 * the hall's. */
struct member {
  plait_handle handle;
  char name[HALL_NAME_MAX + 1];
  struct room *room;          /* NULL: not here, or not any more */
  struct member *next, *prev; /* in the room, in the order of arrival */
  struct member *same_bucket; /* of the hall's names */
  struct member *next_slow;   /* to be dropped */
  bool slow;
};

enum hall_answer {
  HALL_OK,
  HALL_TAKEN,  /* somebody else has the name */
  HALL_WRONG,  /* neither a name nor a room can be called so */
  HALL_NOBODY, /* nobody has the name */
  HALL_THERE,  /* already in that room */
  HALL_MEMORY
};

struct hall *hall_new(void);
void hall_free(struct hall *hall); /* NULL is harmless */

/* Lets |m| in under |name|: to the room "lobby", which is told. */
enum hall_answer hall_enter(struct hall *hall, struct member *m,
                            plait_slice name);

/* Takes |m| out, and tells its room if |say|.  Harmless if it is not here. */
void hall_leave(struct hall *hall, struct member *m, bool say);

/* Moves |m| to another room, and tells both. */
enum hall_answer hall_move(struct hall *hall, struct member *m,
                           plait_slice room);

/* Brings |text| to everyone else in the room of |m|. */
void hall_say(struct hall *hall, struct member *m, plait_slice text);

/* Brings |text| to the member called |name|, in whatever room. */
enum hall_answer hall_tell(struct hall *hall, struct member *m,
                           plait_slice name, plait_slice text);

/* Writes who is in the room of |m| as a line into |buffer| of HALL_WHO_BYTES;
 * its length. */
size_t hall_who(struct hall *hall, const struct member *m, char *buffer);

#endif
