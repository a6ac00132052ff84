"""plait serve: the services that echo frames, and their options."""
import struct
import unittest

from peers import client, run
from peers.program import PLAIT, Serve
from peers.program import run as run_program


def prefixed(form):
    def encode(payload):
        return struct.pack(form, len(payload)) + payload
    return encode


def netstring(payload):
    return b"%d:%s," % (len(payload), payload)


SERVICES = {
    "int8-echo": prefixed("!B"),
    "int16-echo": prefixed("!H"),
    "int32-echo": prefixed("!I"),
    "netstring-echo": netstring,
    "line-echo": lambda payload: payload + b"\r\n",
    "delimited-echo": lambda payload: payload + b"\0",
}


class FramedEcho(unittest.TestCase):
    def service(self, *words):
        server = Serve(*words, "tcp:0")
        self.addCleanup(server.__exit__)
        return server.endpoints[0]

    def exchange(self, endpoint, data):
        with client.connect(endpoint) as sock:
            return client.exchange(sock, data)

    def test_payloads_come_back(self):
        for name, encode in SERVICES.items():
            with self.subTest(service=name):
                frames = b"".join(encode(b"x" * n) for n in (
                    0, 1, 2, 100, 255, 3, 0, 255))
                self.assertEqual(self.exchange(self.service(name), frames),
                                 frames)

    def test_many(self):
        """Far more than the marks and buffers hold, both ways at once."""
        for name, encode in SERVICES.items():
            with self.subTest(service=name):
                frames = b"".join(encode(b"%d" % n) for n in range(100000))
                self.assertEqual(self.exchange(self.service(name), frames),
                                 frames)

    def test_max_length(self):
        """A payload of the limit comes back, one byte more ends it."""
        for name, encode in SERVICES.items():
            with self.subTest(service=name):
                endpoint = self.service(name, "--max-length", "10")
                good, bad = encode(b"x" * 10), encode(b"x" * 11)
                self.assertEqual(
                    self.exchange(endpoint, good + bad + good), good)

    def test_defaults(self):
        for name, limit in (("int32-echo", 99999), ("netstring-echo", 99999),
                            ("line-echo", 16384), ("delimited-echo", 16384)):
            with self.subTest(service=name):
                endpoint, encode = self.service(name), SERVICES[name]
                good = encode(b"x" * limit)
                self.assertEqual(
                    self.exchange(endpoint, good + encode(b"x" * (limit + 1))),
                    good)

    def test_max_length_of_nothing(self):
        for service in ("echo", "chat"):
            with self.subTest(service=service):
                status, out, err = run_program(PLAIT, "serve", service,
                                               "tcp:0", "--max-length", "10")
                self.assertEqual((status, out), (2, ""))
                self.assertIn("--max-length is for echoes", err)

    def test_malformed(self):
        endpoint = self.service("netstring-echo")
        self.assertEqual(self.exchange(endpoint, b"1:a,03:abc,1:b,"), b"1:a,")

    def test_end_inside_a_frame(self):
        endpoint = self.service("int16-echo")
        self.assertEqual(self.exchange(endpoint, b"\0\1a\0\2b"), b"\0\1a")


class Delimiters(unittest.TestCase):
    def check(self, options, sent, wanted):
        words = sum((["--delimiter", o] for o in options), [])
        with Serve("delimited-echo", *words, "tcp:0") as server:
            with client.connect(server.endpoints[0]) as sock:
                self.assertEqual(client.exchange(sock, sent), wanted)

    def test_escapes(self):
        for text, byte in ((r"\0", b"\0"), (r"\x1e", b"\x1e"),
                           (r"\r\n", b"\r\n"), (r"\xA", b"\n"), (r"\377\12", b"\xff\n"),
                           (r"\\", b"\\"), (r"\t|", b"\t|"), ("|", b"|"),
                           ("0123456789abcdef", b"0123456789abcdef")):
            with self.subTest(text=text):
                data = b"one" + byte + byte + b"two" + byte
                self.check([text], data, data)

    def test_alternatives(self):
        """The first one is what the echo ends with."""
        self.check(["|", r"\r", r"\r\n"], b"a|b\rc\r\nd\r|e\r", b"a|b|c|d||e|")

    def test_wrong(self):
        for text in ("", "\\", r"\q", r"\x", r"\400", "x" * 17,
                     "x" * 16 + r"\n"):
            with self.subTest(text=text):
                status, out, err = run_program(
                    PLAIT, "serve", "delimited-echo", "tcp:0", "--delimiter",
                    text)
                self.assertEqual((status, out), (2, ""))
                self.assertIn("--delimiter takes 1 to 16 bytes", err)
                self.assertIn(r"example: plait serve --delimiter '\r\n'", err)

    def test_not_used(self):
        status, _, err = run_program(PLAIT, "serve", "line-echo", "tcp:0",
                                     "--delimiter", "|")
        self.assertEqual(status, 2)
        self.assertIn("--delimiter is for delimited-echo", err)

    def test_too_many(self):
        words = sum((["--delimiter", "x" * n] for n in range(1, 10)), [])
        status, _, err = run_program(PLAIT, "serve", "delimited-echo", "tcp:0",
                                     *words)
        self.assertEqual(status, 2)
        self.assertIn("8 times at most", err)


if __name__ == "__main__":
    run.main()
