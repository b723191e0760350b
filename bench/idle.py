#!/usr/bin/env python3
"""What does a server with many idle connections do?

Nothing, it should say: opens connections to `lend serve` (and `lend echo`), has
each make one request, waits until the memory that stays warm for a second is
given back, and looks at what the server's threads do for --seconds: processor
time and how often one went to sleep, so how often one had woken up.
"""
import argparse
import os
import pathlib
import resource
import socket
import struct
import subprocess
import sys
import time

import command_line

REQUEST = b'GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n'
PER_ADDRESS = 20000    # clients of one address of the loopback network
SETTLE_MAX_S = 60
START_TIMEOUT_S = 10


def await_listening(server, argv, address):
    give_up = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up and server.poll() is None:
        try:
            socket.create_connection(address, 1).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit(f'{argv[0]} {argv[1]} does not listen')


def start(options, service, mode):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        address = probe.getsockname()
    argv = [str(options.build / 'lend'), service, '--mode', mode,
            '--workers', str(options.workers),
            '--listen', '%s:%d' % address]
    if service == 'serve':
        argv.append('--demo')
    try:
        server = command_line.start(argv, stdin=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
    except OSError as error:
        sys.exit(f'{argv[0]}: {error.strerror}')
    try:
        await_listening(server, argv, address)
    except BaseException:
        server.kill()
        server.wait()
        raise
    return server, address


def connect(address, count):
    clients = []
    for i in range(count):
        client = socket.socket()
        client.bind((f'127.0.0.{1 + i // PER_ADDRESS}', 0))
        client.connect(address)
        client.sendall(REQUEST)
        clients.append(client)
    for client in clients:
        client.settimeout(60)
        if not client.recv(4096):
            sys.exit('a connection was closed')
    return clients


def look(pid):
    """Processor time in seconds and sleeps, of all threads; and whether all of
    them sleep now."""
    used, sleeps, asleep = 0.0, 0, True
    for thread in pathlib.Path(f'/proc/{pid}/task').iterdir():
        used += int((thread / 'schedstat').read_text().split()[0]) / 1e9
        for line in (thread / 'status').read_text().splitlines():
            if line.startswith('voluntary_ctxt_switches:'):
                sleeps += int(line.split()[1])
            elif line.startswith('State:'):
                asleep = asleep and line.split()[1] == 'S'
    return used, sleeps, asleep


def settle(pid):
    """A connection gives memory back when it has been idle for a second. When
    that is on a busy machine, nobody knows: a server that is kept from its
    processor goes to sleep as rarely as one that has nothing to do."""
    give_up = time.monotonic() + SETTLE_MAX_S
    before = None
    while time.monotonic() < give_up:
        time.sleep(2)
        _, sleeps, asleep = look(pid)
        if asleep and sleeps == before:
            return
        before = sleeps if asleep else None


def measure(options, service, mode):
    server, address = start(options, service, mode)
    try:
        clients = connect(address, options.connections)
        settle(server.pid)
        used, sleeps, _ = look(server.pid)
        command_line.sleep(options.seconds)
        used_after, sleeps_after, _ = look(server.pid)
        for client in clients:
            # At once, by a reset: in TIME_WAIT they would take the ports that
            # the next ones need.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack('ii', 1, 0))
            client.close()
    finally:
        server.kill()
        server.wait()
    print(f'{service:<6} {mode:<9} {(used_after - used) * 1e3:>8.2f}'
          f' {sleeps_after - sleeps:>9}', flush=True)
    return sleeps_after - sleeps


def main():
    command_line.end_at_signals()
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='Exit status: 1 if a thread woke up.')
    parser.add_argument('--connections', type=command_line.count,
                        default=10000, help='(10000)')
    parser.add_argument('--seconds', type=command_line.duration, default=10,
                        help='how long to look (10)')
    parser.add_argument('--workers', type=command_line.count, default=2,
                        help='of the server (2)')
    parser.add_argument('--build', type=pathlib.Path,
                        default=here.parent / 'build', metavar='DIR',
                        help='where Lend was built (build)')
    options = parser.parse_args()
    options.build = options.build.resolve()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < options.connections + 64:
        sys.exit(f'only {hard} descriptors: raise ulimit -n, or give fewer '
                 '--connections')
    print(f'{options.connections} idle connections, {options.workers} '
          f'workers, {options.seconds:g} s')
    print(f"{'':<16} {'CPU ms':>8} {'wake-ups':>9}")
    woken = 0
    for service in ('serve', 'echo'):
        for mode in ('borrowed', 'private', 'shared'):
            woken += measure(options, service, mode)
    return 1 if woken else 0


if __name__ == '__main__':
    sys.exit(main())
