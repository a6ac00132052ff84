"""plait cat: what goes through, how it ends, and what it leaves behind."""
import contextlib
import fcntl
import hashlib
import os
import pty
import random
import socket
import struct
import subprocess
import tempfile
import termios
import unittest

from peers import client, run
from peers.program import PLAIT, Program, Reader, Serve
from peers.program import run as run_program

BIG = random.Random(1).randbytes(20000000)


def cat(*arguments, **options):
    return Program(PLAIT, "cat", *arguments, **options)


def reset(sock):
    at_once = struct.pack("ii", 1, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    sock.close()


class Usage(unittest.TestCase):
    def test_wrong(self):
        for words in ([], ["tcp:127.0.0.1:1", "stdio:", "stdio:"], ["--no"],
                      ["tpc:127.0.0.1:1"], ["tcp:127.0.0.1"], ["tcp:1:x"]):
            with self.subTest(words=words):
                status, out, err = run_program(PLAIT, "cat", *words)
                self.assertEqual((status, out), (2, ""), err)
                self.assertRegex(
                    err, r"tcp:(127\.0\.0\.1:4000|www\.example\.net:80)")

    def test_help(self):
        status, out, err = run_program(PLAIT, "cat", "--help")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("plait cat tcp:127.0.0.1:4000", out)


class Through(unittest.TestCase):
    """To an echo server and back."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        path = os.path.join(self.folder.name, "echo.sock")
        self.server = Serve("echo", "tcp:0", f"unix:{path}")
        self.addCleanup(self.server.__exit__)
        self.tcp, self.unix = map(client.client_endpoint,
                                  self.server.endpoints)

    def file(self, data):
        file = open(os.path.join(self.folder.name, "data"), "w+b")
        self.addCleanup(file.close)
        file.write(data)
        file.seek(0)
        return file

    def test_files(self):
        """A regular file is no descriptor that can be waited for."""
        for endpoint in (self.tcp, self.unix):
            with tempfile.TemporaryFile() as out:
                with cat(endpoint, stdin=self.file(BIG), stdout=out) as peer:
                    self.assertEqual(peer.wait(), 0, peer.stderr())
                out.seek(0)
                self.assertEqual(hashlib.sha256(out.read()).digest(),
                                 hashlib.sha256(BIG).digest())

    def test_pipes(self):
        for endpoint in (self.tcp, self.unix):
            with cat(endpoint, stdin=self.file(BIG)) as peer:
                digest = hashlib.sha256(peer.out.rest()).digest()
                self.assertEqual(digest, hashlib.sha256(BIG).digest())
                self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_appends_to_its_file(self):
        with tempfile.TemporaryFile() as out:
            out.write(b"before ")
            out.flush()
            with cat(self.tcp, stdin=self.file(b"after"), stdout=out) as peer:
                self.assertEqual(peer.wait(), 0)
            out.seek(0)
            self.assertEqual(out.read(), b"before after")

    def test_step_by_step(self):
        for endpoint in (self.tcp, self.unix):
            with cat(endpoint, stdin=subprocess.PIPE, bufsize=0) as peer:
                for text in (b"one\n", b"two\n"):
                    peer.stdin.write(text)
                    self.assertEqual(peer.out.bytes(4), text)
                peer.stdin.close()
                self.assertEqual(peer.out.rest(), b"")
                self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_no_input(self):
        with cat(self.tcp) as peer:  # /dev/null
            self.assertEqual(peer.out.rest(), b"")
            self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_closed_stdio(self):
        with cat(self.tcp, stdin=self.file(b"x"), stdout=None,
                 preexec_fn=lambda: os.close(1)) as peer:
            self.assertEqual(peer.wait(), 0, peer.stderr())
        with cat(self.tcp, preexec_fn=lambda: os.close(0)) as peer:
            self.assertEqual(peer.out.rest(), b"")
            self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_sockets(self):
        ours, theirs = socket.socketpair()
        with ours, cat(self.tcp, stdin=theirs, stdout=theirs) as peer:
            theirs.close()
            ours.settimeout(run.DEADLINE_S)
            self.assertEqual(client.exchange(ours, BIG[:1000000]),
                             BIG[:1000000])
            self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_slow_reader(self):
        """What is not read stops the server, not the memory."""
        with Serve("chargen", "tcp:0") as server:
            endpoint = client.client_endpoint(server.endpoints[0])
            with cat(endpoint, stdin=subprocess.PIPE) as peer:
                self.assertEqual(len(peer.out.bytes(100)), 100)
                server.send(19)  # SIGSTOP: nobody feeds it any more
                with open(f"/proc/{peer.process.pid}/status") as status:
                    kib = [int(line.split()[1]) for line in status
                           if line.startswith("VmHWM")][0]
                self.assertLess(kib, 100000)
                peer.process.kill()
                peer.wait()
            server.process.kill()

    def test_two_endpoints(self):
        listening, endpoint = client.listen()
        with listening, cat(endpoint, self.unix) as peer:
            sock, _ = listening.accept()
            with sock:
                sock.settimeout(run.DEADLINE_S)
                self.assertEqual(client.exchange(sock, BIG[:5000000]),
                                 BIG[:5000000])
            self.assertEqual(peer.wait(), 0, peer.stderr())


class Programs(unittest.TestCase):
    """As endpoints."""

    def talk(self, data, *endpoints):
        with tempfile.TemporaryFile() as stdin:
            stdin.write(data)
            stdin.seek(0)
            with cat(*endpoints, stdin=stdin) as peer:
                return peer.out.rest(), peer.wait(), peer.stderr()

    def test_joins(self):
        for endpoints in (["stdio:", "process:/bin/cat"],
                          ["process:/bin/cat", "stdio:"],
                          ["process:/bin/cat", "stdio"],
                          ["process:/bin/cat"]):
            with self.subTest(endpoints=endpoints):
                self.assertTrue(self.talk(BIG, *endpoints) == (BIG, 0, ""))

    def test_arguments(self):
        self.assertEqual(self.talk(b"b\na\nc\n", "process:sort:arg=-r"),
                         (b"c\nb\na\n", 0, ""))

    def test_failing(self):
        self.assertEqual(
            self.talk(b"", "process:/bin/sh:arg=-c:arg=echo well; exit 3"),
            (b"well\n", 1, "plait: cat process:/bin/sh:arg=-c:arg=echo well; "
             "exit 3: process /bin/sh: exited with 3\n"))
        self.assertEqual(
            self.talk(b"", "process:/bin/sh:arg=-c:arg=kill -9 $$")[1:],
            (1, "plait: cat process:/bin/sh:arg=-c:arg=kill -9 $$: "
             "process /bin/sh: ended by signal 9\n"))

    def test_missing(self):
        for endpoints in (["process:/nowhere"], ["stdio:", "process:/nowhere"]):
            with self.subTest(endpoints=endpoints):
                self.assertEqual(
                    self.talk(b"lost", *endpoints),
                    (b"", 1, "plait: connect process:/nowhere: exec: "
                     "no such file or directory\n"))


class Ends(unittest.TestCase):
    """How it ends, with a server that does as it is told."""

    def setUp(self):
        self.listening, self.endpoint = client.listen()
        self.addCleanup(self.listening.close)

    @contextlib.contextmanager
    def joined(self, **options):
        with cat(self.endpoint, **options) as peer:
            sock, _ = self.listening.accept()
            with sock:
                sock.settimeout(run.DEADLINE_S)
                yield peer, sock

    def test_our_end_first(self):
        with self.joined(stdin=subprocess.PIPE) as (peer, sock):
            peer.stdin.write(b"question")
            peer.stdin.close()
            self.assertEqual(client.read_all(sock), b"question")
            sock.sendall(b"answer")
            self.assertEqual(peer.out.bytes(6), b"answer")
            sock.sendall(b" and more")
            sock.close()
            self.assertEqual(peer.out.rest(), b" and more")
            self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_their_end_first(self):
        with self.joined(stdin=subprocess.PIPE, bufsize=0) as (peer, sock):
            sock.sendall(b"all I have")
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(peer.out.rest(), b"all I have")
            peer.stdin.write(b"thank you")
            peer.stdin.close()
            self.assertEqual(client.read_all(sock), b"thank you")
            self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_silent_input(self):
        """The server closes; standard input says nothing, and stays open."""
        with self.joined(stdin=subprocess.PIPE) as (peer, sock):
            sock.sendall(b"that is all")
            sock.close()
            self.assertEqual(peer.out.rest(), b"that is all")
            self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_refused(self):
        self.listening.close()
        with tempfile.TemporaryFile() as stdin:
            stdin.write(b"kept for another try")
            stdin.seek(0)
            with cat(self.endpoint, stdin=stdin) as peer:
                self.assertEqual(peer.out.rest(), b"")
                self.assertEqual(peer.wait(), 1)
                self.assertRegex(peer.stderr(),
                                 r"^plait: .*connect.*refused\n$")
            self.assertEqual(stdin.tell(), 0)

    def test_no_such_path(self):
        status, out, err = run_program(PLAIT, "cat", "unix:/nowhere/at/all")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("unix:/nowhere/at/all", err)
        self.assertIn("connect", err)

    def test_second_refused(self):
        with self.listening:
            spare, refusing = client.listen()
            spare.close()
            with cat(self.endpoint, refusing) as peer:
                sock, _ = self.listening.accept()
                with sock:
                    sock.settimeout(run.DEADLINE_S)
                    self.assertEqual(client.read_all(sock), b"")
                self.assertEqual(peer.wait(), 1)
                self.assertIn(refusing, peer.stderr())

    def test_reset(self):
        with self.joined(stdin=subprocess.PIPE) as (peer, sock):
            sock.sendall(b"half of it")
            self.assertEqual(peer.out.bytes(10), b"half of it")
            reset(sock)
            self.assertEqual(peer.out.rest(), b"")
            self.assertEqual(peer.wait(), 1)
            self.assertRegex(peer.stderr(),
                             r"^plait: cat tcp:.*: .*reset.*\n$")

    def test_reset_after_the_end_of_input(self):
        with self.joined() as (peer, sock):
            self.assertEqual(client.read_all(sock), b"")
            reset(sock)
            self.assertEqual(peer.wait(), 1)
            self.assertIn("reset", peer.stderr())

    def test_peer_does_not_take_it_all(self):
        with tempfile.TemporaryFile() as stdin:
            stdin.write(BIG)
            stdin.seek(0)
            with self.joined(stdin=stdin) as (peer, sock):
                self.assertTrue(sock.recv(1000))
                sock.close()  # with unread bytes: a reset
                self.assertEqual(peer.wait(), 1)
                self.assertEqual(len(peer.stderr().splitlines()), 1)

    def test_reader_goes(self):
        with self.joined(stdin=subprocess.PIPE) as (peer, sock):
            peer.process.stdout.close()
            with contextlib.suppress(ConnectionError):
                while True:
                    sock.sendall(bytes(65536))
            self.assertEqual(peer.wait(), 1)
            self.assertEqual(len(peer.stderr().splitlines()), 1)

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            with self.joined(stdout=full) as (peer, sock):
                sock.sendall(b"x")
                sock.close()
                self.assertEqual(peer.wait(), 1, "lost bytes")
                self.assertRegex(peer.stderr(), r"^plait: cat: standard output")
                self.assertEqual(len(peer.stderr().splitlines()), 1)

    def test_reader_takes_its_time(self):
        """A pager: both sides have ended, and bytes are still to be read."""
        data = BIG[:200000]
        with self.joined() as (ended, one), \
                self.joined(stdin=subprocess.PIPE) as (silent, other):
            for sock in (one, other):
                sock.sendall(data)
                sock.close()
            with self.assertRaises(subprocess.TimeoutExpired):
                silent.process.wait(3)  # longer than any of its own waits
            for peer in (ended, silent):
                self.assertIsNone(peer.process.poll())
                self.assertTrue(peer.out.rest() == data)
                self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_interrupted(self):
        with self.joined(stdin=subprocess.PIPE) as (peer, sock):
            sock.sendall(b"go on")
            self.assertEqual(peer.out.bytes(5), b"go on")
            peer.send(2)
            self.assertEqual(client.read_all(sock), b"")
            sock.close()
            self.assertEqual(peer.wait(), 0, peer.stderr())


class Datagrams(unittest.TestCase):
    """To a peer that is no plait."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.udp.close)
        self.udp.settimeout(run.DEADLINE_S)
        self.udp.bind(("127.0.0.1", 0))
        self.endpoint = "udp:127.0.0.1:%d" % self.udp.getsockname()[1]

    def talk(self, sock, *words):
        """A question, an answer, and the end."""
        with cat(*words, stdin=subprocess.PIPE, bufsize=0) as peer:
            for text in (b"one\n", b"two\n"):
                peer.stdin.write(text)
                data, sender = sock.recvfrom(65536)
                self.assertEqual(data, text)
                sock.sendto(b"to " + data, sender)
                self.assertEqual(peer.out.bytes(7), b"to " + text)
            peer.stdin.close()
            sock.sendto(b"late", sender)
            self.assertEqual(peer.out.rest(), b"late")
            self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_udp(self):
        self.talk(self.udp, self.endpoint)
        self.talk(self.udp, "stdio:", self.endpoint)

    def test_name(self):
        port = self.udp.getsockname()[1]
        self.talk(self.udp, f"udp:localhost:{port}:bind=127.0.0.1")

    def test_no_address_opens(self):
        """Of a name's; one line tells why."""
        endpoint = "udp:localhost:9"
        status, out, err = run_program(PLAIT, "cat",
                                       f"{endpoint}:bind=192.0.2.1")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, f"^plait: connect {endpoint}: bind .*\n$")

    def test_unix(self):
        path = os.path.join(self.folder.name, "sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(run.DEADLINE_S)
            sock.bind(path)
            self.talk(sock, f"unixgram:{path}:bind={path}.mine")

    def test_is_cut(self):
        """Into what plait and socat receive whole; all of it arrives."""
        path = os.path.join(self.folder.name, "sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, \
                tempfile.TemporaryFile() as stdin:
            sock.settimeout(run.DEADLINE_S)
            sock.bind(path)
            stdin.write(BIG[:3000000])
            stdin.seek(0)
            got = b""
            with cat(f"unixgram:{path}", stdin=stdin) as peer:
                while len(got) < 3000000:
                    data = sock.recv(65536)
                    self.assertLessEqual(len(data), 8192)
                    got += data
                self.assertEqual(peer.wait(), 0, peer.stderr())
            self.assertTrue(got == BIG[:3000000])

    def test_slow_reader(self):
        """While nobody reads it is not silent: nothing can come."""
        path = os.path.join(self.folder.name, "sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(path)
            with cat(f"unixgram:{path}:bind={path}.mine",
                     stdin=subprocess.PIPE, bufsize=0) as peer:
                peer.stdin.write(b"question")
                peer.stdin.close()
                sock.recv(8)
                sock.settimeout(1)
                count = 0
                with self.assertRaises(TimeoutError):
                    while True:  # until nothing takes any more
                        sock.sendto(b"x" * 1000, f"{path}.mine")
                        count += 1
                with self.assertRaises(subprocess.TimeoutExpired):
                    peer.process.wait(2)  # as long as silence may be
                self.assertEqual(len(peer.out.rest()), count * 1000)
                self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_refused(self):
        self.udp.close()
        with cat(self.endpoint, stdin=subprocess.PIPE, bufsize=0) as peer:
            peer.stdin.write(b"anybody there?")
            self.assertEqual(peer.out.rest(), b"")
            self.assertEqual(peer.wait(), 1)
            self.assertEqual(peer.stderr(), f"plait: cat {self.endpoint}: "
                             "connection refused\n")

    def test_reader_goes(self):
        with cat(self.endpoint, stdin=subprocess.PIPE, bufsize=0) as peer:
            peer.stdin.write(b"hello")
            _, sender = self.udp.recvfrom(100)
            peer.process.stdout.close()
            with contextlib.suppress(ConnectionError):
                while peer.process.poll() is None:
                    self.udp.sendto(b"x", sender)
            self.assertEqual(peer.wait(), 1)
            self.assertEqual(len(peer.stderr().splitlines()), 1)

    def test_wrong(self):
        for words in ([self.endpoint, self.endpoint], ["udp:127.0.0.1"],
                      ["udp:127.0.0.1:0"]):
            with self.subTest(words=words):
                status, out, _ = run_program(PLAIT, "cat", *words)
                self.assertEqual((status, out), (2, ""))

    def test_interrupted(self):
        with cat(self.endpoint, stdin=subprocess.PIPE, bufsize=0) as peer:
            peer.stdin.write(b"hello")
            self.udp.recv(100)
            peer.send(2)
            self.assertEqual(peer.wait(), 0, peer.stderr())


class Borrowed(unittest.TestCase):
    """Standard descriptors belong to others as well."""

    def setUp(self):
        self.server = Serve("echo", "tcp:0")
        self.addCleanup(self.server.__exit__)
        self.endpoint = client.client_endpoint(self.server.endpoints[0])

    def test_flags_of_pipes(self):
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()
        ends = (in_read, in_write, out_read, out_write)
        for fd in ends:
            self.addCleanup(os.close, fd)
        before = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in ends]
        with cat(self.endpoint, stdin=in_read, stdout=out_write) as peer:
            os.write(in_write, b"hello")
            self.assertEqual(Reader(out_read).bytes(5), b"hello")
            during = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in ends]
            self.assertEqual(during, before)
            self.server.send(15)  # echo's end; our stdin stays open
            self.assertEqual(peer.wait(), 0, peer.stderr())
        after = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in ends]
        self.assertEqual(after, before)

    def test_terminal(self):
        terminal, inside = pty.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, inside)
        modes = termios.tcgetattr(inside)
        flags = fcntl.fcntl(inside, fcntl.F_GETFL)
        with cat(self.endpoint, stdin=inside, stdout=inside) as peer:
            screen = Reader(terminal)
            os.write(terminal, b"hello\n")
            self.assertEqual(screen.line(), "hello")  # the terminal's echo
            self.assertEqual(screen.line(), "hello")  # the server's
            self.assertEqual(termios.tcgetattr(inside), modes)
            self.assertEqual(fcntl.fcntl(inside, fcntl.F_GETFL), flags)
            os.write(terminal, b"\x04")  # Ctrl-D
            self.assertEqual(peer.wait(), 0, peer.stderr())
        self.assertEqual(termios.tcgetattr(inside), modes)
        self.assertEqual(fcntl.fcntl(inside, fcntl.F_GETFL), flags)

    def test_terminal_is_not_waited_for(self):
        terminal, inside = pty.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, inside)
        with Serve("daytime", "tcp:0") as server:
            endpoint = client.client_endpoint(server.endpoints[0])
            with cat(endpoint, stdin=inside) as peer:
                self.assertRegex(peer.out.rest(), rb"^\d{4}-")
                self.assertEqual(peer.wait(), 0, peer.stderr())


if __name__ == "__main__":
    run.main()
