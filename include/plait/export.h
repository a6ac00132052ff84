/* What every plait header starts with: visibility and C linkage. */
#ifndef PLAIT_EXPORT_H
#define PLAIT_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is visible outside of the library; is given a format and its arguments;
 * answers what has to be looked at. */
#if defined(__GNUC__)
#define PLAIT_EXTERN __attribute__((visibility("default")))
#define PLAIT_PRINTF(form, first)                                              \
  __attribute__((__format__(__printf__, form, first)))
#define PLAIT_MUST_CHECK __attribute__((__warn_unused_result__))
#else
#define PLAIT_EXTERN
#define PLAIT_PRINTF(form, first)
#define PLAIT_MUST_CHECK
#endif

/* Around declarations: they have C linkage. */
#ifdef __cplusplus
#define PLAIT_BEGIN extern "C" {
#define PLAIT_END }
#else
#define PLAIT_BEGIN
#define PLAIT_END
#endif

/* "No limit", which has to be asked for by name: 0 means the default. */
#define PLAIT_UNLIMITED UINT32_MAX

PLAIT_BEGIN

/* The structs that most headers speak of. */
typedef struct plait_address plait_address;
typedef struct plait_backend plait_backend;
typedef struct plait_call plait_call;
typedef struct plait_connector plait_connector;
typedef struct plait_factory plait_factory;
typedef struct plait_listener plait_listener;
typedef struct plait_protocol plait_protocol;
typedef struct plait_protocol_ops plait_protocol_ops;
typedef struct plait_reactor plait_reactor;
typedef struct plait_runtime plait_runtime;
typedef struct plait_timer plait_timer;
typedef struct plait_transport plait_transport;
typedef struct plait_watch plait_watch;

/* A view of bytes that somebody else owns. */
typedef struct plait_slice {
  const uint8_t *data;
  size_t len;
} plait_slice;

/* Whether the bytes of |s| are exactly those of the string |text|.  Any
 * thread. */
PLAIT_EXTERN bool plait_slice_equal(plait_slice s, const char *text);

PLAIT_END

#endif
