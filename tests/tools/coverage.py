#!/usr/bin/env python3
"""Print what gcovr has found: for each folder, and for each file in it, the
share of lines and branches that some test has run.

usage: coverage.py SUMMARY.JSON   (of gcovr --json-summary)

The folders that everything stands on have to have nine lines of ten. Exit
status 1 if one has not, or if there is nothing to look at.
"""
import collections
import json
import sys

WANTED = 90.0
FOUNDATIONS = ("arbiter", "src/uring", "src/mem", "src/io")
WORDS = ("line", "branch")


def share(counts, word):
    total = counts[word + "_total"]
    return 100.0 * counts[word + "_covered"] / total if total else 100.0


def row(name, counts):
    lines, branches = (share(counts, word) for word in WORDS)
    print(f"{name:<36}{counts['line_covered']:>6} of "
          f"{counts['line_total']:>5} lines {lines:6.1f} %"
          f"{branches:10.1f} % of branches")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        files = json.load(file)["files"]
    folders = collections.defaultdict(list)
    for entry in files:
        folders[entry["filename"].rpartition("/")[0]].append(entry)
    sums = {}
    for folder, entries in sorted(folders.items()):
        sums[folder] = {f"{word}_{what}": sum(entry[f"{word}_{what}"]
                                              for entry in entries)
                        for word in WORDS for what in ("covered", "total")}
        row(folder, sums[folder])
        for entry in sorted(entries, key=lambda e: e["filename"]):
            row("    " + entry["filename"].rpartition("/")[2], entry)
    for entry in files:
        folder = entry["filename"].rpartition("/")[0]
        if folder in FOUNDATIONS and share(entry, "line") < WANTED:
            print(f"{entry['filename']}: fewer than {WANTED:.0f} % of the "
                  "lines; doc/testing.md says of what kinds they are")
    low = [folder for folder in FOUNDATIONS
           if folder not in sums or share(sums[folder], "line") < WANTED]
    for folder in low:
        print(f"{folder}: fewer than {WANTED:.0f} % of the lines")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
