#!/usr/bin/env python3
"""What is compared of turns that servers had.

Usage: test_requests.py REQUESTS

Goal:   turns that the machine disturbed are left out of a comparison, and a
        round without any other is.
Method: turns that are made up, given to the script's own functions.
"""
import argparse
import importlib.util
import pathlib
import sys
import unittest

SCRIPT = pathlib.Path()


def requests_module(path):
    """requests.py, which imports what lies beside it."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location('bench_requests', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class RequestsTest(unittest.TestCase):
    def test_turns_that_others_disturbed_are_not_compared(self):
        requests = requests_module(SCRIPT)

        def turn(p99_us, gap_us=0.0, waited_us=0.0):
            each = {'p99_us': p99_us, 'gap_us': gap_us,
                    'waited_us': waited_us}
            each['disturbed'] = requests.disturbed(options, each, True)
            return each

        options = argparse.Namespace(turn_seconds=0.06, turn_warmup=0.02)
        late, waited = {'gap_us': 801.0}, {'waited_us': 801.0}
        rounds = [[{'raw_uring': turn(100), 'mine': turn(150)},
                   {'raw_uring': turn(100), 'mine': turn(110, gap_us=799.0)},
                   {'raw_uring': turn(100), 'mine': turn(900)},
                   {'raw_uring': turn(100), 'mine': turn(901, **late)},
                   {'raw_uring': turn(2, **waited), 'mine': turn(150)}],
                  [{'raw_uring': turn(1), 'mine': turn(150, **waited)}]]
        result = requests.compare(rounds, 'mine', 'p99_us')
        self.assertEqual((result['turns'], result['dropped']), (6, 3))
        self.assertEqual((result['rounds'], result['ratio']), (1, 1.5))
        result = requests.compare(rounds[1:], 'mine', 'p99_us')
        self.assertNotIn('ratio', result)
        self.assertEqual(requests.cell(result, 1.2), 'disturbed')
        # Workers that share CPUs wait for each other.
        self.assertFalse(requests.disturbed(
            options, {'gap_us': 0.0, 'waited_us': 801.0}, False))


if __name__ == '__main__':
    SCRIPT = pathlib.Path(sys.argv[1])
    unittest.main(argv=sys.argv[:1])
