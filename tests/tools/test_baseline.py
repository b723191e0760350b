#!/usr/bin/env python3
"""The baseline servers answer as HTTP and echo servers must.

Usage: test_baseline.py RAW_URING RAW_EPOLL HTTP_LOAD OVERHEAD

Goal:   what Lend is compared with does the work it claims to do: every
        request answered once, wherever the network cuts it, and nothing lost
        when the client reads slowly or descriptors run out.
Method: raw sockets against each server on a free port, then the load
        generator, which must find no error, and one wrong server, in which it
        must find one.
"""
import contextlib
import json
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

DEADLINE_S = 60
REQUEST = b'GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n'
BODY = b'Hello, World!'
SERVERS = {}
LOAD = ''
OVERHEAD = ''


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def limit_descriptors(count):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
    return limit


class Baseline:
    def __init__(self, path, *args, descriptors=None):
        self.port = free_port()
        self.process = subprocess.Popen(
            [path, '--listen', f'127.0.0.1:{self.port}', *args],
            preexec_fn=limit_descriptors(descriptors) if descriptors else None)

    def connect(self):
        give_up = time.monotonic() + DEADLINE_S
        while True:
            try:
                return socket.create_connection(('127.0.0.1', self.port),
                                                DEADLINE_S)
            except ConnectionRefusedError:
                if (self.process.poll() is not None
                        or time.monotonic() > give_up):
                    raise
                time.sleep(0.01)

    def open_sockets(self):
        folder = f'/proc/{self.process.pid}/fd'
        return sum(os.readlink(f'{folder}/{fd}').startswith('socket:')
                   for fd in os.listdir(folder))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        if kind is None:
            assert status == 0, f'exit status {status} after SIGTERM'


def receive(sock, size):
    data = b''
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            break
        data += part
    return data


def answers(sock, count):
    """Receive exactly @count answers; they are all of one size."""
    first = b''
    while BODY not in first:
        part = sock.recv(1)
        if not part:
            raise AssertionError(f'closed after {first!r}')
        first += part
    rest = receive(sock, len(first) * (count - 1))
    return [first] + [rest[i:i + len(first)]
                      for i in range(0, len(rest), len(first))]


def each_server(*args, **options):
    """Decorator: run the test once with each server, started for it."""
    def decorate(test):
        def run(self):
            for name, path in SERVERS.items():
                with self.subTest(server=name):
                    with Baseline(path, *args, **options) as server:
                        test(self, server)
        return run
    return decorate


def wait_for_bytes(port):
    """Until a connection to @port has something that nobody has received."""
    give_up = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up:
        with open('/proc/net/tcp', encoding='ascii') as table:
            for line in table.readlines()[1:]:
                _, local, _, state, queues = line.split()[:5]
                if (int(local.split(':')[1], 16) == port and state == '01'
                        and int(queues.split(':')[1], 16)):
                    return
        time.sleep(0.01)
    raise AssertionError('nothing was sent')


class BaselineTest(unittest.TestCase):
    def check_answer(self, answer):
        head, _, body = answer.partition(b'\r\n\r\n')
        lines = head.split(b'\r\n')
        self.assertEqual(lines[0], b'HTTP/1.1 200 OK')
        headers = dict(line.split(b': ', 1) for line in lines[1:])
        self.assertEqual(headers[b'Server'], b'raw')
        self.assertEqual(headers[b'Content-Length'], b'13')
        self.assertEqual(headers[b'Content-Type'], b'text/plain')
        date = headers[b'Date'].decode()
        then = time.strptime(date, '%a, %d %b %Y %H:%M:%S GMT')
        age_s = time.mktime(time.gmtime()) - time.mktime(then)
        self.assertLess(abs(age_s), 5)
        self.assertEqual(body, BODY)

    @each_server()
    def test_pipelined_requests_are_each_answered_once(self, server):
        # 200 is more than the answers of one send.
        for count in (1, 2, 16, 200):
            with server.connect() as sock:
                sock.sendall(REQUEST * count)
                for answer in answers(sock, count):
                    self.check_answer(answer)
                sock.settimeout(0.05)
                with self.assertRaises(TimeoutError):
                    sock.recv(1)

    @each_server()
    def test_a_head_may_be_split_anywhere(self, server):
        with server.connect() as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(1, len(REQUEST)):
                # The second request's beginning comes with the first.
                sock.sendall(REQUEST + REQUEST[:at])
                self.check_answer(answers(sock, 1)[0])
                sock.sendall(REQUEST[at:])
                self.check_answer(answers(sock, 1)[0])
            for byte in REQUEST:
                sock.sendall(bytes([byte]))
            self.check_answer(answers(sock, 1)[0])

    @each_server()
    def test_a_client_that_reads_late_gets_every_answer(self, server):
        count = 100000
        with server.connect() as sock:
            writer = threading.Thread(target=sock.sendall,
                                      args=(REQUEST * count,))
            writer.start()
            time.sleep(0.1)
            sock.settimeout(DEADLINE_S)
            first = answers(sock, 1)[0]
            rest = b''
            size = len(first) * (count - 1)
            with memoryview(bytearray(size)) as view:
                at = 0
                while at < size:
                    part = sock.recv_into(view[at:])
                    self.assertGreater(part, 0)
                    at += part
                rest = bytes(view)
            writer.join()
            self.assertEqual(rest.count(b'HTTP/1.1 200 OK\r\n'), count - 1)
            for at in range(0, size, len(first) * 1000):
                self.check_answer(rest[at:at + len(first)])

    @each_server()
    def test_a_half_closed_connection_is_answered_then_closed(self, server):
        with server.connect() as sock:
            sock.sendall(REQUEST * 3)
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(len(answers(sock, 3)), 3)
            self.assertEqual(sock.recv(1), b'')

    @each_server()
    def test_a_client_that_resets_harms_nobody(self, server):
        for _ in range(20):
            with server.connect() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                struct.pack('ii', 1, 0))
                sock.setblocking(False)
                # Until neither side takes any more, then RST.
                with contextlib.suppress(BlockingIOError):
                    for _ in range(1000):
                        sock.send(REQUEST * 1000)
        with server.connect() as sock:
            sock.sendall(REQUEST)
            self.check_answer(answers(sock, 1)[0])
        give_up = time.monotonic() + DEADLINE_S
        while server.open_sockets() > 1 and time.monotonic() < give_up:
            time.sleep(0.01)
        self.assertEqual(server.open_sockets(), 1, 'only the listener')

    @each_server(descriptors=16)
    def test_running_out_of_descriptors_is_survived(self, server):
        socks = [server.connect() for _ in range(20)]
        for sock in socks:
            sock.close()
        with server.connect() as sock:
            sock.sendall(REQUEST)
            self.check_answer(answers(sock, 1)[0])

    @each_server()
    def test_the_date_moves_on(self, server):
        with server.connect() as sock:
            sock.sendall(REQUEST)
            first = answers(sock, 1)[0]
            give_up = time.monotonic() + DEADLINE_S
            now = first
            while now == first and time.monotonic() < give_up:
                time.sleep(0.1)
                sock.sendall(REQUEST)
                now = answers(sock, 1)[0]
            self.check_answer(now)
            self.assertNotEqual(now, first)

    @each_server('--echo')
    def test_echo_returns_the_bytes_in_order(self, server):
        # More than the sockets and the server's own buffers hold.
        data = bytes(i * 7 % 251 for i in range(251)) * (1 << 16)
        with server.connect() as sock:
            sock.sendall(b'x')
            self.assertEqual(receive(sock, 1), b'x')
            writer = threading.Thread(target=sock.sendall, args=(data,))
            writer.start()
            time.sleep(0.05)
            self.assertEqual(receive(sock, len(data)), data)
            writer.join()

    def load(self, port, *args):
        done = subprocess.run(
            [LOAD, '--connect', f'127.0.0.1:{port}', '--seconds', '0.3',
             '--warmup', '0.05', *args], stdout=subprocess.PIPE, timeout=120)
        return done.returncode, json.loads(done.stdout)

    @each_server()
    def test_the_load_generator_finds_no_error(self, server):
        server.connect().close()
        pid = str(server.process.pid)
        for pipeline in ('1', '16'):
            status, result = self.load(server.port, '--pipeline', pipeline,
                                       '--server-pid', pid)
            self.assertEqual((status, result['errors']), (0, 0))
            self.assertGreater(result['requests'], 100)
            self.assertGreater(result['server_cpu_s'], 0)
            self.assertLessEqual(result['p50_us'], result['p99.9_us'])

    @each_server('--echo')
    def test_the_load_generator_finds_no_error_echoing(self, server):
        server.connect().close()
        status, result = self.load(server.port, '--echo', '--pipeline', '4',
                                   '--threads', '2', '--size', '3000')
        self.assertEqual((status, result['errors']), (0, 0))
        self.assertGreater(result['requests'], 100)

    @each_server()
    def test_the_load_generator_finds_a_wrong_answer(self, server):
        server.connect().close()
        status, result = self.load(server.port, '--body', 'Hello, Worle!')
        self.assertEqual(status, 1)
        self.assertEqual(result['errors'], 64)

    @each_server('--workers', '2')
    def test_more_workers_answer_too(self, server):
        server.connect().close()
        status, result = self.load(server.port)
        self.assertEqual((status, result['errors']), (0, 0))

    @each_server()
    def test_at_a_rate_a_pause_is_everybodys(self, server):
        """A closed loop would have waited with 8 requests, this one has most
        of those that were due meanwhile."""
        server.connect().close()
        server.process.send_signal(signal.SIGSTOP)
        try:
            with subprocess.Popen(
                    [LOAD, '--connect', f'127.0.0.1:{server.port}',
                     '--connections', '8', '--rate', '1000', '--seconds', '1',
                     '--warmup', '0'], stdout=subprocess.PIPE) as load:
                wait_for_bytes(server.port)
                time.sleep(0.4)
                server.process.send_signal(signal.SIGCONT)
                out, _ = load.communicate(timeout=DEADLINE_S)
        finally:
            server.process.send_signal(signal.SIGCONT)
        result = json.loads(out)
        self.assertEqual((load.returncode, result['errors']), (0, 0))
        self.assertGreater(result['p90_us'], 50000)
        self.assertGreater(result['requests'], 300)
        # A closed loop would have had tens of thousands.
        self.assertLess(result['requests'] / result['seconds'], 5000)

    def turns(self, ports, *args):
        """Start a generator that asks one server after the other."""
        connect = [arg for port in ports
                   for arg in ('--connect', f'127.0.0.1:{port}')]
        return subprocess.Popen([LOAD, *connect, *args],
                                stdout=subprocess.PIPE)

    def turns_result(self, load):
        out, _ = load.communicate(timeout=DEADLINE_S)
        result = json.loads(out)
        self.assertEqual((load.returncode, result['errors']), (0, 0))
        return result['turns']

    def test_each_server_has_its_turns(self):
        """And each turn all that were due in it, however late the machine."""
        for spin in ([], ['--spin']):
            with contextlib.ExitStack() as stack:
                servers = [stack.enter_context(Baseline(path))
                           for path in SERVERS.values()]
                for server in servers:
                    server.connect().close()
                load = self.turns(
                    [server.port for server in servers], '--turns', '4',
                    '--connections', '3', '--rate', '2000', '--seconds',
                    '0.05', '--warmup', '0.02', *spin)
                turns = self.turns_result(load)
            # None has its turn at the same place of every cycle.
            self.assertEqual([turn['server'] for turn in turns],
                             [0, 1, 1, 0, 0, 1, 1, 0])
            for turn in turns:
                self.assertIn(turn['requests'], range(99, 102))
                self.assertLessEqual(turn['p50_us'], turn['p99_us'])

    @each_server()
    def test_a_turn_has_what_it_kept_waiting(self, server):
        """Also what no connection was free for until the turn was over."""
        server.connect().close()
        server.process.send_signal(signal.SIGSTOP)
        try:
            load = self.turns([server.port], '--turns', '1', '--connections',
                              '8', '--rate', '1000', '--seconds', '0.3',
                              '--warmup', '0')
            wait_for_bytes(server.port)
            time.sleep(0.4)
        finally:
            server.process.send_signal(signal.SIGCONT)
        turn, = self.turns_result(load)
        self.assertIn(turn['requests'], range(299, 302))
        self.assertGreater(turn['p50_us'], 50000)

    @each_server()
    def test_a_generator_says_how_late_it_was(self, server):
        server.connect().close()
        # Unanswered: so the turn is not over before the generator is stopped.
        server.process.send_signal(signal.SIGSTOP)
        try:
            load = self.turns([server.port], '--turns', '1', '--connections',
                              '8', '--rate', '1000', '--seconds', '0.1')
            wait_for_bytes(server.port)
            load.send_signal(signal.SIGSTOP)
            time.sleep(0.4)
        finally:
            server.process.send_signal(signal.SIGCONT)
            load.send_signal(signal.SIGCONT)
        turn, = self.turns_result(load)
        # A round waits for up to 50 ms.
        self.assertGreater(turn['gap_us'], 200000)

    def test_the_table_of_requests_is_made(self):
        build = pathlib.Path(LOAD).parent.parent
        if not (build / 'lend').exists():
            self.skipTest('lend is not built')
        with tempfile.NamedTemporaryFile() as file:
            done = subprocess.run(
                [pathlib.Path(OVERHEAD).with_name('requests.py'), '--build',
                 build, '--json', file.name, '--loads', 'pipelined,echo',
                 '--modes', 'borrowed', '--connections', '4', '--rounds', '1',
                 '--looks', '2', '--turns', '2'],
                stdout=subprocess.PIPE, timeout=DEADLINE_S)
            self.assertEqual(done.returncode, 0)
            table = json.load(file)
        self.assertEqual(len(table), 4)
        for row in table:
            self.assertGreater(row['rate'], 0)
            measures = row['modes']['borrowed']
            self.assertGreater(measures['cpu']['ratio'], 0)
            self.assertEqual(measures['cpu']['turns'], 2)
            self.assertGreater(measures['paced_cpu'].get('ratio', 1), 0)
            self.assertEqual(measures['p99']['turns'], 2)
            # The machine may have been others' for both.
            self.assertGreater(measures['p99'].get('ratio', 1), 0)
            for cycle in row['paced'][0]:
                self.assertEqual(set(cycle), {'raw_uring', 'lend_borrowed'})
                for turn in cycle.values():
                    self.assertAlmostEqual(turn['requests'],
                                           row['rate'] * 0.06,
                                           delta=16)

    def test_the_comparison_runs(self):
        bench = pathlib.Path(LOAD).parent
        with tempfile.NamedTemporaryFile() as file:
            done = subprocess.run(
                [OVERHEAD, '--build', bench.parent, '--json', file.name,
                 '--servers', 'raw_uring,raw_epoll', '--pipeline', '4',
                 '--rounds', '1', '--retries', '0', '--seconds', '0.2',
                 '--warmup', '0.05'], stdout=subprocess.PIPE, timeout=120)
            self.assertEqual(done.returncode, 0)
            self.assertIn(b'raw_epoll', done.stdout)
            result = json.load(file)
        self.assertEqual(
            [row['server'] for row in result[0]['rows']], list(SERVERS))
        self.assertGreater(result[0]['rows'][1]['ratio'], 0)


def io_uring_missing(path):
    """Why the kernel refuses io_uring, in raw_uring's own words, or None."""
    server = subprocess.Popen([path, '--listen', f'127.0.0.1:{free_port()}'],
                              stderr=subprocess.PIPE, text=True)
    try:
        _, said = server.communicate(timeout=0.3)
    except subprocess.TimeoutExpired:
        server.terminate()
        server.communicate()
        return None
    return said.strip() if said.startswith('io_uring_') else None


if __name__ == '__main__':
    SERVERS = {'raw_uring': sys.argv[1], 'raw_epoll': sys.argv[2]}
    LOAD = sys.argv[3]
    OVERHEAD = sys.argv[4]
    missing = io_uring_missing(sys.argv[1])
    if missing is not None:
        print(f'skipped: {missing}')
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
