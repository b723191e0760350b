#!/usr/bin/env python3
"""Prove that `lend-bench compare` finds regressions, and only those.

usage: test_compare.py PROGRAM [ARGUMENT...] -- [SEED]
"""
import functools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

import synthetic
from synthetic import make_run

PROGRAM = []
SEED = 0


@functools.cache
def arrangements(a, b, u):
    """How many of a and b things have u pairs in the wrong order: by what
    the last one is."""
    if u < 0 or a < 0 or b < 0:
        return 0
    if a == 0 or b == 0:
        return int(u == 0)
    return arrangements(a - 1, b, u - b) + arrangements(a, b - 1, u)


def factor(after, before):
    """The median of all quotients, and the ends of its interval."""
    quotients = sorted(a / b for a in after for b in before)
    count = len(quotients)
    every = sum(arrangements(len(after), len(before), u)
                for u in range(count + 1))
    inner, tail = 0, 0
    for u in range(count // 2):
        tail += arrangements(len(after), len(before), u)
        if 2 * tail / every > 0.05:
            break
        inner = u
    return statistics.median(quotients), quotients[inner], \
        quotients[-1 - inner]


class Compare(unittest.TestCase):
    def setUp(self):
        self.rng = synthetic.random_from(SEED)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def call(self, before, after, *options):
        paths = []
        for name, result in (("before.json", before), ("after.json", after)):
            paths.append(os.path.join(self.folder, name))
            if isinstance(result, list):
                result = synthetic.result(result)
            with open(paths[-1], "w", encoding="utf-8") as file:
                json.dump(result, file)
        return subprocess.run([*PROGRAM, "compare", *paths, *options],
                              capture_output=True, encoding="utf-8",
                              timeout=60, check=False)

    def runs(self, cpu_ns, count=9, mode="borrowed", noise=0.01, **changes):
        return [make_run("nop", mode, repeat,
                         cpu_ns * self.rng.lognormvariate(0, noise),
                         **changes) for repeat in range(count)]

    def test_factor_and_interval(self):
        before = self.runs(100, 8)
        after = self.runs(103, 11)
        done = self.call(before, after)
        median, low, high = factor(*([run["cpu_ns_per_op"] for run in runs]
                                     for runs in (after, before)))
        self.assertIn(f" {median:.3f} [{low:.3f} .. {high:.3f}]  n=8,11 ",
                      done.stdout)

    def test_regression(self):
        done = self.call(self.runs(100), self.runs(112))
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("WORSE", done.stdout)
        self.assertIn("1 compared: 1 worse by more than 5 %", done.stdout)

    def test_limit(self):
        before, after = self.runs(100), self.runs(112)
        for limit, status in (("0", 1), ("8", 1), ("16", 0), ("1e3", 0)):
            done = self.call(before, after, "--limit", limit)
            self.assertEqual(done.returncode, status, done.stdout)
        self.assertIn("within the limit\n", done.stdout)

    def test_improvement_and_sameness_are_no_regressions(self):
        done = self.call(self.runs(100), self.runs(80))
        self.assertEqual(done.returncode, 0)
        self.assertIn("1 better", done.stdout)
        # The same values: what chance does to others is no concern here.
        same = self.runs(100)
        done = self.call(same, same)
        self.assertEqual(done.returncode, 0)
        self.assertIn("0 better, 1 within the limit", done.stdout)

    def test_noise_and_few_repeats_are_undecided(self):
        noisy = [make_run("nop", "borrowed", repeat, cpu_ns)
                 for repeat, cpu_ns in enumerate((50, 80, 100, 130, 200))]
        for before, after in ((noisy, noisy),
                              (self.runs(100, 3), self.runs(200, 3))):
            done = self.call(before, after)
            self.assertEqual(done.returncode, 0)
            self.assertIn("1 undecided", done.stdout)

    def test_failures_after_are_a_regression(self):
        before, after = self.runs(100), self.runs(100)
        after[4].update(errors=1, cpu_ns_per_op=1e9)
        done = self.call(before, after)
        self.assertEqual(done.returncode, 1)
        self.assertIn("failed 0 of 9 -> 1 of 9  BROKEN", done.stdout)
        self.assertIn("n=9,8", done.stdout)
        before[0]["verified"] = False
        done = self.call(before, after)
        self.assertEqual(done.returncode, 0)
        self.assertIn("failed 1 of 9 -> 1 of 9\n", done.stdout)

    def test_all_failing_after_is_a_regression(self):
        after = self.runs(100, errors=1)
        done = self.call(self.runs(100), after)
        self.assertEqual(done.returncode, 1)
        self.assertIn("BROKEN", done.stdout)
        self.assertIn("there is no figure after", done.stdout)

    def test_configurations_are_matched(self):
        before = self.runs(100) + self.runs(500, mode="shared")
        after = self.runs(100) + self.runs(900, depth=1)
        done = self.call(before, after)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"nop, shared: .*\n  is in \S*before")
        self.assertRegex(done.stdout, r"depth 1\n  is in \S*after")
        self.assertIn("1 compared", done.stdout)
        self.assertIn("2 in one file only", done.stdout)

    def test_nothing_in_common(self):
        done = self.call(self.runs(100), self.runs(100, depth=1))
        self.assertEqual(done.returncode, 2)
        self.assertIn("nothing to compare", done.stderr)

    def test_metrics(self):
        values = [int(self.rng.lognormvariate(11, 0.1)) for _ in range(2000)]
        before = self.runs(100, values=values)
        after = self.runs(100, values=[3 * value for value in values])
        self.assertEqual(self.call(before, after).returncode, 0)
        for metric in ("p50", "p99", "p99.9", "cpu,p99"):
            done = self.call(before, after, "--metric", metric)
            self.assertEqual(done.returncode, 1, metric)
            found = re.search(r"^  p\S+ .* ([\d.]+) \[", done.stdout,
                              re.M)
            self.assertAlmostEqual(float(found.group(1)), 3, delta=0.06)
        for run in after:
            run["ops_per_s"] /= 2
        done = self.call(before, after, "--metric", "time")
        self.assertIn("2.000 [2.000 .. 2.000]", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_not_measured(self):
        done = self.call(self.runs(100), self.runs(100), "--metric",
                         "cpu,p99")
        self.assertIn("p99    there is no figure in either", done.stdout)

    def test_against_another_mode(self):
        """A machine that became slower is no regression against a mode that
        became slower with it; a mode that did so alone is one."""
        def interleaved(cpu_ns, drift):
            runs = []
            for repeat in range(15):
                now = drift * self.rng.lognormvariate(0, 0.2)
                for mode, scale in cpu_ns.items():
                    runs.append(make_run(
                        "nop", mode, repeat,
                        now * scale * self.rng.lognormvariate(0, 0.005)))
            return runs
        before = interleaved({"borrowed": 100, "private": 90}, 1)
        slow = interleaved({"borrowed": 100, "private": 90}, 2)
        self.assertEqual(self.call(before, slow).returncode, 1)
        done = self.call(before, slow, "--against", "private")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("1 compared", done.stdout)
        worse = interleaved({"borrowed": 120, "private": 90}, 0.5)
        self.assertEqual(self.call(before, worse).returncode, 0)
        done = self.call(before, worse, "--against", "private")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stdout, r"1\.1[012]\d -> 1\.3[234]\d ")

    def test_hosts(self):
        before = synthetic.result(self.runs(100))
        after = synthetic.result(self.runs(100),
                                 host=synthetic.host(lend="0.2.0"))
        done = self.call(before, after)
        self.assertEqual(done.returncode, 0)
        self.assertIn("lend: 0.1.0 -> 0.2.0\n", done.stdout)
        after["host"]["cpus"] = 64
        done = self.call(before, after)
        self.assertEqual(done.returncode, 2)
        self.assertIn("not the same machine", done.stderr)

    def test_command_lines(self):
        good = self.runs(100)
        for options, part in ((("--limit", "-1"), "-1"),
                              (("--limit", "5x"), "5x"),
                              (("--limit",), "needs a value"),
                              (("--metric", "cpu,,p50"), 'metric ""'),
                              (("--metric", "p9"), "p9"),
                              (("third.json",), "not 3"),
                              (("--wat",), "wat")):
            done = self.call(good, good, *options)
            self.assertEqual(done.returncode, 2, options)
            self.assertRegex(done.stderr, r"\Alend-bench: [^\n]*\n\Z")
            self.assertIn(part, done.stderr)
        done = self.call({"schema": 1}, good)
        self.assertEqual(done.returncode, 2)
        self.assertIn("before.json: schema", done.stderr)
        done = self.call(good, good, "--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("usage: lend-bench compare", done.stdout)


def main():
    global SEED
    split = sys.argv.index("--")
    PROGRAM.extend([os.path.abspath(sys.argv[1]), *sys.argv[2:split]])
    rest = sys.argv[split + 1:]
    SEED = int(rest[0]) if rest else int(time.time())
    print(f"seed {SEED}", flush=True)
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
