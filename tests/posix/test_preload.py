#!/usr/bin/env python3
"""
Goal:   preloaded, the shim leaves a plain program as it is, and has the plain
        code of actors suspend them; without it their worker blocks.
Method: programs that were not linked with it, with LD_PRELOAD and without.

usage: test_preload.py LIBLEND_POSIX PLAIN PRELOADED
"""
import os
import re
import subprocess
import sys


def sanitizer_of(library):
    """AddressSanitizer's library, if it is built with it, has to be first."""
    out = subprocess.run(["ldd", library], check=True, capture_output=True,
                         text=True).stdout
    return re.findall(r"=> (\S*/libasan\.so\S*)", out)


def run(command, shim=None):
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    if shim:
        environment["LD_PRELOAD"] = " ".join(
            sanitizer_of(shim) + [os.path.abspath(shim)])
    return subprocess.run(command, env=environment, timeout=60,
                          capture_output=True, text=True, check=False)


def main():
    shim, plain, preloaded = sys.argv[1:4]
    failed = 0
    for what, done, code, out in (
            ("plain, without", run([plain]), 0, "plain\n"),
            ("plain, preloaded", run([plain], shim), 0, "plain\n"),
            ("actors, preloaded", run([preloaded, "40"], shim), 0, ""),
            ("actors, without", run([preloaded, "1"]), 3, "")):
        fine = done.returncode == code and done.stdout == out
        failed += not fine
        print(("ok   " if fine else "FAIL ") + what)
        if not fine:
            print(done.returncode, done.stdout, done.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
