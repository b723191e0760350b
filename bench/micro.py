#!/usr/bin/env python3
"""What does scheduling cost, in Lend and in Go?

Runs lend-bench-micro and the same workloads in Go (micro/go, if there is a Go
compiler) one after the other in many short rounds, the order reversed in every
second round, and compares them within each round: whatever slows the machine
for more than a round slows both. See README.md beside this file.
"""
import argparse
import csv
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import command_line
from overhead import interval

HERE = pathlib.Path(__file__).resolve().parent
START_S = 60  # for a process, beside the time it measures

# What Lend aims at: Go's time by Lend's.
AIMS = {'cycle': 5, 'cycle-1': 5, 'yield': 5, 'yield-1': 5, 'churn': 2,
        'spawn': 2, 'spawn-many': 2, 'pingpong': 2}
# Those whose result is a latency; of all others it is time an operation.
LATENCIES = ('wake-latency', 'wait-1000')


class Failure(Exception):
    """A program that can not be built, fails or says nothing."""


def progress(text):
    print(text, file=sys.stderr, flush=True)


def go_build(options):
    """The Go program, or None and why not."""
    if options.go == 'no':
        return None, 'not asked for'
    compiler = shutil.which('go')
    if not compiler:
        return None, 'there is no Go compiler: install golang-go'
    out = options.build / 'bench' / 'go-bench-micro'
    # Nothing is fetched and nothing left in the home directory.
    environment = dict(os.environ, GOFLAGS='-mod=mod', GOPROXY='off',
                       GOTOOLCHAIN='local',
                       GOCACHE=str(options.build / 'go-cache'))
    done = command_line.run(
        [compiler, 'build', '-o', str(out.resolve()), '.'], 300,
        cwd=HERE / 'micro' / 'go', env=environment)
    if done.returncode:
        raise Failure(f'go build failed:\n{done.stderr.strip()}')
    return out, None


def command(program, workload, workers, options):
    dash = '-' if program == 'go' else '--'
    argv = [str(options.programs[program]), f'{dash}workers={workers}',
            f'{dash}slices={options.slices}', f'{dash}ms={options.ms}',
            f'{dash}warmup-ms={options.warmup_ms}']
    if program == 'lend':
        argv += [f'--mode={options.mode}', '--format=csv']
    return argv + [workload]


def extras_read(text):
    pairs = (part.split('=') for part in text.split(';') if part)
    return {name: float(value) for name, value in pairs}


def run_once(program, workload, workers, options):
    """One process: the medians of its slices; None: not with so few workers."""
    argv = command(program, workload, workers, options)
    limit = (options.slices * options.ms + options.warmup_ms) / 1e3
    try:
        done = command_line.run(argv, limit + START_S)
    except subprocess.TimeoutExpired:
        raise Failure(f'{" ".join(argv)} hangs') from None
    if done.returncode:
        raise Failure(f'{" ".join(argv)}: {done.stderr.strip()}')
    slices = list(csv.DictReader(done.stdout.splitlines()))
    if not slices:
        return None
    extras = [extras_read(row['extras']) for row in slices]

    def median(figure):
        return statistics.median(int(row[figure]) / int(row['operations'])
                                 for row in slices)
    return {
        'cpu_ns': median('cpu_ns'), 'wall_ns': median('wall_ns'),
        'extras': {name: statistics.median(extra[name] for extra in extras)
                   for name in extras[0]},
    }


def figure_of(workload):
    if workload in LATENCIES:
        return lambda result: result['extras']['p50_ns']
    return lambda result: result['cpu_ns']


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    cut = statistics.quantiles(values, n=4, method='inclusive')
    return cut[0], cut[2]


def ratio_of(results, figure):
    pairs = zip(results['go'], results['lend'])
    ratios = [figure(go) / figure(lend) for go, lend in pairs
              if figure(lend) > 0]
    if not ratios:
        return None
    return {'median': statistics.median(ratios), 'min': min(ratios),
            'max': max(ratios), 'interval': interval(ratios)}


def summary(workload, workers, results):
    figure = figure_of(workload)
    row = {'workload': workload, 'workers': workers,
           'figure': 'p50_ns' if workload in LATENCIES else 'cpu_ns'}
    for program, runs in results.items():
        values = [figure(run) for run in runs]
        row[program] = {
            'median': statistics.median(values),
            'quartiles': quartiles(values), 'min': min(values),
            'max': max(values),
            'wall_ns': statistics.median(run['wall_ns'] for run in runs),
            'extras': {name: statistics.median(run['extras'][name]
                                               for run in runs)
                       for name in runs[0]['extras']},
        }
    if 'go' in results:
        row['ratio'] = ratio_of(results, figure)
        row['wall_ratio'] = ratio_of(results, lambda run: run['wall_ns'])
    return row


def number(value):
    return f'{value:.1f}' if value < 1000 else f'{value:.0f}'


def spread(part):
    low, high = part['quartiles']
    return f"{number(part['median'])} ({number(low)}..{number(high)})"


def ratio_text(ratio):
    if not ratio:
        return '-'
    low, high = ratio['interval'] or (ratio['min'], ratio['max'])
    mark = '' if ratio['interval'] else ' min..max'
    return f"{ratio['median']:.2f} [{low:.2f} .. {high:.2f}]{mark}"


def verdict(row):
    aim = AIMS.get(row['workload'])
    if not aim or not row.get('ratio'):
        return ''
    return f"{aim}: {'yes' if row['ratio']['median'] >= aim else 'no'}"


def extras_text(row):
    return ' '.join(f'{name} {value:.0f}'
                    for name, value in row['lend']['extras'].items()
                    if name != row['figure'])


def print_row(row):
    go = spread(row['go']) if 'go' in row else '-'
    print(f"{row['workload']:<14} {row['workers']:>3}  "
          f"{spread(row['lend']):<27} {go:<27} "
          f"{ratio_text(row.get('ratio')):<22} {verdict(row):<7} "
          f"{number(row['lend']['wall_ns']):>9} {extras_text(row)}",
          flush=True)


def print_head(options, why_not):
    print(f'{options.rounds} rounds of {options.slices} x {options.ms} ms; '
          f'Lend in {options.mode} mode; load {os.getloadavg()[0]:.1f}'
          + (f'; no Go: {why_not}' if why_not else ''))
    print('ns of CPU an operation (quartiles of the rounds); of '
          + ' and '.join(LATENCIES) + ' the median latency in ns')
    print(f"{'workload':<14} {'w':>3}  {'lend':<27} {'go':<27} "
          f"{'go / lend [95 %]':<22} {'aim':<7} {'lend wall':>9} "
          'of lend, too')


def measure(workload, workers, options):
    names = [name for name in options.programs
             if workload in options.known[name]]
    results = {name: [] for name in names}
    for turn in range(options.rounds):
        for name in names if turn % 2 == 0 else names[::-1]:
            result = run_once(name, workload, workers, options)
            if not result:
                return None
            results[name].append(result)
    return summary(workload, workers, results), results


def workloads_known(program, option):
    done = command_line.run([str(program), option], START_S)
    if done.returncode:
        raise Failure(f'{program} {option}: {done.stderr.strip()}')
    return [line.split()[0] for line in done.stdout.splitlines()]


def options_parse():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='Exit status: 0; 1 if a program failed. Nothing is said by it '
        'about speed.')
    parser.add_argument('workloads', nargs='*', help='default: all; '
                        'lend-bench-micro --list says what they are')
    parser.add_argument('--workers', type=command_line.counts,
                        default=[1, 2, 4], metavar='N[,N]', help='worker threads, and GOMAXPROCS '
                        '(1,2,4)')
    parser.add_argument('--rounds', type=command_line.count, default=9)
    parser.add_argument('--slices', type=command_line.count, default=3,
                        help='looks at a process in a round (3)')
    parser.add_argument('--ms', type=command_line.count, default=25,
                        help='time between two of them (25)')
    parser.add_argument('--warmup-ms', type=int, default=20)
    parser.add_argument('--mode', default='borrowed',
                        choices=('private', 'shared', 'borrowed'),
                        help='private, shared or borrowed (borrowed)')
    parser.add_argument('--go', choices=('auto', 'no'), default='auto')
    parser.add_argument('--build', type=pathlib.Path,
                        default=HERE.parent / 'build', metavar='DIR',
                        help='where Lend was built (build)')
    parser.add_argument('--json', type=command_line.result_file,
                        metavar='FILE',
                        help='write every single result')
    options = parser.parse_args()
    options.build = options.build.resolve()
    return options


def compare(options, rows):
    """Adds to @rows what is measured, as it is."""
    lend = options.build / 'bench' / 'lend-bench-micro'
    if not lend.exists():
        raise Failure(f'there is no {lend}: build first')
    known = workloads_known(lend, '--list')
    for workload in options.workloads:
        if workload not in known:
            raise Failure(f'"{workload}" is not a workload: '
                          + ', '.join(known))
    options.programs = {'lend': lend}
    options.known = {'lend': known}
    go, why_not = go_build(options)
    if go:
        options.programs['go'] = go
        # Not all are: nobody asks in Go whether to yield, say.
        options.known['go'] = workloads_known(go, '-list')
    begin = time.monotonic()
    print_head(options, why_not)
    for workload in options.workloads or known:
        for workers in options.workers:
            measured = measure(workload, workers, options)
            if measured:
                row, runs = measured
                print_row(row)
                rows.append(dict(row, runs=runs))
    progress(f'{time.monotonic() - begin:.0f} s')


def main():
    command_line.end_at_signals()
    options = options_parse()
    rows = []
    try:
        compare(options, rows)
    except Failure as failure:
        progress(f'micro.py: {failure}')
        return 1
    finally:
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1),
                                    encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
