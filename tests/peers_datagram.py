"""plait serve over datagrams, and who may speak to it: Python's sockets, socat,
nc and Twisted's DatagramProtocol."""
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from peers import run
from peers.program import PLAIT, Program, Serve
from peers.program import run as run_program

ANSWERS = {
    "echo": rb"hello",
    "chargen": rb'[ -~]{72}\r\n',
    "daytime": rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\r\n",
    "time": rb"[\x00-\xff]{4}",
}

TWISTED = """
import sys
from twisted.internet import protocol, reactor

class Client(protocol.DatagramProtocol):
    def startProtocol(self):
        self.transport.connect("127.0.0.1", int(sys.argv[1]))
        self.sent = 0
        self.send()

    def send(self):
        self.transport.write(b"%d" % self.sent)

    def datagramReceived(self, data, address):
        assert data == b"%d" % self.sent, data
        self.sent += 1
        if self.sent < 300:
            self.send()
        else:
            print("done", flush=True)
            reactor.stop()

reactor.listenUDP(0, Client())
reactor.run()
"""


def address_of(endpoint):
    kind, port = endpoint.split(":")[:2]
    return ("::1" if kind == "udp6" else "127.0.0.1", int(port))


def datagrams(endpoint):
    """A socket that has |endpoint| for its peer."""
    family = {"udp": socket.AF_INET, "udp6": socket.AF_INET6,
              "unixgram": socket.AF_UNIX}[endpoint.split(":")[0]]
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(run.DEADLINE_S)
    if family == socket.AF_UNIX:
        path = endpoint.split(":", 1)[1]
        sock.bind(path + ".peer")
        sock.connect(path)
    else:
        sock.connect(address_of(endpoint))
    return sock


class Services(unittest.TestCase):
    def test_each(self):
        for service, answer in ANSWERS.items():
            with Serve(service, "udp:0", "udp6:0", endpoints=2) as server:
                for endpoint in server.endpoints:
                    with datagrams(endpoint) as sock:
                        for _ in range(3):
                            sock.send(b"hello")
                            self.assertRegex(sock.recv(100),
                                             rb"\A%b\Z" % answer)
                self.assertEqual(server.stop(), 0, server.stderr())

    def test_time(self):
        with Serve("time", "udp:0", endpoints=1) as server:
            with datagrams(server.endpoints[0]) as sock:
                before = int(time.time())
                sock.send(b"")
                now = struct.unpack("!I", sock.recv(100))[0] - 2208988800
                self.assertTrue(before <= now <= time.time())

    def test_discard(self):
        """It says nothing: what comes first is of the echo."""
        with Serve("discard", "udp:0", "+", "echo", "udp:0",
                   endpoints=2) as server:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(run.DEADLINE_S)
                for endpoint in server.endpoints:
                    sock.sendto(endpoint.encode(), address_of(endpoint))
                self.assertEqual(sock.recv(100), server.endpoints[1].encode())

    def test_with_streams(self):
        with Serve("echo", "udp:0", "tcp:0", endpoints=2) as server:
            with datagrams(server.endpoints[0]) as sock:
                sock.send(b"one")
                self.assertEqual(sock.recv(100), b"one")
            with socket.create_connection(
                    address_of(server.endpoints[1])) as sock:
                sock.settimeout(run.DEADLINE_S)
                sock.sendall(b"two")
                self.assertEqual(sock.recv(100), b"two")
            self.assertEqual(server.stop(), 0, server.stderr())

    def test_biggest(self):
        with tempfile.TemporaryDirectory() as folder:
            with Serve("echo", "udp:0", "udp6:0", f"unixgram:{folder}/sock",
                       endpoints=3) as server:
                for endpoint, most in zip(server.endpoints,
                                          (65507, 65527, 65535)):
                    with datagrams(endpoint) as sock:
                        data = os.urandom(most)
                        sock.send(data)
                        self.assertTrue(sock.recv(70000) == data, endpoint)
                self.assertEqual(server.stop(), 0, server.stderr())
                self.assertEqual(os.listdir(folder), ["sock.peer"])

    def test_needs_a_stream(self):
        status, _, errors = run_program(PLAIT, "serve", "line-echo", "udp:0")
        self.assertEqual(status, 2)
        self.assertIn("line-echo needs a stream, and udp:0 carries datagrams",
                      errors)


class Peers(unittest.TestCase):
    def setUp(self):
        self.server = Serve("echo", "udp:0", "udp6:0", "--reactors", "2",
                            endpoints=2)
        self.addCleanup(self.server.__exit__)

    def test_nc(self):
        run_without("nc", self)
        for endpoint in self.server.endpoints:
            host, port = address_of(endpoint)
            with Program("nc", "-u", host, str(port),
                         stdin=subprocess.PIPE, bufsize=0) as nc:
                for line in ("good morning", "good night"):
                    nc.stdin.write(line.encode() + b"\n")
                    self.assertEqual(nc.out.line(), line)

    def test_socat(self):
        run_without("socat", self)
        for endpoint, kind in zip(self.server.endpoints, ("UDP4", "UDP6")):
            host, port = address_of(endpoint)
            host = f"[{host}]" if ":" in host else host
            with Program("socat", "-", f"{kind}:{host}:{port}",
                         stdin=subprocess.PIPE, bufsize=0) as socat:
                socat.stdin.write(b"good morning\n")
                self.assertEqual(socat.out.line(), "good morning")

    def test_twisted(self):
        run_without("twisted", self)
        host, port = address_of(self.server.endpoints[0])
        del host
        with Program(sys.executable, "-c", TWISTED, str(port)) as client:
            self.assertEqual(client.out.line(), "done", client.stderr())
            self.assertEqual(client.wait(), 0, client.stderr())


def run_without(peer, test):
    if re.search(rf"\b{peer}\b", os.environ.get("PLAIT_WITHOUT", "")):
        test.skipTest(f"without {peer}")


if __name__ == "__main__":
    run.main()
