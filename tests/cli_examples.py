"""The programs in examples/: they are what the documentation shows."""
import os
import signal
import unittest

from peers import client, run
from peers.program import Program, Serve
from peers.program import run as run_program

EXAMPLES = os.path.join(os.environ.get("top_builddir", "."), "examples")


def example(name):
    return os.path.join(EXAMPLES, name)


class Echo(unittest.TestCase):
    def test_echoes(self):
        with Program(example("echo"), "tcp:0:interface=127.0.0.1") as server:
            line = server.out.line()
            self.assertRegex(line, r"^listening on tcp:\d+:interface=")
            endpoint = line[len("listening on "):]
            data = bytes(range(256)) * 20000
            with client.connect(endpoint) as sock:
                self.assertTrue(client.exchange(sock, data) == data)
            server.send(signal.SIGTERM)
            self.assertEqual(server.wait(), 0, server.stderr())

    def test_says_what_is_wrong(self):
        with Serve("echo", "tcp:0") as server:
            status, out, err = run_program(example("echo"),
                                           server.endpoints[0])
            self.assertEqual((status, out), (1, ""))
            self.assertIn("bind", err)


class FrameServer(unittest.TestCase):
    def test_reverses(self):
        with Program(example("frame_server"), "tcp:0") as server:
            endpoint = server.out.line()[len("listening on "):]
            frames = [b"", b"abc", bytes(range(250)) * 4]
            sent, wanted = (b"".join(
                len(f).to_bytes(4, "big") + f[::step] for f in frames)
                for step in (1, -1))
            with client.connect(endpoint) as sock:
                self.assertEqual(
                    client.exchange(sock, sent + b"\0\0\3\xe9"), wanted)


class LineClient(unittest.TestCase):
    def test_asks(self):
        with Serve("line-echo", "tcp:0") as server:
            endpoint = client.client_endpoint(server.endpoints[0])
            self.assertEqual(run_program(example("line_client"), endpoint,
                                         "good", "morning"),
                             (0, "good\nmorning\n", ""))

    def test_refused(self):
        listening, endpoint = client.listen()
        listening.close()
        status, out, err = run_program(example("line_client"), endpoint, "x")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("connect", err)


class Proxy(unittest.TestCase):
    def test_joins(self):
        with Serve("echo", "tcp:0") as server:
            back = client.client_endpoint(server.endpoints[0])
            with Program(example("proxy"), "tcp:0", back) as proxy:
                endpoint = proxy.out.line()[len("listening on "):]
                data = bytes(range(256)) * 20000
                with client.connect(endpoint) as sock:
                    self.assertTrue(client.exchange(sock, data) == data)
                self.assertEqual(
                    proxy.out.line(),
                    f"{len(data)} bytes there, {len(data)} back: ok")
                proxy.send(signal.SIGTERM)
                self.assertEqual(proxy.wait(), 0, proxy.stderr())

    def test_refused(self):
        listening, back = client.listen()
        listening.close()
        with Program(example("proxy"), "tcp:0", back) as proxy:
            endpoint = proxy.out.line()[len("listening on "):]
            with self.assertRaises(ConnectionResetError), \
                    client.connect(endpoint) as sock:
                client.read_all(sock)
            self.assertRegex(proxy.out.line(), "^0 bytes there, 0 back: ")
            self.assertIn("refused", proxy.stderr())


class CheckCodec(unittest.TestCase):
    def test_finds_nothing(self):
        self.assertEqual(run_program(example("check_codec")),
                         (0, "nothing is wrong with chunks\n", ""))


if __name__ == "__main__":
    run.main()
