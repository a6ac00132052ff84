/* Places in the code where a call has failed, each once. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

void places_add(struct places *places, const char *place) {
  if (place[0] == '\0' || places->count == PLACES)
    return;
  for (unsigned i = 0; i < places->count; i++)
    if (strcmp(places->of[i], place) == 0)
      return;
  size_t size = strlen(place) + 1;
  char *copy = malloc(size);
  if (copy == NULL)
    abort();
  places->of[places->count++] = memcpy(copy, place, size);
}

void places_print(const struct places *places, FILE *out) {
  for (unsigned i = 0; i < places->count; i++)
    fprintf(out, "%s\n", places->of[i]);
}
