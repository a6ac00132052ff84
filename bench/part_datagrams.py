"""Datagrams: an echo of 64 bytes over UDP, with 1 and with 32 in flight.

A round starts all servers afresh and lets them take short turns; the base is raw
epoll with recvfrom() and sendto() for each datagram.  A generator that sends as many at
once as came back at once compares each, and reads the server's CPU time.  It
sends them as one packet, so that they arrive together, or one by one: then a
server that is faster than it finds a few at a time, and no goal is set."""

import contextlib
import re

import processes
import rounds
import servers
import table
from servers import EPOLL, PLAIT, SELF

SERVERS = servers.DATAGRAMS
# In flight and how they are sent: datagrams in a round, and the most CPU to raw
# epoll's.
LOADS = {(1, "together"): (40000, 1.1), (32, "together"): (300000, 0.5),
         (32, "apart"): (300000, None)}
QUICK_PART = 4          # of the datagrams
SLICES = 10             # of every server in a round
SECONDS = 60
FIGURES = re.compile(r"seconds=([\d.]+) server_s=([\d.]+) datagrams=(\d+)")


def drive(bench, server, load, count):
    """Seconds, server CPU seconds, and datagrams, of one turn."""
    argv = [bench.m.path("bench/datagram_load"), str(server.port),
            str(server.pid), str(load[0]), str(count), load[1]]
    with processes.Child(bench.m, argv, bench.m.generator_cpu) as child:
        line = child.line(SECONDS)
    match = FIGURES.search(line)
    if not match:
        raise processes.Failure("%s: %s" % (
            server.name, line.strip() or "the generator gave up"))
    return [float(text) for text in match.groups()]


def one_round(bench, load, count):
    """Of all servers, by name: CPU us per datagram, and datagrams per second."""
    total = {name: [0.0, 0.0, 0.0] for name in SERVERS}
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(bench.m.server(SERVERS[name]))
                   for name in SERVERS}
        for turn in range(SLICES):
            for name in rounds.rotated(list(SERVERS), turn):
                got = drive(bench, running[name], load, count // SLICES)
                total[name] = [a + b for a, b in zip(total[name], got)]
    return ({name: cpu / done * 1e6 for name, (_, cpu, done) in total.items()},
            {name: done / seconds for name, (seconds, _, done) in total.items()})


def measure(bench, load, count, progress):
    """The rounds' figures of all servers."""
    cpu, rate = [], []
    for number in range(bench.o.rounds):
        for figures, figure in zip((cpu, rate), one_round(bench, load, count)):
            figures.append(figure)
        progress.step("datagrams: %d in flight, %s, round %d/%d" % (
            *load, number + 1, bench.o.rounds))
    return {"in_flight": load[0], "sent": load[1],
            "epoll_us": table.median([r[EPOLL] for r in cpu]),
            "plait_rate": table.median([r[PLAIT] for r in rate]),
            "cpu": table.spread(table.ratios(cpu, PLAIT, EPOLL)),
            "self": table.spread(table.ratios(cpu, SELF, EPOLL)),
            "server_us": cpu}


def verdict(found):
    for row in found:
        most = LOADS[row["in_flight"], row["sent"]][1]
        got = row["cpu"]["median"]
        if most is not None:
            yield ("datagrams, %d in flight, plait's CPU to recvfrom and "
                   "sendto: %.3f (goal: at most %.2f)" % (
                       row["in_flight"], got, most), got <= most)


def run(bench):
    part = QUICK_PART if bench.o.quick else 1
    progress = rounds.Progress(len(LOADS) * bench.o.rounds)
    found = [measure(bench, load, count // part, progress)
             for load, (count, _) in LOADS.items()]
    progress.finish()
    bench.say("Datagrams: an echo of 64 B over UDP, server CPU per datagram as "
              "a ratio to raw epoll, median of %d rounds [p10..p90]" %
              bench.o.rounds)
    bench.show([["in flight", "sent", "plait datagrams/s", "epoll us", "plait",
                 "self"]] +
               [[str(row["in_flight"]), row["sent"], table.text_count(row["plait_rate"]),
                 "%.4g" % row["epoll_us"], table.text_spread(row["cpu"]),
                 table.text_spread(row["self"])] for row in found])
    bench.goals += verdict(found)
    return found
