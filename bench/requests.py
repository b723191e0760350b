#!/usr/bin/env python3
"""What a request costs in Lend, and how long it takes, beside raw io_uring.

One table: requests one at a time, pipelined, and echoed messages; from few and
many connections; servers with one worker and with two. In each row Lend's modes
are compared with the hand-written server of as many threads, in rounds of
neighbours, by two measures: processor time a request when the server is
saturated, and the 99th percentile of latency at half the rate that saturates the
hand-written one. See README.md beside this file.
"""
import argparse
import copy
import json
import pathlib
import signal
import statistics
import sys

import overhead

REFERENCE = 'raw_uring'
LOADS = {
    # name: pipeline, echo, the CPU ratio that is aimed at
    'one': (1, False, 1.10),
    'pipelined': (16, False, 1.35),
    'echo': (1, True, 1.10),
}
P99_AIM = 1.20


def measured(options, row, name, rate, seconds):
    """The first undisturbed look at one server, or the least disturbed one;
    wrong answers end the program.
    """
    pipeline, echo, _ = LOADS[row['load']]
    here = copy.copy(options)
    here.echo = echo
    here.workers = row['workers']
    here.connections = row['connections']
    here.seconds = seconds
    here.cpus = overhead.cpus_choose(None, row['workers'])
    tries = []
    for left in range(options.retries, -1, -1):
        try:
            result = overhead.measure_once(here, name, pipeline, rate)
        except overhead.Silence:
            if left or tries:
                continue
            raise
        if result['errors']:
            raise overhead.Failure(f'{name}: {result["errors"]} wrong answers')
        tries.append(result)
        if result['others'] < options.others:
            break
    return min(tries, key=lambda result: result['others'])


def rounds(options, row, rate, seconds):
    """All servers in turn; the order is reversed in every second round."""
    names = [REFERENCE] + [f'lend_{mode}' for mode in options.modes]
    results = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names[::-1] if number % 2 else names:
            results[name].append(measured(options, row, name, rate, seconds))
    return results


def compare(results, name, key):
    """The median of the ratios of neighbours, and its interval."""
    ratios = [mine[key] / max(other[key], 1e-9)
              for mine, other in zip(results[name], results[REFERENCE])]
    interval = overhead.interval(ratios)
    low, high = interval or (min(ratios), max(ratios))
    return {'ratio': statistics.median(ratios), 'low': low, 'high': high,
            'is_interval': interval is not None,
            'median': statistics.median(r[key] for r in results[name])}


def verdict(ratio, aim):
    if not ratio['is_interval']:
        return 'open'
    if ratio['high'] <= aim:
        return 'met'
    return 'missed' if ratio['low'] > aim else 'open'


def cell(ratio, aim):
    return (f"{ratio['ratio']:.2f} [{ratio['low']:.2f} .. {ratio['high']:.2f}]"
            f" {verdict(ratio, aim)}")


def row_measure(options, row):
    cpu_aim = LOADS[row['load']][2]
    saturated = rounds(options, row, 0, options.seconds)
    rate = statistics.median(r['rps'] for r in saturated[REFERENCE]) / 2
    paced = rounds(options, row, rate, options.paced_seconds)
    row['rate'] = rate
    row['reference'] = {
        'cpu_us': statistics.median(
            r['cpu_us'] for r in saturated[REFERENCE]),
        'p99_us': statistics.median(r['p99_us'] for r in paced[REFERENCE]),
    }
    row['modes'] = {}
    for mode in options.modes:
        name = f'lend_{mode}'
        cpu = compare(saturated, name, 'cpu_us')
        p99 = compare(paced, name, 'p99_us')
        row['modes'][mode] = {'cpu': cpu, 'p99': p99}
        print(f"{row['load']:<9} {row['connections']:>5} {row['workers']:>7} "
              f"{mode:<9} {row['reference']['cpu_us']:>7.3f} "
              f"{cell(cpu, cpu_aim):<29} {rate / 1000:>7.0f} "
              f"{row['reference']['p99_us']:>7.0f} {cell(p99, P99_AIM)}",
              flush=True)
    row['others'] = statistics.median(
        r['others'] for rs in list(saturated.values()) + list(paced.values())
        for r in rs)


def options_parse():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='Exit status: 0; 1 if a server failed or answered wrongly.')
    parser.add_argument('--loads', default=','.join(LOADS),
                        help=f'of {", ".join(LOADS)} (all)')
    parser.add_argument('--modes', default='private,borrowed')
    parser.add_argument('--connections', type=overhead.numbers,
                        default=[64, 512], metavar='N[,N]')
    parser.add_argument('--workers', type=overhead.numbers, default=[1, 2],
                        metavar='N[,N]')
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--seconds', type=float, default=0.25,
                        help='of each look at a saturated server (0.25)')
    parser.add_argument('--paced-seconds', type=float, default=0.5,
                        help='of each look at half the rate (0.5)')
    parser.add_argument('--warmup', type=float, default=0.15)
    parser.add_argument('--others', type=float, default=0.2, metavar='SHARE',
                        help='look again if other programs used more of the '
                        'CPUs than this (0.2)')
    parser.add_argument('--retries', type=int, default=1,
                        help='but this often at most (1)')
    parser.add_argument('--build', type=pathlib.Path,
                        default=here.parent / 'build', metavar='DIR',
                        help='where Lend was built (build)')
    parser.add_argument('--json', type=pathlib.Path, metavar='FILE')
    options = parser.parse_args()
    # Of a relative one, '.', the programs would be looked for in PATH.
    options.build = options.build.resolve()
    options.loads = options.loads.split(',')
    options.modes = options.modes.split(',')
    for load in options.loads:
        if load not in LOADS:
            parser.error(f'unknown load {load}; known: {", ".join(LOADS)}')
    for mode in options.modes:
        if mode not in overhead.MODES:
            parser.error(f'unknown mode {mode}; known: '
                         f'{", ".join(overhead.MODES)}')
    if options.rounds < 1:
        parser.error('--rounds must be at least 1')
    return options


def main():
    signal.signal(signal.SIGTERM, overhead.stop)
    options = options_parse()
    table = [{'load': load, 'connections': connections, 'workers': workers}
             for load in options.loads for connections in options.connections
             for workers in options.workers]
    print(f'{options.rounds} rounds; ratios to {REFERENCE} with their 95 % '
          f'intervals; the aim for p99 is {P99_AIM:.2f}, for CPU '
          + ', '.join(f'{name} {LOADS[name][2]:.2f}'
                      for name in options.loads))
    print(f"{'load':<9} {'conns':>5} {'workers':>7} {'mode':<9} {'raw us':>7} "
          f"{'CPU ratio':<29} {'k req/s':>7} {'raw p99':>7} p99 ratio")
    try:
        for row in table:
            row_measure(options, row)
    except overhead.Failure as failure:
        print(f'failed: {failure}', file=sys.stderr)
        return 1
    finally:
        if options.json is not None:
            options.json.write_text(json.dumps(table, indent=1) + '\n',
                                    encoding='utf-8')
    others = statistics.median(row['others'] for row in table)
    print(f'others used {others:.2f} CPU (median)')
    return 0


if __name__ == '__main__':
    sys.exit(main())
