/* Lists: rings of links, through the list itself. */
#include "sim/sim.h"

void plait__sim_append(plait__sim_link *list, plait__sim_link *link) {
  if (list->next == NULL)
    list->next = list->prev = list;
  link->next = list;
  link->prev = list->prev;
  list->prev->next = link;
  list->prev = link;
}

void plait__sim_unlink(plait__sim_link *link) {
  if (link->next == NULL)
    return;
  link->next->prev = link->prev;
  link->prev->next = link->next;
  link->next = link->prev = NULL;
}

bool plait__sim_linked(const plait__sim_link *link) {
  return link->next != NULL;
}

plait__sim_link *plait__sim_next(const plait__sim_link *list,
                                 const plait__sim_link *link) {
  return link->next == list ? NULL : link->next;
}

plait__sim_link *plait__sim_first(const plait__sim_link *list) {
  return plait__sim_next(list, list); /* NULL too if it never had any */
}

plait__sim_link *plait__sim_shift(plait__sim_link *list) {
  plait__sim_link *link = plait__sim_first(list);
  if (link != NULL)
    plait__sim_unlink(link);
  return link;
}
