#!/usr/bin/env python3
"""
Goal:   the library is never caught by its own shim: no function that
        liblend-posix defines is one that liblend takes from elsewhere.
Method: nm of both. What stands here by name is called where no actor is.

usage: check_own_calls.py LIBLEND LIBLEND_POSIX
"""
import subprocess
import sys

# On a thread of the blocking pool: src/net/resolve.c.
OUTSIDE = {"getaddrinfo"}


def names(library, which):
    out = subprocess.run(["nm", "-D", which, library], check=True,
                         capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines()}


def main():
    taken = names(sys.argv[1], "--undefined-only")
    defined = names(sys.argv[2], "--defined-only")
    for name in ("read", "close", "poll", "getaddrinfo"):
        if name not in defined:
            print(f"{sys.argv[2]} does not define {name}")
            return 1
    caught = sorted((taken & defined) - OUTSIDE)
    for name in caught:
        print(f"liblend calls {name}(), which liblend-posix would catch: "
              "add it to src/base/direct.c, and to --wrap in meson.build")
    print(f"{len(defined)} functions of the shim, {len(caught)} of them "
          "called by the library itself")
    return 1 if caught else 0


if __name__ == "__main__":
    sys.exit(main())
