#!/usr/bin/env python3
"""What does a claim cost, in nanoseconds and in instructions?

A claim, its filling and its commit on a loan that is held, beside the same with
plain liburing on a ring of one's own: the times that lend-bench-internal
measures, and the instructions that callgrind counts in the same loops. Needs
valgrind for the latter.
"""
import argparse
import os
import pathlib
import re
import sys
import tempfile

import command_line

# The functions of bench/micro/claim.c, in the order in which it prints them.
KINDS = ("only_fill", "raw_claims", "lend_claims", "lend_claims_with_op")
COUNT = 1024  # operations in each call
ROUNDS = 3    # under callgrind: after the one that warms up
TIMEOUT_S = 300


def times(program, rounds):
    """[(what, p10, median, p90)] of the kinds."""
    try:
        done = command_line.run([program, "claim", str(rounds)], TIMEOUT_S)
    except OSError as error:
        sys.exit(f"{program}: {error.strerror}: build first")
    text = done.stdout
    rows = re.findall(r"^ {4}(\S.*?)  +([\d.]+) +([\d.]+) +([\d.]+)$", text,
                      re.M)
    if len(rows) != len(KINDS):
        sys.exit(f"{program} printed something else than expected:\n{text}"
                 f"{done.stderr}")
    return rows


def instructions(program, kind):
    """Instructions of one operation of that kind."""
    with tempfile.TemporaryDirectory() as folder:
        done = command_line.run(
            ["valgrind", "--tool=callgrind", f"--toggle-collect={kind}",
             "--callgrind-out-file=" + os.path.join(folder, "out"),
             program, "claim", str(ROUNDS)], TIMEOUT_S)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        sys.exit(f"callgrind failed:\n{done.stderr}")
    return int(found.group(1)) / COUNT / (ROUNDS + 1)


def main():
    command_line.end_at_signals()
    default = pathlib.Path(__file__).parent.parent / "build"
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=default, type=pathlib.Path,
                        help="build directory (build)")
    parser.add_argument("--rounds", default=400, type=command_line.count,
                        help="timed rounds of each kind (400)")
    options = parser.parse_args()
    program = str(options.build / "bench" / "lend-bench-internal")
    rows = times(program, options.rounds)
    print(f"{'':40} {'ns':>6} {'p10..p90':>13} {'instructions':>13}")
    for kind, (what, p10, median, p90) in zip(KINDS, rows):
        count = instructions(program, kind)
        print(f"{what:40} {median:>6} {p10 + '..' + p90:>13} {count:13.1f}")


if __name__ == "__main__":
    main()
