/* The services of `plait serve`. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct service services[] = {
    {"echo", "sends back what it gets (RFC 862)", &plait_echo,
     &plait_datagram_echo},
    {"discard", "throws away what it gets (RFC 863)", &plait_discard,
     &plait_datagram_discard},
    {"chargen", "sends lines of characters for ever (RFC 864)", &plait_chargen,
     &plait_datagram_chargen},
    {"daytime", "sends date and time as text (RFC 867)", &plait_daytime,
     &plait_datagram_daytime},
    {"time", "sends the time as 32 bits (RFC 868)", &plait_time,
     &plait_datagram_time},
    {"line-echo", "sends back whole lines", &line_echo.base, NULL},
    {"delimited-echo", "frames that end with --delimiter", &delimited_echo.base,
     NULL},
    {"int8-echo", "frames behind a length of 8 bits", &int8_echo.base, NULL},
    {"int16-echo", "of 16 bits, big-endian", &int16_echo.base, NULL},
    {"int32-echo", "of 32 bits, big-endian", &int32_echo.base, NULL},
    {"netstring-echo", "netstrings, as 5:hello,", &netstring_echo.base, NULL},
    {"chat", "rooms, by lines: try it with nc", &chat.base, NULL},
    {NULL, NULL, NULL, NULL},
};

const struct service *service_find(const char *name) {
  for (const struct service *s = services; s->name != NULL; s++) {
    if (strcmp(s->name, name) == 0) {
      return s;
    }
  }
  return NULL;
}

const char *service_names(void) {
  static char names[256];
  size_t len = 0;
  for (const struct service *s = services; s->name != NULL; s++) {
    len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
                            len > 0 ? ", " : "", s->name);
  }
  return names;
}

void service_help(void) {
  printf("\nServices (the first five over datagrams as well):\n");
  for (const struct service *s = services; s->name != NULL; s++) {
    printf("  %-19s %s\n", s->name, s->summary);
  }
}
