"""Work: an empty task from submission until it is done, back on its loop.

The two pools run by turns, each in a process of its own with four threads.
Nothing is served here, so there is no raw epoll: the base is libuv's pool."""

import re

import processes
import rounds
import servers
import table
from servers import PLAIT, UV_WORK

SERVERS = servers.WORK
# In flight: tasks in a round, and the least rate to libuv's.
LOADS = {1: (60000, 1.0), 64: (600000, 1.5)}
QUICK_PART = 6          # of the tasks
CPU_MAX = 1.0           # with one in flight
SECONDS = 60
FIGURES = re.compile(r"seconds=([\d.]+) cpu_s=([\d.]+)")


def once(bench, name, in_flight, count):
    """Seconds and CPU seconds of one run."""
    argv = servers.command(bench.m.build, SERVERS[name])
    # Not on one CPU: handing work to another thread is what is measured.
    with processes.Child(bench.m, argv + [str(in_flight), str(count)],
                         None) as child:
        match = FIGURES.search(child.line(SECONDS))
    if not match:
        raise processes.Failure("%s printed no figures" % argv[0])
    return float(match.group(1)), float(match.group(2))


def measure(bench, in_flight, count, progress):
    """The rounds' ratios of rate and CPU, plait's to libuv's."""
    rates, cpus, tasks = [], [], []
    for number in range(bench.o.rounds):
        names = list(SERVERS)
        got = {name: once(bench, name, in_flight, count)
               for name in (names if number % 2 else reversed(names))}
        rates.append(got[UV_WORK][0] / got[PLAIT][0])
        cpus.append(got[PLAIT][1] / got[UV_WORK][1])
        tasks.append(count / got[PLAIT][0])
        progress.step("work: %d in flight, round %d/%d" % (
            in_flight, number + 1, bench.o.rounds))
    return {"in_flight": in_flight, "rate": table.spread(rates),
            "cpu": table.spread(cpus), "tasks": table.median(tasks)}


def verdict(found):
    for row in found:
        least = LOADS[row["in_flight"]][1]
        got = row["rate"]["median"]
        yield ("work, %d in flight, plait's rate to uv_queue_work's: %.2f "
               "(goal: at least %.2f)" % (row["in_flight"], got, least),
               got >= least)
    got = found[0]["cpu"]["median"]
    yield ("work, 1 in flight, plait's CPU to uv_queue_work's: %.2f (goal: at "
           "most %.2f)" % (got, CPU_MAX), got <= CPU_MAX)


def run(bench):
    part = QUICK_PART if bench.o.quick else 1
    progress = rounds.Progress(len(LOADS) * bench.o.rounds)
    found = [measure(bench, n, count // part, progress)
             for n, (count, _) in LOADS.items()]
    progress.finish()
    bench.say("Work: empty tasks, plait's pool to uv_queue_work, four threads "
              "each, median of %d rounds [p10..p90]" % bench.o.rounds)
    bench.show([["tasks in flight", "plait tasks/s", "rate", "CPU per task"]] +
               [[str(row["in_flight"]), table.text_count(row["tasks"]),
                 table.text_spread(row["rate"]),
                 table.text_spread(row["cpu"])] for row in found])
    bench.goals += verdict(found)
    return found
