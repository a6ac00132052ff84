"""plait cat by name, with happy eyeballs for real: addresses that refuse, that
swallow everything and that answer, in a network of the test's own.

The script runs itself again in new user, mount and network namespaces, where
it has its own /etc/hosts, /etc/services and /etc/nsswitch.conf.
"""
import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

from peers import client, run
from peers.program import run as run_program
from peers.program import PLAIT, Program, Serve

INSIDE = "PLAIT_TEST_NAMESPACE"  # a folder, in the run within

REFUSES, ANSWERS, HOLE = "127.0.0.2", "127.0.0.3", "127.0.0.4"
HOSTS = f"""
127.0.0.1 localhost
{ANSWERS} answers
{REFUSES} refuses
::1 refuses six
{REFUSES} first-refuses
{ANSWERS} first-refuses
{HOLE} hole
{HOLE} first-hole
{ANSWERS} first-hole
::1 all
{REFUSES} all
{HOLE} all
{ANSWERS} all
"""


# ---- the namespaces ----

def set_up(folder):
    """Inside: the loopback interface, and files over those of the system."""
    with socket.socket() as sock:
        request = struct.pack("16sh", b"lo", 1)  # IFF_UP
        fcntl.ioctl(sock, 0x8914, request)  # SIOCSIFFLAGS
    for name, text in (("hosts", HOSTS), ("nsswitch.conf", "hosts: files\n"
                                          "services: files\n")):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        over(path, f"/etc/{name}")


def over(path, target):
    """|path| in place of |target|, which need not be there."""
    if not os.path.exists(target):
        # A file cannot be mounted where none is; /etc is not ours to change.
        print(f"no {target} here")
        sys.exit(run.SKIPPED)
    subprocess.run(["mount", "--bind", path, target], check=True)


def go_inside():
    """Runs this script within; never returns."""
    try_it = subprocess.run(["unshare", "-rmn", "true"], capture_output=True,
                            text=True, check=False)
    if try_it.returncode != 0:
        print(f"no namespaces here: {try_it.stderr.strip()}")
        sys.exit(run.SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        status = subprocess.run(["unshare", "-rmn", sys.executable,
                                 *sys.argv],
                                env={**os.environ, INSIDE: folder},
                                check=False).returncode
    sys.exit(status)


# ---- what answers ----

class Server:
    """Greets each client with what it sees of it, and notes it."""

    def __init__(self, host, port=0):
        self.sock = socket.create_server((host, port), family=socket.AF_INET6
                                         if ":" in host else socket.AF_INET)
        self.port = self.sock.getsockname()[1]
        self.peers = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            try:
                sock, peer = self.sock.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(run.DEADLINE_S)
                self.peers.append(peer[0])
                sock.sendall(b"hello " + peer[0].encode())
                sock.shutdown(socket.SHUT_WR)
                client.read_all(sock)

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.sock.close()


@contextlib.contextmanager
def hole(port):
    """A listener whose backlog is full: a SYN that comes gets no answer."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        sock.bind((HOLE, port))
        sock.listen(0)
        fill = stack.enter_context(socket.socket())
        fill.connect((HOLE, port))
        yield


class Names(unittest.TestCase):
    def setUp(self):
        self.server = Server(ANSWERS)
        self.addCleanup(self.server.close)
        self.port = self.server.port

    def cat(self, host, port=None, keys=""):
        return run_program(PLAIT, "cat", f"tcp:{host}:{port or self.port}"
                                         f"{keys}")

    def check_greeted(self, *arguments, **options):
        self.assertEqual(self.cat(*arguments, **options),
                         (0, "hello 127.0.0.1", ""))
        self.assertEqual(self.server.peers, ["127.0.0.1"])

    def check_fails(self, error, host, **options):
        status, out, err = self.cat(host, **options)
        self.assertEqual((status, out), (1, ""), err)
        self.assertEqual(err, f"plait: connect tcp:{host}:{self.port}: "
                              f"{error}\n")
        self.assertEqual(self.server.peers, [])

    def test_answers(self):
        self.check_greeted("answers")

    def test_first_refuses(self):
        self.check_greeted("first-refuses")

    def test_first_is_a_hole(self):
        """Long before the kernel would give the first one up."""
        with hole(self.port):
            self.check_greeted("first-hole", keys=":timeout=10")

    def test_all_kinds(self):
        with hole(self.port):
            self.check_greeted("all", keys=":timeout=10")

    def test_both_answer(self):
        """One connection comes of it."""
        other = Server("::1", self.port)
        self.addCleanup(other.close)
        status, out, err = self.cat("all")
        self.assertEqual((status, err), (0, ""))
        self.assertIn(out, ("hello ::1", "hello 127.0.0.1"))
        self.assertEqual(len(other.peers) + len(self.server.peers), 1)

    def test_all_refuse(self):
        status, out, err = self.cat("refuses")
        self.assertEqual((status, out), (1, ""), err)
        self.assertRegex(err, f"^plait: connect tcp:refuses:{self.port}: "
                              rf"connect (127\.0\.0\.2|\[::1\]):{self.port}: "
                              r"connection refused \(and 1 more\)\n$")

    def test_time_out(self):
        with hole(self.port):
            self.check_fails(f"connect {HOLE}:{self.port}: timed out after "
                             "500 ms", "hole", keys=":timeout=0.5")

    def test_no_such_name(self):
        status, out, err = self.cat("nowhere.example")
        self.assertEqual((status, out), (1, ""), err)
        self.assertRegex(err, "^plait: connect tcp:nowhere.example:"
                              f"{self.port}: resolve: no such name.*\n$")

    def test_no_such_service(self):
        status, out, err = self.cat("answers", "no-such-service")
        self.assertEqual((status, out), (1, ""), err)
        self.assertRegex(err, "^plait: connect tcp:answers:no-such-service: "
                              "resolve: .*\n$")

    def test_bind(self):
        self.assertEqual(self.cat("first-refuses", keys=":bind=127.0.0.9"),
                         (0, "hello 127.0.0.9", ""))

    def test_bind_of_the_other_family(self):
        """Only IPv4 is tried; and if there is none, it says so."""
        self.assertEqual(self.cat("all", keys=":bind=127.0.0.9"),
                         (0, "hello 127.0.0.9", ""))
        self.server.peers.clear()
        self.check_fails(f"bind for [::1]:{self.port}: the local address is "
                         "of another family", "six", keys=":bind=127.0.0.9")

    def test_service(self):
        """The port of "http", for a name and for an address."""
        try:
            port = socket.getservbyname("http", "tcp")
        except OSError:
            self.skipTest("no /etc/services here")
        server = Server(ANSWERS, port)
        self.addCleanup(server.close)
        for host in ("answers", ANSWERS):
            self.assertEqual(self.cat(host, "http"),
                             (0, "hello 127.0.0.1", ""))

    def test_two_names(self):
        """Both ends of a join by name."""
        with Serve("echo", "tcp:0:interface=127.0.0.1") as echo:
            port = echo.endpoints[0].split(":")[1]
            with Program(PLAIT, "cat", f"tcp:answers:{self.port}",
                         f"tcp:localhost:{port}") as peer:
                self.assertEqual(peer.wait(), 0, peer.stderr())


if __name__ == "__main__":
    if INSIDE not in os.environ:
        go_inside()
    set_up(os.environ[INSIDE])
    run.main()
