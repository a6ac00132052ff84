"""Programs under test: started, read with a deadline, ended by their id."""
import os
import selectors
import signal
import subprocess
import tempfile
import time

from peers.run import DEADLINE_S

PLAIT = os.environ.get("PLAIT", "plait")


class Late(AssertionError):
    """The deadline passed."""


class Reader:
    """Reads a pipe or any other descriptor, each time with a deadline."""

    def __init__(self, fd):
        self.fd = fd
        self.buffer = b""

    def _more(self, end):
        with selectors.DefaultSelector() as selector:
            selector.register(self.fd, selectors.EVENT_READ)
            if not selector.select(max(0, end - time.monotonic())):
                raise Late(f"nothing to read; so far: {self.buffer!r:.500}")
        try:
            piece = os.read(self.fd, 65536)
        except OSError:  # a terminal whose other side is gone
            piece = b""
        self.buffer += piece
        return piece

    def line(self):
        """The next line without its ending; None at the end."""
        end = time.monotonic() + DEADLINE_S
        while b"\n" not in self.buffer:
            if not self._more(end):
                return None
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode()

    def bytes(self, count):
        """Exactly so many bytes, or fewer at the end."""
        end = time.monotonic() + DEADLINE_S
        while len(self.buffer) < count and self._more(end):
            pass
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def rest(self):
        """All bytes until the end."""
        end = time.monotonic() + DEADLINE_S
        pieces = [self.buffer]
        self.buffer = b""
        while self._more(end):
            pieces.append(self.buffer)
            self.buffer = b""
        return b"".join(pieces)


def state(path):
    """The letter of a thread's state; Z if it has gone."""
    try:
        with open(path) as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


class Program:
    """A process with its stdout in a pipe and its stderr in a file."""

    def __init__(self, *argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                 **options):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(argv, stdin=stdin, stdout=stdout,
                                        stderr=self.errors, **options)
        self.stdin = self.process.stdin
        self.out = self.process.stdout and Reader(self.process.stdout.fileno())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.errors):
            if file is not None:
                try:
                    file.close()
                except OSError:  # unsent bytes for a process that is gone
                    pass

    def send(self, number, busy=False):
        """A signal; |busy|: to a program that has always something to do."""
        if not busy and os.environ.get("PLAIT_SANITIZER") == "thread":
            self._settle()
        self.process.send_signal(number)

    def _settle(self):
        """Waits until every thread waits. Under gcc 12's ThreadSanitizer, and
        only there, a signal that came right before a blocking call was seen
        to get lost."""
        end = time.monotonic() + DEADLINE_S
        tasks = f"/proc/{self.process.pid}/task"
        while any(state(f"{tasks}/{task}/stat") not in "SZ"
                  for task in os.listdir(tasks)):
            if time.monotonic() > end:
                raise Late("its threads never wait")

    def wait(self):
        """The exit status."""
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            words = " ".join(self.process.args)
            raise Late(f"{words} goes on; {self.stderr()}") from None

    def stderr(self):
        # Not seek(): the process writes at the offset that we share.
        size = os.fstat(self.errors.fileno()).st_size
        return os.pread(self.errors.fileno(), size, 0).decode()


class Serve(Program):
    """plait serve, listening; |launcher| are words in front of it."""

    def __init__(self, *arguments, endpoints=None, launcher=(), **options):
        super().__init__(*launcher, PLAIT, "serve", *arguments, **options)
        if endpoints is None:
            endpoints = sum(is_endpoint(a) for a in arguments)
        self.endpoints = []
        try:
            for _ in range(endpoints):
                self.endpoints.append(self._endpoint())
        except BaseException:
            self.__exit__()
            raise

    def _endpoint(self):
        line = self.out.line()
        if line is None:
            raise AssertionError(f"status {self.wait()}: {self.stderr()}")
        assert line.startswith("listening on "), line
        return line[len("listening on "):]

    def stop(self):
        """Ends it in order; its exit status."""
        self.send(signal.SIGTERM)
        return self.wait()


def is_endpoint(argument):
    return argument.split(":")[0] in ("tcp", "tcp6", "unix", "fd")


def run(*argv, **options):
    """Runs a program to its end: status, stdout, stderr."""
    with Program(*argv, **options) as program:
        out = program.out.rest() if program.out else b""
        return program.wait(), out.decode(), program.stderr()
