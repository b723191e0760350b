#!/usr/bin/env python3
"""What becomes of connections: timeouts, limits, memory, descriptors, drain.

usage: test_connections.py SERVER [OPTION...]   (options of the server)
"""
import os
import resource
import signal
import socket
import sys
import time
import unittest

from client import Server, wait_until

PROGRAM, OPTIONS = sys.argv[1], sys.argv[2:]
GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
IDLE = 800
IDLE_BYTES = 8192
# A busy one has three times that. The memory of 128 is kept for the next ones,
# as they were when they ended: that many are few of those there are here.
KEPT_BYTES = IDLE * IDLE_BYTES // 2


def get(path):
    return f'GET {path} HTTP/1.1\r\nHost: x\r\n\r\n'


def limit_descriptors(count):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
    return limit


class Connections(unittest.TestCase):
    def serve(self, *options, **others):
        return Server(PROGRAM, *OPTIONS, *options, **others)

    def ends_between(self, client, start, least_s, most_s):
        self.assertTrue(client.closed())
        took = time.monotonic() - start
        self.assertGreater(took, least_s)
        self.assertLess(took, most_s)

    # ---- timeouts ----

    def test_a_head_that_does_not_come_in_time_is_408(self):
        with self.serve('--header-ms', '300') as server:
            # From before the server's clock starts: we may be late.
            start = time.monotonic()
            with server.client() as client:
                client.send('GET / HT')
                self.assertEqual(client.answer().status, 408)
                self.ends_between(client, start, 0.2, 5)
            # Slow loris: the clock does not start anew with each byte.
            with server.client() as client:
                start = time.monotonic()
                client.socket.settimeout(0.05)
                client.send('GET /')
                while time.monotonic() < start + 5:
                    try:
                        client.send('a')
                        if not client.more() or b'\r\n\r\n' in client.data:
                            break
                    except TimeoutError:
                        pass
                    except OSError:
                        break
                self.assertIn(b' 408 ', client.data)

    def test_a_body_that_does_not_come_is_408(self):
        with self.serve('--body-ms', '200') as server:
            for head in ('Content-Length: 5', 'Transfer-Encoding: chunked'):
                with server.client() as client:
                    start = time.monotonic()
                    client.send(f'POST /count HTTP/1.1\r\nHost: x\r\n{head}'
                                '\r\n\r\n1')
                    self.assertEqual(client.answer().status, 408)
                    self.ends_between(client, start, 0.1, 5)

    def test_idle_connections_are_closed_without_a_word(self):
        with self.serve('--idle-ms', '300') as server:
            with server.client() as client, server.client() as used:
                start = time.monotonic()
                used.send(GET)
                self.assertEqual(used.answer().status, 200)
                self.ends_between(used, start, 0.2, 5)
                self.assertTrue(client.closed())

    def test_a_client_that_takes_nothing_is_given_up(self):
        with self.serve('--write-ms', '300') as server:
            before = server.descriptors()
            with server.client(receive_buffer=4096) as client:
                for _ in range(20):
                    client.send(get('/big'))
                wait_until(lambda: server.descriptors() > before, 'accept')
                wait_until(lambda: server.descriptors() <= before,
                           'the connection is still there')

    def test_a_slow_handler_is_not_an_idle_connection(self):
        # A client that is late by as much would be closed before it asks.
        with self.serve('--idle-ms', '800', '--header-ms', '800') as server:
            with server.client() as client:
                client.send(get('/slow?ms=1600'))
                self.assertEqual(client.answer().body, b'slow\n')

    def test_a_chunked_body_can_be_refused_with_411(self):
        with self.serve('--length-required') as server:
            with server.client() as client:
                client.send('POST /echo HTTP/1.1\r\nHost: x\r\n'
                            'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
                self.assertEqual(client.answer().status, 411)
                self.assertTrue(client.closed())

    def test_more_fields_than_usual_can_be_allowed(self):
        fields = 'X: y\r\n' * 600
        with self.serve('--fields', '1000') as server:
            with server.client() as client:
                client.send(f'GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n')
                self.assertEqual(client.answer().status, 200)

    def test_a_want_of_buffers_takes_no_time_from_idle_connections(self):
        # Requests that are being served have the buffers; there are some for
        # each ring.
        with self.serve('--buffers', '1', '--header-ms', '500') as server:
            busy = [server.client() for _ in range(12)]
            for client in busy:
                client.send(get('/slow?ms=60000'))
            with server.client() as silent, server.client() as used, \
                    server.client() as clock, server.client() as half:
                used.send(GET)
                self.assertEqual(used.answer().status, 200)
                # From its first byte, and so later than the others'.
                clock.send('GET / HT')
                self.assertEqual(clock.answer().status, 408)
                for client in silent, used:
                    client.send(GET)
                    self.assertEqual(client.answer().status, 200)
                # Nor are they left alone in a drain, until it has no time any
                # more for who is being answered.
                half.send('POST /count HTTP/1.1\r\nHost: x\r\n'
                          'Content-Length: 5\r\n\r\nhel')
                used.send(GET)
                self.assertEqual(used.answer().status, 200)
                server.drain()
                self.assertTrue(silent.closed())
                self.assertTrue(used.closed())
                half.send('lo')
                self.assertEqual(half.answer().body, b'5\n')
            for client in busy:
                client.socket.close()

    # ---- limits ----

    def test_connections_above_the_limit_wait(self):
        with self.serve('--connections-max', '3') as server:
            first = [server.client() for _ in range(3)]
            for client in first:
                client.send(GET)
                self.assertEqual(client.answer().status, 200)
            with server.client() as late:
                late.send(GET)
                late.socket.settimeout(0.2)
                with self.assertRaises(TimeoutError):
                    late.answer()
                late.socket.settimeout(10)
                for client in first:
                    client.socket.close()
                self.assertEqual(late.answer().status, 200)

    def test_with_a_limit_of_one_they_come_one_after_the_other(self):
        # The one that there is may end just while its server stops accepting
        # because of it: it must go on all the same.
        with self.serve('--connections-max', '1') as server:
            for _ in range(1000):
                with server.client() as client:
                    client.send('GET / HTTP/1.0\r\n\r\n')
                    self.assertEqual(client.answer().status, 200)
                    self.assertTrue(client.closed())

    def test_out_of_descriptors_it_serves_says_so_once_and_recovers(self):
        with self.serve(prepare=limit_descriptors(64)) as server:
            clients = [server.client() for _ in range(100)]
            wait_until(lambda: 'can not accept' in server.said(), 'a word')
            clients[0].send(GET)
            self.assertEqual(clients[0].answer().status, 200)
            for client in clients[1:60]:
                client.socket.close()
            for client in clients[60:]:
                client.send(GET)
                self.assertEqual(client.answer().status, 200)
            for client in clients:
                client.socket.close()
            with server.client() as client:
                client.send(GET)
                self.assertEqual(client.answer().status, 200)
            self.assertEqual(server.said().count('can not accept'), 1)

    def test_an_idle_connection_costs_two_pages_and_gives_them_back(self):
        if 'SANITIZED' in os.environ:
            self.skipTest('sanitizers have memory of their own')
        with self.serve() as server:
            # What is needed once is there before we measure: the rings'
            # buffers have each been used.
            for _ in range(20):
                with server.client() as client:
                    for _ in range(80):
                        client.send(GET)
                        client.answer()
            base = server.resident()
            clients = [server.client() for _ in range(IDLE)]
            for client in clients:
                client.send(GET)
                client.answer()
            wait_until(lambda: server.resident() - base < IDLE * IDLE_BYTES,
                       'more than two pages a connection')
            # Busy again: what is given back is most then, whether or not
            # each of them had been idle for long enough.
            for client in clients:
                client.send(GET)
                client.answer()
            for client in clients:
                client.socket.close()
            wait_until(lambda: server.resident() - base < KEPT_BYTES,
                       'it keeps its memory')

    # ---- the end ----

    def test_a_drain_ends_idle_connections_and_answers_busy_ones(self):
        with self.serve() as server:
            with server.client() as idle, server.client() as busy, \
                    server.client() as half:
                idle.send(GET)
                idle.answer()
                busy.send(get('/slow?ms=500') + GET)
                half.send('POST /count HTTP/1.1\r\nHost: x\r\n'
                          'Content-Length: 5\r\n\r\nhel')
                idle.send(GET)
                idle.answer()
                server.drain()
                self.assertTrue(idle.closed())
                half.send('lo')
                self.assertEqual(half.answer().body, b'5\n')
                self.assertTrue(half.closed())
                answer = busy.answer()
                self.assertEqual(answer.body, b'slow\n')
                self.assertEqual(answer.field('Connection'), 'close')
                self.assertTrue(busy.closed())
            server.process.wait(10)

    def test_a_drain_answers_who_was_not_accepted_yet(self):
        # One connection allowed: the others wait in the kernel's queue, and
        # are taken from there when the drain begins.
        with self.serve('--connections-max', '1') as server:
            with server.client() as busy:
                busy.send(GET)
                busy.answer()
                waiting = [server.client() for _ in range(20)]
                for client in waiting:
                    client.send(GET)
                server.drain()
                for client in waiting:
                    self.assertEqual(client.answer().status, 200)
                    self.assertTrue(client.closed())
                    client.socket.close()
            server.process.wait(10)

    def test_a_drain_has_a_deadline(self):
        with self.serve() as server:
            with server.client() as client:
                client.send(get('/slow?ms=60000'))
                with server.client() as other:
                    other.send(GET)
                    other.answer()
                server.drain()
                server.process.wait(10)
                self.assertTrue(client.closed())

    def test_a_stop_ends_everything_at_once(self):
        with self.serve() as server:
            clients = [server.client() for _ in range(20)]
            for client in clients:
                client.send(get('/slow?ms=60000'))
            with server.client() as other:
                other.send(GET)
                other.answer()
            server.signal(signal.SIGINT)
            server.process.wait(10)
            for client in clients:
                self.assertTrue(client.closed())
                client.socket.close()

    def test_nobody_can_connect_once_it_drains(self):
        with self.serve() as server:
            with server.client() as client:
                client.send(get('/slow?ms=300'))
                with server.client() as other:
                    other.send(GET)
                    other.answer()
                server.drain()
                self.assertTrue(client.answer().complete)
            server.process.wait(10)
            with self.assertRaises(OSError):
                server.client()

    def test_clients_that_reset_leave_nothing_behind(self):
        with self.serve() as server:
            before = server.descriptors()
            for data in ('', 'GET', GET, get('/big'), get('/slow?ms=50'),
                         'POST /echo HTTP/1.1\r\nHost: x\r\n'
                         'Content-Length: 5\r\n\r\n') * 20:
                with server.client() as client:
                    client.send(data)
                    client.socket.setsockopt(socket.SOL_SOCKET,
                                             socket.SO_LINGER,
                                             b'\1\0\0\0\0\0\0\0')
            wait_until(lambda: server.descriptors() <= before,
                       'descriptors are left')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
