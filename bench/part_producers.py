"""Producers: one thread that writes 64 B by handle to 1,000 connections.

The two libraries run by turns, each in a process of its own; a third process
reads and counts what comes.  There is no raw epoll: the base is libuv by hand,
as a program without plait would do it: a queue behind a mutex, and a write for
each message."""

import re

import processes
import rounds
import servers
import table
from servers import PLAIT, UV_PRODUCERS

SERVERS = servers.PRODUCERS
MESSAGES = 2000000
QUICK_PART = 6          # of the messages
WAKES_MAX = 0.05        # a message
RATE_MIN = 1.0          # to libuv by hand
CPU_MAX = 1.0
SECONDS = 60
FIGURES = re.compile(
    r"seconds=([\d.]+) cpu_s=([\d.]+) messages=(\d+) wakes=(\d+)")


def once(bench, name, messages):
    """Messages a second, CPU us and wake-ups a message of one run."""
    argv = servers.command(bench.m.build, SERVERS[name])
    with processes.Child(bench.m, argv + [str(messages)], None) as child:
        line = child.line(SECONDS)
    match = FIGURES.search(line)
    if not match:
        raise processes.Failure("%s: %s" % (
            argv[0], line.strip() or "printed no figures"))
    seconds, cpu, count, wakes = (float(text) for text in match.groups())
    return {"rate": count / seconds, "cpu": cpu / count * 1e6,
            "wakes": wakes / count}


def run(bench):
    messages = MESSAGES // (QUICK_PART if bench.o.quick else 1)
    progress = rounds.Progress(bench.o.rounds)
    got = {name: [] for name in SERVERS}
    for number in range(bench.o.rounds):
        names = list(SERVERS)
        for name in names if number % 2 else reversed(names):
            got[name].append(once(bench, name, messages))
        progress.step("producers: round %d/%d" % (number + 1, bench.o.rounds))
    progress.finish()
    pairs = list(zip(got[PLAIT], got[UV_PRODUCERS]))
    rate = table.spread([p["rate"] / u["rate"] for p, u in pairs])
    cpu = table.spread([p["cpu"] / u["cpu"] for p, u in pairs])
    wakes = table.spread([p["wakes"] for p in got[PLAIT]])
    bench.say("Producers: one thread to 1,000 connections, 64 B, plait to "
              "libuv by hand, median of %d rounds [p10..p90]" % bench.o.rounds)
    bench.show([["plait msg/s", "rate", "CPU per msg", "plait wake-ups/msg"],
                [table.text_count(table.median(
                    [p["rate"] for p in got[PLAIT]])),
                 table.text_spread(rate), table.text_spread(cpu),
                 table.text_spread(wakes)]])
    bench.goals.append((
        "producers, wake-ups per message: %.4f (goal: at most %.2f)" % (
            wakes["median"], WAKES_MAX), wakes["median"] <= WAKES_MAX))
    bench.goals.append((
        "producers, plait's rate to libuv by hand: %.2f (goal: at least %.2f)"
        % (rate["median"], RATE_MIN), rate["median"] >= RATE_MIN))
    bench.goals.append((
        "producers, plait's CPU per message to libuv by hand: %.2f (goal: at "
        "most %.2f)" % (cpu["median"], CPU_MAX), cpu["median"] <= CPU_MAX))
    return {"rate": rate, "cpu": cpu, "wakes": wakes}
