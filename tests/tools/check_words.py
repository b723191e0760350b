#!/usr/bin/env python3
"""Prove that what the documents point at is there.

usage: check_words.py [TREE]

Every relative link of a Markdown file leads to a file of the tree, and its
#anchor to a heading; every `./dev command` in a document is one that `./dev
help` lists.
"""
import os
import re
import subprocess
import sys

TOPS = ("doc", "arbiter", "src", "include", "tests", "bench", "examples")
FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.M | re.S)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.S)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)"
                  r"|^\s*\[[^\]]+\]:\s*(\S+)", re.M)
DEV = re.compile(r"\./dev +([a-z][a-z-]*)")
HELP = re.compile(r"^ *\./dev +([a-z][a-z-]*)", re.M)


def documents(root):
    for name in sorted(os.listdir(root)):
        if name.endswith(".md"):
            yield name
    for top in TOPS:
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith(".md"):
                    yield os.path.relpath(os.path.join(folder, name), root)


def keep_lines(match):
    return "\n" * match.group().count("\n")


def anchors(path):
    """The anchors of a document's headings, as code hosts make them."""
    with open(path, encoding="utf-8") as file:
        text = FENCE.sub(keep_lines, file.read())
    found, seen = set(), {}
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", text, re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = seen[slug] = seen.get(slug, -1) + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def check_links(root, path, text):
    prose = CODE.sub(keep_lines, FENCE.sub(keep_lines, text))
    for match in LINK.finditer(prose):
        link = match.group(1) or match.group(2)
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        line = prose.count("\n", 0, match.start(match.lastindex)) + 1
        name, _, anchor = link.partition("#")
        target = os.path.normpath(
            os.path.join(root, os.path.dirname(path), name)
            if name else os.path.join(root, path))
        if not os.path.exists(target):
            yield line, f"{link}: there is no such file"
        elif anchor and target.endswith(".md") \
                and anchor not in anchors(target):
            yield line, f"{link}: there is no such heading"


def check_commands(text, known):
    for match in DEV.finditer(text):
        if match.group(1) not in known:
            yield (text.count("\n", 0, match.start()) + 1,
                   f"./dev help does not know {match.group()}")


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    text = subprocess.run(["./dev", "help"], cwd=root, capture_output=True,
                          text=True, check=True).stdout
    known = set(HELP.findall(text))
    count = failed = 0
    for path in documents(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        count += 1
        for line, what in (*check_links(root, path, text),
                           *check_commands(text, known)):
            failed += 1
            print(f"{path}:{line}: {what}")
    print(f"{count} documents, {failed} complaints")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
