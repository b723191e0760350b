#!/usr/bin/env python3
"""lend-bench-internal and claim_cost.py measure what they say.

usage: test_internal.py LEND_BENCH_INTERNAL [CLAIM_COST]

CLAIM_COST is for builds that run under valgrind.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

TIMEOUT_S = 60


def run(*arguments):
    return subprocess.run(arguments, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=TIMEOUT_S,
                          check=False)


def check_command_lines(program):
    for line in ("", "frob", "claim 0", "revoke x", "wake 0", "claim 1 2"):
        done = run(program, *line.split())
        assert done.returncode == 2, (line, done)
        assert done.stderr.count("\n") == 1 and not done.stdout, (line, done)
    done = run(program, "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: "), done


def check_revoke(program):
    if len(os.sched_getaffinity(0)) < 2:
        print("skip revoke: it needs two CPUs")
        return
    rounds = 40
    done = run(program, "revoke", str(rounds))
    assert done.returncode == 0, done
    for who in ("running", "parked"):
        found = re.search(rf"{who} rescuer, (\d+) rounds \((\d+) more",
                          done.stdout)
        assert found, done.stdout
        assert sum(map(int, found.groups())) == rounds, done.stdout
    # Seized means: whoever computes had its ring taken away, each time.
    assert "not seized" not in done.stdout, done.stdout
    assert done.stdout.count("completion visible") == 2, done.stdout
    print("ok   revoke")


def check_actors(program, is_sanitized):
    """X4, H15: small crowds; that they are all there and all gone is checked
    by the program, what they may cost in memory here: without a sanitizer,
    whose frames are bigger, and which has memory of its own."""
    for command, count in (("actors", 20000), ("reads", 2000)):
        done = run(program, command, str(count))
        assert done.returncode == 0, done
        found = re.search(r"resident +(-?\d+) bytes an actor", done.stdout)
        assert found, done.stdout
        assert is_sanitized or int(found.group(1)) <= 6144, done.stdout
        found = re.search(r"mappings +(-?\d+) more", done.stdout)
        # Without MADV_GUARD_INSTALL each stack has one; 20,000 are allowed.
        assert found and int(found.group(1)) < 2 * count + 100, done.stdout
        print(f"ok   {command}")


def check_claim(program, script):
    done = run(program, "claim", "20")
    assert done.returncode == 0, done
    assert done.stdout.count("\n") == 6, done.stdout
    print("ok   claim")
    if not script or not shutil.which("valgrind"):
        print("skip claim_cost.py: there is no valgrind, or not for this build")
        return
    build = pathlib.Path(program).parent.parent
    done = run(script, "--build", str(build), "--rounds", "20")
    assert done.returncode == 0, done
    counts = [float(line.split()[-1])
              for line in done.stdout.splitlines()[1:]]
    fill, raw, claim, with_op = counts
    # What follows from what they do, with any compiler.
    assert 3 < fill < raw < claim < with_op < 400, counts
    print("ok   claim_cost.py", counts)


def check_wake(program):
    """K6: each means wakes whoever sleeps, each time, or says that it is not
    there. The program waits until the kernel says that its thread sleeps, and
    fails if one that it has woken does not come."""
    if len(os.sched_getaffinity(0)) < 2:
        print("skip wake: it needs two CPUs")
        return
    done = run(program, "wake", "20")
    assert done.returncode == 0, done
    for name in ("eventfd, poll in the ring", "futex, no ring"):
        rows = re.findall(rf"{name} +[\d.]+ +[\d.]+ +[\d.]+ ", done.stdout)
        assert len(rows) == 2, (name, done.stdout)
    assert done.stdout.count("MSG_RING") == 6, done.stdout
    print("ok   wake")


def check_operation(program):
    # The program looks at each result itself, and fails if one is wrong.
    done = run(program, "operation", "1")
    assert done.returncode == 0, done
    for mode in ("private", "borrowed", "shared"):
        assert f"in {mode} mode" in done.stdout, done.stdout
    for interface in ("synchronous", "asynchronous", "direct"):
        rows = re.findall(rf" {interface} +[\d.]+ +[\d.]+ +[\d.]+ \[",
                          done.stdout)
        assert len(rows) == 6, (interface, done.stdout)
    done = run(program, "operation", "1001")
    assert done.returncode == 2 and "1001" in done.stderr, done
    print("ok   operation")


def check_wheel(program):
    """Both give back every timer in order, which the program looks at."""
    done = run(program, "wheel", "2000")
    assert done.returncode == 0, done
    for which in ("heap", "wheel"):
        rows = re.findall(
            rf"^{which} +(?:random|timeout|equal) .* 2000 timers",
            done.stdout, re.M)
        assert len(rows) == 13, done.stdout
    print("ok   wheel")


def check_timers(program):
    """None is early, which the program looks at, too."""
    done = run(program, "timers", "1000")
    assert done.returncode == 0, done
    for what in ("thread", "idle", "busy"):
        assert re.search(rf"^lateness {what} .*; 0 early, \d+ out of order$",
                         done.stdout, re.M), done.stdout
    rows = re.findall(r"^(?:worker|actor) .* timers +[\d.]+ ns each",
                      done.stdout, re.M)
    assert len(rows) == 11, done.stdout
    print("ok   timers")


def main():
    program = sys.argv[1]
    script = sys.argv[2] if len(sys.argv) > 2 else None
    check_command_lines(program)
    check_revoke(program)
    check_claim(program, script)
    check_actors(program, is_sanitized=script is None)
    check_operation(program)
    check_wheel(program)
    check_timers(program)
    check_wake(program)


if __name__ == "__main__":
    main()
