#!/usr/bin/env python3
"""What does Lend cost over a hand-written server on the same kernel interface?

Runs servers one after the other in many short rounds, the order reversed in
every second round, each server in a fresh process, and compares them within
each round: whatever slows the whole machine for more than a round slows all
of them, and leaves the ratios. See README.md beside this file.
"""
import argparse
import http.client
import json
import math
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

import command_line

REFERENCE = 'raw_uring'
BASELINES = ('raw_uring', 'raw_epoll')
MODES = ('private', 'shared', 'borrowed')
START_TIMEOUT_S = 5
STOP_TIMEOUT_S = 5
BODY = b'Hello, World!'


class Failure(Exception):
    """A server that does not start, answer or stop as it should."""


class Silence(Failure):
    """No answer in a whole window: the machine was somebody else's."""


def progress(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def plain(name):
    """raw_uring#2 is raw_uring, run once more: the noise, made visible."""
    return name.partition('#')[0]


def command(options, name, port):
    common = ['--listen', f'127.0.0.1:{port}', '--workers',
              str(options.workers)]
    name = plain(name)
    if name in BASELINES:
        return ([str(options.build / 'bench' / name)] + common
                + ['--echo'] * options.echo)
    service = ['echo'] if options.echo else ['serve', '--demo']
    return ([str(options.build / 'lend')] + service
            + ['--mode', name.removeprefix('lend_')] + common)


def pinned(argv, cpu, priority=0):
    """Start a program on a CPU, ahead of ordinary ones if it has a priority;
    the child does that itself, as taskset and chrt may not be installed.
    """
    def pin():
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        if priority > 0:
            os.sched_setscheduler(0, os.SCHED_FIFO,
                                  os.sched_param(priority))
    return command_line.start(argv, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=pin)


class Server:
    """One server process; a context manager, so that it never stays."""

    def __init__(self, options, name, priority=0):
        self.name = name
        self.echo = options.echo
        self.port = free_port()
        argv = command(options, name, self.port)
        try:
            self.process = pinned(argv, options.cpus[0], priority)
        except OSError as error:
            raise Failure(f'{argv[0]}: {error.strerror}') from error

    def __enter__(self):
        try:
            self.wait_ready()
            self.check()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind, value, traceback):
        self.process.terminate()
        try:
            self.process.communicate(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            if kind is None:
                raise Failure(f'{self.name} ignored SIGTERM') from None
        if kind is None and self.process.returncode != 0:
            raise Failure(f'{self.name} ended with status '
                          f'{self.process.returncode}')

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def wait_ready(self):
        give_up = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                said = self.process.stderr.read().decode(errors='replace')
                raise Failure(f'{self.name} did not start: {said.strip()}')
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise Failure(f'{self.name} does not listen')

    def check(self):
        """The answer must be as rich as the reference's, not just right."""
        if self.echo:
            return  # the generator looks at each byte
        connection = http.client.HTTPConnection('127.0.0.1', self.port,
                                                timeout=3)
        try:
            connection.request('GET', '/plaintext')
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f'{self.name} gave no answer: {error}') from error
        finally:
            connection.close()
        missing = [header for header in
                   ('Server', 'Date', 'Content-Type', 'Content-Length')
                   if answer.getheader(header) is None]
        if answer.status != 200 or body != BODY:
            raise Failure(f'{self.name}: wrong answer: '
                          f'{answer.status} {body!r}')
        if missing:
            raise Failure(f'{self.name}: answers without {missing}')


def busy_seconds(cpus):
    """Time these CPUs have spent on anything, the hypervisor included."""
    lines = {'cpu'} if None in cpus else {f'cpu{cpu}' for cpu in cpus}
    busy = 0
    with open('/proc/stat', encoding='ascii') as stat:
        for line in stat:
            name, *fields = line.split()
            if name in lines:
                fields = [int(field) for field in fields[:8]]
                busy += sum(fields) - fields[3] - fields[4]
    return busy / os.sysconf('SC_CLK_TCK')


def generate(argv, cpu, priority, seconds):
    """Run the load generator, which is to take so long; returns its JSON."""
    generator = pinned(argv, cpu, priority)
    try:
        out, err = command_line.communicate(generator, seconds + 20)
    except subprocess.TimeoutExpired:
        raise Failure('http_load hangs') from None
    finally:
        if generator.poll() is None:
            generator.kill()
            generator.communicate()
    try:
        return json.loads(out)
    except ValueError:
        raise Failure(err.decode().strip()) from None


def load(options, server, pipeline, cpu):
    argv = [str(options.build / 'bench' / 'http_load'),
            '--connect', f'127.0.0.1:{server.port}',
            '--connections', str(options.connections),
            '--pipeline', str(pipeline),
            '--seconds', str(options.seconds),
            '--warmup', str(options.warmup),
            '--server-pid', str(server.process.pid)]
    argv += ['--echo'] * options.echo
    try:
        return generate(argv, cpu, 0, options.seconds + options.warmup)
    except Failure as failure:
        raise Failure(f'{server.name}: {failure}') from None


def look(options, server, pipeline):
    """A server that is up, loaded for one window."""
    busy = busy_seconds(options.cpus)
    start = time.monotonic()
    result = load(options, server, pipeline, options.cpus[1])
    wall = time.monotonic() - start
    busy = busy_seconds(options.cpus) - busy
    if result['requests'] == 0:
        raise Silence(f'{server.name}: no answers')
    result['cpu_us'] = result['server_cpu_s'] / result['requests'] * 1e6
    result['load_us'] = result['load_cpu_s'] / result['requests'] * 1e6
    result['server_busy'] = result['server_cpu_s'] / result['seconds']
    # Start and end of the generator are outside the window; good enough to
    # see that somebody else was at work.
    ours = ((result['server_cpu_s'] + result['load_cpu_s'])
            / result['seconds'])
    result['others'] = max(0.0, busy / wall - ours)
    return result


def measure_once(options, name, pipeline):
    """One server, started, loaded for one window, and stopped."""
    with Server(options, name) as server:
        return look(options, server, pipeline)


def measure(options, name, pipeline):
    """The first undisturbed measurement, or the least disturbed one.

    What is measured again is chosen by what others did, never by the result.
    """
    tries = []
    while len(tries) <= options.retries:
        tries.append(measure_once(options, name, pipeline))
        if tries[-1]['errors'] > 0 or tries[-1]['others'] < options.others:
            return tries[-1]
    return min(tries, key=lambda result: result['others'])


def interval(values):
    """A 95 % interval of the median, or None for fewer than 6 values.

    The order statistics k and n+1-k enclose the median with a probability
    that is binomial, whatever the values' distribution.
    """
    count = len(values)
    values = sorted(values)
    best = None
    for k in range(1, count // 2 + 1):
        outside = 2 * sum(math.comb(count, i) for i in range(k)) / 2 ** count
        if outside <= 0.05:
            best = (values[k - 1], values[count - k])
    return best


def summary(name, results, reference):
    cpu = [result['cpu_us'] for result in results]
    row = {
        'server': name,
        'rps': statistics.median(result['rps'] for result in results),
        'cpu_us': statistics.median(cpu),
        'cpu_us_min': min(cpu),
        'cpu_us_max': max(cpu),
        'p99_us': statistics.median(r['p99_us'] for r in results),
        'server_busy': statistics.median(r['server_busy'] for r in results),
        'errors': sum(result['errors'] for result in results),
    }
    if reference is not None:
        ratios = [mine['cpu_us'] / other['cpu_us']
                  for mine, other in zip(results, reference)]
        row['ratio'] = statistics.median(ratios)
        row['ratio_interval'] = interval(ratios)
        row['ratio_min'], row['ratio_max'] = min(ratios), max(ratios)
    return row


def ratio_text(row, reference):
    if row['server'] == reference:
        return '1'
    if 'ratio' not in row:
        return '-'
    if row['ratio_interval'] is None:
        low, high, mark = row['ratio_min'], row['ratio_max'], ' min..max'
    else:
        (low, high), mark = row['ratio_interval'], ''
    return f"{row['ratio']:.3f} [{low:.3f} .. {high:.3f}]{mark}"


def print_table(rows, options, pipeline, reference, others):
    print(f'\n{options.connections} connections, pipeline {pipeline}, '
          f'{options.rounds} rounds of {options.seconds:g} s')
    print(f"{'server':<14} {'rps':>10}  {'CPU us/request':<24}  {'busy':>4}"
          f"  {'p99 us':>7}  {'ratio [95 % interval]':<25}  {'errors':>6}")
    for row in rows:
        cpu = (f"{row['cpu_us']:.3f} ({row['cpu_us_min']:.3f}"
               f"..{row['cpu_us_max']:.3f})")
        print(f"{row['server']:<14} {row['rps']:>10.0f}  {cpu:<24}  "
              f"{row['server_busy']:>4.2f}  {row['p99_us']:>7.0f}  "
              f"{ratio_text(row, reference):<25}  {row['errors']:>6}")
    disturbed = sum(share >= options.others for share in others)
    print(f'others used {statistics.median(others):.2f} CPU (median), '
          f'{max(others):.2f} at most; {disturbed} of {len(others)} '
          'measurements disturbed')


def scenario(options, pipeline):
    """All rounds of one pipeline depth; returns rows and raw results."""
    results = {name: [] for name in options.servers}
    for number in range(options.rounds):
        names = options.servers
        if number % 2 == 1:
            names = names[::-1]
        for name in names:
            result = measure(options, name, pipeline)
            results[name].append(result)
            progress(f'pipeline {pipeline} round {number + 1}'
                     f'/{options.rounds} {name}: {result["rps"]:.0f} rps, '
                     f'{result["cpu_us"]:.3f} CPU us/request, '
                     f'{result["errors"]} errors')
    reference = (REFERENCE if REFERENCE in results else options.servers[0])
    rows = [summary(name, results[name],
                    results[reference] if name != reference else None)
            for name in options.servers]
    others = [r['others'] for rs in results.values() for r in rs]
    print_table(rows, options, pipeline, reference, others)
    return {'pipeline': pipeline, 'reference': reference, 'rows': rows,
            'results': results}


def two_cpus(text):
    try:
        server, generator = (int(part) for part in text.split(','))
        if {server, generator} <= os.sched_getaffinity(0):
            return server, generator
    except ValueError:
        pass
    allowed = ','.join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
    raise argparse.ArgumentTypeError(
        f'"{text}" is not two of the CPUs {allowed}')


def cpus_choose(chosen, workers):
    """The server's and the generator's CPU, or (None, None): not pinned."""
    if workers > 1:
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    if chosen:
        return chosen
    if len(allowed) < 2:
        progress('only one CPU: nothing is pinned, expect worse numbers')
        return None, None
    return allowed[0], allowed[1]


def options_parse():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='Exit status: 0; 1 if a server failed or answered wrongly.')
    parser.add_argument(
        '--servers', help='comma separated; default: raw_uring, raw_epoll '
        'and, if it is built, lend_private, lend_shared, lend_borrowed')
    parser.add_argument('--rounds', type=command_line.count, default=9)
    parser.add_argument('--seconds', type=command_line.window, default=1.0,
                        help='measured in each round (1.0)')
    parser.add_argument('--warmup', type=command_line.duration, default=0.2,
                        help='load before that (0.2)')
    parser.add_argument('--connections', type=command_line.count,
                        default=64)
    parser.add_argument('--workers', type=command_line.count, default=1,
                        help='threads of the server; with more than one '
                        'nothing is pinned (1)')
    parser.add_argument('--echo', action='store_true',
                        help='messages of 64 bytes instead of HTTP')
    parser.add_argument('--pipeline', type=command_line.counts,
                        default=[1, 16], metavar='D[,D]', help='request depths (1,16)')
    parser.add_argument('--others', type=float, default=0.2, metavar='SHARE',
                        help='measure again if other programs used more of '
                        'the two CPUs than this (0.2)')
    parser.add_argument('--retries', type=int, default=3,
                        help='but this often at most (3)')
    parser.add_argument('--cpus', type=two_cpus, metavar='S,G',
                        help="the server's and the generator's CPU")
    parser.add_argument('--build', type=pathlib.Path,
                        default=here.parent / 'build', metavar='DIR',
                        help='where Lend was built (build)')
    parser.add_argument('--json', type=command_line.result_file,
                        metavar='FILE',
                        help='write every single result')
    options = parser.parse_args()
    options.build = options.build.resolve()
    if options.servers is None:
        options.servers = list(BASELINES)
        if (options.build / 'lend').exists():
            options.servers += [f'lend_{mode}' for mode in MODES]
    else:
        options.servers = options.servers.split(',')
    known = list(BASELINES) + [f'lend_{mode}' for mode in MODES]
    for name in options.servers:
        if plain(name) not in known:
            parser.error(f'unknown server {name}; known: {", ".join(known)}')
    if len(set(options.servers)) != len(options.servers):
        parser.error('a server twice: name the second one like raw_uring#2')
    options.cpus = cpus_choose(options.cpus, options.workers)
    return options


def main():
    command_line.end_at_signals()
    options = options_parse()
    scenarios = []
    try:
        for pipeline in options.pipeline:
            scenarios.append(scenario(options, pipeline))
    except Failure as failure:
        progress(f'failed: {failure}')
        return 1
    finally:
        if options.json is not None:
            options.json.write_text(json.dumps(scenarios, indent=1) + '\n',
                                    encoding='utf-8')
    errors = sum(row['errors'] for each in scenarios for row in each['rows'])
    if errors > 0:
        progress(f'failed: {errors} wrong answers')
    return 1 if errors > 0 else 0


if __name__ == '__main__':
    sys.exit(main())
