"""What the tests of the program `lend` share: a server as a child, a client
that sends exactly what it is told, and a loop over the cases of a script.

A script is run as: test_x.py LEND [--only WORD] [OPTION OF LEND...]
"""
import ctypes
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

SKIP = 77
DEADLINE_S = 60
CASES = []


class Skipped(Exception):
    pass


def case(function):
    """Make a function a test: it is called with a Context."""
    CASES.append(function)
    return function


def spoken(lines):
    """But for what is said when the machine stops a worker, as it may at any
    time, and for what gcov says in a program that may not write."""
    return (line for line in lines if " to no safe point " not in line
            and not line.startswith(("lend: warning:   ", "profiling:")))


class Context:
    """What a case needs to know: the program, and options to give it."""

    def __init__(self, program, options, folder):
        self.program = program
        self.options = options
        self.folder = folder

    def serve(self, *options, **settings):
        return Server(self.program, "serve", [*self.options, *options],
                      **settings)

    def echo(self, *options, **settings):
        return Server(self.program, "echo", [*self.options, *options],
                      **settings)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments, **settings):
        """Run to the end: (exit status, output, lines of errors)."""
        done = subprocess.run([self.program, *arguments], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=DEADLINE_S, check=False, **settings)
        return done.returncode, done.stdout, \
            list(spoken(done.stderr.splitlines()))


class Server:
    """A server process; a context manager, so that it never stays."""

    def __init__(self, program, command, options, nofile=None, listen=None):
        listen = ["127.0.0.1:0"] if listen is None else listen
        argv = [program, command, *options]
        for address in listen:
            argv += ["--listen", address]

        def limit():
            if nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        self.lines = []
        self.started = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if not self.started.wait(DEADLINE_S) or not self.lines:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{argv} did not start: {self.lines}")
        self.start_line = next((line for line in self.lines
                                if "ing on " in line), None)
        if self.start_line is None:
            self.process.wait(DEADLINE_S)
            raise AssertionError(f"{argv} did not start: {self.lines}")
        self.addresses, self.admin = addresses_of(self.start_line)
        self.address = self.addresses[0]

    def read(self):
        for line in spoken(self.process.stderr):
            self.lines.append(line.rstrip("\n"))
            if "ing on " in line:
                self.started.set()
        self.started.set()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.reader.join(DEADLINE_S)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, timeout_s=DEADLINE_S):
        status = self.process.wait(timeout_s)
        self.reader.join(DEADLINE_S)
        return status

    def stop(self):
        """End it as a user would; it has to end well."""
        self.signal()
        equal(self.wait(), 0)
        return self.lines

    def rss_max_kib(self):
        with open(f"/proc/{self.process.pid}/status",
                  encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))

    def get(self, target, **settings):
        with Client(self.address) as client:
            return client.ask("GET", target, **settings)


def addresses_of(line):
    """The addresses of a start line, and the admin's."""
    places, admin, _ = re.fullmatch(
        r"lend: \w+ on (.*?)(?:; admin on (\S+))?; (mode .*)", line).groups()
    found = [address_of(place) for place in places.split(", ")]
    return found, admin and address_of(admin)


def address_of(place):
    place = place.removeprefix("http://").rstrip("/")
    if place.startswith("unix:"):
        return place.removeprefix("unix:")
    host, _, port = place.rpartition(":")
    return host.strip("[]"), int(port)


def connect(address, timeout_s=DEADLINE_S):
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_s)
        connection.connect(address)
        return connection
    return socket.create_connection(address, timeout_s)


class Response:
    def __init__(self, raw):
        self.status = raw.status
        self.headers = raw.headers
        self.body = raw.read()

    def __getitem__(self, name):
        return self.headers[name]

    def json(self):
        return json.loads(self.body)


class Client:
    """One HTTP connection. Targets go out as they are."""

    def __init__(self, address):
        self.socket = connect(address)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, method, target, headers=None, body=b""):
        lines = [f"{method} {target} HTTP/1.1", "Host: test"]
        lines += [f"{name}: {value}"
                  for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines) + "\r\n\r\n"
        self.socket.sendall(head.encode("latin-1") + body)

    def receive(self, method="GET"):
        raw = http.client.HTTPResponse(self.socket, method=method)
        raw.begin()
        return Response(raw)

    def ask(self, method, target, **settings):
        self.send(method, target, **settings)
        return self.receive(method)


def equal(found, expected, what=""):
    if found != expected:
        raise AssertionError(f"{what}{': ' if what else ''}"
                             f"{found!r:.300} instead of {expected!r:.300}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def cpu_seconds(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_rest(server):
    """Until there is a while in which it does not compute."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        before = cpu_seconds(server)
        time.sleep(0.5)
        busy = cpu_seconds(server) - before
        if busy < 0.2:
            return
        true(time.monotonic() < deadline,
             f"{busy} s of CPU while there was nothing to do")


def sleeps(server):
    """How often each of its threads has gone to sleep by itself."""
    process = pathlib.Path("/proc", str(server.process.pid))
    # ThreadSanitizer has a thread of its own that wakes up ten times a second;
    # ours have names.
    sanitized = "libtsan" in (process / "maps").read_text(encoding="utf-8")
    program = (process / "comm").read_text(encoding="utf-8")
    counts = {}
    for thread in (process / "task").iterdir():
        name = (thread / "comm").read_text(encoding="utf-8")
        if sanitized and name == program:
            continue
        status = (thread / "status").read_text(encoding="utf-8")
        counts[thread.name] = re.search(
            r"\nvoluntary_ctxt_switches:\s+(\d+)", status).group(1)
    return counts


def wait_for_sleep(server, window_s=2):
    """Until there is a while in which none of its threads wakes up, not even
    to look at something. How long that takes does not matter; what wakes up
    at intervals below @window_s is found however slow the machine is."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        before = sleeps(server)
        time.sleep(window_s)
        after = sleeps(server)
        if before == after:
            return
        true(time.monotonic() < deadline,
             f"it wakes up all the time: {before}, then {after}")


def wait_for(condition, what, timeout_s=DEADLINE_S):
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.01)


def forbid_io_uring():
    """For preexec_fn: from now on io_uring_setup() fails with EPERM."""
    libc = ctypes.CDLL(None, use_errno=True)
    load, jump_equal, ret = 0x20, 0x15, 0x06
    io_uring_setup, allow, eperm = 425, 0x7fff0000, 0x00050001
    program = b"".join(struct.pack("HBBI", *step) for step in (
        (load, 0, 0, 0), (jump_equal, 0, 1, io_uring_setup),
        (ret, 0, 0, eperm), (ret, 0, 0, allow)))
    memory = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HxxxxxxP", 4, ctypes.addressof(memory))
    no_new_privs, set_seccomp, mode_filter = 38, 22, 2
    if libc.prctl(no_new_privs, 1, 0, 0, 0) or \
            libc.prctl(set_seccomp, mode_filter, filter_, 0, 0):
        os._exit(SKIP)


def available(program):
    """Can this machine run the program at all? Why not, if not."""
    server = subprocess.Popen(
        [program, "echo", "--listen", "127.0.0.1:0"], text=True,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    line = server.stderr.readline()
    server.terminate()
    if server.wait(DEADLINE_S) == 3:
        return line
    return None


def main():
    arguments = sys.argv[1:]
    program = os.path.abspath(arguments.pop(0))
    only = ""
    if arguments[:1] == ["--only"]:
        only = arguments[1]
        arguments = arguments[2:]
    reason = available(program)
    if reason:
        print(f"skipped: {reason}")
        return SKIP
    failed = count = 0
    for function in CASES:
        if only not in function.__name__:
            continue
        start = time.monotonic()
        verdict = "ok"
        with tempfile.TemporaryDirectory() as folder:
            try:
                count += 1
                function(Context(program, arguments, folder))
            except Skipped as skipped:
                verdict = f"skipped: {skipped}"
            except Exception:
                verdict = "FAILED\n" + traceback.format_exc()
                failed += 1
        seconds = time.monotonic() - start
        print(f"{function.__name__} ({seconds:.2f} s): {verdict}", flush=True)
    print(f"{count} cases, {failed} failed")
    return 1 if failed or not count else 0
