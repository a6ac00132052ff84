"""Frames and lines: Twisted's receivers, as clients and as servers of plait.

Each class below is there once for each framing."""
import os
import random

from peers import client, run

if __name__ == "__main__":
    run.without("twisted")

from twisted.internet import defer, protocol, reactor, threads

from peers import framing
from peers.program import Program, Serve

CLIENT = os.path.join(os.environ.get("top_builddir", "."),
                      "tests/peers/framed_client")
COUNT = 3000
SHORT = 100  # a limit that Int8StringReceiver can exceed


class Server:
    """plait serve, with a client of Twisted's."""

    timeout = run.DEADLINE_S

    def serve(self, *options):
        words = list(options)
        if self.framing.delimiter == b"\0":
            words += ["--delimiter", r"\0"]
        server = Serve(f"{self.framing.codec}-echo", "tcp:0", *words,
                       endpoints=1)
        self.addCleanup(server.__exit__)
        return server.endpoints[0]

    @defer.inlineCallbacks
    def connect(self, endpoint):
        _, (host, port) = client.address_of(endpoint)
        creator = protocol.ClientCreator(
            reactor, self.framing.protocol(framing.Client))
        peer = yield creator.connectTCP(host, port)
        self.addCleanup(self.disconnect, peer)
        return peer

    def disconnect(self, peer):
        peer.transport.abortConnection()
        return peer.lost

    def compare(self, got, wanted):
        """Without printing megabytes."""
        self.assertEqual([len(payload) for payload in got],
                         [len(payload) for payload in wanted])
        self.assertTrue(got == wanted)

    @defer.inlineCallbacks
    def test_echoes(self):
        """All at once, so that every buffer in between fills."""
        payloads = self.framing.payloads(random.Random(framing.SEED), COUNT)
        peer = yield self.connect(self.serve())
        for payload in payloads:
            peer.send(payload)
        got = yield peer.expect(len(payloads))
        self.compare(got, payloads)

    @defer.inlineCallbacks
    def test_too_long(self):
        peer = yield self.connect(self.serve("--max-length", str(SHORT)))
        chance = random.Random(framing.SEED)
        sizes = [SHORT - 1, SHORT, 0, SHORT, SHORT + 1, SHORT, 1]
        payloads = [self.framing.payload(chance, size) for size in sizes]
        for payload in payloads:
            peer.send(payload)
        reason = yield peer.lost
        self.assertIn("cleanly", reason)
        self.compare(peer.payloads, payloads[:4])

    @defer.inlineCallbacks
    def test_end_in_a_frame(self):
        """Whatever there is of it, even nothing, the server closes."""
        endpoint = self.serve()
        wire = self.framing.wire(b"half")
        for cut in range(len(wire)):
            peer = yield self.connect(endpoint)
            peer.send(b"whole")
            peer.transport.write(wire[:cut])
            peer.transport.loseWriteConnection()
            reason = yield peer.lost
            self.assertIn("cleanly", reason)
            self.compare(peer.payloads, [b"whole"])


class Client:
    """A server of Twisted's, with framed_client."""

    timeout = run.DEADLINE_S

    def listen(self, mixin, **attributes):
        """A server for one connection; its endpoint."""
        factory = protocol.ServerFactory()
        factory.protocol = self.framing.protocol(mixin, **attributes)
        factory.lost = self.lost = defer.Deferred()
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return f"tcp:127.0.0.1:{port.getHost().port}"

    @defer.inlineCallbacks
    def run_client(self, endpoint, count, limit):
        """Status, stdout and stderr of the client, once both have ended."""
        program = Program(CLIENT, self.framing.codec, endpoint,
                          str(framing.SEED), str(count), str(limit))
        self.addCleanup(program.__exit__)
        out = yield threads.deferToThread(program.out.rest)
        status = yield threads.deferToThread(program.wait)
        yield self.lost
        return status, out.decode(), program.stderr()

    @defer.inlineCallbacks
    def test_echoes(self):
        endpoint = self.listen(framing.Echo)
        status, out, err = yield self.run_client(endpoint, COUNT,
                                                 self.framing.limit)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith(f"{COUNT} echoes, "), out)

    @defer.inlineCallbacks
    def test_too_long_for_the_server(self):
        endpoint = self.listen(framing.Echo, MAX_LENGTH=SHORT)
        status, _, err = yield self.run_client(endpoint, COUNT, SHORT + 1)
        self.assertEqual(status, 1)
        self.assertIn("connection lost", err)

    @defer.inlineCallbacks
    def test_too_long_for_the_client(self):
        endpoint = self.listen(framing.Longer)
        status, _, err = yield self.run_client(endpoint, COUNT, SHORT)
        self.assertEqual(status, 1)
        self.assertIn(f"behind echo 3 of {COUNT}: malformed or too long", err)

    @defer.inlineCallbacks
    def test_end_in_a_frame(self):
        """The third is the first long one, and the last that is sent."""
        endpoint = self.listen(framing.Cut, framing=self.framing)
        status, _, err = yield self.run_client(endpoint, 3, SHORT)
        self.assertEqual(status, 1)
        self.assertIn("behind echo 2 of 3: the input ended inside", err)

    @defer.inlineCallbacks
    def test_other_answers(self):
        """The client would see it."""
        endpoint = self.listen(framing.Liar)
        status, _, err = yield self.run_client(endpoint, COUNT, SHORT)
        self.assertEqual(status, 1)
        self.assertIn("something else than was sent is echo", err)


globals().update(framing.test_cases(Server))
globals().update(framing.test_cases(Client))

if __name__ == "__main__":
    run.main()
