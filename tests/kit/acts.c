#include "kit/acts.h"

static struct site *site_of(plait_protocol *p) {
  return plait_container_of(p->factory, struct site, factory);
}

static void act_made(plait_protocol *p) {
  site_of(p)->made++;
  site_of(p)->handle = plait_transport_handle(p->transport);
}

static void act_lost(plait_protocol *p, int reason) {
  site_of(p)->lost++;
  site_of(p)->reason = reason;
}

/* ---- echo ----------------------------------------------------------------*/

static void echo_data(plait_protocol *p, const uint8_t *data, size_t len) {
  if (!plait_write(p->transport, data, len))
    plait_pause_reading(p->transport);
}

static void echo_resume(plait_protocol *p) {
  site_of(p)->resumed++;
  plait_resume_reading(p->transport);
}

const plait_protocol_ops act_echo = {.name = "echo",
                                     .size = sizeof(plait_protocol),
                                     .connection_made = act_made,
                                     .data_received = echo_data,
                                     .resume_writing = echo_resume,
                                     .connection_lost = act_lost};

/* ---- flood ---------------------------------------------------------------*/

struct flood {
  plait_protocol base;
  unsigned written;
};

static void flood_go_on(plait_protocol *p) {
  struct flood *self = plait_container_of(p, struct flood, base);
  bool taken = true;
  while (taken && self->written < FLOOD_BYTES) {
    taken = plait_write_str(p->transport, "0123456789");
    self->written += 10;
  }
}

static void flood_made(plait_protocol *p) {
  act_made(p);
  flood_go_on(p);
}

static void flood_resume(plait_protocol *p) {
  site_of(p)->resumed++;
  flood_go_on(p);
}

const plait_protocol_ops act_flood = {.name = "flood",
                                      .size =
                                          PLAIT_INSTANCE(struct flood, base),
                                      .connection_made = flood_made,
                                      .resume_writing = flood_resume,
                                      .connection_lost = act_lost};

/* ---- late ----------------------------------------------------------------*/

struct late {
  plait_protocol base;
  plait_timer timer;
};

static void late_rings(plait_timer *timer) {
  struct late *self = plait_container_of(timer, struct late, timer);
  plait_write_str(self->base.transport, "that was all");
  plait_close(self->base.transport);
}

static void late_eof(plait_protocol *p) {
  struct late *self = plait_container_of(p, struct late, base);
  plait_timer_init(&self->timer, p->transport, late_rings);
  plait_timer_start(&self->timer, 1000, 0);
}

const plait_protocol_ops act_late = {.name = "late",
                                     .size = PLAIT_INSTANCE(struct late, base),
                                     .connection_made = act_made,
                                     .eof_received = late_eof,
                                     .connection_lost = act_lost};

/* ---- slow ----------------------------------------------------------------*/

static void slow_data(plait_protocol *p, const uint8_t *data, size_t len) {
  plait_work_sleep_ms(1000);
  plait_write(p->transport, data, len);
}

const plait_protocol_ops act_slow = {.name = "slow",
                                     .size = sizeof(plait_protocol),
                                     .connection_made = act_made,
                                     .data_received = slow_data,
                                     .connection_lost = act_lost};

/* ---- polite --------------------------------------------------------------*/

static void polite_made(plait_protocol *p) {
  act_made(p);
  plait_write_str(p->transport, "hello");
}

static void polite_draining(plait_protocol *p) {
  plait_write_str(p->transport, "goodbye");
  plait_close(p->transport);
}

const plait_protocol_ops act_polite = {.name = "polite",
                                       .size = sizeof(plait_protocol),
                                       .connection_made = polite_made,
                                       .draining = polite_draining,
                                       .connection_lost = act_lost};
