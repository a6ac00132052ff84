#!/usr/bin/python3
"""Benchmarks of plait against raw epoll and other libraries.

Every server echoes bytes, lines or frames; a generator compares every byte that
comes back and reads the server's CPU time.  The figure is server CPU per
message, as a ratio to raw epoll in the same round.  "self" is a second process
of raw epoll against the first: the noise of this machine, at this time, under
the same statistics.

  /usr/bin/python3 bench/run.py --build build            all, about 20 minutes
  /usr/bin/python3 bench/run.py --build build --quick    a look, three minutes
  ... --only echo --cells 64x64x1,1000x16384x1 --peers none --rounds 21

Exit status: 0 all goals hold (or no verdict was asked for), 1 a goal is missed,
2 a program is missing or a server echoed wrong bytes.
"""

import argparse
import json
import os
import platform
import sys

sys.dont_write_bytecode = True  # the source folder stays as it is

import part_alloc  # noqa: E402
import part_bytewise  # noqa: E402
import part_churn  # noqa: E402
import part_datagrams  # noqa: E402
import part_dispatch  # noqa: E402
import part_echo  # noqa: E402
import part_frames  # noqa: E402
import part_idle  # noqa: E402
import part_line  # noqa: E402
import part_producers  # noqa: E402
import part_proxy  # noqa: E402
import part_reactors  # noqa: E402
import part_spawn  # noqa: E402
import part_work  # noqa: E402
import processes  # noqa: E402
import servers  # noqa: E402
import table  # noqa: E402
from processes import Failure  # noqa: E402
from servers import PEERS  # noqa: E402

# In the order in which they run; each has SERVERS and run(bench), and MODE if
# it is loadgen that compares.
PARTS = {
    "echo": part_echo,
    "line": part_line,
    "frames": part_frames,
    "bytewise": part_bytewise,
    "churn": part_churn,
    "idle": part_idle,
    "datagrams": part_datagrams,
    "work": part_work,
    "producers": part_producers,
    "spawn": part_spawn,
    "dispatch": part_dispatch,
    "reactors": part_reactors,
    "proxy": part_proxy,
    "alloc": part_alloc,
}


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
                   help="rounds in which the peers take part too, and rounds of "
                        "bytewise (3)")
    p.add_argument("--cells", type=parse_list(parse_cell), metavar="LIST",
                   help="of echo, line, frames, dispatch and reactors:"
                        "\nconnections x size x depth, as 64x64x1,1000x1024x16;"
                        "\na size includes its framing")
    p.add_argument("--peers", type=parse_peers, default=PEERS, metavar="LIST",
                   help="of %s;\nor all (default), or none" % " ".join(PEERS))
    p.add_argument("--without", action="append", default=[], metavar="PEER",
                   type=parse_peer, help="go on without this peer: it counts "
                                         "as skipped (repeatable)")
    p.add_argument("--only", choices=list(PARTS), action="append",
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
    o.seconds = o.seconds or (0.2 if o.quick else 0.4)
    o.only = o.only or list(PARTS)
    o.peers = [peer for peer in o.peers if peer not in o.without]
    return o


class Bench:
    """One run of everything that was asked for."""

    def __init__(self, options):
        self.o = options
        self.m = processes.Machine(options.build, options.server_cpu,
                                   options.generator_cpu, options.realtime)
        self.parts = [PARTS[name] for name in options.only]
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

    def check(self):
        """Raises Failure where what was asked for cannot be measured."""
        missing = {}
        for part in self.parts:
            taking_part = servers.taking_part(part.SERVERS, self.o.peers)
            for name, program in taking_part.items():
                lack = self.m.missing(program)
                if lack:
                    missing[lack] = name
        if missing:
            raise Failure("missing: %s (build or install it, or leave a peer "
                          "out with --without NAME)" % ", ".join(
                              "%s for %s" % pair for pair in missing.items()))
        processes.control(self.m, sorted({part.MODE for part in self.parts
                                          if hasattr(part, "MODE")}))

    def run(self):
        self.say("# " + ", ".join("%s %s" % (k.replace("_", " "), v) for k, v
                                  in self.result["machine"].items()))
        self.check()
        for name, part in PARTS.items():
            if name in self.o.only:
                self.result[name] = part.run(self)
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
