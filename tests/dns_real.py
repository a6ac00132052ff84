"""Real name servers: dnsmasq and knot, asked through `plait resolve`.

The script starts itself anew in user, mount and network namespaces of its own
(unshare), where it is root, and where /etc/resolv.conf and /etc/nsswitch.conf
are its own: the first name server is the one under test, the second one takes
every question and never answers, and is asked what the first refuses."""
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from peers import run
from peers.program import PLAIT

SBIN = ":/usr/sbin:/sbin"
GOOD, BLACK, MANY = 450, 50, 100
END_S = 15
INSIDE = "PLAIT_TEST_INSIDE"

ZONE = """$TTL 60
@        SOA ns.example.test. root.example.test. 1 60 60 60 60
@        NS  ns
ns       A    127.0.0.1
www      A    192.0.2.1
www      AAAA 2001:db8::1
four     A    192.0.2.4
six      AAAA 2001:db8::6
alias    CNAME hop
hop      CNAME hop2
hop2     CNAME www
"""


def names(path):
    return shutil.which(path, path=os.environ.get("PATH", "") + SBIN)


def bring_up_loopback():
    """SIOCGIFFLAGS, IFF_UP, SIOCSIFFLAGS."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(sock, 0x8913, request))[1]
        fcntl.ioctl(sock, 0x8914, struct.pack("16sH14x", b"lo", flags | 1))


class BlackHole:
    """Takes every question, and never answers."""

    def __init__(self, address):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 53))

    def forget(self):
        """What was asked until now."""
        self.udp.settimeout(0)
        try:
            while self.udp.recv(512):
                pass
        except BlockingIOError:
            pass

    def await_question(self):
        self.udp.settimeout(run.DEADLINE_S)
        self.udp.recv(512)

    def close(self):
        self.udp.close()


class NameServer:
    """A server on 127.0.0.1:53, ready when this returns."""

    def __init__(self, folder):
        self.folder = folder
        self.log = tempfile.TemporaryFile()
        self.child = subprocess.Popen(self.command(), stdout=self.log,
                                      stderr=self.log)
        end = time.monotonic() + run.DEADLINE_S
        while not self.answers():
            assert time.monotonic() < end and self.child.poll() is None, \
                self.said()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def path(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def answers(self):
        """Whether it knows www.example.test."""
        question = (b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0"
                    b"\3www\7example\4test\0\0\1\0\1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            try:
                sock.connect(("127.0.0.1", 53))
                sock.send(question)
                return sock.recv(512)[3] & 15 == 0
            except OSError:
                return False

    def close(self):
        self.child.terminate()
        self.child.wait(run.DEADLINE_S)
        self.log.close()


class Dnsmasq(NameServer):
    program = "dnsmasq"

    def command(self):
        lines = ["port=53", "listen-address=127.0.0.1", "bind-interfaces",
                 "no-resolv", "no-hosts", "local=/example.test/",
                 "local=/2.0.192.in-addr.arpa/", "dns-forward-max=1000",
                 "host-record=ns.example.test,127.0.0.1",
                 "host-record=www.example.test,192.0.2.1,2001:db8::1",
                 "host-record=four.example.test,192.0.2.4",
                 "host-record=six.example.test,2001:db8::6",
                 "cname=hop2.example.test,www.example.test",
                 "cname=hop.example.test,hop2.example.test",
                 "cname=alias.example.test,hop.example.test"]
        lines += [f"host-record=host{i}.example.test,198.51.100.{i % 256}"
                  for i in range(10, GOOD + 10)]
        config = self.path("dnsmasq.conf", "\n".join(lines) + "\n")
        # As a daemon it would change its group, which nobody may here.
        return [names("dnsmasq"), "--no-daemon", f"--conf-file={config}",
                "--pid-file="]


class Knot(NameServer):
    program = "knotd"

    def command(self):
        hosts = "".join(f"host{i} A 198.51.100.{i % 256}\n"
                        for i in range(10, GOOD + 10))
        hosts += "".join(f"many A 203.0.113.{i}\n" for i in range(MANY))
        self.path("example.test.zone", ZONE + hosts)
        self.path("2.0.192.in-addr.arpa.zone",
                  "$TTL 60\n@ SOA ns.example.test. root.example.test. "
                  "1 60 60 60 60\n@ NS ns.example.test.\n"
                  "1 PTR www.example.test.\n")
        config = self.path("knot.conf", f"""
server:
    rundir: "{self.folder}"
    listen: 127.0.0.1@53
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{self.folder}"
template:
  - id: default
    storage: "{self.folder}"
zone:
  - domain: example.test
    file: example.test.zone
  - domain: 2.0.192.in-addr.arpa
    file: 2.0.192.in-addr.arpa.zone
""")
        return [names("knotd"), "-c", config]


class Resolve:
    """What one server's tests do; BACKEND is for `plait resolve`."""

    server = None
    backend = ()
    timeout_s = 2

    @classmethod
    def setUpClass(cls):
        if names(cls.server.program) is None:
            raise unittest.SkipTest(f"no {cls.server.program}")
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.hole = BlackHole("127.0.0.2")
        cls.addClassCleanup(cls.hole.close)
        cls.running = cls.server(cls.folder.name)
        cls.addClassCleanup(cls.running.close)

    def resolve(self, *words, code=0, **options):
        done = subprocess.run(
            [PLAIT, "resolve", *self.backend, *words], text=True,
            capture_output=True, timeout=run.DEADLINE_S + END_S, check=False,
            **options)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_addresses_of_both_families(self):
        out = self.resolve("www.example.test").stdout
        name, addresses = out.split(": ")
        self.assertEqual(name, "www.example.test")
        self.assertEqual(set(addresses.split()), {"192.0.2.1", "2001:db8::1"})
        self.assertEqual(self.resolve("--family", "4", "www.example.test")
                         .stdout, "www.example.test: 192.0.2.1\n")
        self.assertEqual(self.resolve("--family", "6", "www.example.test")
                         .stdout, "www.example.test: 2001:db8::1\n")
        self.assertEqual(self.resolve("four.example.test", "six.example.test")
                         .stdout, "four.example.test: 192.0.2.4\n"
                                  "six.example.test: 2001:db8::6\n")

    def test_chain_of_aliases(self):
        out = json.loads(self.resolve("--json", "alias.example.test").stdout)
        self.assertEqual(out["name"], "www.example.test")
        self.assertEqual(set(out["addresses"]), {"192.0.2.1", "2001:db8::1"})

    def test_reverse(self):
        self.assertEqual(self.resolve("192.0.2.1").stdout,
                         "192.0.2.1: www.example.test\n")

    def test_no_such_name(self):
        err = self.resolve("none.example.test", code=1).stderr
        self.assertIn("none.example.test: no such name", err)
        err = self.resolve("192.0.2.99", code=1).stderr
        self.assertIn("192.0.2.99: no such name", err)

    def test_connecting_by_name(self):
        """The name is found; nobody is there."""
        done = subprocess.run([PLAIT, "cat", "tcp:ns.example.test:9"],
                              stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=run.DEADLINE_S,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("connect 127.0.0.1:9: connection refused", done.stderr)

    def questions(self):
        """Eight threads are taken six times by black holes among good names;
        two more are at the end, or answers in order would wait for them."""
        names = [f"host{i}.example.test" for i in range(10, GOOD + 10)]
        spread = BLACK - BLACK % 8
        for i in range(spread):
            names.insert(i * (GOOD // spread + 1), f"name{i}.black.test")
        return names + [f"name{i}.black.test" for i in range(spread, BLACK)]

    def test_a_black_hole(self):
        """Names that nobody answers do not keep the others."""
        questions = self.questions()
        begin = time.monotonic()
        with subprocess.Popen(
                [PLAIT, "resolve", *self.backend, "--json", "--timeout",
                 str(self.timeout_s)], stdin=subprocess.PIPE, text=True,
                stdout=subprocess.PIPE) as child:
            child.stdin.write("\n".join(questions) + "\n")
            child.stdin.close()
            good = late = 0
            for line, name in zip(child.stdout, questions):
                answer = json.loads(line)
                self.assertEqual(answer["asked"], name)
                if "black" in name:
                    self.assertIn("no answer in time", answer["error"])
                    late += 1
                else:
                    self.assertNotIn("error", answer)
                    number = int(re.match(r"host(\d+)", name)[1])
                    self.assertEqual(answer["addresses"],
                                     [f"198.51.100.{number % 256}"])
                    good += 1
                    last = time.monotonic() - begin
            self.assertEqual(child.wait(run.DEADLINE_S), 1)
        self.assertEqual((good, late), (GOOD, BLACK))
        print(f"the last of {GOOD} good ones after {last:.1f} s",
              file=sys.stderr)
        self.assertLess(last, END_S * run.DEADLINE_S / 20)

    def test_stopping_in_the_middle(self):
        self.hole.forget()
        with subprocess.Popen(
                [PLAIT, "resolve", *self.backend] +
                [f"name{i}.black.test" for i in range(20)] +
                ["www.example.test"], text=True, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE) as child:
            self.hole.await_question()
            begin = time.monotonic()
            child.send_signal(signal.SIGTERM)
            child.wait(run.DEADLINE_S)
            self.assertLess(time.monotonic() - begin, run.DEADLINE_S / 10)
            self.assertIn("canceled", child.stderr.read())


class WithDnsmasq(Resolve, unittest.TestCase):
    server = Dnsmasq


class WithKnot(Resolve, unittest.TestCase):
    server = Knot

    def test_more_than_a_datagram_takes(self):
        out = json.loads(self.resolve("--json", "many.example.test").stdout)
        self.assertEqual(set(out["addresses"]),
                         {f"203.0.113.{i}" for i in range(MANY)})


class Cares:
    """The same, asked by c-ares."""

    backend = ("--backend", "c-ares")
    # It asks hundreds of questions in one burst, of which a busy system may
    # lose some; the server that answers is asked again after 3 s.
    timeout_s = 5

    @classmethod
    def setUpClass(cls):
        done = subprocess.run([PLAIT, "resolve", *cls.backend, "127.0.0.1"],
                              text=True, capture_output=True,
                              timeout=run.DEADLINE_S, check=False)
        if "without c-ares" in done.stderr:
            raise unittest.SkipTest(done.stderr.strip())
        super().setUpClass()


class CaresWithDnsmasq(Cares, WithDnsmasq):
    pass


class CaresWithKnot(Cares, WithKnot):
    pass


def go_inside():
    """Again, in namespaces of our own."""
    if names("unshare") is None or subprocess.run(
            ["unshare", "-rmn", "true"], capture_output=True,
            check=False).returncode:
        print("no namespaces (unshare -rmn)")
        sys.exit(run.SKIPPED)
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "-rmn", sys.executable] + sys.argv)


def main():
    for peer in ("dnsmasq", "knotd"):
        run.without(peer)
    if INSIDE not in os.environ:
        go_inside()
    bring_up_loopback()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (
                ("resolv.conf", "nameserver 127.0.0.1\nnameserver 127.0.0.2\n"
                                "options timeout:2 attempts:2\n"),
                ("nsswitch.conf", "hosts: files dns\n")):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            target = os.path.join("/etc", name)
            if not os.path.exists(target):
                open(target, "w", encoding="ascii").close()
            subprocess.run(["mount", "--bind", path, target], check=True)
        run.main()


if __name__ == "__main__":
    main()
