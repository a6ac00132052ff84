"""Spawn: /bin/true started and reaped, with much memory resident.

plait starts eight at a time, and one at a time; posix_spawn() with waitpid() one
after the other; the two run by turns.  Meanwhile a timer of plait's
reactor tells for how long it did not come round."""

import re

import processes
import rounds
import servers
import table
from servers import PLAIT, POSIX_SPAWN

SERVERS = servers.SPAWN
COUNT, MIB = 2000, 4096
QUICK_COUNT, QUICK_MIB = 500, 1024
IN_FLIGHT = (8, 1)
RATE_MIN, STALL_MAX_MS = 0.8, 5
SECONDS = 300
FIGURES = re.compile(r"seconds=([\d.]+) stall_ms=([\d.]+)")


def once(bench, name, words):
    """Seconds, and the longest stall in milliseconds."""
    argv = servers.command(bench.m.build, SERVERS[name])
    with processes.Child(bench.m, argv + [str(w) for w in words],
                         None) as child:
        match = FIGURES.search(child.line(SECONDS))
    if not match:
        raise processes.Failure("%s printed no figures" % argv[0])
    return float(match.group(1)), float(match.group(2))


def run(bench):
    count, mib = ((QUICK_COUNT, QUICK_MIB) if bench.o.quick
                  else (COUNT, MIB))
    progress = rounds.Progress(bench.o.rounds)
    rates = {n: [] for n in IN_FLIGHT}
    stalls, per_second = [], []
    for number in range(bench.o.rounds):
        base, _ = once(bench, POSIX_SPAWN, (mib, count))
        per_second.append(count / base)
        for n in IN_FLIGHT:
            took, stall = once(bench, PLAIT, (mib, n, count))
            rates[n].append(base / took)
            stalls.append(stall)
        progress.step("spawn: round %d/%d" % (number + 1, bench.o.rounds))
    progress.finish()
    bench.say("Spawn: /bin/true with %d MiB resident, plait's rate to "
              "posix_spawn's, median of %d rounds [p10..p90]" % (
                  mib, bench.o.rounds))
    spreads = {n: table.spread(rates[n]) for n in IN_FLIGHT}
    bench.show([["at a time", "posix_spawn/s", "rate"]] +
               [[str(n), table.text_count(table.median(per_second)),
                 table.text_spread(spreads[n])] for n in IN_FLIGHT])
    stall = table.median(stalls)
    bench.goals += [
        ("spawn, %d at a time, plait's rate to posix_spawn's: %.2f "
         "(goal: at least %.2f)" % (n, spreads[n]["median"], RATE_MIN),
         spreads[n]["median"] >= RATE_MIN) for n in IN_FLIGHT] + [
        ("spawn, the reactor's longest stall: %.1f ms (goal: under %d)" % (
            stall, STALL_MAX_MS), stall < STALL_MAX_MS)]
    return {"mib": mib, "count": count, "stalls_ms": stalls,
            "rate": {str(n): spreads[n] for n in IN_FLIGHT}}
