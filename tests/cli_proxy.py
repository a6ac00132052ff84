"""plait proxy: what goes through, how it ends, and what it costs."""
import contextlib
import hashlib
import os
import random
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

from peers import client, run
from peers.program import PLAIT, Program, Serve
from peers.program import run as run_program

BIG = random.Random(1).randbytes(20000000)

# By a sanitizer, which has memory of its own.
WATCHED = "PLAIT_SANITIZER" in os.environ


class Proxy(Program):
    def __init__(self, listen, connect, *options, **more):
        super().__init__(PLAIT, "proxy", listen, connect, *options, **more)
        line = self.out.line() or self.stderr()
        assert line.startswith("listening on "), line
        self.endpoint = line[len("listening on "):]


def reset(sock):
    at_once = struct.pack("ii", 1, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    sock.close()


def peak_kib(pid):
    """The most memory that it had resident at a time."""
    with open(f"/proc/{pid}/status") as status:
        return [int(line.split()[1]) for line in status
                if line.startswith("VmHWM")][0]


class Usage(unittest.TestCase):
    def test_wrong(self):
        for words in ([], ["tcp:0"], ["tcp:0", "tcp:127.0.0.1:1", "stdio:"],
                      ["--no", "tcp:0", "tcp:127.0.0.1:1"],
                      ["tpc:0", "tcp:127.0.0.1:1"], ["tcp:0", "tcp:1:x"],
                      ["tcp:0", "tcp:127.0.0.1:1", "--idle", "x"]):
            with self.subTest(words=words):
                status, out, err = run_program(PLAIT, "proxy", *words)
                self.assertEqual((status, out), (2, ""), err)
                self.assertIn("example: ", err)

    def test_help(self):
        status, out, err = run_program(PLAIT, "proxy", "--help")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("plait proxy tcp:8080", out)

    def test_port_in_use(self):
        with Serve("echo", "tcp:0") as server:
            status, out, err = run_program(
                PLAIT, "proxy", server.endpoints[0], "tcp:127.0.0.1:1")
            self.assertEqual((status, out), (1, ""))
            self.assertIn("bind", err)


class Through(unittest.TestCase):
    """To an echo server and back, over each pair of kinds."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        path = os.path.join(self.folder, "echo.sock")
        self.server = Serve("echo", "tcp:0", f"unix:{path}")
        self.addCleanup(self.server.__exit__)
        self.back = list(map(client.client_endpoint, self.server.endpoints))

    def test_any_to_any(self):
        ours = f"unix:{os.path.join(self.folder, 'proxy.sock')}"
        for listen in ("tcp:0", "tcp6:0", ours):
            for back in self.back:
                with self.subTest(listen=listen, back=back), \
                        Proxy(listen, back) as proxy, \
                        client.connect(proxy.endpoint) as sock:
                    self.assertTrue(client.exchange(sock, BIG) == BIG)

    def test_many_at_once(self):
        """On several reactors; each one's bytes are its own."""
        count = 40
        with Proxy("tcp:0", self.back[0], "--reactors", "3") as proxy:
            failed = []

            def one(i):
                data = BIG[i * 1000:][:300000]
                with client.connect(proxy.endpoint) as sock:
                    if client.exchange(sock, data) != data:
                        failed.append(i)

            threads = [threading.Thread(target=one, args=(i,))
                       for i in range(count)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(failed, [])
            proxy.send(signal.SIGTERM)
            self.assertEqual(proxy.wait(), 0, proxy.stderr())
            self.assertEqual(proxy.stderr(), "")

    def test_one_after_the_other(self):
        """A visitor costs no memory when it has gone."""
        with Proxy("tcp:0", self.back[1], "--reactors", "2") as proxy:
            before = None
            for i in range(2000):
                with client.connect(proxy.endpoint) as sock:
                    sock.sendall(b"x")
                    self.assertEqual(sock.recv(1), b"x")
                if i == 200:
                    before = peak_kib(proxy.process.pid)
            if not WATCHED:
                self.assertLess(peak_kib(proxy.process.pid) - before, 256)

    def test_to_stdio(self):
        """One visitor has it, and the next one cannot."""
        with Program(PLAIT, "proxy", "tcp:0", "stdio:",
                     stdin=subprocess.PIPE, bufsize=0) as proxy:
            while not (line := proxy.stderr()):
                self.assertIsNone(proxy.process.poll())
            endpoint = line[len("listening on "):].rstrip()
            with client.connect(endpoint) as sock:
                sock.sendall(b"question")
                self.assertEqual(proxy.out.bytes(8), b"question")
                with self.assertRaises(ConnectionResetError), \
                        client.connect(endpoint) as other:
                    client.read_all(other)
                proxy.stdin.write(b"answer")
                proxy.stdin.close()
                self.assertEqual(client.read_all(sock), b"answer")
            self.assertIn("stdio: it has a connection already",
                          proxy.stderr())
            proxy.send(signal.SIGTERM)
            self.assertEqual(proxy.wait(), 0, proxy.stderr())

    def test_to_stdio_that_waits(self):
        """What is there before the first visitor is that one's."""
        for stdio in ["stdio:"] * 20 + ["stdio"]:
            with Program(PLAIT, "proxy", "tcp:0", stdio,
                         stdin=subprocess.PIPE, bufsize=0) as proxy:
                proxy.stdin.write(b"early")
                while not (line := proxy.stderr()):
                    self.assertIsNone(proxy.process.poll())
                    self.assertEqual(select.select([proxy.out.fd], [], [], 0),
                                     ([], [], []))
                endpoint = line[len("listening on "):].rstrip()
                with client.connect(endpoint) as sock:
                    self.assertEqual(sock.recv(5), b"early")

    def test_stdio(self):
        with tempfile.TemporaryFile() as stdin:
            stdin.write(BIG)
            stdin.seek(0)
            with Program(PLAIT, "proxy", "stdio:", self.back[0],
                         stdin=stdin) as proxy:
                self.assertTrue(proxy.out.rest() == BIG)
                self.assertEqual(proxy.wait(), 0, proxy.stderr())
                self.assertEqual(proxy.stderr(), "listening on stdio:\n")


class Ends(unittest.TestCase):
    """How it ends, with a server that does as it is told."""

    def setUp(self):
        self.listening, self.back = client.listen()
        self.addCleanup(self.listening.close)

    @contextlib.contextmanager
    def joined(self, *options):
        with Proxy("tcp:0", self.back, *options) as proxy, \
                client.connect(proxy.endpoint) as front:
            back, _ = self.listening.accept()
            back.settimeout(run.DEADLINE_S)
            with back:
                yield proxy, front, back

    def test_half_close(self):
        for first in (0, 1):
            with self.joined() as (_, *socks):
                one, other = socks[first], socks[1 - first]
                one.sendall(b"question")
                one.shutdown(socket.SHUT_WR)
                self.assertEqual(client.read_all(other), b"question")
                other.sendall(BIG[:100000])
                other.close()
                self.assertEqual(client.read_all(one), BIG[:100000])

    def test_reset(self):
        for first in (0, 1):
            with self.joined() as (_, *socks):
                one, other = socks[first], socks[1 - first]
                one.sendall(b"half of it")
                self.assertEqual(other.recv(10), b"half of it")
                reset(one)
                with self.assertRaises(ConnectionResetError):
                    client.read_all(other)

    def test_visitor_waits_for_the_connection(self):
        """What a visitor says before there is a server is not read; what it
        says and ends is passed on."""
        with Proxy("tcp:0", self.back) as proxy, \
                client.connect(proxy.endpoint) as front:
            front.sendall(b"early")
            front.shutdown(socket.SHUT_WR)
            back, _ = self.listening.accept()
            with back:
                back.settimeout(run.DEADLINE_S)
                self.assertEqual(client.read_all(back), b"early")

    def test_refused(self):
        self.listening.close()
        with Proxy("tcp:0", self.back) as proxy:
            for _ in range(3):
                with self.assertRaises(ConnectionResetError), \
                        client.connect(proxy.endpoint) as front:
                    client.read_all(front)
            self.assertRegex(
                proxy.stderr(),
                r"^plait: connect tcp:[^\n]*: connection refused\n$")
            proxy.send(signal.SIGTERM)
            self.assertEqual(proxy.wait(), 0)

    def test_time_out(self):
        """A server whose queue is full does not answer."""
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        address = sock.getsockname()
        with socket.create_connection(address), \
                Proxy("tcp:0", f"tcp:127.0.0.1:{address[1]}", "--timeout",
                      "0.2") as proxy, \
                client.connect(proxy.endpoint) as front:
            with self.assertRaises(ConnectionResetError):
                client.read_all(front)
            self.assertIn("timed out after 200 ms", proxy.stderr())

    def test_idle(self):
        with self.joined("--idle", "0.2") as (_, front, back):
            self.assertEqual(client.read_all(front), b"")
            self.assertEqual(client.read_all(back), b"")

    def test_stop(self):
        """What was received is sent, then both end."""
        with self.joined() as (proxy, front, back):
            front.sendall(b"last words")
            self.assertEqual(back.recv(10), b"last words")
            proxy.send(signal.SIGTERM)
            self.assertEqual(client.read_all(front), b"")
            self.assertEqual(client.read_all(back), b"")
            front.close()
            back.close()
            self.assertEqual(proxy.wait(), 0, proxy.stderr())

    def test_stop_while_connecting(self):
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        address = sock.getsockname()
        with socket.create_connection(address), \
                Proxy("tcp:0", f"tcp:127.0.0.1:{address[1]}") as proxy, \
                client.connect(proxy.endpoint) as front, \
                client.connect(proxy.endpoint) as other:
            reset(other)
            proxy.send(signal.SIGTERM)
            with contextlib.suppress(ConnectionResetError):
                client.read_all(front)
            self.assertEqual(proxy.wait(), 0, proxy.stderr())
            self.assertEqual(proxy.stderr(), "")


class Bounded(unittest.TestCase):
    """A fast writer and a slow reader: memory is bounded, and each byte is
    there. PLAIT_PROXY_MIB says of how many."""

    BYTES = int(os.environ.get("PLAIT_PROXY_MIB", "512")) << 20

    def pieces(self):
        """Of what is sent, from the first to the last."""
        for at in range(0, self.BYTES, len(BIG)):
            yield memoryview(BIG)[:self.BYTES - at]

    def write(self, sock):
        for piece in self.pieces():
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)

    def test_slow_reader(self):
        """The writer only writes, and the reader takes small pieces and adds
        them up."""
        listening, back = client.listen()
        came, sent = hashlib.sha256(), hashlib.sha256()
        with listening, Proxy("tcp:0", back) as proxy, \
                client.connect(proxy.endpoint) as front:
            sock, _ = listening.accept()
            writer = threading.Thread(target=self.write, args=(front,))
            with sock:
                sock.settimeout(run.DEADLINE_S)
                writer.start()
                while piece := sock.recv(16384):
                    came.update(piece)
            writer.join()
            for piece in self.pieces():
                sent.update(piece)
            self.assertEqual(came.hexdigest(), sent.hexdigest())
            kib = peak_kib(proxy.process.pid)
            print(f"{self.BYTES >> 20} MiB went through, VmHWM {kib} KiB")
            if not WATCHED:
                self.assertLess(kib, 16384)


if __name__ == "__main__":
    run.main()
