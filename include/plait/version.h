/* The version of the headers, and that of the library. */
#ifndef PLAIT_VERSION_H
#define PLAIT_VERSION_H

#include <plait/export.h>

#define PLAIT_VERSION_MAJOR 0
#define PLAIT_VERSION_MINOR 1
#define PLAIT_VERSION_PATCH 0
#define PLAIT_VERSION "0.1.0"

PLAIT_BEGIN

/* The version of the library that is linked, such as "0.1.0"; static.
 * Any thread. */
PLAIT_EXTERN const char *plait_version(void);

PLAIT_END

#endif
