#!/usr/bin/env python3
"""Prove that each public header compiles alone, as C17 and as C++17.

usage: check_headers.py [TREE]

Each header is included twice, by a source that includes nothing else, with
every compiler of gcc and clang that is installed. Headers of other libraries
count as the system's: their warnings are not ours.
"""
import glob
import os
import shutil
import subprocess
import sys

WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Wundef", "-Werror"]
COMPILERS = (
    ("gcc", "c", ["-std=c17", "-Wstrict-prototypes"]),
    ("clang", "c", ["-std=c17", "-Wstrict-prototypes"]),
    ("g++", "c++", ["-std=c++17"]),
    ("clang++", "c++", ["-std=c++17"]),
)


def system_includes():
    """liburing's own place, when it is not the compiler's default."""
    found = subprocess.run(["pkg-config", "--cflags-only-I", "liburing"],
                           capture_output=True, text=True, check=False)
    return ["-isystem" + word[2:] for word in found.stdout.split()]


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    include = os.path.join(root, "include")
    headers = sorted(os.path.relpath(path, include) for path in
                     glob.glob(include + "/lend/**/*.h", recursive=True))
    if not headers:
        print(f"no header in {include}/lend")
        return 1

    compilers = [c for c in COMPILERS if shutil.which(c[0])]
    if not {"c", "c++"} <= {language for _, language, _ in compilers}:
        print("skipped: this needs a C and a C++ compiler")
        return 77
    system = system_includes()
    failed = 0
    for compiler, language, flags in compilers:
        for header in headers:
            done = subprocess.run(
                [compiler, "-x", language, *flags, *WARNINGS, "-I" + include,
                 *system, "-fsyntax-only", "-"],
                input=f"#include <{header}>\n" * 2, capture_output=True,
                text=True, check=False)
            if done.returncode != 0:
                failed += 1
                print(f"include/{header}: {compiler} {flags[0]}:")
                print(done.stderr)
    names = " ".join(compiler for compiler, _, _ in compilers)
    print(f"{len(headers)} headers with {names}: {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
