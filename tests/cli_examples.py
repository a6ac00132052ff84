"""The programs in examples/: they are what the documentation shows."""
import contextlib
import os
import signal
import socket
import tempfile
import unittest

from peers import client, run
from peers.program import Program, Serve
from peers.program import run as run_program

EXAMPLES = os.path.join(os.environ.get("top_builddir", "."), "examples")


def example(name):
    return os.path.join(EXAMPLES, name)


class Inotify(unittest.TestCase):
    def test_sees_files(self):
        with tempfile.TemporaryDirectory() as folder, \
                Program(example("inotify"), folder) as watcher:
            self.assertEqual(watcher.out.line(), "watching")
            path = os.path.join(folder, "new")
            with open(path, "w") as file:
                file.write("x")
            self.assertEqual(watcher.out.line(), "created new")
            self.assertEqual(watcher.out.line(), "written new")
            os.unlink(path)
            self.assertEqual(watcher.out.line(), "deleted new")
            watcher.send(signal.SIGTERM)
            self.assertEqual(watcher.wait(), 0, watcher.stderr())

    def test_no_folder(self):
        status, out, err = run_program(example("inotify"), "/nowhere")
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(err, "usage: inotify FOLDER\n")


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


class Port7(unittest.TestCase):
    def test_echoes_and_says_who_came(self):
        with Program(example("port7"), "tcp:0",
                     "udp:0:interface=127.0.0.1") as server:
            line = server.out.line()[len("listening on "):]
            endpoint, datagrams = line.split(" and ")
            data = bytes(range(256)) * 2000
            with client.connect(endpoint) as sock:
                peer = "%s:%d" % sock.getsockname()
                self.assertTrue(client.exchange(sock, data) == data)
            with socket.socket(type=socket.SOCK_DGRAM) as sock:
                sock.settimeout(run.DEADLINE_S)
                sock.connect(client.address_of(datagrams)[1])
                sender = "%s:%d" % sock.getsockname()
                for size in (0, 1, 65507):
                    sock.send(data[:size])
                    self.assertEqual(sock.recv(65536), data[:size])
            server.send(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            told = server.stderr().splitlines()
            self.assertEqual([line for line in told if peer in line],
                             [f"{peer}: connected",
                              f"{peer}: {len(data)} bytes, "
                              "the peer closed the connection"])
            self.assertEqual([line for line in told if sender in line],
                             [f"{sender}: a datagram of {size} bytes"
                              for size in (0, 1, 65507)])


class Dns(unittest.TestCase):
    def test_both_directions(self):
        status, out, err = run_program(example("dns"), "127.0.0.1",
                                       "localhost")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("127.0.0.1 is ", out)
        self.assertRegex(out, r"(?m)^localhost (127\.0\.0\.1|::1)$")

    def test_many(self):
        """More than are asked at a time; and one that is no name."""
        status, out, err = run_program(example("dns"), *["localhost"] * 600,
                                       "no..name")
        self.assertEqual(status, 1)
        self.assertGreaterEqual(out.count("localhost "), 600)
        self.assertRegex(err, r"^no\.\.name: ")


class Timers(unittest.TestCase):
    def test_columns(self):
        with Program(example("timers"), "0.01", "0.02") as timers:
            columns = set()
            while len(columns) < 2:
                line = timers.out.line()
                self.assertRegex(line, r"^( {16})?\d+\.\d{3}$")
                columns.add(line[0] == " ")
            timers.send(signal.SIGTERM)
            self.assertEqual(timers.wait(), 0, timers.stderr())

    def test_wrong(self):
        self.assertEqual(run_program(example("timers"), "soon")[0], 2)


class Cat(unittest.TestCase):
    def test_by_itself(self):
        with tempfile.TemporaryFile() as file:
            file.write(b"line\n" * 100000)
            file.seek(0)
            status, out, err = run_program(example("cat"), stdin=file)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out == "line\n" * 100000)

    def test_joins(self):
        with Serve("echo", "tcp:0") as server, \
                tempfile.TemporaryFile() as file:
            file.write(b"line\n" * 100000)
            file.seek(0)
            status, out, err = run_program(
                example("cat"), client.client_endpoint(server.endpoints[0]),
                stdin=file)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out == "line\n" * 100000)

    def test_refused(self):
        listening, endpoint = client.listen()
        listening.close()
        status, out, err = run_program(example("cat"), endpoint)
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, "^connect tcp:.*refused\n$")


class Event(unittest.TestCase):
    def test_all_come(self):
        status, out, err = run_program(example("event"), "5", "2000")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^10000 events of 5 threads, \d+ wake-ups\n$")


class Goodbye(unittest.TestCase):
    def test_each_peer_is_told(self):
        with Program(example("goodbye"), "tcp:0") as server, \
                contextlib.ExitStack() as stack:
            endpoint = server.out.line()[len("listening on "):]
            socks = [stack.enter_context(client.connect(endpoint))
                     for _ in range(20)]
            for sock in socks:
                self.assertEqual(sock.recv(8), b"Hello!\r\n")
            server.send(signal.SIGTERM)
            for sock in socks:
                self.assertEqual(client.read_all(sock),
                                 b"Server is shutting down! Good bye...\r\n")
                sock.close()
            lines = [server.out.line() for _ in range(21)]
            self.assertEqual(lines,
                             ["a client has gone: ok"] * 20 + ["good night"])
            self.assertEqual(server.wait(), 0, server.stderr())


class TcpBenchmark(unittest.TestCase):
    def test_sends_what_it_says(self):
        with Serve("discard", "tcp:0") as server:
            endpoint = client.client_endpoint(server.endpoints[0])
            status, out, err = run_program(example("tcp_benchmark"), endpoint,
                                           "16")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out.splitlines()[-1], "16777216 bytes sent: ok")

    def test_for_ever(self):
        with Serve("discard", "tcp:0") as server:
            endpoint = client.client_endpoint(server.endpoints[0])
            with Program(example("tcp_benchmark"), endpoint) as sender:
                self.assertRegex(sender.out.line(), r"^\d+\.\d MiB/s$")
                sender.send(signal.SIGTERM)
                self.assertRegex(sender.out.rest().splitlines()[-1],
                                 rb"^\d{7,} bytes sent: ok$")
                self.assertEqual(sender.wait(), 0, sender.stderr())


class UdpBenchmark(unittest.TestCase):
    def test_sends_what_it_says(self):
        """More than the queue holds, to one who takes it as it comes."""
        with tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            path = os.path.join(folder, "socket")
            sock.settimeout(run.DEADLINE_S)
            sock.bind(path)
            with Program(example("udp_benchmark"), f"unixgram:{path}",
                         "3000") as sender:
                self.assertEqual([len(sock.recv(65536)) for _ in range(3000)],
                                 [1400] * 3000)
                self.assertEqual(sender.wait(), 0, sender.stderr())
                self.assertEqual(sender.out.rest().splitlines()[-1],
                                 b"3000 datagrams sent, 0 dropped: ok")

    def test_for_ever(self):
        with Serve("echo", "udp:0:interface=127.0.0.1",
                   endpoints=1) as server:
            port = client.address_of(server.endpoints[0])[1][1]
            with Program(example("udp_benchmark"),
                         f"udp:127.0.0.1:{port}") as sender:
                self.assertRegex(sender.out.line(),
                                 r"^[1-9]\d+ datagrams/s, [1-9]\d* back$")
                sender.send(signal.SIGTERM, busy=True)
                self.assertRegex(sender.out.rest().splitlines()[-1],
                                 rb"^\d{3,} datagrams sent, \d+ dropped: ")
                self.assertEqual(sender.wait(), 0, sender.stderr())


class Spawn(unittest.TestCase):
    def test_a_hundred(self):
        status, out, err = run_program(example("spawn"))
        self.assertEqual((status, err), (0, ""))
        lines = [line.split(": ", 1) for line in out.splitlines()]
        self.assertEqual(sorted(int(number) for number, _ in lines),
                         list(range(1, 101)))
        for _, line in lines:
            self.assertRegex(line, r"\d\d:\d\d.* \(0\)$")

    def test_how_they_end(self):
        for words, line in (
                (["/bin/sh", "-c", "echo no; echo more; exit 3"], "no (3)"),
                (["/bin/sh", "-c", "kill -9 $$"], "ended by signal 9"),
                (["/nowhere"], "spawn /nowhere: exec: "
                               "no such file or directory")):
            with self.subTest(words=words):
                status, out, err = run_program(example("spawn"), "2", *words)
                self.assertEqual((status, err), (1, ""))
                self.assertEqual(sorted(out.splitlines()),
                                 [f"1: {line}", f"2: {line}"])


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
