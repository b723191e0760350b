#!/usr/bin/env python3
"""Prove that a seed is one run and always the same.

usage: check_replay.py SIM

Method: the same seeds in two processes, whose addresses differ, must leave the
same hash of everything that happened; other seeds another one, and a traced run
is no other. A seed that fails must fail at the same step with the same words
when it is run alone, as the line that it printed says. Wrong usage and the help
are looked at, too.
"""
import re
import subprocess
import sys

FAILED = re.compile(r"^seed (\d+) failed: (.*)$", re.M)
REPLAY = re.compile(r"^replay: (.*)$", re.M)
HASH = re.compile(r"^hash of all traces: ([0-9a-f]{16})$", re.M)


def run(*command, status=0):
    done = subprocess.run(command, capture_output=True, text=True,
                          check=False, timeout=240)
    if done.returncode != status:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}, "
                 f"not {status}\n{done.stdout}{done.stderr}")
    return done.stdout


def hash_of(sim, seeds):
    return HASH.search(run(sim, "--seeds", seeds)).group(1)


def main():
    sim = sys.argv[1]
    first = hash_of(sim, "1..200")
    if hash_of(sim, "1..200") != first:
        sys.exit("the same seeds were another run the second time")
    if hash_of(sim, "201..400") == first:
        sys.exit("other seeds were the same run")
    print(f"seeds 1..200 are the same twice: {first}")
    run(sim, "--seeds", "1..100", "--twice")
    for seed in range(1, 31):
        quiet = HASH.search(run(sim, "--seed", str(seed))).group(1)
        told = HASH.search(run(sim, "--seed", str(seed), "--trace")).group(1)
        if told != quiet:
            sys.exit(f"seed {seed} is another run when it is traced")

    out = run(sim, "--mutate", "free-early", "--seeds", "1..2000")
    seed, words = FAILED.search(out).groups()
    again = run(*REPLAY.search(out).group(1).split())
    if FAILED.search(again).groups() != (seed, words):
        sys.exit(f"seed {seed} failed otherwise when it was replayed:\n"
                 f"{words}\n{FAILED.search(again).group(2)}")
    print(f"seed {seed} fails again: {words}")

    # A run that is cut short says so, as a failure.
    if "steps have been made" not in run(sim, "--seed", "2", "--steps", "5",
                                         status=1):
        sys.exit("--steps 5 was enough")
    if "--campaign" not in run(sim, "--help"):
        sys.exit("--help does not say all")
    run(sim, "--mutate", "no-such-mistake", status=2)
    run(sim, "--seeds", "9..2", status=2)


if __name__ == "__main__":
    main()
