"""Bytewise: one long line of which the server reads one byte at a time.

Looking for the end of the line from its start with every byte, or copying what
has come so far, costs time that grows with the square of its length.  What is
shown is CPU time per byte, and what that is to the shortest line's: 1 where the
cost is linear."""

import contextlib
import os
import random
import select
import socket
import sys
import time

import processes
import rounds
import servers
import table
from servers import LIAR, PLAIT, TWISTED

GROWTH_MAX = 1.30

SERVERS = servers.BYTEWISE
MIB = 1 << 20
LENGTHS = {PLAIT: (1 * MIB, 4 * MIB, 16 * MIB),
           TWISTED: (64 << 10, 128 << 10, 256 << 10)}
QUICK_LENGTHS = {PLAIT: (1 * MIB, 4 * MIB), TWISTED: (64 << 10, 128 << 10)}
STALL_SECONDS = 60      # without a byte back once the line has been sent
LIAR_BYTES = 20000
COUNTER_BYTES = 8


def make_line(length):
    """A line of |length| bytes, its CR LF included; no two parts alike."""
    printable = bytes(ord("!") + b % 93 for b in range(256))
    text = random.Random(length).randbytes(length - 2)
    return text.translate(printable) + b"\r\n"


def compare(line, at, data):
    if data != line[at:at + len(data)]:
        raise processes.Failure("FAIL content differs within %d bytes from %d"
                                % (len(data), at))


def echo(sock, line):
    """Sends the line and returns when all of it has come back."""
    view = memoryview(line)
    sent = got = 0
    sock.setblocking(False)
    while got < len(line):
        more = [sock] if sent < len(line) else []
        readable, writable, _ = select.select([sock], more, [], STALL_SECONDS)
        if not readable and not writable:
            raise processes.Failure("FAIL %d of %d bytes came back" % (
                got, len(line)))
        if writable:
            sent += sock.send(view[sent:])
        if readable:
            data = sock.recv(MIB)
            if not data:
                raise processes.Failure("FAIL closed after %d of %d bytes" % (
                    got, len(line)))
            compare(line, got, data)
            got += len(data)


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), 10)


def cpu_seconds(pid):
    """The CPU clock of a process: what clock_getcpuclockid(3) names."""
    return time.clock_gettime((~pid << 3) | 2)


def measure(machine, program, length):
    """CPU seconds of a fresh server for one line of |length| bytes."""
    line = make_line(length)
    with processes.shared_file() as counter:
        preload = machine.preload("one_byte", ONE_BYTE_FILE=counter.name)
        with machine.server(program, preload) as server:
            with connect(server) as sock:
                before = cpu_seconds(server.pid)
                echo(sock, line)
                cpu = cpu_seconds(server.pid) - before
        reads = int.from_bytes(counter.read(COUNTER_BYTES), sys.byteorder)
    if reads < length:
        raise processes.Failure(
            "%s: %d bytes took %d reads of one byte: it reads another way" % (
                server.name, length, reads))
    return cpu


def control(machine):
    """Shows that echo() notices lies."""
    line = make_line(LIAR_BYTES)
    for lie in ("flip", "drop", "double"):
        with machine.server(LIAR + (lie,)) as liar, connect(liar) as sock, \
                connect(liar):
            try:
                echo(sock, line)
            except processes.Failure:
                continue
        raise processes.Failure("bytewise: a server's lie went by: " + lie)


@contextlib.contextmanager
def pinned(cpu):
    """We are the client: not on the server's processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def weight(name, length):
    """How long it may take, for the progress that is shown."""
    return length * (20 if name == TWISTED else 1)


def table_rows(found):
    yield ["server", "bytes of the line", "CPU s", "ns/byte",
           "ratio to the shortest"]
    for row in found:
        yield [row["server"], str(row["bytes"]), "%.3f" % row["cpu_s"],
               "%.0f" % row["ns_per_byte"], table.text_spread(row["ratio"])]


def summary(name, length, cpu):
    """A row; |cpu| has the CPU seconds of all lengths for every round."""
    per_byte = [{n: s / n for n, s in r.items()} for r in cpu]
    first = min(per_byte[0])
    return {"server": name, "bytes": length,
            "cpu_s": table.median([r[length] for r in cpu]),
            "ns_per_byte": table.median([r[length] for r in per_byte]) * 1e9,
            "ratio": table.spread(table.ratios(per_byte, length, first)),
            "rounds_s": [r[length] for r in cpu]}


def measure_all(bench, programs, lengths):
    """CPU seconds of every line: {name: a dict by length for every round}."""
    number = bench.o.peer_rounds
    cpu = {name: [{} for _ in range(number)] for name in programs}
    lines = [(r, name, length) for r in range(number) for name in programs
             for length in lengths[name]]
    progress = rounds.Progress(sum(weight(*line[1:]) for line in lines))
    with pinned(bench.m.generator_cpu):
        for r, name, length in lines:
            cpu[name][r][length] = measure(bench.m, programs[name], length)
            progress.step("bytewise: round %d/%d, %s %d" % (
                r + 1, number, name, length), weight(name, length))
    progress.finish()
    return cpu


def verdict(last):
    growth = last["ratio"]["median"]
    return ("bytewise, plait's CPU per byte of a line of %d MiB to 1 MiB: "
            "%.3f (goal: at most %.2f)" % (last["bytes"] // MIB, growth,
                                           GROWTH_MAX), growth <= GROWTH_MAX)


def run(bench):
    lengths = QUICK_LENGTHS if bench.o.quick else LENGTHS
    programs = servers.taking_part(SERVERS, bench.o.peers)
    control(bench.m)
    cpu = measure_all(bench, programs, lengths)
    found = [summary(name, length, cpu[name]) for name in programs
             for length in lengths[name]]
    bench.say("Bytewise: CPU of one line that is read a byte at a time, median "
              "of %d rounds" % bench.o.peer_rounds)
    bench.show(table_rows(found))
    bench.goals.append(verdict(
        [row for row in found if row["server"] == PLAIT][-1]))
    return found
