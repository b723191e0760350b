#!/usr/bin/env python3
"""Add up what one or more runs of the test suite say.

usage: totals.py [--also-failed N] TESTLOG.JSON...

Prints one line, "N passed, N failed[, N skipped]". Exit status 1 if anything
failed, or if nothing passed: a suite that ran nothing proves nothing.
"""
import json
import sys

PASSED = ("OK", "EXPECTEDFAIL")
SKIPPED = ("SKIP",)


def main():
    logs = sys.argv[1:]
    passed = failed = skipped = 0
    if logs[:1] == ["--also-failed"]:
        failed = int(logs[1])
        logs = logs[2:]
    for log in logs:
        with open(log, encoding="utf-8") as file:
            for line in file:
                result = json.loads(line)["result"]
                passed += result in PASSED
                skipped += result in SKIPPED
                failed += result not in PASSED + SKIPPED
    text = f"{passed} passed, {failed} failed"
    print(text + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
