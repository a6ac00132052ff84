"""The framings that both Twisted and plait have: payloads, Twisted's side."""
import os
import random
from dataclasses import dataclass

from twisted.internet import defer
from twisted.internet.testing import StringTransport
from twisted.protocols import basic
from twisted.trial import unittest

SEED = int(os.environ.get("PLAIT_SEED") or
           random.SystemRandom().getrandbits(32))
print(f"PLAIT_SEED={SEED} repeats this", flush=True)

# What ends lines and strings is part of none.
TEXT = bytes(46 if byte in b"\r\n\0" else byte for byte in range(256))


@dataclass
class Framing:
    codec: str  # framed_client's name for it, and plait's before "-echo"
    receiver: type
    limit: int  # of both sides, unless a test sets one
    delimiter: bytes = b""

    @property
    def name(self):
        nul = "Nul" if self.delimiter == b"\0" else ""
        return nul + self.receiver.__name__

    def payload(self, chance, size):
        data = chance.randbytes(size)
        return data.translate(TEXT) if self.delimiter else data

    def payloads(self, chance, count):
        """Of 0 and 1 byte, at the limit, and of all sizes in between."""
        sizes = [0, 1, self.limit - 1, self.limit, self.limit]
        sizes += [chance.randint(0, min(300, self.limit))
                  for _ in range(count)]
        sizes += [chance.randint(0, self.limit) for _ in range(count // 20)]
        chance.shuffle(sizes)
        return [self.payload(chance, size) for size in sizes]

    def wire(self, payload):
        """What Twisted sends for it."""
        sender = self.protocol(Peer)()
        sender.makeConnection(StringTransport())
        sender.send(payload)
        return sender.transport.value()

    def protocol(self, mixin, **attributes):
        """A class of Twisted's receiver with the mixin."""
        if self.delimiter:
            attributes["delimiter"] = self.delimiter
        return type(self.name, (mixin, self.receiver), attributes)


FRAMINGS = [
    Framing("line", basic.LineReceiver, 16384, b"\r\n"),
    # It refuses a line of its limit, 16384, if the CR comes without the LF.
    Framing("line", basic.LineOnlyReceiver, 16383, b"\r\n"),
    Framing("delimited", basic.LineReceiver, 16384, b"\0"),
    Framing("netstring", basic.NetstringReceiver, 99999),
    Framing("int8", basic.Int8StringReceiver, 255),
    Framing("int16", basic.Int16StringReceiver, 65535),
    Framing("int32", basic.Int32StringReceiver, 99999),
]


def test_cases(mixin):
    """A class of tests for each framing, by its name."""
    names = {f"{mixin.__name__}{f.name}": f for f in FRAMINGS}
    return {name: type(name, (mixin, unittest.TestCase),
                       {"framing": f, "__module__": "__main__"})
            for name, f in names.items()}


class Peer:
    """Lines and strings alike."""

    def send(self, payload):
        send = getattr(self, "sendLine", None) or self.sendString
        send(payload)

    def stringReceived(self, payload):
        self.payload_received(payload)

    lineReceived = stringReceived


class Client(Peer):
    """Keeps what it gets."""

    def __init__(self):
        self.payloads = []
        self.wanted = 0
        self.enough = defer.Deferred()
        self.lost = defer.Deferred()

    def expect(self, count):
        """So many payloads, or the loss of the connection."""
        self.wanted, self.enough = count, defer.Deferred()
        self._look()
        return self.enough

    def _look(self):
        if len(self.payloads) >= self.wanted and not self.enough.called:
            self.enough.callback(self.payloads)

    def payload_received(self, payload):
        self.payloads.append(payload)
        self._look()

    def connectionLost(self, reason):
        if not self.enough.called:
            self.enough.errback(reason)
            self.enough.addErrback(lambda _: None)
        self.lost.callback(reason.getErrorMessage())


class Echo(Peer):
    """Sends each payload back, and reads no faster than it is read."""

    def connectionMade(self):
        self.transport.registerProducer(self.transport, True)

    def payload_received(self, payload):
        self.send(self.answer(payload))

    def answer(self, payload):
        return payload

    def connectionLost(self, reason):
        self.factory.lost.callback(reason.getErrorMessage())


class Liar(Echo):
    """Changes the last byte of what is long."""

    def answer(self, payload):
        return payload[:-1] + b"?" if len(payload) > 50 else payload


class Longer(Echo):
    """Adds a byte to what is long."""

    def answer(self, payload):
        return payload + b"?" if len(payload) > 99 else payload


class Cut(Echo):
    """Of what is long it sends all but the last byte, and closes."""

    def send(self, payload):
        if len(payload) < 50:
            super().send(payload)
            return
        self.transport.write(self.framing.wire(payload)[:-1])
        self.transport.loseConnection()
