"""Starting servers and the load generator for bench/run.py.

A server runs on one CPU and the generator on another, so that neither takes
time from the other.  Every server is a fresh process for every measurement:
what one process happened to get (where its heap and its pages lie) is then
noise that the median takes out, instead of a bias that it keeps.

Processes are ended by their pid, every wait has a limit, and a child dies with
us (PR_SET_PDEATHSIG) if we are killed.
"""

import ctypes
import glob
import os
import re
import resource
import select
import signal
import subprocess
import tempfile

import servers

START_SECONDS = 20
LOAD_SECONDS = 150
LISTENING = re.compile(r"listening on (?:tcp:|udp:)?(\d+)")
SWITCHES = re.compile(r"ctxt_switches:\s*(\d+)")
PR_SET_PDEATHSIG = 1

LOADGEN = "bench/loadgen"


class Failure(Exception):
    """A program that is missing, does not start, or echoed wrong bytes."""


class Machine:
    """The build folder, the two CPUs, and how to run programs on them."""

    def __init__(self, build, server_cpu=None, generator_cpu=None,
                 realtime=False):
        allowed = sorted(os.sched_getaffinity(0))
        self.build = os.path.abspath(build)
        self.realtime = realtime
        self.server_cpu = allowed[0] if server_cpu is None else server_cpu
        self.generator_cpu = (allowed[-1] if generator_cpu is None
                              else generator_cpu)
        self.libc = ctypes.CDLL(None, use_errno=True)

    def path(self, *candidates):
        """The first of the files below the build folder that exists."""
        for name in candidates:
            path = os.path.join(self.build, name)
            if os.path.exists(path):
                return path
        raise Failure("missing: %s (build it first)" %
                      os.path.join(self.build, candidates[0]))

    def missing(self, program):
        """What the program lacks, or None."""
        argv = servers.command(self.build, program)
        if argv[0] != servers.PYTHON:
            return None if os.access(argv[0], os.X_OK) else argv[0]
        found = subprocess.run(
            [servers.PYTHON, "-c", "import twisted.protocols.basic"],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return "python3-twisted" if found.returncode else None

    def spawn(self, argv, cpu, env=None):
        """Starts a program on one CPU, or on any; its stdin and stdout are
        pipes."""
        def prepare():
            self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            if self.realtime:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        try:
            return subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, preexec_fn=prepare,
                env=dict(os.environ, **env) if env else None)
        except (OSError, subprocess.SubprocessError) as error:
            raise Failure("%s does not start: %s" % (argv[0], error))

    def preload(self, module, **variables):
        """The environment in which a module of ours is loaded; it is a plain
        file, or where libtool leaves it."""
        path = self.path("bench/%s.so" % module, "bench/.libs/%s.so" % module,
                         "bench/.libs/lib%s.so" % module)
        return dict(variables, LD_PRELOAD=path)

    def server(self, program, env=None):
        """A server, as servers.py names it."""
        cpu = (None if program in servers.ON_ALL_CPUS else self.server_cpu)
        return Server(self, servers.command(self.build, program), cpu, env)

    def load(self, server, **options):
        """One run of the generator against a server; its figures."""
        with Load(self, server, **options) as load:
            return load.figures()

    def driven(self, server, **options):
        """A generator that is connected, warm, and waits for slices."""
        load = Load(self, server, "--driven", **options)
        try:
            load.read("ready")
        except BaseException:
            end(load.child)
            raise
        return load


class Child:
    """A process that runs while the with statement lasts."""

    def __init__(self, machine, argv, cpu, env=None):
        self.argv = argv
        self.child = machine.spawn(argv, cpu, env)
        self.pid = self.child.pid

    def line(self, seconds):
        """Its next line; empty when it has ended or said nothing in time."""
        out = self.child.stdout
        return out.readline() if select.select([out], [], [], seconds)[0] \
            else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.child)


class Server(Child):
    """An echo server; .port is where it listens."""

    def __init__(self, machine, argv, cpu, env=None):
        super().__init__(machine, argv, cpu, env)
        self.name = " ".join(os.path.basename(word) for word in argv)
        match = LISTENING.search(self.line(START_SECONDS))
        if not match:
            end(self.child)
            raise Failure("%s did not say 'listening on PORT'" % self.name)
        self.port = int(match.group(1))

    def switches(self):
        """How often its threads that live have given a CPU up so far."""
        count = 0
        for path in glob.glob("/proc/%d/task/*/status" % self.pid):
            try:
                with open(path) as f:
                    count += sum(map(int, SWITCHES.findall(f.read())))
            except OSError:     # the thread has just ended
                pass
        return count


class Load(Child):
    """A generator against one server."""

    def __init__(self, machine, server, *flags, **options):
        argv = [machine.path(LOADGEN), "--port", str(server.port),
                "--pid", str(server.pid), *flags]
        for key, value in options.items():
            argv += ["--" + key, str(value)]
        super().__init__(machine, argv, machine.generator_cpu)
        self.server = server

    def read(self, start):
        line = self.line(LOAD_SECONDS)
        if not line.startswith(start):
            raise Failure("%s: %s (%s)" % (
                self.server.name, line.strip() or "the generator gave up",
                " ".join(self.argv[1:])))
        return line

    def figures(self):
        """The line of figures at the end of a slice, as a dict."""
        pairs = (word.split("=", 1) for word in self.read("conns=").split())
        return {key: float(value) for key, value in pairs}

    def __exit__(self, kind, *_):
        """At the end of its input it resets its connections, so that no
        TIME_WAIT of ten thousand sockets burdens the next measurement."""
        self.child.stdin.close()
        try:
            self.child.wait(timeout=0 if kind else 20)
        except subprocess.TimeoutExpired:
            pass
        end(self.child)

    def slice(self, seconds):
        """Loads for so long; returns the figures."""
        self.child.stdin.write("%g\n" % seconds)
        self.child.stdin.flush()
        return self.figures()


def end(child):
    """Ends one process by its pid, if it still runs, and reaps it."""
    if child.poll() is None:
        child.kill()
    child.wait(timeout=30)
    child.stdin.close()
    child.stdout.close()


def control(machine, modes):
    """Shows that the generator reports lies; raises Failure if it does not.

    A clean run means nothing unless a wrong byte would have been seen."""
    for mode in modes:
        for lie in ("flip", "drop", "double", "crossed"):
            with machine.server(servers.LIAR + (lie,)) as liar:
                try:
                    machine.load(liar, mode=mode, conns=2, size=100, seconds=1)
                except Failure as failure:
                    if "FAIL" in str(failure):
                        continue
                    raise
            raise Failure("the generator did not notice a server's lie: %s "
                          "(%s)" % (lie, mode))


def shared_file():
    """An empty file in memory, for what a preloaded module counts."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    return tempfile.NamedTemporaryFile(prefix="plait-count-", dir=folder)
