"""The real thing for a while: servers under mixed load and faults.

  soak.py --plait PROGRAM --minutes N [--seed N] [--json]

Each server of SERVERS has few descriptors.  Cycles of load alternate with
moments of quiet, in which what is left is measured: memory, descriptors,
threads.  A connection that is there all the time sends a little ten times a
second: the longest it waits for the answer is the longest stall.  A client in
tests/soak_client.py does at random what clients do, and checks every byte.

Exit status: 0 all holds, 1 something does not, 2 wrong usage."""
import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import time

import soak_client

# plait takes fewer connections than it may have descriptors; then the limit goes
# down, so that accepting fails.
DESCRIPTORS_FIRST, DESCRIPTORS = 120, 50
SERVERS = {
    "echo": ["serve", "echo", "tcp:0:interface=127.0.0.1", "--reactors", "2"],
    "workers": ["serve", "echo", "tcp:0:interface=127.0.0.1", "--reactors",
                "2", "--dispatch", "workers", "--workers", "4"],
}
LOAD_S, QUIET_S = 15, 5
CLIENTS = 40            # at a time, for each server
WARM_UP = 3             # cycles that do not count: allocators settle
GROWTH_MAX_KIB = 1024   # of the quiet moments after that
STALL_MAX_MS = 2000
SETTLE_S = 10           # for connections to be gone


class Server:
    def __init__(self, plait, name, argv):
        self.name = name
        self.process = subprocess.Popen(
            [plait] + argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (DESCRIPTORS_FIRST,) * 2))
        line = self.process.stdout.readline().strip()
        while not line.startswith("listening on "):
            if line == "":
                raise SystemExit(f"{name}: it does not listen")
            line = self.process.stdout.readline().strip()
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE,
                         (DESCRIPTORS, DESCRIPTORS_FIRST))
        self.port = int(line.split(":")[1])
        self.counts = soak_client.Counts()
        self.quiet = []     # KiB
        self.stall_ms = 0.0
        self.wrong = []
        self.descriptors = self.most = self.open_descriptors()

    def folder(self, name):
        return os.path.join("/proc", str(self.process.pid), name)

    def open_descriptors(self):
        return len(os.listdir(self.folder("fd")))

    def memory_kib(self):
        with open(self.folder("smaps_rollup")) as file:
            for line in file:
                if line.startswith("Private_Dirty:"):
                    return int(line.split()[1])
        raise SystemExit("no Private_Dirty")

    def alive(self):
        return self.process.poll() is None

    async def count_descriptors(self, until):
        while time.monotonic() < until:
            self.most = max(self.most, self.open_descriptors())
            await asyncio.sleep(0.05)

    async def settled(self):
        """Only the probe's connection is left."""
        end = time.monotonic() + SETTLE_S
        while self.open_descriptors() > self.descriptors + 1:
            if time.monotonic() > end:
                self.wrong.append(
                    f"{self.open_descriptors() - self.descriptors - 1} "
                    f"descriptors were left after {SETTLE_S} s of quiet")
                return
            await asyncio.sleep(0.05)

    def slope(self):
        """KiB per minute of the quiet moments that count."""
        y = self.quiet[WARM_UP:]
        if len(y) < 2:
            return 0.0
        step = (LOAD_S + QUIET_S) / 60
        mean_x, mean_y = (len(y) - 1) / 2, sum(y) / len(y)
        above = sum((i - mean_x) * (v - mean_y) for i, v in enumerate(y))
        return above / sum((i - mean_x) ** 2 for i in range(len(y))) / step

    def stop(self):
        self.process.terminate()
        code = self.process.wait(30)
        if code != 0:
            self.wrong.append(f"it ended with {code}")


async def probe(server, over):
    """Ten messages a second, on one connection, whatever else happens."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    while not over.is_set():
        begin = time.monotonic()
        writer.write(b"probe" * 10)
        await reader.readexactly(50)
        ms = (time.monotonic() - begin) * 1000
        server.stall_ms = max(server.stall_ms, ms)
        await asyncio.sleep(0.1)
    writer.close()


async def load(server, chance, until):
    async def clients():
        while time.monotonic() < until:
            await soak_client.play(server.port, chance, server.counts)

    await asyncio.gather(
        server.count_descriptors(until),
        soak_client.exhaust(server.port, DESCRIPTORS_FIRST * 2, until),
        *[clients() for _ in range(CLIENTS)])


async def cycle(servers, chance, number, cycles):
    until = time.monotonic() + LOAD_S
    await asyncio.gather(*[load(s, chance, until) for s in servers])
    await asyncio.sleep(QUIET_S)
    for s in servers:
        if not s.alive():
            raise SystemExit(f"{s.name}: it ended by itself")
        await s.settled()
        s.quiet.append(s.memory_kib())
    print(f"cycle {number}/{cycles}: " + "; ".join(
        f"{s.name} {s.counts.connections} connections, {s.quiet[-1]} KiB, "
        f"stall {s.stall_ms:.0f} ms" for s in servers),
        file=sys.stderr, flush=True)


async def soak(servers, chance, cycles):
    over = asyncio.Event()
    probes = [asyncio.ensure_future(probe(s, over)) for s in servers]
    for number in range(1, cycles + 1):
        await cycle(servers, chance, number, cycles)
    over.set()
    await asyncio.gather(*probes)
    for s in servers:
        s.descriptors -= 1
        await s.settled()
        s.descriptors += 1


def judge(server):
    """What does not hold, in words."""
    counts, wrong = server.counts, list(server.wrong)
    wrong += counts.wrong[:5]
    grown = max(server.quiet[WARM_UP:], default=0) - max(
        server.quiet[:WARM_UP], default=0)
    if len(server.quiet) > WARM_UP and grown > GROWTH_MAX_KIB:
        wrong.append(f"memory grew by {grown} KiB")
    if server.stall_ms > STALL_MAX_MS:
        wrong.append(f"a stall of {server.stall_ms:.0f} ms")
    if server.most < DESCRIPTORS:
        wrong.append(f"only {server.most} of {DESCRIPTORS} descriptors were "
                     "in use")
    return wrong


def report(servers, cycles, as_json):
    rows = []
    for s in servers:
        rows.append({
            "server": s.name, "cycles": cycles, "wrong": judge(s),
            "connections": s.counts.connections, "bytes": s.counts.bytes,
            "resets": s.counts.resets, "stalled": s.counts.stalled,
            "half_closed": s.counts.half_closed, "descriptors": s.most,
            "longest_stall_ms": round(s.stall_ms, 1), "quiet_kib": s.quiet,
            "slope_kib_per_minute": round(s.slope(), 1)})
    if as_json:
        print(json.dumps(rows, indent=2))
        return all(not row["wrong"] for row in rows)
    for row in rows:
        print("{server}: {connections} connections, {bytes} bytes echoed and "
              "compared, {resets} resets, {stalled} that did not read, "
              "{half_closed} half-closed, up to {descriptors} descriptors; "
              "longest stall {longest_stall_ms} ms; memory {0} to {1} KiB, "
              "{slope_kib_per_minute} KiB a minute".format(
                  row["quiet_kib"][0], row["quiet_kib"][-1], **row))
        for text in row["wrong"]:
            print(f"{row['server']}: WRONG: {text}")
    failed = sum(bool(row["wrong"]) for row in rows)
    print(f"{len(rows) - failed} passed, {failed} failed, 0 skipped")
    return failed == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plait", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--json", action="store_true")
    o = parser.parse_args()
    cycles = max(1, round(o.minutes * 60 / (LOAD_S + QUIET_S)))
    print(f"seed {o.seed}, {cycles} cycles of {LOAD_S} s of load and {QUIET_S} "
          "s of quiet", file=sys.stderr, flush=True)
    servers = []
    try:
        for name, argv in SERVERS.items():
            servers.append(Server(o.plait, name, argv))
        asyncio.run(soak(servers, random.Random(o.seed), cycles))
    finally:
        for s in servers:
            s.stop()
    sys.exit(0 if report(servers, cycles, o.json) else 1)


if __name__ == "__main__":
    main()
