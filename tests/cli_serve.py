"""plait serve: usage, endpoints, services, options and signals."""
import os
import signal
import socket
import struct
import tempfile
import time
import unittest

from peers import client, run
from peers.program import PLAIT, Program, Serve
from peers.program import run as run_program


def plait(*arguments):
    return run_program(PLAIT, *arguments)


class Usage(unittest.TestCase):
    def wrong(self, *arguments, names):
        status, out, err = plait(*arguments)
        self.assertEqual((status, out), (2, ""), err)
        self.assertIn(names, err)
        self.assertIn("plait serve", err)  # an example of right usage
        return err

    def test_nothing(self):
        self.wrong(names="plait serve echo tcp:4001")

    def test_unknown_subcommand(self):
        self.wrong("sreve", names="sreve")

    def test_no_service(self):
        self.wrong("serve", names="no service")

    def test_unknown_service(self):
        err = self.wrong("serve", "ehco", "tcp:0", names="ehco")
        self.assertIn("line-echo", err)

    def test_no_endpoint(self):
        self.wrong("serve", "echo", names="echo")
        self.wrong("serve", "echo", "tcp:0", "+", "chat", names="chat")

    def test_nothing_after_plus(self):
        self.wrong("serve", "echo", "tcp:0", "+", names="no service")
        self.wrong("serve", "+", "echo", "tcp:0", names="no service")

    def test_options(self):
        for option, value in (
            ("--reactors", "0"), ("--reactors", "65"), ("--reactors", "x"),
            ("--reactors", ""), ("--max-length", "0"), ("--max-length", "-1"),
            ("--dispatch", "thread"), ("--workers", "0"),
            ("--workers", "1025"),
            ("--max-length", "268435457"),
            ("--max-length", "1e3"), ("--idle", "soon"), ("--idle", "-1"),
            ("--idle", "1.2.3"), ("--idle", "."), ("--grace", "1h"),
            ("--grace", "nan"), ("--grace", "5000000"),
        ):
            with self.subTest(option=option, value=value):
                for words in ([option, value], [f"{option}={value}"]):
                    err = self.wrong("serve", *words, "echo", "tcp:0",
                                     names=option)
                    self.assertIn(f"example: plait serve {option} ", err)

    def test_option_without_value(self):
        self.wrong("serve", "echo", "tcp:0", "--idle", names="--idle")

    def test_flag_with_value(self):
        self.wrong("serve", "--pin=yes", "echo", "tcp:0", names="--pin")

    def test_unknown_option(self):
        self.wrong("serve", "--reactor", "2", "echo", "tcp:0",
                   names="--reactor")

    def test_malformed_endpoint(self):
        for endpoint, field in (("tpc:0", "tpc"), ("tcp:x", "x"),
                                ("tcp:0:interfac=127.0.0.1", "interfac"),
                                ("udp", "port: missing"),
                                ("tcp:65536", "65536")):
            with self.subTest(endpoint=endpoint):
                status, out, err = plait("serve", "echo", endpoint)
                self.assertEqual((status, out), (2, ""))
                self.assertIn(field, err)

    def test_workers_without_dispatch(self):
        self.wrong("serve", "--workers", "2", "echo", "tcp:0",
                   names="--workers")

    def test_help(self):
        status, out, err = plait("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("plait serve echo tcp:4001", out)
        status, out, err = plait("serve", "--help")
        self.assertEqual((status, err), (0, ""))
        for word in ("--reactors N|auto", "--pin", "--dispatch",
                     "--workers", "--max-length", "--idle",
                     "--grace", "--quiet", "echo", "discard", "chargen",
                     "daytime", "time", "line-echo", "delimited-echo",
                     "--delimiter", "int8-echo", "int16-echo", "int32-echo",
                     "netstring-echo", "chat", "tcp:", "tcp6:", "unix:", "fd:",
                     "stdio:"):
            self.assertIn(word, out)

    def test_help_fits_a_terminal(self):
        for words in (["--help"], ["serve", "--help"], ["cat", "--help"]):
            for line in plait(*words)[1].splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_version(self):
        self.assertEqual(plait("--version"), (0, "plait 0.1.0\n", ""))


class Endpoints(unittest.TestCase):
    def echo(self, endpoint, data=b"hello"):
        with client.connect(endpoint) as sock:
            self.assertEqual(client.exchange(sock, data), data)

    def test_tcp(self):
        with Serve("echo", "tcp:0:interface=127.0.0.1") as server:
            self.assertRegex(server.endpoints[0],
                             r"^tcp:[1-9]\d*:interface=127\.0\.0\.1$")
            self.echo(server.endpoints[0])
            self.assertEqual(server.stop(), 0)

    def test_tcp6(self):
        with Serve("echo", "tcp6:0") as server:
            self.assertRegex(server.endpoints[0], r"^tcp6:[1-9]\d*")
            self.echo(server.endpoints[0])
            self.assertEqual(server.stop(), 0)

    def test_dual_stack(self):
        with Serve("echo", "tcp:0:interface=\\:\\:") as server:
            port = client.address_of(server.endpoints[0])[1][1]
            self.echo(f"tcp:{port}")
            self.echo(f"tcp6:{port}")
            self.assertEqual(server.stop(), 0)

    def test_unix(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "echo.sock")
            with Serve("echo", f"unix:{path}:mode=600") as server:
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
                self.echo(server.endpoints[0])
                self.assertEqual(server.stop(), 0)

    def test_fd(self):
        listening, endpoint = client.listen()
        with listening, Serve("echo", f"fd:{listening.fileno()}",
                              pass_fds=[listening.fileno()]) as server:
            self.assertEqual(len(server.endpoints), 1)
            self.echo(f"tcp:{endpoint.split(':')[2]}")
            self.assertEqual(server.stop(), 0)

    def test_fd_that_is_not_open(self):
        status, out, err = plait("serve", "echo", "fd:99")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn("fd:99", err)

    def test_stdio(self):
        for endpoint in ("stdio:", "stdio"):
            with self.subTest(endpoint=endpoint), \
                    Program(PLAIT, "serve", "echo", endpoint,
                            stdin=-1) as server:
                server.stdin.write(b"hello")
                server.stdin.close()
                self.assertEqual(server.out.rest(), b"hello")
                self.assertEqual(server.wait(), 0)

    def test_port_in_use(self):
        for reactors in ("1", "3"):
            with Serve("echo", "tcp:0") as server:
                status, out, err = plait("serve", "--reactors", reactors,
                                         "echo", server.endpoints[0])
                self.assertEqual((status, out), (1, ""))
                self.assertEqual(len(err.splitlines()), 1, err)
                self.assertIn(server.endpoints[0], err)
                self.assertIn("bind", err)
                self.assertIn("in use", err)

    def test_several(self):
        with Serve("echo", "tcp:0", "tcp:0", "+", "line-echo", "tcp:0", "+",
                   "daytime", "tcp:0") as server:
            self.assertEqual(len(set(server.endpoints)), 4)
            self.echo(server.endpoints[0])
            self.echo(server.endpoints[1], b"without an ending")
            with client.Lines(server.endpoints[2]) as peer:
                peer.send("one")
                self.assertEqual(peer.line(), "one")
            with client.connect(server.endpoints[3]) as sock:
                self.assertTrue(client.read_all(sock))
            self.assertEqual(server.stop(), 0)


class Services(unittest.TestCase):
    def service(self, *words):
        server = Serve(*words)
        self.addCleanup(server.__exit__)
        return server.endpoints[0]

    def test_daytime(self):
        with client.connect(self.service("daytime", "tcp:0")) as sock:
            text = client.read_all(sock).decode()
        self.assertRegex(text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\r\n$")
        then = time.strptime(text.strip(), "%Y-%m-%dT%H:%M:%SZ")
        self.assertLess(abs(time.mktime(then) - time.mktime(time.gmtime())),
                        60)

    def test_time(self):
        with client.connect(self.service("time", "tcp:0")) as sock:
            data = client.read_all(sock)
        self.assertEqual(len(data), 4)
        seconds = struct.unpack("!I", data)[0] - 2208988800
        self.assertLess(abs(seconds - time.time()), 60)

    def test_chargen(self):
        characters = bytes(range(32, 127))
        with client.connect(self.service("chargen", "tcp:0")) as sock:
            data = b""
            while len(data) < 1000000:
                data += sock.recv(65536)
        for i, line in enumerate(data.split(b"\r\n")[:-1]):
            start = i % len(characters)
            self.assertEqual(line, (characters * 2)[start:start + 72])

    def test_discard(self):
        with client.connect(self.service("discard", "tcp:0")) as sock:
            self.assertEqual(client.exchange(sock, bytes(3000000)), b"")

    def test_line_echo(self):
        with client.Lines(self.service("line-echo", "tcp:0")) as peer:
            peer.send_bytes(b"one\r\ntwo\n\nfour\r\r\n")
            self.assertEqual([peer.line() for _ in range(4)],
                             ["one", "two", "", "four\r"])

    def test_max_length(self):
        endpoint = self.service("line-echo", "tcp:0", "--max-length", "10")
        with client.Lines(endpoint) as peer:
            peer.send("0123456789")
            self.assertEqual(peer.line(), "0123456789")
            peer.send("0123456789x")
            self.assertIsNone(peer.line())

    def test_idle(self):
        endpoint = self.service("echo", "tcp:0", "--idle", "0.2")
        start = time.monotonic()
        with client.connect(endpoint) as sock:
            self.assertEqual(client.read_all(sock), b"")
        self.assertGreaterEqual(time.monotonic() - start, 0.19)


class Signals(unittest.TestCase):
    # R134
    def test_term_and_int(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            for reactors in ("1", "2", "auto"):
                with Serve("echo", "tcp:0", "--reactors", reactors) as server:
                    server.send(number)
                    self.assertEqual(server.wait(), 0, server.stderr())

    def test_on_workers(self):
        with Serve("--dispatch", "workers", "--workers", "2", "--reactors",
                   "2", "echo", "tcp:0", "+", "chat", "tcp:0") as server:
            with client.connect(server.endpoints[0]) as sock:
                sock.sendall(b"hello")
                self.assertEqual(sock.recv(5), b"hello")
                ann = client.enter(server.endpoints[1], "ann")
                self.addCleanup(ann.__exit__)
                server.send(signal.SIGTERM)
                self.assertEqual(client.read_all(sock), b"")
            self.assertEqual(server.wait(), 0, server.stderr())

    def test_what_is_printed(self):
        with Serve("echo", "tcp:0") as server:
            self.assertEqual(server.stop(), 0)
            self.assertEqual(server.stderr(),
                             "plait: stopped after 0 connections\n")
        with Serve("--quiet", "echo", "tcp:0") as server:
            self.assertEqual(server.stop(), 0)
            self.assertEqual(server.stderr(), "")

    def test_busy(self):
        """A connection in the middle of an exchange is ended in order."""
        with Serve("echo", "tcp:0", "--reactors", "2") as server:
            with client.connect(server.endpoints[0]) as sock:
                sock.sendall(b"hello")
                self.assertEqual(sock.recv(5), b"hello")
                server.send(signal.SIGTERM)
                self.assertEqual(client.read_all(sock), b"")
            self.assertEqual(server.wait(), 0)

    def stuck(self, *options):
        """A server that owes bytes to a client that does not read."""
        server = Serve("chargen", "tcp:0", *options)
        self.addCleanup(server.__exit__)
        sock = client.connect(server.endpoints[0], receive_buffer=4096)
        self.addCleanup(sock.close)
        self.assertTrue(sock.recv(1))
        return server

    def test_grace(self):
        server = self.stuck("--grace", "0.2")
        self.assertEqual(server.stop(), 0, server.stderr())

    def test_second_signal(self):
        server = self.stuck("--grace", "1000")
        server.send(signal.SIGTERM)
        # The first one was taken once nobody can connect any more.
        family, address = client.address_of(server.endpoints[0])
        end = time.monotonic() + run.DEADLINE_S
        while time.monotonic() < end:
            with socket.socket(family) as sock:
                sock.settimeout(0.05)
                try:
                    sock.connect(address)
                except OSError:
                    break
        server.send(signal.SIGTERM)
        self.assertEqual(server.wait(), 1)
        self.assertEqual(server.stderr(), "plait: stop: connections were cut\n")

    def test_chat_says_goodbye(self):
        with Serve("chat", "tcp:0") as server:
            ann = client.enter(server.endpoints[0], "ann")
            bob = client.enter(server.endpoints[0], "bob")
            self.assertEqual(ann.line(), "* bob joined")
            server.send(signal.SIGTERM)
            for member in (ann, bob):
                with member:
                    self.assertEqual(member.line(), "* server is stopping")
                    self.assertIsNone(member.line())
            self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    run.main()
