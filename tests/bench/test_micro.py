#!/usr/bin/env python3
"""lend-bench-micro and micro.py run every workload and print what they say.

usage: test_micro.py LEND_BENCH_MICRO MICRO_PY

Nothing here is about speed. A workload looks at its own rules: messages of one
sender come in order, a transfer is over when all have seen it.
"""
import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TIMEOUT_S = 120
SHORT = ("--slices", "2", "--ms", "3", "--warmup-ms", "1")
EXTRAS = {
    "locality": {"migrations"}, "locality-own": {"migrations"},
    "transfer-yield": {"rescues"}, "transfer-park": {"rescues"},
    "transfer-all": {"rescues"},
    "wake-latency": {"p50_ns", "p99_ns", "max_ns"},
    "wait-1000": {"p50_ns", "p99_ns", "max_ns"},
    "sleep": {"p50_ns", "p99_ns", "max_ns"},
}


def run(*arguments, path=os.environ["PATH"]):
    return subprocess.run(arguments, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=TIMEOUT_S,
                          env=dict(os.environ, PATH=path), check=False)


def workloads(program):
    done = run(program, "--list")
    assert done.returncode == 0, done
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert len(names) == len(set(names)) and len(names) > 15, names
    return names


def check_command_lines(program):
    for line in ("frob", "--workers 0", "--workers 1,", "--slices 0",
                 "--ms 1x", "--mode frob", "--format xml", "--frob",
                 "cycle frob"):
        done = run(program, *line.split())
        assert done.returncode == 2 and not done.stdout, (line, done)
        assert done.stderr.count("\n") == 1, (line, done)
    done = run(program, "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: "), done
    print("ok   command lines")


def check_processor_time(program):
    """One thread can not use more than there was, but for what it does
    between the looks at two clocks. By ticks of 4 ms it seems to."""
    done = run(program, "--workers", "1", "--format", "csv", "--slices", "40",
               "--ms", "3", "yield-1")
    slices = list(csv.DictReader(done.stdout.splitlines()))
    assert len(slices) == 40, done
    more = [row for row in slices
            if int(row["cpu_ns"]) > 1.1 * int(row["wall_ns"])]
    assert len(more) <= 10, more
    print("ok   processor time")


def check_every_workload(program, names):
    """With fewer, as many and more workers than CPUs."""
    done = run(program, "--workers", "1,2,5", "--format", "csv", *SHORT)
    assert done.returncode == 0 and not done.stderr, done
    seen = {}
    for row in csv.DictReader(done.stdout.splitlines()):
        assert row["program"] == "lend", row
        for figure in ("operations", "wall_ns", "cpu_ns"):
            assert int(row[figure]) > 0, row
        extras = dict(part.split("=") for part in row["extras"].split(";")
                      if part)
        assert set(extras) == EXTRAS.get(row["workload"], set()), row
        seen.setdefault(row["workload"], []).append(int(row["workers"]))
    assert list(seen) == names, seen
    for name, workers in seen.items():
        # Two workers apart: there have to be two.
        few = [] if name == "pingpong-far" else [1, 1]
        assert workers == few + [2, 2, 5, 5], (name, workers)
    print("ok   every workload")


def check_modes_and_formats(program):
    for mode in ("private", "shared"):
        done = run(program, "--mode", mode, "--format", "json", *SHORT,
                   "churn", "spawn", "wake-latency")
        assert done.returncode == 0, done
        rows = json.loads(done.stdout)
        assert len(rows) == 3 * 2 * 2, rows
        assert all(row["operations"] > 0 for row in rows), rows
        assert rows[-1]["p50_ns"] <= rows[-1]["max_ns"], rows
    done = run(program, *SHORT, "yield")
    assert done.returncode == 0, done
    assert len(re.findall(r"^yield +[12] +[\d.]+ \([\d.]+\.\.[\d.]+\) +[\d.]+",
                          done.stdout, re.M)) == 2, done.stdout
    print("ok   modes and formats")


def check_comparison(program, script):
    names = ["cycle", "transfer-all", "pingpong-far", "wake-latency"]
    build = str(pathlib.Path(program).parent.parent)
    with tempfile.TemporaryDirectory() as folder:
        result = pathlib.Path(folder) / "result.json"
        done = run(sys.executable, script, "--build", build, "--rounds", "2",
                   "--slices", "1", "--ms", "3", "--warmup-ms", "1",
                   "--workers", "1,2", "--json", str(result), *names)
        assert done.returncode == 0, done
        rows = json.loads(result.read_text(encoding="utf-8"))
    assert len(rows) == 7, rows
    has_go = shutil.which("go") is not None
    for row in rows:
        assert len(row["runs"]["lend"]) == 2, row
        assert ("ratio" in row) == has_go, row
        if has_go:
            assert row["ratio"]["min"] > 0, row
            assert len(row["runs"]["go"]) == 2, row
    assert has_go or "no Go: " in done.stdout, done.stdout
    done = run(sys.executable, script, "--build", build, "frob")
    assert done.returncode == 1 and '"frob"' in done.stderr, done
    print("ok   comparison", "" if has_go else "(there is no Go compiler)")


# What "go build -o FILE ." makes of it knows one workload.
GO = """#!/usr/bin/env python3
import os, sys
out = sys.argv[sys.argv.index('-o') + 1]
open(out, 'w').write('''#!/bin/sh
case "$*" in
-list) echo yield-1 ;;
*yield-1) echo program,workload,workers,slice,operations,wall_ns,cpu_ns,extras
	echo go,yield-1,1,0,1,1000,1000, ;;
*) exit 2 ;;
esac
''')
os.chmod(out, 0o755)
"""


def check_what_go_does_not_have(program, script):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "bench").mkdir()
        micro = folder / "bench" / "lend-bench-micro"
        micro.symlink_to(pathlib.Path(program).resolve())
        compiler = folder / "go"
        compiler.write_text(GO, encoding="utf-8")
        compiler.chmod(0o755)
        result = folder / "result.json"
        done = run(sys.executable, script, "--build", str(folder), "--rounds",
                   "2", "--slices", "1", "--ms", "3", "--warmup-ms", "1",
                   "--workers", "1", "--json", str(result), "yield-1",
                   "yield-if-needed",
                   path=f"{folder}:{os.environ['PATH']}")
        assert done.returncode == 0, done
        rows = json.loads(result.read_text(encoding="utf-8"))
    assert ["go" in row["runs"] for row in rows] == [True, False], rows
    assert ["ratio" in row for row in rows] == [True, False], rows
    print("ok   what Go does not have")


def main():
    program, script = sys.argv[1:]
    names = workloads(program)
    check_command_lines(program)
    check_processor_time(program)
    check_every_workload(program, names)
    check_modes_and_formats(program)
    check_comparison(program, script)
    check_what_go_does_not_have(program, script)


if __name__ == "__main__":
    main()
