"""Writes the wire vectors of this folder, by running Twisted.

usage: generate.py FOLDER

A file has one row for each thing that was tried: NAME, VALUE as JSON and WIRE,
separated by tabs; a line that starts with # is a comment.  Bytes are in hex,
and "78*30 " is thirty of them: 0d78*30 0a.

*_parse.hex: WIRE was received.  VALUE has the receiver's class, its MAX_LENGTH
as "max", its delimiter if it has one, and what came of it: "events", which are
payloads and {"too long": LENGTH}, and whether the receiver closed.  LENGTH is
null for lines: how much of one has come depends on how the wire was cut.  Each
wire was received whole, bytewise, and cut in two at every place; where that
makes a difference each outcome has a row, and its name says how it was cut.

*_encode.hex: "bytes" of VALUE were sent, and WIRE came of it; or it is a "-"
and "refused" says by which exception.
"""
import json
import os
import re
import sys

import twisted
from twisted.internet.testing import (StringTransport,
                                      StringTransportWithDisconnection)
from twisted.protocols import basic

ALL_BYTES = bytes(range(256))
DELIMITERS = (b"\r\n", b"\n", b"\0", b"--end--", b"aab")
INTS = (basic.Int8StringReceiver, basic.Int16StringReceiver,
        basic.Int32StringReceiver)
UINT32_MAX = 2**32 - 1  # As a limit it is PLAIT_UNLIMITED.


# ---- rows -------------------------------------------------------------------


def show(data):
    """Bytes as they are in a file."""
    spaced = data.hex(" ") + " "
    runs = re.sub(r"([0-9a-f]{2} )\1{7,}",
                  lambda run: f"{run[1][:2]}*{len(run[0]) // 3}_", spaced)
    return runs.replace(" ", "").replace("_", " ").strip()


def write(folder, name, comment, rows):
    names = [row[0] for row in rows]
    assert len(names) == len(set(names)), "two rows have one name"
    with open(os.path.join(folder, name), "w") as file:
        file.write(f"# {comment}\n# made by generate.py with Twisted "
                   f"{twisted.__version__}\n")
        for name, value, wire in rows:
            file.write(f"{name}\t{json.dumps(value)}\t{show(wire) or '-'}\n")


# ---- receiving --------------------------------------------------------------


def recorder(base, attributes):
    """A receiver that records what it is told, and does as it always does."""

    class Recorder(base):
        def stringReceived(self, payload):
            self.events.append(show(payload))

        lineReceived = stringReceived

        def lengthLimitExceeded(self, length):
            self.events.append({"too long": length})
            super().lengthLimitExceeded(length)

        def lineLengthExceeded(self, line):
            self.events.append({"too long": None})
            return super().lineLengthExceeded(line)

    receiver = type(base.__name__, (Recorder,), attributes)()
    receiver.events = []
    return receiver


def receive(base, attributes, pieces):
    """What comes of the pieces: the events, and whether it closed."""
    receiver = recorder(base, attributes)
    transport = StringTransportWithDisconnection()
    transport.protocol = receiver
    receiver.makeConnection(transport)
    for piece in pieces:
        if transport.connected:
            receiver.dataReceived(piece)
    return {"events": receiver.events, "closed": not transport.connected}


def cuts(wire):
    yield "whole", [wire]
    yield "bytewise", [bytes([byte]) for byte in wire]
    for at in range(1, len(wire)):
        yield f"cut at {at}", [wire[:at], wire[at:]]


def parse_rows(base, wires, max_length, **attributes):
    """The rows of a receiver for (name, wire) pairs."""
    title, value = base.__name__, {"receiver": base.__name__}
    title += f" max {max_length}"
    value["max"] = max_length
    if "delimiter" in attributes:
        title += f" {attributes['delimiter'].decode()!r}"
        value["delimiter"] = show(attributes["delimiter"])
    for name, wire in wires:
        outcomes = []
        for cut, pieces in cuts(wire):
            outcome = receive(base, dict(attributes, MAX_LENGTH=max_length),
                              pieces)
            if outcome not in [other for _, other in outcomes]:
                outcomes.append((cut, outcome))
        for cut, outcome in outcomes:
            how = f", {cut}" if len(outcomes) > 1 else ""
            yield f"{title} {name}{how}", dict(value, **outcome), wire


# ---- netstrings -------------------------------------------------------------

NETSTRINGS = [
    ("empty", b"0:,"),
    ("abc", b"3:abc,"),
    ("two", b"3:abc,4:defg,"),
    ("with comma and colon", b"4:a,:b,"),
    ("a netstring in one", b"6:3:abc,,"),
    ("of all bytes", b"256:" + ALL_BYTES + b","),
    ("half", b"3:ab"),
    ("without its comma yet", b"3:abc"),
    ("length only", b"33"),
    ("zero only", b"0"),
    ("length and colon only", b"33:"),
    ("one and a half", b"1:a,2:b"),
    ("letter first", b"a3:abc,"),
    ("letter in the length", b"3a:abc,"),
    ("hex length", b"a:0123456789,"),
    ("comma first", b",3:abc,"),
    ("no digits", b":a,"),
    ("leading zero", b"03:abc,"),
    ("leading zero and no more", b"03"),
    ("two zeros", b"00:,"),
    ("minus", b"-1:a,"),
    ("plus", b"+1:a,"),
    ("space before the length", b" 1:a,"),
    ("space behind the length", b"1 :a,"),
    ("tab before the length", b"\t1:a,"),
    ("NUL before the length", b"\x001:a,"),
    ("slash instead of a digit", b"/:a,"),
    ("dot in the length", b"1.0:a,"),
    ("semicolon instead of the colon", b"1;a,"),
    ("digit of another script", "\u0661:a,".encode()),
    ("letter instead of the comma", b"3:abcX"),
    ("newline instead of the comma", b"3:abc\n"),
    ("comma too early", b"3:ab,X"),
    ("comma too late", b"3:abcd,"),
    ("empty, without its comma", b"0:X"),
    ("newline behind the comma", b"3:abc,\r\n"),
    ("newline behind the length", b"3\n"),
    ("newline behind the length, and more", b"3\n:abc,"),
    ("good then bad", b"1:a,x"),
    ("endless digits", b"1" * 30),
    ("endless zeros", b"0" * 30),
    ("99999", b"99999:a"),
    ("100000", b"100000"),
    ("2**31 - 1", b"2147483647:a"),
    ("2**31", b"2147483648:a"),
    ("2**32 - 1", b"4294967295:a"),
    ("2**32", b"4294967296:a"),
    ("2**64", b"18446744073709551616:a"),
    ("2**64 + 1", b"18446744073709551617:a,"),
]
SHORT_NETSTRINGS = [
    ("limit - 1", b"4:abcd,"),
    ("limit", b"5:abcde,"),
    ("limit + 1", b"6:abcdef,"),
    ("limit + 1, no colon yet", b"6"),
    ("two at the limit", b"5:abcde,5:abcde,"),
    ("good then limit + 1 then good", b"1:a,6:abcdef,1:b,"),
    ("a digit too many", b"55"),
]
LONG_NETSTRINGS = [(name, wire) for name, wire in NETSTRINGS if "2**" in name]


def netstring_rows():
    for wires, most in ((NETSTRINGS, 99999), (SHORT_NETSTRINGS, 5),
                        ([("digits above the limit", b"100")], 99),
                        (LONG_NETSTRINGS, UINT32_MAX - 1)):
        yield from parse_rows(basic.NetstringReceiver, wires, most)


# ---- strings behind their length --------------------------------------------


def prefixed_wires(size):
    """For limits that all of these are below."""

    def prefix(length):
        return length.to_bytes(size, "big")

    yield "empty", prefix(0)
    yield "abc", prefix(3) + b"abc"
    yield "three empty", prefix(0) * 3
    yield "two and a half", (prefix(1) + b"a" + prefix(2) + b"bc" +
                             prefix(3) + b"d")
    yield "prefix only", prefix(5)
    for cut in range(1, size):
        yield f"{cut} of {size} bytes of prefix", prefix(3)[:cut]
        yield (f"good, then {cut} of {size} bytes of prefix",
               prefix(1) + b"a" + prefix(3)[:cut])


def prefixed_limit_wires(size, most):
    def prefix(length):
        return length.to_bytes(size, "big")

    for name, length in (("limit - 1", most - 1), ("limit", most),
                         ("limit + 1", most + 1)):
        if length < 2**(8 * size):
            yield name, prefix(length) + b"x" * length
            yield f"{name}, prefix only", prefix(length)
            yield f"good, then {name}, then good", (
                prefix(1) + b"a" + prefix(length) + b"x" * length +
                prefix(1) + b"b")


def declared_wires(size, lengths):
    """Lengths of which little comes."""
    for length in lengths:
        yield f"0x{length:0{2 * size}x} declared", (
            length.to_bytes(size, "big") + b"abc")


INT32_LENGTHS = (0xff, 0x100, 0xffff, 0x10000, 99998, 99999, 100000,
                 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff)
INT16_LENGTHS = (0x7fff, 0x8000, 0xff00, 0xffff)


def prefixed_rows():
    int8, int16, int32 = INTS
    for base in INTS:
        size = base.prefixLength
        natural = min(99999, 2**(8 * size) - 1)
        yield from parse_rows(base, prefixed_wires(size), natural)
        yield from parse_rows(base, prefixed_limit_wires(size, 5), 5)
    yield from parse_rows(int8, prefixed_limit_wires(1, 255), 255)
    yield from parse_rows(int8, prefixed_limit_wires(1, 254), 254)
    yield from parse_rows(int8, declared_wires(1, (0x7f, 0x80, 0xff)), 127)
    yield from parse_rows(int16, prefixed_limit_wires(2, 256), 256)
    yield from parse_rows(int16, declared_wires(2, INT16_LENGTHS), 65535)
    yield from parse_rows(int16, declared_wires(2, INT16_LENGTHS), 32767)
    for most in (99999, 2**31 - 1, 2**31, UINT32_MAX - 1, UINT32_MAX):
        yield from parse_rows(int32, declared_wires(4, INT32_LENGTHS), most)


# ---- lines ------------------------------------------------------------------


def line_wires(end):
    yield "one", b"abc" + end
    yield "empty", end
    yield "three", b"x" + end + end + b"z" + end
    yield "tail", b"x" + end + b"rest"
    yield "bare CR", b"x\ry" + end
    yield "bare LF", b"x\ny" + end
    yield "bare CR and LF at the edges", b"\nx\r" + end
    yield "start of the delimiter", b"x" + end[:-1]
    yield "start of the delimiter in a line", b"x" + end[:-1] + b"y" + end
    yield "doubled start of the delimiter", b"x" + end[:1] + end
    yield "end of the delimiter in a line", b"x" + end[1:] + b"y" + end
    yield "delimiter backwards", b"x" + end[::-1] + b"y" + end


def line_limit_wires(end):
    """For a limit of 8."""
    most = b"x" * 8
    yield "limit - 1", most[1:] + end
    yield "limit", most + end
    yield "limit + 1", most + b"x" + end
    yield "limit, no end yet", most
    yield "limit + 1, no end yet", most + b"x"
    yield "two at the limit", (most + end) * 2
    yield "long, no end yet", most * 4
    yield "good, then long, then good", (b"ok" + end + most * 4 + end + b"z" +
                                         end)
    yield "limit and the start of the delimiter", most + end[:-1]
    yield "limit, then the start twice", most + end[:1] + end
    yield "limit - 1, start of the delimiter, more", (most[1:] + end[:-1] +
                                                      b"yyyyyyyy")


def line_rows():
    for base in (basic.LineReceiver, basic.LineOnlyReceiver):
        for end in DELIMITERS:
            yield from parse_rows(base, line_wires(end), 64, delimiter=end)
            yield from parse_rows(base, line_limit_wires(end), 8,
                                  delimiter=end)


# ---- sending ----------------------------------------------------------------

PAYLOADS = [b"", b"a", b"hello world!", ALL_BYTES[1:], ALL_BYTES, b"x" * 257,
            b"x" * 65535, b"x" * 65536, b"x" * 99999, b"x" * 100000]
LINES = [b"", b"a", b"hello world!", b"x" * 16384, b"a\rb", b"\r"]


def encode_row(base, payload, delimiter=None):
    """The row of one payload, or of one line if there is a delimiter."""
    sender = base()
    sender.makeConnection(StringTransport())
    name = f"{base.__name__} {len(payload)} bytes"
    value = {"sender": base.__name__, "bytes": show(payload)}
    if delimiter is not None:
        sender.delimiter = delimiter
        name = f"{base.__name__} {delimiter.decode()!r} {payload[:20]!r}"
        value["delimiter"] = show(delimiter)
    try:
        (sender.sendLine if delimiter else sender.sendString)(payload)
    except basic.StringTooLongError as error:
        value["refused"] = type(error).__name__
    return name, value, sender.transport.value()


def encode_rows(*bases):
    return [encode_row(base, payload)
            for base in bases for payload in PAYLOADS]


def line_encode_rows():
    return [encode_row(basic.LineReceiver, line, end)
            for end in DELIMITERS for line in LINES]


def main(folder):
    write(folder, "netstring_parse.hex", "bytes -> NetstringReceiver",
          list(netstring_rows()))
    write(folder, "intn_parse.hex", "bytes -> IntNStringReceiver",
          list(prefixed_rows()))
    write(folder, "line_parse.hex", "bytes -> LineReceiver, LineOnlyReceiver",
          list(line_rows()))
    write(folder, "netstring_encode.hex", "NetstringReceiver -> bytes",
          encode_rows(basic.NetstringReceiver))
    write(folder, "intn_encode.hex", "IntNStringReceiver -> bytes",
          encode_rows(*INTS))
    write(folder, "line_encode.hex", "LineReceiver -> bytes",
          line_encode_rows())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: generate.py FOLDER")
    main(sys.argv[1])
