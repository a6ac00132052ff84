"""A world of names: network and mount namespaces with name servers on loopback.

dnsmasq on 127.0.0.1 is what resolv.conf names. It knows wood.test itself, asks
knot on 127.0.0.2 for knot.test and the reverse zone of 192.0.2.0/24, and
127.0.0.3 for hole.test, where nobody ever answers.
"""
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

from peers.run import DEADLINE_S, SKIPPED

INSIDE = "PLAIT_NAMES_FOLDER"

FILES = {
    "resolv.conf": "nameserver 127.0.0.1\n",
    "nsswitch.conf": "hosts: files dns\nservices: files\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n"
             "192.0.2.77 filed.test alias.filed.test\n",
}

KNOT_CONF = """\
server:
    rundir: {0}
    listen: 127.0.0.2@53
database:
    storage: {0}
zone:
  - domain: knot.test
    storage: {0}
    file: knot.test.zone
  - domain: 2.0.192.in-addr.arpa
    storage: {0}
    file: reverse.zone
  - domain: 8.b.d.0.1.0.0.2.ip6.arpa
    storage: {0}
    file: reverse6.zone
"""
HEAD = "$TTL 5\n@ SOA ns admin 1 60 60 60 5\n@ NS ns.knot.test.\n"
KNOT_ZONE = HEAD + """\
ns A 127.0.0.2
v4 A 192.0.2.1
v6 AAAA 2001:db8::1
both A 192.0.2.2
both AAAA 2001:db8::2
chain CNAME chain2
chain2 CNAME chain3
chain3 CNAME both
outside CNAME www.wood.test.
dangling CNAME nowhere
mail MX 10 v4
""" + "".join(f"many A 192.0.2.{n}\n" for n in range(100, 200)) + \
    "".join(f"n{n} A 192.0.2.{n % 250}\n" for n in range(500))
REVERSE_ZONE = HEAD + "1 PTR v4.knot.test.\n2 PTR both.knot.test.\n"
REVERSE6_ZONE = HEAD + "$ORIGIN 8.b.d.0.1.0.0.2.ip6.arpa.\n" + \
    "2" + ".0" * 23 + " PTR both.knot.test.\n"

DNSMASQ = [
    "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-hosts",
    "--no-resolv", "--bind-interfaces", "--listen-address=127.0.0.1",
    "--cache-size=0",
    "--dns-forward-max=1000", "--server=/knot.test/127.0.0.2",
    "--server=/2.0.192.in-addr.arpa/127.0.0.2",
    "--server=/8.b.d.0.1.0.0.2.ip6.arpa/127.0.0.2",
    "--server=/hole.test/127.0.0.3", "--local=/wood.test/",
    "--host-record=www.wood.test,192.0.2.9,2001:db8::9",
    "--cname=web.wood.test,www.wood.test",
]


def enter():
    """Runs the script once more, inside; there it returns the folder."""
    if INSIDE in os.environ:
        return os.environ[INSIDE]
    for program in ("unshare", "dnsmasq", "knotd"):
        if not shutil.which(program, path=search_path()):
            skip(f"no {program} here")
    argv = ["unshare", "-rmnpf", "--kill-child", "--mount-proc"]
    if subprocess.run([*argv, "true"], stderr=subprocess.DEVNULL).returncode:
        skip("no namespaces here: unshare -rmnpf")
    with tempfile.TemporaryDirectory(prefix="plait-names-") as folder:
        environment = {**os.environ, INSIDE: folder, "PATH": search_path()}
        sys.exit(subprocess.run([*argv, sys.executable, *sys.argv],
                                env=environment).returncode)


def search_path():
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def skip(why):
    print(why)
    sys.exit(SKIPPED)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # UP, RUNNING
        fcntl.ioctl(s, 0x8914, request)  # SIOCSIFFLAGS


def question(name):
    parts = b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
    return b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + parts + b"\0\0\1\0\1"


def await_server(address, name):
    """Asks until there is an answer."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.1)
            try:
                s.connect((address, 53))
                s.send(question(name))
                if s.recv(512)[3] & 15 == 0:
                    return
            except OSError:
                pass
    raise AssertionError(f"{address} does not answer")


class World:
    """The servers; |folder| has the files that are mounted over those in
    /etc."""

    def __init__(self, folder):
        self.folder = folder
        self.programs = []

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w",
                  encoding="ascii") as file:
            file.write(text)

    def start(self):
        loopback_up()
        for name, text in FILES.items():
            self.write(name, text)
            subprocess.run(["mount", "--bind", f"{self.folder}/{name}",
                            f"/etc/{name}"], check=True)
        self.write("knot.conf", KNOT_CONF.format(self.folder))
        self.write("knot.test.zone", KNOT_ZONE)
        self.write("reverse.zone", REVERSE_ZONE)
        self.write("reverse6.zone", REVERSE6_ZONE)
        self.hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.hole.bind(("127.0.0.3", 53))
        self.run("knotd", "-c", f"{self.folder}/knot.conf")
        self.run(*DNSMASQ)
        await_server("127.0.0.2", "v4.knot.test")
        await_server("127.0.0.1", "v4.knot.test")

    def run(self, *argv):
        with open(os.path.join(self.folder, argv[0] + ".log"), "wb") as log:
            self.programs.append(subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def stop(self):
        for program in self.programs:
            program.kill()
            program.wait()
        self.hole.close()
