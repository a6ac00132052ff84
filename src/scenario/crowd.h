/* The crowd of a chat: who is in it, what each has been sent, and the threads
 * that are no part of plait's and reach members by handle. */
#ifndef PLAIT_SCENARIO_CROWD_H
#define PLAIT_SCENARIO_CROWD_H

#include "stage.h"

enum {
  CROWD_MEMBERS = 128,
  CROWD_THREADS = 4,
  CROWD_SOURCES = CROWD_MEMBERS + CROWD_THREADS,
  CROWD_LINE = 1024
};

/* Of the client with that link number. */
struct member {
  unsigned number;
  bool there;
  plait_handle handle; /* of the server's connection; good for ever */
  struct witness *w;   /* likewise */
  struct witness *client;
  uint32_t sent[CROWD_SOURCES], got[CROWD_SOURCES];
};

struct crowd {
  struct stage *stage;
  struct side server, client;
  plait_listener *listener;
  unsigned wanted;
  struct member members[CROWD_MEMBERS];
  plait_sim_thread *threads[CROWD_THREADS];
  struct outsider {
    struct crowd *crowd;
    unsigned number;
    struct dice dice;
  } outsiders[CROWD_THREADS];
  unsigned thread_count;
};

struct member *crowd_client(struct crowd *crowd, unsigned number,
                            struct witness *client);
struct member *crowd_enter(struct crowd *crowd, unsigned number,
                           struct witness *w, plait_handle handle);
size_t crowd_text_max(const struct stage *stage);
/* Tells all members what |source| has said. */
void crowd_say(struct crowd *crowd, unsigned source, size_t len);
void crowd_threads(struct crowd *crowd);
void crowd_join(struct crowd *crowd);

/* The witness of a server's instance; NULL for others: chat.c */
struct witness *chat_witness(plait_protocol *p);

extern const struct scenario scenario_chat, scenario_pace;

#endif
