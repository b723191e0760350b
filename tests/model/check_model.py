#!/usr/bin/env python3
"""Run one variant of a Promela model through all its states.

usage: check_model.py MODEL.PML [--finds NAME | --reaches] [-DNAME[=VALUE]]...

Without an option, no assertion may fail in any reachable state, and every
reachable state must have been seen. --finds: the assertion that names NAME must
fail; another failure, or a model or checker that does not work, does not count.
--reaches: an assertion with REACH must fail: that place can be reached.

Prints states, depth, time and memory. Exits with 77 (skipped) without spin.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

DEPTH_MAX = 4000000
# What is to be found is found sooner, and with fewer steps, near the start.
DEPTH_NEAR = 1000
MEMORY_MAX_MB = 3000
TIME_MAX_S = 280
# No liveness, and no reduction by hashing: every state is kept and compared.
CFLAGS = ["-w", "-DSAFETY", "-DNOFAIR", "-DCOLLAPSE",
          f"-DMEMLIM={MEMORY_MAX_MB}"]


def fail(text):
    print(f"FAIL: {text}")
    sys.exit(1)


def run(what, command, folder, timeout):
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True,
                              text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        fail(f"{what}: not done in {timeout} s")
    return done.returncode, done.stdout + done.stderr


def build(model, defines, folder, optimize):
    status, text = run("spin", ["spin", "-a", *defines, model], folder, 60)
    source = os.path.join(folder, "pan.c")
    if status or re.search(r"\bError\b", text) or not os.path.exists(source):
        fail(f"spin does not take the model:\n{text}")
    compiler = os.environ.get("CC", "cc").split()
    status, text = run("compiler",
                       [*compiler, optimize, *CFLAGS, "-o", "pan", "pan.c"],
                       folder, 120)
    if status:
        fail(f"the checker does not compile:\n{text}")


def trail(model, defines, folder):
    """The last steps that lead to the failure, by line of the model."""
    written = os.path.join(folder, os.path.basename(model) + ".trail")
    _, text = run("spin", ["spin", "-t", "-p", "-k", written, *defines, model],
                  folder, 60)
    return "\n".join(text.split("\n")[-400:])


def number(pattern, text):
    match = re.search(pattern, text)
    if not match:
        fail(f"the checker does not say {pattern!r}:\n{text}")
    return int(match.group(1))


def search(folder, depth_max):
    """The assertion that failed; None, if all states are well; False, if there
    are more of them below depth_max."""
    start = time.monotonic()
    _, text = run("pan", ["./pan", f"-m{depth_max}", "-w22"], folder,
                  TIME_MAX_S)
    seconds = time.monotonic() - start
    errors = number(r"errors: (\d+)", text)
    states = number(r"(\d+) states, stored", text)
    depth = number(r"depth reached (\d+)", text)
    memory = re.search(r"([\d.]+)\s+total actual memory usage", text)
    print(f"{states} states, depth {depth}, {seconds:.1f} s, "
          f"{memory.group(1) if memory else '?'} MB")
    violated = re.search(r"assertion violated (.*) \(at depth", text)
    if errors and not violated:
        fail(f"something else than an assertion:\n{text}")
    if violated:
        return violated.group(1)
    if re.search(r"out of memory|Search not completed|memory limit", text):
        fail(f"not every state was seen:\n{text}")
    return False if "max search depth too small" in text else None


def main():
    arguments = sys.argv[1:]
    model = os.path.abspath(arguments.pop(0))
    finds = reaches = None
    if arguments[:1] == ["--finds"]:
        finds, arguments = arguments[1], arguments[2:]
    elif arguments[:1] == ["--reaches"]:
        reaches, arguments = True, arguments[1:]
    if not all(word.startswith("-D") for word in arguments):
        sys.exit(__doc__)
    if not shutil.which("spin"):
        print("skipped: spin is not installed")
        return 77

    if finds:
        arguments.append(f"-DONLY={finds.upper()}")
    with tempfile.TemporaryDirectory(prefix="lend-model-") as folder:
        broken = finds or reaches or "-DBREAK" in " ".join(arguments)
        build(model, arguments, folder, "-O1" if broken else "-O2")
        violated = search(folder, DEPTH_NEAR) if broken else False
        if violated is False:
            violated = search(folder, DEPTH_MAX)
        if violated is False:
            fail(f"there are states below a depth of {DEPTH_MAX}")
        if not finds and not reaches:
            if violated:
                print(trail(model, arguments, folder))
                fail(f"{violated} does not hold")
            print("holds in every state")
            return 0
    if not violated:
        fail(f"{finds or 'this place'} was not found in any state")
    if finds and finds not in violated:
        fail(f"{finds} was expected, found was {violated}")
    # The names are gone after the preprocessor: the numbers are left.
    if reaches and not re.search(r"\(?\d!=\d\)?", violated):
        fail(f"not a REACH assertion: {violated}")
    print(f"found, as it should be: {finds or 'reached'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
