/* plait sim: scenarios on the simulator, seed by seed. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

struct sim_options {
  struct sim_order order;
  bool shrink, json, list, events, places;
};

#define FIELD(member) offsetof(struct sim_options, member)

/* ---- options ------------------------------------------------------------- */

/* Decimal, or hexadecimal behind 0x. */
static const char *option_u64(const char *text, void *field) {
  char *end;
  bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  errno = 0;
  unsigned long long value = strtoull(text, &end, hex ? 16 : 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
    return "a number of 64 bits at most";
  *(uint64_t *)field = value;
  return NULL;
}

static const char *option_seeds(const char *text, void *field) {
  uint64_t seeds;
  if (option_u64(text, &seeds) != NULL || seeds == 0)
    return "a number from 1 on";
  *(uint64_t *)field = seeds;
  return NULL;
}

static const char *option_setting(const char *text, void *field) {
  static const char wanted[] =
      "NAME=NUMBER, with a name of plait sim SCENARIO --list";
  struct settings *settings = (struct settings *)field;
  struct plan plan;
  size_t len = strcspn(text, "=");
  uint32_t *value = plan_find(&plan, text, len);
  uint64_t number;
  if (value == NULL || text[len] != '=' ||
      option_u64(text + len + 1, &number) != NULL || number > UINT32_MAX ||
      settings->count == SIM_SETTINGS)
    return wanted;
  for (size_t i = 0; i < plan_fields(); i++)
    if (plan_value(&plan, i) == value)
      settings->of[settings->count].field = i;
  settings->of[settings->count++].value = (uint32_t)number;
  return NULL;
}

static const struct option sim_table[] = {
    {"--seed", "N", "the first seed (1)", option_u64, FIELD(order.seed),
     "--seed 4711"},
    {"--seeds", "COUNT", "how many seeds, one after the other (1)",
     option_seeds, FIELD(order.seeds), "--seeds 10000"},
    {"--jobs", "N", "processes at a time (one for each processor)",
     option_workers, FIELD(order.jobs), "--jobs 4"},
    {"--set", "NAME=N", "gives a number of the world that is drawn otherwise",
     option_setting, FIELD(order.settings), "--set connections=1"},
    {"--calm", NULL, "draws nothing: no faults, and as little as can be",
     option_flag, FIELD(order.calm), "--calm"},
    {"--shrink", NULL, "looks for the smallest world in which it fails",
     option_flag, FIELD(shrink), "--shrink"},
    {"--verify", NULL, "runs each seed twice: the same has to happen",
     option_flag, FIELD(order.verify), "--verify"},
    {"--faults", NULL,
     "fails each call of the world of --seed that may fail, one a run",
     option_flag, FIELD(order.faults), "--faults"},
    {"--places", NULL, "prints where these calls are", option_flag,
     FIELD(places), "--faults --places"},
    {"--events", NULL, "prints the hash of all that happened, and counts",
     option_flag, FIELD(events), "--events"},
    {"--list", NULL, "prints scenarios; with one, the world of --seed",
     option_flag, FIELD(list), "--list"},
    {"--json", NULL, "prints the summary as a JSON object", option_flag,
     FIELD(json), "--json"},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

static void list_scenarios(void) {
  for (size_t i = 0; scenarios[i] != NULL; i++)
    printf("  %-10s %s\n", scenarios[i]->name, scenarios[i]->summary);
}

static void sim_more_help(void) {
  puts("\nScenarios:");
  list_scenarios();
}

static const struct command sim_command = {
    .name = "sim",
    .usage = "SCENARIO [OPTION...]",
    .help = "  plait sim chat --seeds 10000\n"
            "  plait sim chat --seed 4711\n"
            "  plait sim chat --seed 4711 --shrink\n"
            "  plait sim chat --seed 4711 --set connections=1 --set "
            "reset_ppm=0\n"
            "  plait sim chat --seed 4711 --calm --set reset_ppm=200\n"
            "  plait sim chat --seed 4711 --faults\n"
            "  plait sim --list\n"
            "\n"
            "Runs whole servers and clients in a simulated world, with a clock "
            "of\nits own.  What there is in it, limits, schedules and faults, "
            "is drawn\nfrom the seed; the same seed and build give the same "
            "run.  What\nplait promises is checked all the time.  If a check "
            "fails, it says\nhow to run that seed again.\n"
            "\n"
            "Exit status: 0 nothing failed, 1 something did, 2 wrong usage.\n",
    .example = "chat --seeds 1000",
    .options = sim_table,
    .more_help = sim_more_help,
};

/* ---- what is printed ----------------------------------------------------- */

static void print_plan(const struct sim_order *order) {
  struct plan plan;
  sim_plan(&plan, order, order->seed);
  for (size_t i = 0; i < plan_fields(); i++)
    printf("%s=%" PRIu32 "\n", plan_name(i), *plan_value(&plan, i));
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_json(const struct sim_options *options,
                       const struct sim_result *r, double took) {
  printf("{\"scenario\":\"%s\",\"seed\":%" PRIu64 ",\"seeds\":%" PRIu64
         ",\"failures\":%" PRIu64 ",\"failed\":[",
         options->order.scenario->name, options->order.seed, r->seeds,
         r->failures);
  for (uint64_t i = 0; i < r->failures && i < SIM_FAILURES; i++)
    printf("%s%" PRIu64, i > 0 ? "," : "", r->failed[i]);
  printf("],\"hash\":\"%016" PRIx64 "\",\"events\":%" PRIu64
         ",\"connections\":%" PRIu64 ",\"bytes\":%" PRIu64
         ",\"virtual_s\":%.3f,\"real_s\":%.3f}\n",
         r->hash, r->events, r->connections, r->bytes,
         (double)r->virtual_ns / 1e9, took);
}

static void print_text(const struct sim_options *options,
                       const struct sim_result *r, double took) {
  double virtual_s = (double)r->virtual_ns / 1e9;
  if (options->events)
    printf("hash %016" PRIx64 "\n%" PRIu64 " connections, %" PRIu64
           " bytes\n%" PRIu64 " calls that may fail in one world, at most\n",
           r->hash, r->connections, r->bytes, r->fallible);
  if (options->places)
    places_print(&r->places, stdout);
  if (options->order.faults)
    printf("%" PRIu64 " calls failed, one a run, at %u places\n", r->seeds,
           r->places.count);
  printf("%s: %" PRIu64 " seed%s, %" PRIu64 " events, %.1f virtual s in %.1f "
         "s (%.0f a second), %" PRIu64 " failure%s\n",
         options->order.scenario->name, r->seeds, r->seeds == 1 ? "" : "s",
         r->events, virtual_s, took, took > 0 ? virtual_s / took : 0,
         r->failures, r->failures == 1 ? "" : "s");
}

/* ---- running ------------------------------------------------------------- */

static bool sim_play(const struct sim_order *order, struct sim_result *ret,
                     FILE *out, bool progress) {
  bool ok = sim_batch(order, ret, out, progress);
  if (!ok)
    fputs("plait: sim: no process could be started\n", stderr);
  return ok;
}

/* With --faults: as many runs as the world has calls that may fail. */
static bool sim_count_faults(struct sim_order *order, FILE *out) {
  static struct sim_result result;
  struct sim_order once = *order;
  once.faults = false;
  once.seeds = 1;
  if (!sim_play(&once, &result, out, false) || result.failures > 0)
    return false;
  order->world = order->seed;
  order->seed = 1;
  order->seeds = result.fallible;
  return true;
}

static int sim_run(struct sim_options *options) {
  struct sim_order *order = &options->order;
  FILE *out = options->json ? stderr : stdout;
  static struct sim_result result;
  if (order->faults && !sim_count_faults(order, out))
    return STATUS_FAILED;
  double start = seconds();
  if (!sim_play(order, &result, out, isatty(STDERR_FILENO) == 1))
    return STATUS_FAILED;
  double took = seconds() - start;
  if (options->json)
    print_json(options, &result, took);
  else
    print_text(options, &result, took);
  if (options->shrink && result.failures > 0) {
    struct plan plan;
    uint64_t least = result.failed[0];
    for (uint64_t i = 0; i < result.failures && i < SIM_FAILURES; i++)
      least = result.failed[i] < least ? result.failed[i] : least;
    sim_plan(&plan, order, least);
    sim_shrink(order, &plan, out);
  }
  return printed(result.failures == 0 ? STATUS_DONE : STATUS_FAILED);
}

int sim_main(int argc, char **argv) {
  static struct sim_options options = {.order = {.seed = 1, .seeds = 1}};
  int count;
  switch (options_parse(&sim_command, argc, argv, &options, &count)) {
  case OPTIONS_HELP:
    return printed(STATUS_DONE);
  case OPTIONS_WRONG:
    return STATUS_USAGE;
  case OPTIONS_OK:
    break;
  }
  if (count == 0 && options.list) {
    list_scenarios();
    return printed(STATUS_DONE);
  }
  if (count != 1)
    return wrong_usage(&sim_command,
                       "one scenario, please: see plait sim --list");
  if (options.places && !options.order.faults)
    return wrong_usage(&sim_command,
                       "--places is of the calls that --faults fails");
  options.order.scenario = scenario_find(argv[0]);
  if (options.order.scenario == NULL)
    return wrong_usage(&sim_command, "no scenario \"%s\": see plait sim --list",
                       argv[0]);
  if (options.list) {
    print_plan(&options.order);
    return printed(STATUS_DONE);
  }
  if (options.order.jobs == 0) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    options.order.jobs = processors > 1 ? (unsigned)processors : 1;
  }
  return sim_run(&options);
}
