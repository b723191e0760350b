"""A server under test and a client that does exactly what it is told.

Sockets are raw: what is sent is what the test says, in the pieces it says.
Nothing sleeps to be right: whatever is waited for has a deadline.
"""
import os
import re
import signal
import socket
import subprocess
import time

DEADLINE_S = 30


class Answer:
    """One response, as it came."""

    def __init__(self, head, body, complete):
        lines = head.decode('latin-1').split('\r\n')
        self.version, code, self.reason = (lines[0] + '  ').split(' ', 2)
        self.status = int(code)
        self.reason = self.reason.strip()
        self.fields = [line.split(': ', 1) for line in lines[1:]]
        self.body = body
        self.complete = complete

    def field(self, name):
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        assert len(values) <= 1, f'{name} is there {len(values)} times'
        return values[0] if values else None


class Client:
    """A connection; a context manager."""

    def __init__(self, address, receive_buffer=None):
        if address.startswith('unix:'):
            self.socket = socket.socket(socket.AF_UNIX)
            where = address[5:]
        else:
            self.socket = socket.socket()
            host, _, port = address.rpartition(':')
            where = (host, int(port))
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   receive_buffer)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(where)
        self.data = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def finish(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def more(self):
        """False at the end of the stream, however it ends."""
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            piece = b''
        self.data += piece
        return bool(piece)

    def until(self, mark):
        while mark not in self.data:
            if not self.more():
                raise EOFError(f'no {mark!r} in {self.data[:200]!r}')
        part, _, self.data = self.data.partition(mark)
        return part

    def exactly(self, size):
        while len(self.data) < size and self.more():
            pass
        part, self.data = self.data[:size], self.data[size:]
        return part

    def chunks(self):
        body = b''
        while True:
            size = int(self.until(b'\r\n'), 16)
            body += self.exactly(size)
            assert self.exactly(2) == b'\r\n', 'no line end behind a chunk'
            if size == 0:
                return body

    def answer(self, method='GET'):
        head = self.until(b'\r\n\r\n')
        answer = Answer(head, b'', True)
        length = answer.field('Content-Length')
        coding = answer.field('Transfer-Encoding')
        assert not (length and coding), 'framed twice'
        if method == 'HEAD' or answer.status in (100, 204, 304):
            return answer
        if coding:
            try:
                answer.body = self.chunks()
            except EOFError:
                answer.complete = False
        elif length is not None:
            answer.body = self.exactly(int(length))
            answer.complete = len(answer.body) == int(length)
        else:
            while self.more():
                pass
            answer.body, self.data = self.data, b''
        return answer

    def closed(self):
        """Nothing more comes but the end."""
        while self.more():
            pass
        assert self.data == b'', f'more came: {self.data[:200]!r}'
        return True


class Server:
    """A child of ours; a context manager, so that it never stays."""

    def __init__(self, program, *arguments, prepare=None):
        self.process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=prepare)
        os.set_blocking(self.process.stderr.fileno(), False)
        self.errors = ''
        self.addresses = []
        for line in self.process.stdout:
            line = line.decode().strip()
            if line == 'ready':
                break
            self.addresses.append(line)
        else:
            self.process.wait(DEADLINE_S)
            self.said()
            raise RuntimeError(f'no server: {self.errors}')

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            out, _ = self.process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        if kind is None and self.process.returncode:
            raise RuntimeError(f'the server failed: '
                               f'{self.process.returncode} {out} '
                               f'{self.errors}')

    def client(self, which=0, **options):
        return Client(self.addresses[which], **options)

    def said(self):
        """What it has written to its standard error so far."""
        data = self.process.stderr.read()
        self.errors += data.decode(errors='replace') if data else ''
        return self.errors

    def signal(self, number):
        self.process.send_signal(number)

    def drain(self):
        self.signal(signal.SIGTERM)

    def resident(self):
        with open(f'/proc/{self.process.pid}/status') as status:
            return int(re.search(r'VmRSS:\s+(\d+)', status.read())[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))


def wait_until(condition, what, seconds=DEADLINE_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)
