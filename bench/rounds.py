"""Rounds: servers that take turns under the same load.

A round starts all servers afresh and lets them take turns of some ten
milliseconds; its result is the CPU time of each per message.  What ratios are
taken of these is the parts' business.
"""

import contextlib
import sys
import time

from servers import EPOLL, SELF

SLICES_MIN = 4      # of every server in a round
SLICE_SECONDS = 0.02


def cell_text(cell):
    return "%dx%dx%d" % cell


def rotated(names, by):
    by %= len(names)
    return names[by:] + names[:by]


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


class Rounds:
    """The rounds of one part; |servers| are its programs by name."""

    def __init__(self, bench, servers):
        self.o, self.m = bench.o, bench.m
        self.servers = dict(servers)
        self.servers[SELF] = servers[EPOLL]
        self.peers = [p for p in self.o.peers if p in servers]
        self.always = [n for n in self.servers if n not in self.peers]

    def turn(self, number):
        """The servers of a round, in its order.

        Who comes first changes from round to round, and the peers take part
        in some rounds only, spread over all of them."""
        names = list(self.always)
        every = max(1, self.o.rounds // self.o.peer_rounds)
        if number % every == 0 and number // every < self.o.peer_rounds:
            names += self.peers
        return rotated(names, number)

    def measure(self, names, slice_seconds, **load):
        """One round: all servers under the same load, in fine slices.

        All are fresh processes with their connections open, and take turns
        of some ten milliseconds: what disturbs the machine meanwhile hits
        all of them alike.  Returns of each CPU us per message, messages per
        second, and context switches per message."""
        total = {name: [0.0, 0.0, 0.0] for name in names}
        with contextlib.ExitStack() as stack:
            loads = {}
            for name in names:
                server = stack.enter_context(
                    self.m.server(self.servers[name]))
                loads[name] = stack.enter_context(
                    self.m.driven(server, warm=0.1, **load))
            before = {n: loads[n].server.switches() for n in names}
            turn = 0
            while turn < SLICES_MIN or total[EPOLL][0] < self.o.seconds:
                order = rotated(names, turn // 2)
                for name in order if turn % 2 == 0 else reversed(order):
                    got = loads[name].slice(slice_seconds)
                    for i, key in enumerate(("seconds", "server_s",
                                             "messages")):
                        total[name][i] += got[key]
                turn += 1
            switches = {n: loads[n].server.switches() - before[n]
                        for n in names}
        return ({n: cpu / m * 1e6 for n, (_, cpu, m) in total.items()},
                {n: m / s for n, (s, _, m) in total.items()},
                {n: switches[n] / m for n, (_, _, m) in total.items()})

    def over_cells(self, part, cells, mode):
        """All rounds of all cells.  Yields of each its CPU us per message, its
        messages per second, and its context switches per message: a list with
        a dict for every round."""
        # Ten thousand connections take a second to set up.
        weight = {c: 0.6 + c[0] / 7000 * (1 + c[1] / 32768) for c in cells}
        progress = Progress(sum(weight[c] * len(self.turn(r)) for c in cells
                                for r in range(self.o.rounds)))
        found = {c: ([], [], []) for c in cells}
        for number in range(self.o.rounds):
            for place, cell in enumerate(cells):
                names = self.turn(number)
                got = self.measure(
                    names, SLICE_SECONDS, mode=mode, conns=cell[0],
                    size=cell[1], depth=cell[2])
                for figures, figure in zip(found[cell], got):
                    figures.append(figure)
                progress.step("%s: round %d/%d, cell %d/%d (%s)" % (
                    part, number + 1, self.o.rounds, place + 1, len(cells),
                    cell_text(cell)), weight[cell] * len(names))
        progress.finish()
        for cell in cells:
            yield cell, found[cell]
