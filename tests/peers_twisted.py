"""Twisted's LineReceiver, as a client and as a server of plait."""
import random
import subprocess
import tempfile

from peers import client, run

if __name__ == "__main__":
    run.without("twisted")

from twisted.internet import defer, interfaces, protocol, reactor, threads
from twisted.protocols.basic import LineReceiver
from twisted.trial import unittest
from zope.interface import implementer

from peers.program import PLAIT, Program, Serve

LINE_MAX = 16384
NO_ENDING = bytes(set(range(256)) - {10, 13})


def random_lines(chance, count):
    """Lines of all sizes, some of them as long as may be."""
    sizes = [0, 1, LINE_MAX - 1, LINE_MAX, LINE_MAX]
    sizes += [chance.randint(0, 300) for _ in range(count)]
    sizes += [chance.randint(0, LINE_MAX) for _ in range(20)]
    chance.shuffle(sizes)
    return [bytes(chance.choices(NO_ENDING, k=n)) for n in sizes]


@implementer(interfaces.IHalfCloseableProtocol)
class Upper(LineReceiver):
    """Answers each line in upper case, and closes when the peer ends."""

    def lineReceived(self, line):
        self.sendLine(line.upper())

    def readConnectionLost(self):
        self.transport.loseConnection()

    def writeConnectionLost(self):
        pass

    def connectionLost(self, reason):
        self.factory.lost.callback(reason.getErrorMessage())


class Lines(LineReceiver):
    """A client that waits for lines."""

    def __init__(self):
        self.lines = defer.DeferredQueue()
        self.lost = defer.Deferred()

    def lineReceived(self, line):
        self.lines.put(line)

    def connectionLost(self, reason):
        self.lost.callback(reason.getErrorMessage())


class Twisted(unittest.TestCase):
    timeout = run.DEADLINE_S

    def serve(self, *arguments):
        server = Serve(*arguments)
        self.addCleanup(server.__exit__)
        return server.endpoints[0]

    @defer.inlineCallbacks
    def connect(self, endpoint):
        _, (host, port) = client.address_of(endpoint)
        creator = protocol.ClientCreator(reactor, Lines)
        peer = yield creator.connectTCP(host, port)
        self.addCleanup(self.disconnect, peer)
        return peer

    def disconnect(self, peer):
        peer.transport.abortConnection()
        return peer.lost

    @defer.inlineCallbacks
    def test_line_echo(self):
        chance = random.Random(5)
        peer = yield self.connect(self.serve("line-echo", "tcp:0"))
        lines = random_lines(chance, 500)
        for line in lines:
            # In pieces, and by LF as well as by CR LF.
            whole = line + chance.choice([b"\n", b"\r\n"])
            cut = chance.randint(0, len(whole))
            peer.transport.write(whole[:cut])
            peer.transport.write(whole[cut:])
        for line in lines:
            got = yield peer.lines.get()
            self.assertEqual(got, line)

    @defer.inlineCallbacks
    def test_too_long(self):
        peer = yield self.connect(self.serve("line-echo", "tcp:0"))
        peer.sendLine(b"x" * LINE_MAX)
        got = yield peer.lines.get()
        self.assertEqual(got, b"x" * LINE_MAX)
        peer.sendLine(b"x" * (LINE_MAX + 1))
        yield peer.lost
        self.assertEqual(peer.lines.pending, [])

    @defer.inlineCallbacks
    def expect(self, peer, *lines):
        for wanted in lines:
            got = yield peer.lines.get()
            self.assertEqual(got.decode(), wanted)

    @defer.inlineCallbacks
    def test_chat(self):
        endpoint = self.serve("chat", "tcp:0", "--reactors", "2")
        ann = yield self.connect(endpoint)
        yield self.expect(ann, "name?")
        ann.sendLine(b"ann")
        yield self.expect(ann, "* ann joined")
        bob = yield self.connect(endpoint)
        bob.sendLine(b"ann")
        bob.sendLine(b"bob")
        yield self.expect(bob, "name?", "! name taken", "name?",
                          "* bob joined")
        yield self.expect(ann, "* bob joined")
        for i in range(100):
            ann.sendLine(b"x" * i * 10 + b"%d" % i)
        for i in range(100):
            yield self.expect(bob, "<ann> " + "x" * i * 10 + str(i))
        bob.sendLine(b"/msg ann hi")
        bob.sendLine(b"/quit")
        yield bob.lost
        yield self.expect(ann, "[bob] hi", "* bob left")

    @defer.inlineCallbacks
    def test_cat_to_a_server(self):
        factory = protocol.ServerFactory()
        factory.protocol = Upper
        factory.lost = defer.Deferred()
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)

        data = b"".join(line + b"\r\n"
                        for line in random_lines(random.Random(6), 500))
        stdin = tempfile.TemporaryFile()
        self.addCleanup(stdin.close)
        stdin.write(data)
        stdin.seek(0)
        cat = Program(PLAIT, "cat", f"tcp:127.0.0.1:{port.getHost().port}",
                      stdin=stdin, stdout=subprocess.PIPE)
        self.addCleanup(cat.__exit__)
        out = yield threads.deferToThread(cat.out.rest)
        self.assertTrue(out == data.upper())
        status = yield threads.deferToThread(cat.wait)
        self.assertEqual(status, 0, cat.stderr())
        reason = yield factory.lost
        self.assertIn("cleanly", reason)


if __name__ == "__main__":
    run.main()
