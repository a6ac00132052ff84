/* A storm on handles: foreign threads do random things to connections that
 * live, die and are replaced all the time. */
#ifndef PLAIT_TESTS_HANDLES_STORM_H
#define PLAIT_TESTS_HANDLES_STORM_H

/* Plays it with |operations| in all.  Aborts when order is lost, when a call
 * does not end in exactly one of run and drop, when a handle of a freed
 * runtime is not closed, or when something leaks. */
void storm_play(unsigned operations);

#endif
