#!/usr/bin/env python3
"""Conversations with the HTTP server: each test is named after its rule.

usage: test_conversations.py SERVER [OPTION...]   (options of the server)
"""
import random
import sys
import tempfile
import unittest

from client import Server

PROGRAM, OPTIONS = sys.argv[1], sys.argv[2:]
H = 'Host: x\r\n'
BIG = bytes(ord('a') + i % 23 for i in range(200 << 10))


def get(path, fields='', version='1.1', method='GET'):
    return f'{method} {path} HTTP/{version}\r\n{H}{fields}\r\n'


def post(path, body, fields=''):
    head = (f'POST {path} HTTP/1.1\r\n{H}{fields}'
            f'Content-Length: {len(body)}\r\n\r\n')
    return head.encode() + body


def chunked(path, *chunks, fields=''):
    head = (f'POST {path} HTTP/1.1\r\n{H}{fields}'
            'Transfer-Encoding: chunked\r\n\r\n').encode()
    body = b''.join(b'%x\r\n%b\r\n' % (len(c), c) for c in chunks)
    return head + body + b'0\r\n\r\n'


class Conversations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM, *OPTIONS)

    @classmethod
    def tearDownClass(cls):
        with cls.server:
            pass

    def one(self, data, status, method='GET', closed=None):
        """One request on a connection of its own."""
        with self.server.client() as client:
            client.send(data)
            answer = client.answer(method)
            self.assertEqual(answer.status, status, data[:200])
            self.assertTrue(answer.complete)
            if closed:
                self.assertEqual(answer.field('Connection'), 'close')
                self.assertTrue(client.closed())
            elif closed is False:
                client.send(get('/plaintext'))
                self.assertEqual(client.answer().body, b'Hello, World!')
            return answer

    # ---- heads ----

    def test_a_plain_answer_has_the_fields_in_order(self):
        answer = self.one(get('/plaintext'), 200, closed=False)
        self.assertEqual([name for name, _ in answer.fields],
                         ['Server', 'Date', 'Content-Type',
                          'Content-Length'])
        self.assertEqual(answer.body, b'Hello, World!')

    def test_a_head_may_come_byte_by_byte(self):
        with self.server.client() as client:
            for byte in get('/show/me?a=1&b=2', 'X: y\r\n').encode():
                client.send(bytes([byte]))
            self.assertEqual(client.answer().body, b'/show/me|a=1&b=2|1|x\n')
            client.send(get('/'))
            self.assertEqual(client.answer().body, b'root\n')

    def test_a_head_larger_than_a_buffer_is_read(self):
        fields = ''.join(f'X-{i}: {"v" * 300}\r\n' for i in range(80))
        self.one(get('/', fields), 200, closed=False)

    def test_fields_beyond_the_usual_number_are_found(self):
        many = ''.join(f'X-{i}: y\r\n' for i in range(60))
        line = 'GET /show/me?a=1&b=2 HTTP/1.1\r\n'
        heads = (line + 'Host: x\r\n' + many + '\r\n',
                 line + many + 'Host: x\r\n\r\n')
        for head in heads:
            with self.server.client() as client:
                # Cut where those that came are more than there is room for.
                client.send(head[:len(head) // 2])
                client.send(head[len(head) // 2:] + 2 * head)
                for _ in range(3):
                    self.assertEqual(client.answer().body,
                                     b'/show/me|a=1&b=2|1|x\n')

    def test_requests_of_a_batch_are_told_apart(self):
        requests = (get('/show/a?a=1'), get('/show/bc?a=2'), get('/show/a'),
                    'GET /show/h HTTP/1.1\r\nHost: other\r\n\r\n',
                    'GET /show/h?a=3 HTTP/1.1\r\nHost: other\r\n\r\n',
                    post('/echo', b'body').decode(), get('/show/d'),
                    get('/show/e'))
        bodies = [b'/show/a|a=1|1|x\n', b'/show/bc|a=2|2|x\n',
                  b'/show/a|||x\n', b'/show/h|||other\n',
                  b'/show/h|a=3|3|other\n', b'body', b'/show/d|||x\n',
                  b'/show/e|||x\n']
        with self.server.client() as client:
            client.send(''.join(requests))
            self.assertEqual([client.answer().body for _ in bodies], bodies)

    def test_what_is_said_again_is_answered_again(self):
        """Each as by itself, whichever came before it, once or often."""
        requests = (get('/show/a?a=1'), get('/show/a?a=2'), get('/plaintext'),
                    get('/show/%61?b'), get('/of-twins/one/the-pair'),
                    get('/of-twins/two/the-pair'), get('/nowhere'),
                    get('/nothing'), get('/purge', method='PURGE'),
                    get('/purge'), get('/plaintext', method='KNOT'),
                    '\r\n' + get('/show/empty'),
                    'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
                    'OPTIONS * HTTP/1.1\r\nHost: y\r\n\r\n',
                    get('http://z/show/of'),
                    get('/show/old', 'Connection: keep-alive\r\n', '1.0'))
        alone = []
        for request in requests:
            with self.server.client() as client:
                client.send(request)
                alone.append(client.answer())
        draw = random.Random(1)
        for _ in range(20):
            chosen = [which for which in draw.choices(range(len(requests)),
                                                      k=20)
                      for _ in range(draw.choice((1, 1, 2, 3)))]
            with self.server.client() as client:
                client.send(''.join(requests[which] for which in chosen))
                for which in chosen:
                    answer = client.answer()
                    self.assertEqual(
                        (answer.status, answer.body, answer.field('Allow')),
                        (alone[which].status, alone[which].body,
                         alone[which].field('Allow')), requests[which])

    def test_the_end_of_a_head_is_read_each_time(self):
        request = get('/show/a')
        with self.server.client() as client:
            client.send(request + request[:-1] + 'x')
            self.assertEqual(client.answer().body, b'/show/a|||x\n')
            self.assertEqual(client.answer().status, 400)
            self.assertTrue(client.closed())

    def test_a_body_like_the_next_head_is_no_head(self):
        inner = get('/show/inner', 'X: ' + 50 * 'x' + '\r\n')
        fields = H + f'Content-Length: {len(inner)}\r\nX: '
        outer = f'POST /echo HTTP/1.1\r\n{fields}'
        outer += 'x' * (len(inner) - len(outer) - 4) + '\r\n\r\n'
        self.assertEqual(len(outer), len(inner))
        with self.server.client() as client:
            client.send(get('/') + outer + 2 * inner)
            self.assertEqual([client.answer().body for _ in range(3)],
                             [b'root\n', inner.encode(),
                              b'/show/inner|||x\n'])

    def test_what_lies_behind_a_request_is_not_read(self):
        """Buffers are used again, with what came before in them."""
        request = get('/show/me')
        with self.server.client() as client:
            for _ in range(300):
                client.send(2 * request)
                client.answer()
                client.answer()
            for i in range(300):
                client.send(request + request[:i % len(request)])
                client.answer()
                client.send(request[i % len(request):])
                self.assertEqual(client.answer().body, b'/show/me|||x\n')

    def test_the_last_request_of_a_batch_can_come_in_two(self):
        both = 2 * get('/show/me?a=1&b=2', 'X: y\r\n')
        for cut in range(len(both) // 2, len(both)):
            with self.server.client() as client:
                client.send(both[:cut])
                client.send(both[cut:])
                for _ in range(2):
                    self.assertEqual(client.answer().body,
                                     b'/show/me|a=1&b=2|1|x\n')

    def test_limits_of_a_head(self):
        self.one(get('/' + 'a' * 9000), 414, closed=True)
        self.one(get('/', f'X: {"v" * 9000}\r\n'), 431, closed=True)
        self.one(get('/', 'X: y\r\n' * 100), 431, closed=True)
        self.one(get('/', ''.join(f'X-{i}: {"v" * 500}\r\n'
                                  for i in range(90))), 431, closed=True)

    def test_what_could_be_read_two_ways_is_400_and_closed(self):
        for bad in ('GET / HTTP/1.1\nHost: x\n\n',
                    'GET  / HTTP/1.1\r\nHost: x\r\n\r\n',
                    'GET / HTTP/1.1\r\n\r\n',
                    'GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n',
                    'GET / HTTP/1.1\r\nHost : x\r\n\r\n',
                    'GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n',
                    'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n'
                    'Content-Length: 1\r\n\r\na',
                    'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +1'
                    '\r\n\r\na',
                    'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n'
                    'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
                    'POST /echo HTTP/1.1\r\nHost: x\r\n'
                    'Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
                    'POST /echo HTTP/1.0\r\n'
                    'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'):
            # What follows must not be taken for a request.
            self.one(bad + get('/plaintext'), 400, closed=True)

    def test_other_refusals(self):
        self.one(get('/', version='2.0'), 505, closed=True)
        self.one(get('/', 'Expect: wonders\r\n'), 417, closed=True)
        self.one('POST /echo HTTP/1.1\r\nHost: x\r\n'
                 'Transfer-Encoding: gzip, chunked\r\n\r\n', 501, closed=True)
        self.one('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', 501,
                 closed=True)
        self.one(get('/%2e%2e/%2e%2e/x'), 400, closed=True)

    # ---- routes ----

    def test_unknown_paths_are_404_and_the_connection_goes_on(self):
        self.one(get('/none'), 404, closed=False)
        self.one(get('/show'), 404, closed=False)
        # There is a route for all paths, but not for this method.
        self.one(post('/none', b'x' * 3000), 405, closed=False)

    def test_a_known_path_with_another_method_is_405_with_allow(self):
        answer = self.one(get('/echo'), 405, closed=False)
        self.assertEqual(answer.field('Allow'), 'POST, PUT')
        answer = self.one(get('/plaintext', method='DELETE'), 405)
        self.assertEqual(answer.field('Allow'), 'GET, HEAD')

    def test_methods_nobody_knows_are_501(self):
        self.one(get('/', method='BREW'), 501, closed=False)
        self.one(get('/', method='PURGE'), 405)
        self.one(get('/purge', method='PURGE'), 200)

    def test_options_of_the_server(self):
        answer = self.one(get('*', method='OPTIONS'), 204, closed=False)
        self.assertIn('POST', answer.field('Allow'))

    def test_the_longest_route_wins(self):
        self.assertEqual(self.one(get('/show/a//b/./c?'), 200).body,
                         b'/show/a/b/c|||x\n')
        self.assertEqual(self.one(get('/show/x', method='BREW'), 200).body,
                         b'/show/x|||x\n')

    def test_a_path_longer_than_usual(self):
        path = '/show/' + 'p' * 900
        self.assertEqual(self.one(get(path), 200).body,
                         path.encode() + b'|||x\n')

    # ---- keeping the connection ----

    def test_versions_and_connection_fields_decide(self):
        self.one(get('/', 'Connection: close\r\n'), 200, closed=True)
        self.one(get('/', version='1.0'), 200, closed=True)
        with self.server.client() as client:
            for _ in range(3):
                client.send(get('/', 'Connection: keep-alive\r\n', '1.0'))
                answer = client.answer()
                self.assertEqual(answer.field('Connection'), 'keep-alive')

    def test_pipelined_requests_are_answered_in_order(self):
        with self.server.client() as client:
            for _ in range(20):
                client.send(''.join(get(f'/show/{i}') for i in range(50)))
                for i in range(50):
                    self.assertEqual(client.answer().body,
                                     f'/show/{i}|||x\n'.encode())

    def test_pipelined_bodies_of_all_kinds(self):
        with self.server.client() as client:
            client.send(post('/echo', b'one') + chunked('/echo', b't', b'wo')
                        + get('/plaintext').encode()
                        + post('/ignore', b'dropped' * 1000)
                        + chunked('/ignore', b'dropped' * 1000)
                        + post('/count', BIG) + get('/').encode())
            self.assertEqual([client.answer().body for _ in range(7)],
                             [b'one', b'two', b'Hello, World!', b'ignored\n',
                              b'ignored\n', b'204800\n', b'root\n'])

    def test_a_slow_answer_does_not_lose_those_before_it(self):
        with self.server.client() as client:
            client.send(get('/') + get('/slow?ms=50') + get('/'))
            self.assertEqual([client.answer().body for _ in range(3)],
                             [b'root\n', b'slow\n', b'root\n'])

    def test_half_a_request_does_not_hold_up_the_one_before(self):
        with self.server.client() as client:
            client.send(get('/plaintext') + 'GET / HT')
            self.assertEqual(client.answer().status, 200)
            client.send(f'TP/1.1\r\n{H}\r\n')
            self.assertEqual(client.answer().body, b'root\n')

    def test_a_client_that_has_finished_is_answered(self):
        with self.server.client() as client:
            client.send(get('/') + get('/slow?ms=20')).finish()
            self.assertEqual(client.answer().body, b'root\n')
            self.assertEqual(client.answer().body, b'slow\n')
            self.assertTrue(client.closed())

    def test_the_end_in_the_midst_of_a_request_is_400(self):
        with self.server.client() as client:
            client.send('GET / HTTP/1.1\r\nHo').finish()
            self.assertEqual(client.answer().status, 400)
            self.assertTrue(client.closed())
        with self.server.client() as client:
            client.send(post('/count', b'x' * 50)[:-10]).finish()
            self.assertEqual(client.answer().status, 400)
            self.assertTrue(client.closed())

    def test_empty_lines_between_requests_are_skipped(self):
        with self.server.client() as client:
            client.send(get('/') + '\r\n' + get('/') + '\r\n').finish()
            for _ in range(2):
                self.assertEqual(client.answer().status, 200)
            self.assertTrue(client.closed())

    # ---- bodies ----

    def test_bodies_of_many_sizes_come_back(self):
        for size in (0, 1, 4000, 4096, 8192, 65536, 200 << 10):
            body = BIG[:size]
            self.assertEqual(self.one(post('/echo', body), 200,
                                      closed=False).body, body)
            pieces = [body[i:i + 1000] for i in range(0, size, 1000)]
            self.assertEqual(self.one(chunked('/echo', *pieces), 200,
                                      closed=False).body, body)

    def test_a_chunked_body_may_come_byte_by_byte(self):
        with self.server.client() as client:
            for byte in chunked('/echo', b'hello', b'!'):
                client.send(bytes([byte]))
            self.assertEqual(client.answer().body, b'hello!')
            client.send(get('/'))
            self.assertEqual(client.answer().status, 200)

    def test_a_bad_chunk_is_400_and_closed(self):
        self.one(f'POST /count HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n'
                 '\r\nzz\r\n' + get('/'), 400, closed=True)

    def test_an_answer_to_half_a_body_looks_broken(self):
        with self.server.client() as client:
            client.send(f'POST /echo HTTP/1.1\r\n{H}'
                        'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
            client.until(b'hello')
            client.send('zz\r\n')
            self.assertNotIn(b'0\r\n\r\n', client.data)
            self.assertFalse(b'0\r\n\r\n' in self.rest(client))

    @staticmethod
    def rest(client):
        while client.more():
            pass
        return client.data

    def test_limits_of_a_body(self):
        self.one(f'POST /echo HTTP/1.1\r\n{H}Content-Length: 1048577\r\n\r\n',
                 413, closed=True)
        self.one(f'POST /echo HTTP/1.1\r\n{H}Content-Length: {"9" * 40}\r\n'
                 '\r\n', 413, closed=True)
        self.one(post('/small', b'x' * 101), 413, closed=True)
        self.one(chunked('/small', b'x' * 101), 413, closed=True)
        self.one(post('/small', b'x' * 100), 200, closed=False)
        self.one(post('/count', BIG * 8), 200, closed=False)

    def test_a_refused_upload_sees_its_answer(self):
        # Lingering: the client is still sending when it is answered.
        with self.server.client() as client:
            client.send(f'POST /echo HTTP/1.1\r\n{H}'
                        f'Content-Length: {2 << 20}\r\n\r\n')
            client.send(BIG)
            self.assertEqual(client.answer().status, 413)

    def test_a_large_body_nobody_reads_ends_the_connection(self):
        with self.server.client() as client:
            client.send(post('/ignore', b'x' * 900000))
            self.assertEqual(client.answer().body, b'ignored\n')
            self.assertTrue(client.closed())

    def test_how_much_nobody_reads_is_told_to_the_byte(self):
        # However it comes: the pieces of a chunked body, and of its chunks.
        for size, kept in ((65536, True), (65537, False)):
            for split in (1, 2000, 2047, 2048, 2049, 65536, size):
                body = b'x' * size
                pieces = [body[:split], body[split:]]
                with self.server.client() as client:
                    client.send(chunked('/ignore', *filter(None, pieces)))
                    client.send(get('/'))
                    self.assertEqual(client.answer().body, b'ignored\n')
                    if kept:
                        self.assertEqual(client.answer().body, b'root\n')
                    else:
                        self.assertTrue(client.closed())

    def test_continue_is_sent_when_the_body_is_read(self):
        expect = 'Expect: 100-continue\r\n'
        with self.server.client() as client:
            whole = post('/echo', b'hello', expect)
            client.send(whole[:-5])
            self.assertEqual(client.answer().status, 100)
            client.send(b'hello')
            self.assertEqual(client.answer().body, b'hello')
            client.send(post('/echo', b'hello', expect))
            self.assertEqual(client.answer().body, b'hello')
            client.send(chunked('/echo', fields=expect)[:-5])
            self.assertEqual(client.answer().status, 100)
            client.send(b'0\r\n\r\n')
            self.assertEqual(client.answer().body, b'')

    def test_a_final_answer_instead_of_continue_closes(self):
        self.one(post('/ignore', b'hello',
                      'Expect: 100-continue\r\n')[:-5], 200, closed=True)

    # ---- answers ----

    def test_head_is_get_without_the_body(self):
        with self.server.client() as client:
            for path, length in (('/plaintext', '13'), ('/big', '204800'),
                                 ('/pieces', None)):
                client.send(get(path, method='HEAD'))
                answer = client.answer('HEAD')
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.field('Content-Length'), length)
            client.send(get('/'))
            self.assertEqual(client.answer().body, b'root\n')

    def test_routes_of_the_same_ends_are_told_apart(self):
        for middle in ('one', 'two', 'two/and-more'):
            path = f'/of-twins/{middle}/the-pair'
            answer = self.one(get(path), 200)
            self.assertEqual(answer.body.split(b'|')[0], path.encode())
        for middle in ('too', 'on2', 'two/andamore', 'two/and-mora'):
            self.one(get(f'/of-twins/{middle}/the-pair'), 404)

    def test_lengths_of_all_numbers_of_digits(self):
        with self.server.client() as client:
            for digits in range(1, 20):
                for length in {10 ** (digits - 1), 10 ** digits - 1,
                               int('9071625384901726354'[:digits]),
                               int('1008000000000000000'[:digits])}:
                    length = min(length, 2 ** 63 - 1)
                    client.send(get(f'/length?{length}', method='HEAD'))
                    answer = client.answer('HEAD')
                    self.assertEqual(answer.field('Content-Length'),
                                     str(length))
            client.send(get('/length?0', method='HEAD'))
            self.assertEqual(client.answer('HEAD').field('Content-Length'),
                             '0')

    def test_types_that_are_no_values_are_refused(self):
        plain = 'text/plain; charset=utf-8'
        with self.server.client() as client:
            for size in range(1, len(plain) + 1):
                kind = plain[:size]
                client.send(post('/type', kind.encode()))
                answer = client.answer()
                self.assertEqual(answer.field('Content-Type'), kind)
                for at in range(size):
                    for bad in ('\n', '\x7f', '\x1f'):
                        odd = kind[:at] + bad + kind[at + 1:]
                        client.send(post('/type', odd.encode()))
                        self.assertEqual(client.answer().body, b'no\n', odd)
                    # Of these only the first look needs a second.
                    for fine in ('\t', '~', '\xff~'):
                        odd = kind[:at] + fine + kind[at + 1:]
                        client.send(post('/type', odd.encode('latin-1')))
                        self.assertEqual(client.answer().body, b'yes\n', odd)

    def test_204_and_304_have_no_body_nor_length(self):
        with self.server.client() as client:
            for code in (204, 304):
                client.send(get(f'/status?code={code}'))
                answer = client.answer()
                self.assertEqual(answer.status, code)
                self.assertIsNone(answer.field('Content-Length'))
            client.send(get('/'))
            self.assertEqual(client.answer().body, b'root\n')

    def test_statuses_have_their_reasons(self):
        answer = self.one(get('/status?code=404'), 404)
        self.assertEqual(answer.reason, 'Not Found')
        self.assertEqual(self.one(get('/status?code=299'), 299).reason, '')

    def test_large_answers_come_whole(self):
        with self.server.client() as client:
            client.send(get('/big') * 4 + get('/'))
            for _ in range(4):
                self.assertEqual(client.answer().body, BIG)
            self.assertEqual(client.answer().body, b'root\n')

    def test_pieces_are_chunked_counted_or_ended_by_the_close(self):
        for size in (1, 100, 3200):
            want = BIG[:size * 64]
            answer = self.one(get(f'/pieces?size={size}'), 200, closed=False)
            self.assertEqual(answer.field('Transfer-Encoding'), 'chunked')
            self.assertEqual(answer.field('X-Pieces'), 'yes')
            self.assertEqual(answer.body, want)
            answer = self.one(get(f'/pieces?size={size}&length'), 200,
                              closed=False)
            self.assertEqual(answer.body, want)
            answer = self.one(get(f'/pieces?size={size}', version='1.0'),
                              200, closed=True)
            self.assertEqual(answer.body, want)

    def test_fields_are_added_as_long_as_there_is_room(self):
        for count, size in ((0, 1), (1, 1), (1, 239), (1, 240), (1, 241),
                            (12, 20), (40, 60), (400, 50), (1, 4080)):
            answer = self.one(get(f'/fields?count={count}&size={size}'), 200)
            lines = [len(f'X-Field-{i}: ') + size + 2 for i in range(count)]
            taken = 0
            while taken < count and sum(lines[:taken + 1]) <= 4096:
                taken += 1
            error = '0' if taken == count else 'ENOBUFS'
            self.assertEqual(answer.body, f'{taken} {error}'.encode())
            for i in range(count):
                value = chr(ord('a') + i % 26) * size if i < taken else None
                self.assertEqual(answer.field(f'X-Field-{i}'), value)

    def test_fields_of_the_library_are_not_added(self):
        for name in ('Date', 'sERVER', 'connection', 'Content-Length',
                     'CONTENT-LENGTH', 'Transfer-encoding', 'a:', ''):
            answer = self.one(get('/name?' + name), 200)
            self.assertEqual(answer.body, b'EINVAL')
        for name in ('Data', 'Servers', 'Connections', 'Content-Lengthy',
                     'Content-Lengts', 'Transfer-Encodings', 'X'):
            answer = self.one(get('/name?' + name), 200)
            self.assertEqual(answer.body, b'0')
            self.assertEqual(answer.field(name), 'value')

    def test_a_handler_without_an_answer_is_500(self):
        self.one(get('/silent'), 500, closed=False)

    def test_less_than_announced_ends_the_connection(self):
        with self.server.client() as client:
            client.send(get('/short') + get('/'))
            answer = client.answer()
            self.assertEqual((answer.body, answer.complete),
                             (b'short', False))

    def test_a_handler_that_ends_its_actor_ends_the_connection_only(self):
        before = self.server.descriptors()
        for path in ('/exit', '/cancel') * 10:
            with self.server.client() as client:
                client.send(get(path))
                while client.more():
                    pass
        self.one(get('/'), 200)
        self.assertLessEqual(self.server.descriptors(), before + 2)

    def test_a_slow_reader_gets_everything_and_holds_up_nobody(self):
        with self.server.client(receive_buffer=4096) as slow:
            slow.send(get('/big') * 8)
            self.one(get('/plaintext'), 200)
            for _ in range(8):
                self.assertEqual(slow.answer().body, BIG)

    def test_many_connections_at_once(self):
        clients = [self.server.client() for _ in range(200)]
        for i, client in enumerate(clients):
            client.send(get(f'/show/{i}'))
        for i, client in enumerate(clients):
            self.assertEqual(client.answer().body,
                             f'/show/{i}|||x\n'.encode())
        for client in clients:
            client.socket.close()

    def test_a_unix_socket_and_two_addresses(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server(PROGRAM, *OPTIONS, '--listen', '127.0.0.1:0',
                        '--listen', f'unix:{folder}/s') as server:
                for which in (0, 1):
                    with server.client(which) as client:
                        client.send(post('/echo', BIG))
                        self.assertEqual(client.answer().body, BIG)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
