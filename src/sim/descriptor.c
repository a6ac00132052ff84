/* Numbers of sockets: the lowest one that is free is the next.  They lie apart
 * from those of the system, so that these are told from ours. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/net.h"

enum { DESCRIPTOR_FIRST = 10000, DESCRIPTOR_TEXT = 64 };

static struct {
  plait__sim_socket **sockets; /* by number; NULL: free */
  unsigned limit, lowest;      /* below |lowest| none is free */
  unsigned count;
} table;

int plait__sim_descriptors_open(void) {
  table.limit = plait__sim_options()->descriptors;
  table.sockets = calloc(table.limit, sizeof(plait__sim_socket *));
  table.lowest = table.count = 0;
  return table.sockets == NULL ? PLAIT_ENOMEM : 0;
}

void plait__sim_descriptors_close(void) {
  free(table.sockets);
  table.sockets = NULL;
  table.limit = 0;
}

bool plait__sim_descriptors_left(void) {
  return table.count < table.limit;
}

int plait__sim_descriptor_take(plait__sim_socket *s) {
  while (table.lowest < table.limit && table.sockets[table.lowest] != NULL)
    table.lowest++;
  if (table.lowest == table.limit)
    return PLAIT_EMFILE;
  s->fd = s->number = DESCRIPTOR_FIRST + (int)table.lowest;
  table.sockets[table.lowest++] = s;
  table.count++;
  return s->fd;
}

void plait__sim_descriptor_give(plait__sim_socket *s) {
  unsigned i = (unsigned)(s->fd - DESCRIPTOR_FIRST);
  table.sockets[i] = NULL;
  if (i < table.lowest)
    table.lowest = i;
  table.count--;
  s->fd = -1;
}

int plait__sim_descriptor_find(int fd, plait__sim_socket **ret) {
  int i = fd - DESCRIPTOR_FIRST;
  if (fd < DESCRIPTOR_FIRST || (unsigned)i >= table.limit)
    return PLAIT_ENOTSOCK;
  if (table.sockets[i] == NULL)
    return PLAIT_EBADF;
  *ret = table.sockets[i];
  return 0;
}

static void descriptor_fatal(int fd, const char *what) {
  char text[DESCRIPTOR_TEXT];
  snprintf(text, sizeof text, "descriptor %d %s", fd, what);
  plait__sim_os.fatal(text);
}

plait__sim_socket *plait__sim_descriptor_of(int fd) {
  plait__sim_socket *s = NULL;
  int code = plait__sim_descriptor_find(fd, &s);
  if (code == PLAIT_ENOTSOCK)
    descriptor_fatal(fd, "is not of this world");
  else if (code != 0)
    descriptor_fatal(fd, "is closed");
  return s;
}

plait__sim_socket *plait__sim_socket_of(const plait__socket *socket) {
  plait__sim_socket *s = ((const plait__sim_head *)socket)->socket;
  if (s == NULL || s->fd < 0)
    descriptor_fatal(s != NULL ? s->number : -1, "is closed");
  return s;
}

unsigned plait__sim_net_count(void) {
  return table.count;
}

int plait__sim_net_first(void) {
  for (unsigned i = 0; i < table.limit; i++)
    if (table.sockets[i] != NULL)
      return DESCRIPTOR_FIRST + (int)i;
  return -1;
}
