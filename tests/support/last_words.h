/* What a process prints before it aborts, as a broken law makes it. */
#ifndef PLAIT_TESTS_LAST_WORDS_H
#define PLAIT_TESTS_LAST_WORDS_H

/* What a child that runs |fn| prints on stderr.  It must abort.  The text is
 * good until the next call. */
const char *last_words(void (*fn)(void));

#endif
