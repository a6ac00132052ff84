/* The chat of chat.c, apart from its endpoint, so that it can be tested. */
#ifndef CHAT_ROOM_H
#define CHAT_ROOM_H

#include <plait.h>

struct member;

/* One room, for a runtime with one reactor. */
struct chat {
  plait_factory factory;
  struct member *first;
};

/* An empty room, where who says nothing for |idle_ms| has to go. */
void chat_init(struct chat *chat, uint32_t idle_ms);

#endif
