#!/usr/bin/env python3
"""Prove that the examples do what their top comments say.

usage: check_example.py EXAMPLE PROGRAM

EXAMPLE is the source's name without its end, or "valgrind": then PROGRAM is
01_hello, run with one worker under memcheck.
"""
import filecmp
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

MODES = ("borrowed", "private", "shared")
TIMEOUT = 120
HELLO = "Hello, Ada!\nHello, Grace!\nHello, Barbara!\ngreeted 3\n"
TIMEOUTS = """\
receive: ETIMEDOUT
recv: ETIMEDOUT
receive now: ETIMEDOUT
join: ETIMEDOUT
the reader ended with: ECANCELED
join again: ESRCH
"""
SCOPES = """\
found it behind door 3, 3 still search
closed: 0 search
inside: ECANCELED
the scope: ETIMEDOUT, 0 search, 1 saved
"""


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, not {wanted!r}")


def output(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          timeout=TIMEOUT, check=False)
    expect(f"exit status of {' '.join(command)}", done.returncode, 0)
    return done.stdout


class Server:
    """An example that prints where it listens, on a port of its choice."""

    def __init__(self, *command):
        self.command = command

    def __enter__(self):
        self.process = subprocess.Popen(self.command, text=True,
                                        stdout=subprocess.PIPE)
        # Nothing sleeps to be right: a server that hangs is killed.
        self.timer = threading.Timer(TIMEOUT, self.process.kill)
        self.timer.start()
        line = self.process.stdout.readline()
        match = re.search(r"127\.0\.0\.1:(\d+)", line)
        if not match:
            self.process.kill()
            sys.exit(f"{self.command[0]} said {line!r}")
        self.port = int(match.group(1))
        return self

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), TIMEOUT)

    def __exit__(self, kind, error, trace):
        if kind:
            self.process.kill()
        status = self.process.wait()
        self.timer.cancel()
        self.process.stdout.close()
        if not kind:
            expect("exit status", status, 0)


def receive(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


def echo(connection, data):
    # Sent beside the receiving: a server that waits for its client to take
    # data takes none.
    sender = threading.Thread(target=connection.sendall, args=(data,))
    sender.start()
    got = receive(connection, len(data))
    sender.join()
    expect("the echo is right", got == data, True)


def check_hello(program):
    for workers in ([], ["1"], ["2"], ["4"]):
        expect("output", output(program, *workers), HELLO)


def check_echo(program):
    for mode in MODES:
        with Server(program, "127.0.0.1:0", "5", mode) as server:
            # All open at once, served in another order than accepted.
            connections = [server.connect() for _ in range(5)]
            for number, connection in enumerate(reversed(connections)):
                echo(connection, b"x%d" % number)
            echo(connections[2], os.urandom(1 << 20))
            for connection in connections:
                connection.shutdown(socket.SHUT_WR)
                expect("the end", connection.recv(1), b"")
                connection.close()
        print(f"{mode}: 5 connections")


def check_files(program):
    with tempfile.TemporaryDirectory() as folder:
        source, target = (os.path.join(folder, name) for name in "ab")
        for size in (0, 1, 65536, 65537, 1000003):
            data = os.urandom(size)
            with open(source, "wb") as file:
                file.write(data)
            lines = data.count(b"\n")
            expect("output", output(program, source, target),
                   f"{size} bytes, {lines} lines\n")
            expect("a true copy", filecmp.cmp(source, target, False), True)
            os.remove(target)
        done = subprocess.run([program, folder + "/none", target], text=True,
                              stderr=subprocess.PIPE, check=False,
                              timeout=TIMEOUT)
        # The machine may stop a worker at any time, which is said.
        lines = [line for line in done.stderr.splitlines()
                 if " to no safe point " not in line]
        expect("no such file", (done.returncode, lines),
               (1, ["03_files: No such file or directory"]))


def check_timeouts(program):
    expect("output", output(program), TIMEOUTS)


def check_scopes(program):
    expect("output", output(program), SCOPES)


def ask(connection, method, path, body=b""):
    connection.sendall(b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                       b"Content-Length: %d\r\n\r\n%s"
                       % (method, path, len(body), body))
    answer = receive(connection, 1 << 20)
    connection.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b"chunked" in head:
        body = b""
        while True:
            size, _, rest = rest.partition(b"\r\n")
            if not int(size, 16):
                break
            body += rest[:int(size, 16)]
            rest = rest[int(size, 16) + 2:]
        rest = body
    return int(head.split()[1]), rest


def check_http(program):
    with Server(program, "127.0.0.1:0") as server:
        slow = server.connect()
        waiting = []
        thread = threading.Thread(
            target=lambda: waiting.append(ask(slow, b"GET", b"/slow")))
        thread.start()
        expect("/", ask(server.connect(), b"GET", b"/"), (200, b"Hello!\n"))
        expect("/upper", ask(server.connect(), b"POST", b"/upper",
                             b"abc" * 9999), (200, b"ABC" * 9999))
        # "/" matches every path, but for GET only.
        expect("/none", ask(server.connect(), b"POST", b"/none")[0], 405)
        thread.join()
        expect("/slow", waiting, [(200, b"3 ...\n2 ...\n1 ...\n")])
        expect("/stop", ask(server.connect(), b"POST", b"/stop"),
               (202, b"Goodbye.\n"))


def check_valgrind(program):
    valgrind = shutil.which("valgrind")
    if not valgrind:
        print("skipped: there is no valgrind")
        sys.exit(77)
    with open(program, "rb") as file:
        if b"__asan_init" in file.read():
            print("skipped: not together with AddressSanitizer")
            sys.exit(77)
    expect("output", output(valgrind, "--quiet", "--error-exitcode=1",
                            "--leak-check=full", program, "1"), HELLO)


CHECKS = {
    "01_hello": check_hello,
    "02_echo": check_echo,
    "03_files": check_files,
    "04_timeouts": check_timeouts,
    "05_http": check_http,
    "07_scopes": check_scopes,
    "valgrind": check_valgrind,
}

if __name__ == "__main__":
    CHECKS[sys.argv[1]](sys.argv[2])
