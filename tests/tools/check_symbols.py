#!/usr/bin/env python3
"""Prove that the library exports what its headers declare, and no more.

usage: check_symbols.py TREE SHARED_LIBRARY STATIC_LIBRARY

The shared library exports exactly the LEND_API names of include/lend. The
static one can not hide anything, so its names must at least have the prefix.
"""
import glob
import os
import re
import subprocess
import sys

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
DECLARATION = re.compile(r"\bLEND_API\b([^;{]*)[;{]")
FUNCTION = re.compile(r"\b([a-z_]\w*)\s*\(")
VARIABLE = re.compile(r"\b([a-z_]\w*)\s*(?:\[[^]]*\]\s*)*(?:=.*)?$", re.S)

# What a sanitizer adds to each object file; two underscores belong to the
# compiler.
FOREIGN = re.compile(r"__|\.")


def declared(root):
    """{name: header} of all LEND_API declarations."""
    names = {}
    pattern = os.path.join(root, "include", "lend", "**", "*.h")
    for path in sorted(glob.glob(pattern, recursive=True)):
        with open(path, encoding="utf-8") as file:
            text = DIRECTIVE.sub("", COMMENT.sub(" ", file.read()))
        # Attributes have parentheses too.
        text = re.sub(r"__attribute__\s*\(\(.*?\)\)", " ", text, flags=re.S)
        for match in DECLARATION.finditer(text):
            found = FUNCTION.search(match.group(1)) \
                or VARIABLE.search(match.group(1))
            names[found.group(1)] = os.path.relpath(path, root)
    return names


def defined(library, *options):
    lines = subprocess.run(["nm", *options, "--defined-only", "-g", library],
                           capture_output=True, text=True,
                           check=True).stdout.split("\n")
    names = set()
    for line in lines:
        words = line.split()
        if len(words) == 3 and words[1] != "A":
            name = words[2].split("@")[0]
            if not FOREIGN.match(name):
                names.add(name)
    return names


def main():
    root, shared, static = sys.argv[1:]
    api = declared(root)
    exported = defined(shared, "-D")
    complaints = []
    for name in sorted(exported - api.keys()):
        if name.startswith("lend__"):
            complaints.append(f"{name} is exported, but private by its name")
        else:
            complaints.append(f"{name} is exported, but no header of "
                              "include/lend declares it with LEND_API")
    for name in sorted(api.keys() - exported):
        complaints.append(f"{name} is declared in {api[name]}, but the "
                          "library does not define it")
    for name in sorted(api):
        if not re.match(r"lend_[a-z0-9]", name):
            complaints.append(f"{name} in {api[name]} lacks the prefix lend_")
    for name in sorted(defined(static)):
        if not name.startswith("lend_"):
            complaints.append(f"{name} is global in the static library "
                              "without the prefix lend_")
    for text in complaints:
        print(text)
    print(f"{len(api)} names, {len(complaints)} complaints")
    if not api:
        print("no LEND_API declaration found: is this the right tree?")
        return 1
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
