#!/usr/bin/env python3
"""Goal:   `lend echo` sends back every byte, in order, to many clients at
        once; it outlives the lack of descriptors and of room, and drains.
Method: clients of all manners against a server of its own for each case.
"""
import os
import random
import select
import signal
import socket
import sys
import threading
import time

from harness import (DEADLINE_S, Client, case, connect, equal,
                     main, true, wait_for, wait_for_rest, wait_for_sleep)


def receive_exactly(connection, size):
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def fill(connection):
    """Send until nobody takes anything any more; the bytes sent."""
    sent = 0
    connection.setblocking(False)
    while select.select([], [connection], [], 1)[1]:
        try:
            sent += connection.send(bytes(65536))
        except BlockingIOError:
            pass
    connection.settimeout(DEADLINE_S)
    return sent


def exchange(connection, data):
    """Send and receive at the same time, then end."""
    sender = threading.Thread(target=connection.sendall, args=(data,))
    sender.start()
    got = receive_exactly(connection, len(data))
    sender.join(DEADLINE_S)
    equal(len(got), len(data))
    true(got == data, "the bytes are others")


@case
def bytes_come_back(lend):
    with lend.echo() as server:
        for size in (1, 4095, 4096, 4097, 100000):
            with connect(server.address) as connection:
                exchange(connection, random.randbytes(size))
        with connect(server.address) as connection:
            connection.sendall(b"the end")
            connection.shutdown(socket.SHUT_WR)
            equal(receive_exactly(connection, 100), b"the end")
        server.stop()


@case
def pieces_of_any_size_come_back(lend):
    """Short ones, and others, by turns: they are received in different places."""
    with lend.echo() as server, connect(server.address) as connection:
        for size in (1, 511, 512, 1, 513, 2, 3, 1024, 4096, 511, 4097, *range(1, 12), 600, 5):
            data = random.randbytes(size)
            connection.sendall(data)
            equal(receive_exactly(connection, size), data)
        server.stop()


@case
def pieces_that_are_long_are_cut_once(lend):
    """Two operations each, but for the first one, which finds too little room.

    One worker: what several submit to wake each other would count, too.
    """
    pieces = 40
    with lend.echo("--admin", "127.0.0.1:0", "--workers", "1") as server:
        with connect(server.address) as connection, Client(server.admin) as client:
            before = client.ask("GET", "/stats").json()["total"]["submissions"]
            for _ in range(pieces):
                connection.sendall(bytes(600))
                receive_exactly(connection, 600)
            after = client.ask("GET", "/stats").json()["total"]["submissions"]
        true(after - before < 3 * pieces, f"{after - before} for {pieces} pieces")
        server.stop()


@case
def a_slow_reader_holds_up_itself_only(lend):
    with lend.echo() as server:
        with connect(server.address) as slow:
            sent = fill(slow)
            with connect(server.address) as other:
                exchange(other, random.randbytes(1 << 20))
            equal(len(receive_exactly(slow, sent)), sent)
        true(server.rss_max_kib() < 200 << 10, "more than 200 MiB")
        server.stop()


@case
def many_connections_at_once(lend):
    count = 300
    with lend.echo() as server:
        connections = [connect(server.address) for _ in range(count)]
        for turn in range(3):
            for number, connection in enumerate(connections):
                connection.sendall(b"%d %d" % (turn, number))
            for number, connection in enumerate(connections):
                expected = b"%d %d" % (turn, number)
                equal(receive_exactly(connection, len(expected)), expected)
        for connection in connections:
            connection.close()
        server.stop()


@case
def all_kinds_of_addresses(lend):
    path = lend.path("socket")
    listen = ["127.0.0.1:0", "unix:" + path]
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        listen.append("[::1]:0")
    with lend.echo(listen=listen) as server:
        equal(len(server.addresses), len(listen))
        for address in server.addresses:
            with connect(address) as connection:
                exchange(connection, b"hello" * 1000)
        server.stop()
    true(not os.path.exists(path), "the socket's file is still there")


@case
def drain_finishes_what_is_in_flight(lend):
    with lend.echo() as server:
        with connect(server.address) as idle, \
                connect(server.address) as busy:
            exchange(idle, b"hello")
            data = random.randbytes(3 << 20)
            sender = threading.Thread(target=busy.sendall, args=(data,))
            sender.start()
            got = receive_exactly(busy, 1 << 20)
            server.signal()
            equal(idle.recv(1), b"")
            got += receive_exactly(busy, len(data))
            sender.join(DEADLINE_S)
            true(got == data, f"{len(got)} of {len(data)} bytes came back")
        equal(server.wait(), 0)
        equal(len(server.lines), 2, str(server.lines))
        true("SIGTERM" in server.lines[1], server.lines[1])


@case
def drain_timeout_cuts_who_does_not_read(lend):
    with lend.echo("--drain-timeout", "1") as server:
        with connect(server.address) as connection:
            fill(connection)
            start = time.monotonic()
            server.signal(signal.SIGINT)
            equal(server.wait(), 0)
            seconds = time.monotonic() - start
            true(0.9 < seconds < 20, f"{seconds} s")


@case
def a_second_signal_ends_at_once(lend):
    with lend.echo("--drain-timeout", "60") as server:
        with connect(server.address) as connection:
            fill(connection)
            server.signal()
            wait_for(lambda: len(server.lines) > 1, "the line of the drain")
            server.signal()
            equal(server.wait(), 128 + signal.SIGTERM)
            equal(server.lines[-1], "lend: second signal: ended at once")


@case
def more_connections_than_allowed_wait(lend):
    with lend.echo("--max-connections", "2") as server:
        first = connect(server.address)
        second = connect(server.address)
        exchange(first, b"1")
        exchange(second, b"2")
        with connect(server.address) as third:
            third.sendall(b"3")
            third.settimeout(0.3)
            try:
                true(not third.recv(1), "three at once")
                raise AssertionError("the third was closed")
            except TimeoutError:
                pass
            third.settimeout(DEADLINE_S)
            first.close()
            equal(third.recv(1), b"3")
        second.close()
        server.stop()


@case
def lack_of_descriptors_is_survived(lend):
    with lend.echo(nofile=64) as server:
        connections = [connect(server.address) for _ in range(150)]
        for connection in connections:
            connection.sendall(b"x")
        answered = 0
        for connection in connections:
            connection.settimeout(2 if answered else DEADLINE_S)
            try:
                equal(connection.recv(1), b"x")
                answered += 1
            except TimeoutError:
                break
        true(answered > 20, f"only {answered} were served")
        true(answered < 64, f"{answered} with 64 descriptors")
        wait_for_rest(server)
        # Each that goes makes room for one that waits.
        for connection in connections[:answered]:
            connection.close()
        connections[answered].settimeout(DEADLINE_S)
        equal(connections[answered].recv(1), b"x")
        for connection in connections[answered:]:
            connection.close()
        server.stop()


@case
def admin_counts_bytes(lend):
    with lend.echo("--admin", "127.0.0.1:0") as server:
        with connect(server.address) as other, connect(server.address) as connection:
            exchange(connection, bytes(100000))
            for _ in range(2):
                other.sendall(bytes(10))
                receive_exactly(other, 10)
            # What was sent is counted after the client has it, but before the
            # connection is closed.
            connection.shutdown(socket.SHUT_WR)
            equal(connection.recv(1), b"")
            with Client(server.admin) as client:
                stats = client.ask("GET", "/stats").json()
                equal(stats["service"], "echo")
                # Of the one that is still open, what it has received at least.
                equal(stats["bytes"]["received"], 100020)
                true(stats["bytes"]["sent"] in (100010, 100020), "bytes sent")
                equal(stats["connections"]["open"], 1)
                equal(stats["connections"]["accepted"], 2)
                equal(client.ask("GET", "/healthz").body, b"ok\n")
        server.stop()


@case
def idle_connections_wake_nobody(lend):
    """K6, P3: nothing is polled: neither workers nor who watches over them."""
    with lend.echo() as server:
        connections = [connect(server.address) for _ in range(100)]
        for connection in connections:
            exchange(connection, b"x")
        wait_for_sleep(server)
        # It only sleeps.
        for connection in connections:
            exchange(connection, b"y")
            connection.close()
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
