#!/usr/bin/env python3
"""What a request costs in Lend, and how long it takes, beside raw io_uring.

One table: requests one at a time, pipelined, and echoed messages; from few and
many connections; servers with one worker and with two. In each row Lend's modes
are compared with the hand-written server of as many threads by two measures:
processor time a request when the server is saturated, and the 99th percentile of
latency at half the rate that saturates the hand-written one. In each round all
servers are up at once and are asked in short turns; of those at half the rate,
the ones are dropped in which others had the processors. See README.md beside
this file.
"""
import argparse
import contextlib
import copy
import json
import os
import pathlib
import statistics
import sys

import command_line
import overhead

REFERENCE = 'raw_uring'
LOADS = {
    # name: pipeline, echo, the CPU ratio that is aimed at
    'one': (1, False, 1.10),
    'pipelined': (16, False, 1.35),
    'echo': (1, True, 1.10),
}
P99_AIM = 1.20
# A p99 is what one request in a hundred takes, so a turn is disturbed if for
# one hundredth of it generator or server did not get on.
DISTURBED = 0.01
# The generator's is the higher: it is to be late for nobody.
SERVER_PRIORITY, GENERATOR_PRIORITY = 1, 2


def server_name(mode):
    return mode if '#' in mode else f'lend_{mode}'


def servers(options):
    return [REFERENCE] + [server_name(mode) for mode in options.modes]


def of_row(options, row):
    """What overhead.py takes for options."""
    here = copy.copy(options)
    here.echo = LOADS[row['load']][1]
    here.workers = row['workers']
    here.connections = row['connections']
    here.cpus = overhead.cpus_choose(None, row['workers'])
    return here


def looked(options, here, server, pipeline):
    """The first undisturbed look at one saturated server, or the least
    disturbed one; wrong answers end the program.
    """
    tries = []
    for left in range(options.retries, -1, -1):
        try:
            result = overhead.look(here, server, pipeline)
        except overhead.Silence:
            if left or tries:
                continue
            raise
        if result['errors']:
            raise overhead.Failure(
                f'{server.name}: {result["errors"]} wrong answers')
        tries.append(result)
        if result['others'] < options.others:
            break
    return min(tries, key=lambda result: result['others'])


def saturate(options, row):
    """One round: all servers, fresh, each loaded as much as it takes for a
    moment, in turn. Returns what is seen in each cycle: {name: look}.
    """
    here = of_row(options, row)
    pipeline = LOADS[row['load']][0]
    cycles = []
    with contextlib.ExitStack() as stack:
        up = [stack.enter_context(overhead.Server(here, name))
              for name in servers(options)]
        for number in range(options.looks):
            cycles.append({server.name: looked(options, here, server, pipeline)
                           for server in (up[::-1] if number % 2 else up)})
    return cycles


def may_have_priority():
    """Whether the kernel would let us go ahead of ordinary programs."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO,
                              os.sched_param(GENERATOR_PRIORITY))
    except OSError:
        return False
    os.sched_setscheduler(0, *before)
    return True


def turns(options, row, rate):
    """One round at a rate: all servers, fresh, asked in turn by one generator.
    Returns what it says of each cycle of turns: {name: turn}.
    """
    here = of_row(options, row)
    names = servers(options)
    argv = [str(options.build / 'bench' / 'http_load'),
            '--turns', str(options.turns),
            '--seconds', str(options.turn_seconds),
            '--warmup', str(options.turn_warmup),
            '--connections', str(row['connections']),
            '--pipeline', str(LOADS[row['load']][0]),
            '--rate', str(rate)]
    argv += ['--echo'] * here.echo
    # It has a CPU of its own. Asleep it would wake up late, and count that.
    argv += ['--spin'] * (here.cpus[1] is not None)
    with contextlib.ExitStack() as stack:
        for name in names:
            server = stack.enter_context(overhead.Server(
                here, name, SERVER_PRIORITY * options.realtime))
            argv += ['--connect', f'127.0.0.1:{server.port}',
                     '--server-pid', str(server.process.pid)]
        result = overhead.generate(
            argv, here.cpus[1], GENERATOR_PRIORITY * options.realtime,
            options.turns * len(names)
            * (options.turn_seconds + options.turn_warmup))
    if result['errors']:
        raise overhead.Failure(f'{result["errors"]} wrong answers')
    flat = result['turns']
    for turn in flat:
        turn['disturbed'] = disturbed(options, turn, here.cpus[0] is not None)
        # All that was due has been answered, what was not counted, too.
        turn['cpu_us'] = turn['used_us'] / (
            rate * (options.turn_seconds + options.turn_warmup))
    return [{names[turn['server']]: turn
             for turn in flat[at:at + len(names)]}
            for at in range(0, len(flat), len(names))]


def disturbed(options, turn, alone):
    """Whether others had the processors; latencies are not looked at. Threads
    that share CPUs by design wait for each other: that says nothing of others.
    """
    limit_us = 1e6 * DISTURBED * (options.turn_seconds + options.turn_warmup)
    return (turn['gap_us'] > limit_us
            or alone and turn['waited_us'] > limit_us)


def compare(rounds, name, key):
    """The median of the rounds' medians of ratios within a cycle in which
    nobody disturbed either of the two, and its interval. A round without such
    a cycle is left out.
    """
    medians, dropped, total = [], 0, 0
    for cycles in rounds:
        pairs = [(cycle[name], cycle[REFERENCE]) for cycle in cycles]
        good = [(mine[key], other[key]) for mine, other in pairs
                if not mine.get('disturbed') and not other.get('disturbed')]
        total += len(pairs)
        dropped += len(pairs) - len(good)
        if good:
            medians.append({
                'ratio': statistics.median(mine / max(other, 1e-3)
                                           for mine, other in good),
                'mine': statistics.median(mine for mine, _ in good),
                'other': statistics.median(other for _, other in good)})
    result = {'turns': total, 'dropped': dropped, 'rounds': len(medians)}
    if not medians:
        return result
    ratios = [each['ratio'] for each in medians]
    return result | spread(ratios) | {
        'median': statistics.median(each['mine'] for each in medians),
        'reference': statistics.median(each['other'] for each in medians)}


def spread(ratios):
    interval = overhead.interval(ratios)
    low, high = interval or (min(ratios), max(ratios))
    return {'ratio': statistics.median(ratios), 'low': low, 'high': high,
            'is_interval': interval is not None}


def verdict(ratio, aim):
    if not ratio['is_interval']:
        return 'open'
    if ratio['high'] <= aim:
        return 'met'
    return 'missed' if ratio['low'] > aim else 'open'


def cell(ratio, aim):
    if 'ratio' not in ratio:
        return 'disturbed'
    return (f"{ratio['ratio']:.2f} [{ratio['low']:.2f} .. {ratio['high']:.2f}]"
            f" {verdict(ratio, aim)}")


def row_measure(options, row):
    cpu_aim = LOADS[row['load']][2]
    saturated = [saturate(options, row) for _ in range(options.rounds)]
    looks = [look for cycles in saturated for cycle in cycles
             for look in cycle.items()]
    # Of the rounds the highest: others can but make it less.
    rate = max(statistics.median(cycle[REFERENCE]['rps'] for cycle in cycles)
               for cycles in saturated) / 2
    paced = [turns(options, row, rate) for _ in range(options.rounds)]
    row['rate'] = rate
    row['reference'] = {'cpu_us': statistics.median(
        look['cpu_us'] for name, look in looks if name == REFERENCE)}
    row['modes'] = {}
    for mode in options.modes:
        name = server_name(mode)
        cpu = compare(saturated, name, 'cpu_us')
        paced_cpu = compare(paced, name, 'cpu_us')
        p99 = compare(paced, name, 'p99_us')
        row['modes'][mode] = {'cpu': cpu, 'paced_cpu': paced_cpu, 'p99': p99}
        print(f"{row['load']:<9} {row['connections']:>5} {row['workers']:>7} "
              f"{mode:<11} {row['reference']['cpu_us']:>7.3f} "
              f"{cell(cpu, cpu_aim):<29} {rate / 1000:>7.0f} "
              f"{paced_cpu.get('ratio', float('nan')):>8.2f} "
              f"{p99.get('reference', 0):>7.0f} {cell(p99, P99_AIM):<29} "
              f"{p99['dropped']:>4} of {p99['turns']}",
              flush=True)
    row['paced'], row['saturated'] = paced, saturated
    row['others'] = statistics.median(look['others'] for _, look in looks)


def options_parse():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='Exit status: 0; 1 if a server failed or answered wrongly.')
    parser.add_argument('--loads', default=','.join(LOADS),
                        help=f'of {", ".join(LOADS)} (all)')
    parser.add_argument('--modes', default='private,borrowed',
                        help=f'of {", ".join(overhead.MODES)}, or '
                        f'{REFERENCE}#2, the reference once more, to see the '
                        'resolution (private,borrowed)')
    parser.add_argument('--connections', type=command_line.counts,
                        default=[64, 512], metavar='N[,N]')
    parser.add_argument('--workers', type=command_line.counts,
                        default=[1, 2], metavar='N[,N]')
    parser.add_argument('--rounds', type=command_line.count, default=9)
    parser.add_argument('--looks', type=command_line.count, default=10,
                        help='at each saturated server in a round (10)')
    parser.add_argument('--seconds', type=command_line.window, default=0.12,
                        help='of each look (0.12)')
    parser.add_argument('--warmup', type=command_line.duration, default=0.05,
                        help='before that (0.05)')
    parser.add_argument('--turns', type=command_line.count, default=12,
                        help='of each server in a round at half the rate (12)')
    parser.add_argument('--turn-seconds', type=command_line.window, default=0.06,
                        help='of each turn (0.06)')
    parser.add_argument('--turn-warmup', type=command_line.duration, default=0.02,
                        help='before that, not counted (0.02)')
    parser.add_argument('--ordinary', action='store_true',
                        help='at half the rate, do not run servers and '
                        'generator ahead of other programs (SCHED_FIFO)')
    parser.add_argument('--others', type=float, default=0.2, metavar='SHARE',
                        help='look again if other programs used more of the '
                        'CPUs than this (0.2)')
    parser.add_argument('--retries', type=int, default=1,
                        help='but this often at most (1)')
    parser.add_argument('--build', type=pathlib.Path,
                        default=here.parent / 'build', metavar='DIR',
                        help='where Lend was built (build)')
    parser.add_argument('--json', type=command_line.result_file,
                        metavar='FILE')
    options = parser.parse_args()
    # Of a relative one, '.', the programs would be looked for in PATH.
    options.build = options.build.resolve()
    options.loads = options.loads.split(',')
    options.modes = options.modes.split(',')
    for load in options.loads:
        if load not in LOADS:
            parser.error(f'unknown load {load}; known: {", ".join(LOADS)}')
    for mode in options.modes:
        if (mode not in overhead.MODES
                and not mode.startswith(f'{REFERENCE}#')):
            parser.error(f'unknown mode {mode}; known: '
                         f'{", ".join(overhead.MODES)}, {REFERENCE}#2')
    options.realtime = not options.ordinary and may_have_priority()
    return options


def main():
    command_line.end_at_signals()
    options = options_parse()
    table = [{'load': load, 'connections': connections, 'workers': workers}
             for load in options.loads for connections in options.connections
             for workers in options.workers]
    print(f'{options.rounds} rounds; ratios to {REFERENCE} with their 95 % '
          f'intervals; the aim for p99 is {P99_AIM:.2f}, for CPU '
          + ', '.join(f'{name} {LOADS[name][2]:.2f}'
                      for name in options.loads))
    print('at half the rate '
          + ('ahead of other programs (SCHED_FIFO)' if options.realtime
             else 'an ordinary program among others'))
    print(f"{'load':<9} {'conns':>5} {'workers':>7} {'mode':<11} {'raw us':>7} "
          f"{'CPU ratio':<29} {'k req/s':>7} {'CPU then':>8} "
          f"{'raw p99':>7} "
          f"{'p99 ratio':<29} dropped")
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
