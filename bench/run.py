#!/usr/bin/python3
"""Benchmarks of plait against raw epoll and other libraries.

Every server echoes; a generator compares every byte that comes back and reads
the server's CPU time.  The figure is server CPU per message, as a ratio to raw
epoll in the same round.  "self" is a second process of raw epoll against the
first: the noise of this machine, at this time, under the same statistics.

  /usr/bin/python3 bench/run.py --build build            all, about 15 minutes
  /usr/bin/python3 bench/run.py --build build --quick    a look, a minute
  ... --only echo --cells 64x64x1,1000x16384x1 --peers none --rounds 21

Exit status: 0 all goals hold (or no verdict was asked for), 1 a goal is missed,
2 a program is missing or a server echoed wrong bytes.
"""

import argparse
import contextlib
import json
import os
import platform
import sys
import time

sys.dont_write_bytecode = True  # the source folder stays as it is

import processes  # noqa: E402
import table  # noqa: E402
from processes import EPOLL, PEERS, PLAIT, Failure  # noqa: E402

SELF = "self"
SIZES = (64, 1024, 16384, 65536)
CELLS = ([(c, s, 1) for c in (64, 1000, 10000) for s in SIZES] +
         [(c, s, 16) for c in (64, 1000, 10000) for s in SIZES[:2]])
QUICK_CELLS = [(64, 64, 1), (1000, 64, 1), (64, 16384, 1), (64, 65536, 1),
               (64, 64, 16), (1000, 1024, 16)]
ALLOC_CELLS = [(64, 64, 1), (64, 16384, 1), (64, 65536, 1), (64, 64, 16)]
ALLOC_MESSAGES = 100000
IDLE_CONNECTIONS = 10000
SLICES_MIN = 4      # of every server in a round
PARTS = ("echo", "churn", "idle", "alloc")


def cell_text(cell):
    return "%dx%dx%d" % cell


def parse_cell(text):
    try:
        conns, size, depth = (int(n) for n in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            "'%s' is not a cell; a cell is connections x size x depth, "
            "for example 64x1024x16" % text)
    return conns, size, depth


def parse_list(item):
    def parse(text):
        return [item(word) for word in text.split(",") if word]
    return parse


def parse_peer(text):
    if text not in PEERS:
        raise argparse.ArgumentTypeError(
            "'%s' is not a peer; peers are %s" % (text, ", ".join(PEERS)))
    return text


def parse_peers(text):
    if text in ("all", "none"):
        return PEERS if text == "all" else []
    return parse_list(parse_peer)(text)


def parse_options():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--build", required=True, metavar="DIR",
                   help="the build folder: DIR/bench/loadgen and so on")
    p.add_argument("--quick", action="store_true",
                   help="few cells, 3 rounds, short windows: no verdict")
    p.add_argument("--rounds", type=int, metavar="N",
                   help="rounds of epoll, plait and self; a verdict needs "
                        "%d (default)" % table.VERDICT_ROUNDS)
    p.add_argument("--peer-rounds", type=int, metavar="N",
                   help="rounds in which the peers take part too (3)")
    p.add_argument("--cells", type=parse_list(parse_cell), metavar="LIST",
                   help="connections x size x depth, as 64x64x1,1000x1024x16")
    p.add_argument("--peers", type=parse_peers, default=PEERS, metavar="LIST",
                   help="of %s;\nor all (default), or none" % " ".join(PEERS))
    p.add_argument("--without", action="append", default=[], metavar="PEER",
                   type=parse_peer, help="go on without this peer: it counts "
                                         "as skipped (repeatable)")
    p.add_argument("--only", choices=PARTS, action="append",
                   help="this part only (repeatable)")
    p.add_argument("--seconds", type=float, metavar="S",
                   help="measured time of a server in a round (0.4)")
    p.add_argument("--json", action="store_true",
                   help="print the results as JSON, every round included")
    p.add_argument("--server-cpu", type=int, metavar="N")
    p.add_argument("--generator-cpu", type=int, metavar="N")
    p.add_argument("--realtime", action="store_true",
                   help="SCHED_FIFO for server and generator: less noise, but "
                        "takes two CPUs\nfrom everybody else (needs root)")
    o = p.parse_args()
    o.rounds = o.rounds or (3 if o.quick else table.VERDICT_ROUNDS)
    o.peer_rounds = min(o.peer_rounds or (1 if o.quick else 3), o.rounds)
    o.cells = o.cells or (QUICK_CELLS if o.quick else CELLS)
    o.seconds = o.seconds or (0.2 if o.quick else 0.4)
    o.only = o.only or PARTS
    o.peers = [peer for peer in o.peers if peer not in o.without]
    return o


class Progress:
    """One line on stderr, rewritten on a terminal, now and then elsewhere."""

    def __init__(self, total):
        self.total, self.done = total, 0
        self.begin = self.shown = time.monotonic()
        self.tty = sys.stderr.isatty()

    def step(self, text, weight=1.0):
        self.done += weight
        now = time.monotonic()
        if now - self.shown < (0.2 if self.tty else 15):
            return
        self.shown = now
        left = (now - self.begin) / self.done * (self.total - self.done)
        line = "%s, %d:%02d left" % (text, left // 60, left % 60)
        sys.stderr.write("\r\033[K" + line if self.tty else line + "\n")
        sys.stderr.flush()

    def finish(self):
        if self.tty:
            sys.stderr.write("\r\033[K")


def rotated(names, by):
    by %= len(names)
    return names[by:] + names[:by]


class Bench:
    """One run of everything that was asked for."""

    def __init__(self, options):
        self.o = options
        self.m = processes.Machine(options.build, options.server_cpu,
                                   options.generator_cpu, options.realtime)
        self.goals = []     # (text, holds)
        self.result = {"machine": self.describe()}

    def describe(self):
        with open("/proc/sys/net/ipv4/tcp_congestion_control") as f:
            congestion = f.read().strip()
        return {"kernel": platform.release(), "cpus": os.cpu_count(),
                "congestion_control": congestion, "rounds": self.o.rounds,
                "peer_rounds": self.o.peer_rounds, "seconds": self.o.seconds,
                "realtime": self.o.realtime,
                "server_cpu": self.m.server_cpu,
                "generator_cpu": self.m.generator_cpu}

    def say(self, *text):
        if not self.o.json:
            print(*text, flush=True)

    def show(self, rows):
        for line in table.lines(rows):
            self.say(line)
        self.say()

    def turn(self, number):
        """The servers of a round, in its order.

        Who comes first changes from round to round, and the peers take part
        in some rounds only, spread over all of them."""
        names = [EPOLL, PLAIT, SELF]
        every = max(1, self.o.rounds // self.o.peer_rounds)
        if number % every == 0 and number // every < self.o.peer_rounds:
            names += self.o.peers
        return rotated(names, number)

    def measure(self, names, slice_seconds, **load):
        """One round: all servers under the same load, in fine slices.

        All are fresh processes with their connections open, and take turns
        of some ten milliseconds: what disturbs the machine meanwhile hits
        all of them alike.  Returns CPU us per message, and messages per
        second, of each."""
        total = {name: [0.0, 0.0, 0.0] for name in names}
        with contextlib.ExitStack() as stack:
            loads = {}
            for name in names:
                server = stack.enter_context(
                    self.m.server(EPOLL if name == SELF else name))
                loads[name] = stack.enter_context(
                    self.m.driven(server, warm=0.1, **load))
            turn = 0
            while turn < SLICES_MIN or total[EPOLL][0] < self.o.seconds:
                order = rotated(names, turn // 2)
                for name in order if turn % 2 == 0 else reversed(order):
                    got = loads[name].slice(slice_seconds)
                    for i, key in enumerate(("seconds", "server_s",
                                             "messages")):
                        total[name][i] += got[key]
                turn += 1
        return ({n: cpu / m * 1e6 for n, (_, cpu, m) in total.items()},
                {n: m / s for n, (s, _, m) in total.items()})

    # ---- echo ----

    def echo(self):
        o = self.o
        # Ten thousand connections take a second to set up.
        weight = {c: 0.6 + c[0] / 7000 * (1 + c[1] / 32768) for c in o.cells}
        progress = Progress(sum(weight[c] * len(self.turn(r))
                                for c in o.cells for r in range(o.rounds)))
        cpu = {c: [] for c in o.cells}
        rate = {c: [] for c in o.cells}
        for number in range(o.rounds):
            for place, cell in enumerate(o.cells):
                names = self.turn(number)
                us, rates = self.measure(names, 0.02, conns=cell[0],
                                         size=cell[1], depth=cell[2])
                cpu[cell].append(us)
                rate[cell].append(rates)
                progress.step("echo: round %d/%d, cell %d/%d (%s)" % (
                    number + 1, o.rounds, place + 1, len(o.cells),
                    cell_text(cell)), weight[cell] * len(names))
        progress.finish()
        cells = [self.echo_summary(c, cpu[c], rate[c]) for c in o.cells]
        self.result["echo"] = cells
        self.say("Echo: server CPU per message as a ratio to raw epoll, median "
                 "of %d rounds [p10..p90]" % o.rounds)
        self.show(table.echo_rows(cells, o.peers))
        self.goals += table.echo_verdict(cells)

    def echo_summary(self, cell, cpu, rate):
        summary = {"cell": cell_text(cell),
                   "epoll_us": table.median([r[EPOLL] for r in cpu]),
                   "plait_rate": table.median([r[PLAIT] for r in rate]),
                   "rate_ratio": table.median(
                       table.ratios(rate, PLAIT, EPOLL)),
                   "server_us": cpu, "rates": rate}
        for name in [PLAIT, SELF] + self.o.peers:
            summary[name] = table.spread(table.ratios(cpu, name, EPOLL))
        return summary

    # ---- connect, echo, close ----

    def churn(self):
        o = self.o
        progress = Progress(o.rounds)
        cpu = []
        for number in range(o.rounds):
            cpu.append(self.measure(self.turn(number), 0.05, kind="churn",
                                    conns=64, size=64)[0])
            progress.step("churn: round %d/%d" % (number + 1, o.rounds))
        progress.finish()
        figures = {}
        for name in [EPOLL, PLAIT, SELF] + o.peers:
            ratio = table.spread(table.ratios(cpu, name, EPOLL))
            us = table.median([r[name] for r in cpu if name in r])
            figures[name] = ("%.4g" % us, ratio)
        self.result["churn"] = {"server_us": cpu, "ratios": {
            name: ratio for name, (_, ratio) in figures.items()}}
        self.show(table.server_rows("Connect, echo, close", figures,
                                    "CPU us/connection", EPOLL))
        ratio = figures[PLAIT][1]["median"]
        self.goals.append((
            "connect, echo, close: CPU per connection %.3f of raw epoll "
            "(goal: at most %.2f)" % (ratio, table.CHURN_MAX),
            ratio <= table.CHURN_MAX))

    # ---- idle connections ----

    def idle(self):
        names = [EPOLL, PLAIT] + self.o.peers
        progress = Progress(len(names))
        figures = {}
        for name in names:
            with self.m.server(name) as server:
                got = self.m.load(server, kind="idle", size=64, seconds=0,
                                  conns=IDLE_CONNECTIONS)
            figures[name] = got["bytes_per_conn"]
            progress.step("idle: " + name)
        progress.finish()
        self.result["idle"] = figures
        self.show(table.server_rows(
            "Idle, %d connections" % IDLE_CONNECTIONS,
            {n: ("%.0f" % b, None) for n, b in figures.items()},
            "bytes/connection", None))
        self.goals.append((
            "idle: %.0f bytes of user memory per connection (goal: at most %d)"
            % (figures[PLAIT], table.IDLE_MAX),
            figures[PLAIT] <= table.IDLE_MAX))

    # ---- allocations ----

    def count(self, name, cell):
        """Allocation calls of a server per echoed message, steadily."""
        with processes.counter_file() as counters:
            with self.m.server(name, counters.name) as server:
                got = self.m.load(server, conns=cell[0], size=cell[1],
                                  depth=cell[2], warm=0.3, alloc=counters.name,
                                  messages=ALLOC_MESSAGES)
        kinds = ("malloc", "calloc", "realloc", "free", "aligned")
        return {"messages": got["messages"],
                "calls": {kind: int(got[kind]) for kind in kinds}}

    def alloc(self):
        # libevent allocates for every message: it shows that calls are seen.
        names = [PLAIT, EPOLL] + [p for p in ("libevent",) if p in self.o.peers]
        progress = Progress(len(names) * len(ALLOC_CELLS))
        rows, total, found = [["Allocation calls per message"] + names], 0, {}
        for cell in ALLOC_CELLS:
            row = [cell_text(cell)]
            for name in names:
                got = self.count(name, cell)
                calls = sum(got["calls"].values())
                total += calls if name == PLAIT else 0
                found.setdefault(name, {})[cell_text(cell)] = got
                row.append("%.5f" % (calls / got["messages"]))
                progress.step("alloc: %s %s" % (cell_text(cell), name))
            rows.append(row)
        progress.finish()
        self.result["alloc"] = found
        self.show(rows)
        self.goals.append((
            "allocations: %d malloc, realloc or free calls for %d echoed "
            "messages (goal: 0)" % (total, ALLOC_MESSAGES * len(ALLOC_CELLS)),
            total == 0))

    # ---- all ----

    def verdict(self):
        """Prints the goals; True if none is missed or none was judged."""
        o = self.o
        judged = o.rounds >= table.VERDICT_ROUNDS
        for text, holds in self.goals:
            self.say("%s  %s" % ("pass" if holds else "MISS", text))
        if not judged:
            self.say("no verdict: %d rounds; it takes %d" % (
                o.rounds, table.VERDICT_ROUNDS))
        self.say("skipped: %d%s" % (
            len(o.without), " (%s)" % ", ".join(o.without) if o.without else
            ""))
        ok = all(holds for _, holds in self.goals)
        self.result["goals"] = [{"text": t, "holds": h} for t, h in self.goals]
        self.result["verdict"] = ok if judged else None
        self.result["skipped"] = o.without
        return ok or not judged

    def run(self):
        missing = self.m.missing([EPOLL, PLAIT] + self.o.peers)
        if missing:
            raise Failure("not built: %s (build them, or leave a peer out "
                          "with --without NAME)" % ", ".join(missing))
        self.say("# " + ", ".join("%s %s" % (k.replace("_", " "), v) for k, v
                                  in self.result["machine"].items()))
        processes.control(self.m)
        for part in PARTS:
            if part in self.o.only:
                getattr(self, part)()
        ok = self.verdict()
        if self.o.json:
            print(json.dumps(self.result, indent=1))
        return 0 if ok else 1


def main():
    try:
        return Bench(parse_options()).run()
    except Failure as failure:
        sys.stderr.write("bench: %s\n" % failure)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
