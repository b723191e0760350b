#!/usr/bin/env python3
"""lend-bench runs every workload in every mode, verifies what came out, and
notices what is wrong.

usage: test_lend_bench.py LEND_BENCH [WORD]

WORD: only cases with it in their names.
"""
import csv
import json
import os
import pty
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time

MODES = ("borrowed", "private", "shared")
# Sanitizers and valgrind make it slow.
TIMEOUT_S = 100
# Small, so that a run takes a fraction of a second.
SMALL = {
    "idle": 100, "connections": 8, "actors": 4, "batch": 8, "length": 4,
    "burn": 5, "every": 20, "load": 0,
}
SHORT = ["--seconds", "0.1", "--warmup", "0.03", "--repeat", "1"]
# Workloads of scheduling that are seen to lose somebody: of all who
# count, and those whom the one who counts waits for.
LOST = {"cycle", "fan-in-1", "wake-latency", "transfer-park", "spawn"}
# What the shell would call it; with a remedy in each line.
BAD = {
    "": "no command",
    "frob": '"frob"',
    "list x": '"x"',
    "run": "--workload W",
    "run --workload frob": '"frob"',
    "run --workload nop,nop": "twice",
    "run --workload nop --modes frob": '"frob"',
    "run --workload nop --modes shared,shared": "twice",
    "run --workload nop --workers 0": '"0"',
    "run --workload nop --workers 1,x": '"x"',
    "run --workload nop --rings 257": '"257"',
    "run --workload nop --depth -1": '"-1"',
    "run --workload nop --repeat 1,2": "list",
    "run --workload nop --seconds nan": '"nan"',
    "run --workload nop --seconds 0": '"0"',
    "run --workload nop --seed 0x": '"0x"',
    "run --workload nop --batch 1025": '"1025"',
    "run --workload nop --batch 16 --depth 8": '"16"',
    "run --workload nop --rate 5": "--rate",
    "run --workload nop --frob 5": '"--frob"',
    "run --workload nop --quiet=5": "--quiet",
    "run --workload nop --json": "needs a value",
    "run --workload nop --json /nowhere/at/all": '"/nowhere/at/all"',
    "run --workload nop --csv /nowhere/at/all": '"/nowhere/at/all"',
    "run --workload nop --others x": '"x"',
    "run --workload nop --retries 2000": '"2000"',
    "run --workload nop --tamper frob": '"frob"',
    "run --workload nop frob": '"frob"',
    "run --workload cycle --actors 5": "--actors",
    "run --workload pingpong-far --workers 1 --quiet": "--workers",
}


class Bench:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder

    def run(self, *arguments):
        return subprocess.run(
            [self.program, *arguments], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    def workloads(self):
        """{name: {parameter}} from the list that people read."""
        found, name = {}, None
        for line in self.run("list").stdout.splitlines():
            if line[0] != " ":
                name = line.split()[0]
                found[name] = set()
            else:
                found[name] |= set(re.findall(r"--(\w+)", line)) - {"depth"}
        return found

    def scheduling(self):
        """The names of those which do nothing else."""
        micro = os.path.join(os.path.dirname(self.program), "lend-bench-micro")
        done = subprocess.run([micro, "--list"], capture_output=True,
                              text=True, timeout=TIMEOUT_S, check=True)
        return {line.split()[0] for line in done.stdout.splitlines()}

    def small(self, name, parameters):
        options = ["run", "--workload", name, *SHORT]
        if name.startswith("transfer"):
            # An operation of these may take 10 ms by itself.
            options += ["--seconds", "1"]
        for parameter in sorted(parameters & SMALL.keys()):
            options += ["--" + parameter, str(SMALL[parameter])]
        return options

    def measure(self, options):
        """(the process, the JSON file, the lines of the CSV file)"""
        path = os.path.join(self.folder, "result")
        done = self.run(*options, "--json", path + ".json",
                        "--csv", path + ".csv")
        with open(path + ".json", encoding="utf-8") as file:
            result = json.load(file)
        with open(path + ".csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert not os.path.exists(path + ".json.partial")
        return done, result, rows


def check_run(run):
    latency = run.get("latency_ns")
    assert run["operations"] > 0 and run["seconds"] > 0, run
    assert run["cpu_seconds"] >= 0 and run["enters_per_op"] >= 0, run
    rate = run["operations"] / run["seconds"]
    assert abs(run["ops_per_s"] - rate) < 1e-3 * rate, run
    if latency:
        buckets = latency["buckets"]
        ends = [end for end, _ in buckets]
        order = [latency[name] for name in
                 ("min", "p50", "p90", "p99", "p99_9", "p99_99", "max")]
        assert ends == sorted(set(ends)), "buckets are not in order"
        assert sum(count for _, count in buckets) == latency["count"] > 0
        assert order == sorted(order), order
        assert ends[-1] >= latency["max"]


def every_workload_in_every_mode(bench):
    for name, parameters in bench.workloads().items():
        started = time.monotonic()
        done, result, rows = bench.measure(bench.small(name, parameters))
        print(f"     {name}: {time.monotonic() - started:.1f} s", flush=True)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", done.stderr
        assert result["schema"] == "lend-bench/1"
        runs = result["runs"]
        assert sorted({run["mode"] for run in runs}) == sorted(MODES)
        assert len(rows) == len(runs)
        for run, row in zip(runs, rows):
            assert run["workload"] == name
            assert run["verified"] is True and run["errors"] == 0, run
            assert row["verified"] == "true" and row["mode"] == run["mode"]
            assert int(row["operations"]) == run["operations"]
            check_run(run)
        for mode in MODES:
            assert re.search(rf"^  {mode} +\d", done.stdout, re.M), done.stdout


def what_is_wrong_is_found(bench):
    scheduling = bench.scheduling()
    for name, parameters in bench.workloads().items():
        # Of these who is lost is found by waiting for him, and all in one way.
        quick = name in scheduling - LOST
        for tamper in ("corrupt",) if quick else ("corrupt", "lose"):
            done, result, _ = bench.measure(
                [*bench.small(name, parameters), "--modes", "borrowed",
                 "--patience", "4" if name in scheduling else "1",
                 "--tamper", tamper])
            assert done.returncode == 1, (name, tamper, done)
            assert name in done.stderr and "failed" in done.stderr
            for run in result["runs"]:
                assert run["verified"] is False, (name, tamper, run)
                assert run["errors"] > 0 and run["failure"], (name, tamper)


def scheduling_is_there_too(bench):
    """Whatever lend-bench-micro has. In the case above each is run in all
    modes; here with one worker and more than there are CPUs."""
    names, known = set(bench.workloads()), bench.scheduling()
    assert known <= names and len(known) > 15, known - names
    for name in ("cycle", "yield", "churn", "locality", "transfer-park",
                 "spawn", "pingpong", "fan-in-16", "wake-latency"):
        assert name in known, name
    done, result, _ = bench.measure(
        ["run", "--workload", "churn,transfer-all,wake-latency,pingpong-far",
         "--workers", "1,3", "--modes", "borrowed", *SHORT,
         "--seconds", "1"])
    assert done.returncode == 0, done
    assert done.stderr.count("left out") == 1, done.stderr
    runs = {(run["workload"], run["workers"]): run for run in result["runs"]}
    assert len(runs) == len(result["runs"]) == 7, runs.keys()
    assert ("pingpong-far", 1) not in runs
    # All have leaders that spin, so nobody but the leaders' patience helps.
    assert runs["transfer-all", 1]["extra"]["rescues"] > 0, runs
    for run in result["runs"]:
        assert ("latency_ns" in run) == (run["workload"] == "wake-latency")


def what_hangs_is_ended(bench):
    done, result, _ = bench.measure(
        ["run", "--workload", "nop", *SHORT, "--batch", "1", "--patience",
         "0.5", "--tamper", "hang", "--modes", "private"])
    assert done.returncode == 1
    assert "hung" in result["runs"][0]["failure"], result
    assert "hung" in done.stderr


def repeats_are_interleaved(bench):
    done, result, _ = bench.measure(
        ["run", "--workload", "nop", "--batch", "1,2", "--seconds", "0.03",
         "--warmup", "0.03", "--repeat", "4", "--seed", "7", "--quiet"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    runs = result["runs"]
    assert [run["order"] for run in runs] == list(range(24))
    assert [run["repeat"] for run in runs] == [n // 6 for n in range(24)]
    for repeat in range(4):
        part = runs[6 * repeat:6 * repeat + 6]
        assert len({(run["mode"], run["variant"]) for run in part}) == 6
        # The modes that are compared follow each other.
        assert part[0]["variant"] == part[2]["variant"]
    assert len({runs[6 * repeat]["mode"] for repeat in range(4)}) == 3
    again = bench.measure(
        ["run", "--workload", "nop", "--batch", "1,2", "--seconds", "0.03",
         "--warmup", "0.03", "--repeat", "4", "--seed", "7", "--quiet"])[1]
    assert [(run["mode"], run["variant"]) for run in again["runs"]] == \
        [(run["mode"], run["variant"]) for run in runs]


def options_of_any_workload(bench):
    done, result, _ = bench.measure(
        ["run", "--workload", "echo", *SHORT, "--connections", "4", "--pin",
         "--flush-sqes", "1,64", "--stall", "5000", "--workers", "1"])
    assert done.returncode == 0, done.stderr
    enters = {}
    for run in result["runs"]:
        assert "stall=5000" in run["variant"], run
        which = re.search(r"flush-sqes=(\d+)", run["variant"]).group(1)
        enters.setdefault(run["mode"], {})[which] = run["enters_per_op"]
    for each in enters.values():
        assert each["1"] > 1.9 and each["64"] < each["1"], enters


def what_others_use_does_not_count(bench):
    """Two programs that compute all the time are no CPU of the runtime's."""
    done, result, _ = bench.measure(
        ["run", "--workload", "stall", *SHORT, "--burn", "0", "--load", "200",
         "--rate", "500", "--modes", "borrowed"])
    assert done.returncode == 0, done.stderr
    run = result["runs"][0]
    assert run["cpu_seconds"] < 0.5 * run["seconds"], run
    assert "burns" not in run["extra"], run
    assert run["extra"]["others_cpu_percent"] >= 0, run


def what_is_disturbed_is_measured_again(bench):
    """This test itself is another program, and disturbs."""
    spinner = subprocess.Popen(
        [sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL)
    options = ["run", "--workload", "nop", "--batch", "1", "--seconds", "0.2",
               "--warmup", "0.02", "--repeat", "1", "--modes", "private"]
    took = {}
    try:
        for retries in ("0", "4"):
            started = time.monotonic()
            done, result, _ = bench.measure(
                [*options, "--others", "1", "--retries", retries])
            took[retries] = time.monotonic() - started
            assert done.returncode == 0, done
            # One result, whatever was tried.
            assert len(result["runs"]) == 1, result
            others = result["runs"][0]["extra"]["others_cpu_percent"]
            assert others > 1, result
    finally:
        spinner.kill()
        spinner.wait()
    # Five windows. One alone may take as long on a busy machine, but no less.
    assert took["4"] >= 5 * 0.2, took
    assert took["0"] >= 0.2, took


def progress_is_one_line(bench):
    master, slave = pty.openpty()
    try:
        done = subprocess.run(
            [bench.program, "run", "--workload", "nop", "--batch", "1",
             *SHORT, "--modes", "private,shared"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=slave, text=True,
            timeout=TIMEOUT_S, check=False)
        os.close(slave)
        slave = None
        shown = b""
        try:
            while part := os.read(master, 4096):
                shown += part
        except OSError:  # how the end of a terminal looks
            pass
    finally:
        os.close(master)
        if slave is not None:
            os.close(slave)
    assert done.returncode == 0
    lines = shown.decode().split("\r")
    assert "\n" not in shown.decode(), shown
    assert any("[1/2] nop" in line for line in lines), shown
    assert any("[2/2] nop" in line for line in lines), shown
    # Nothing of it is left.
    assert lines[-1] == "\x1b[K", shown
    assert "nop" in done.stdout


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def a_death_is_told(bench):
    for workload in ("nop", "echo"):
        path = os.path.join(bench.folder, "death.json")
        process = subprocess.Popen(
            [bench.program, "run", "--workload", workload, "--seconds", "60",
             "--repeat", "1", "--modes", "shared", "--json", path, "--quiet"]
            + (["--batch", "1"] if workload == "nop" else []),
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + TIMEOUT_S
            # It works: it has used some processor time.
            while not (found := children_of(process.pid)) or \
                    cpu_ticks(found[0]) < 20:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.kill(found[0], signal.SIGKILL)
            errors = process.communicate(timeout=TIMEOUT_S)[1]
        finally:
            process.kill()
            process.wait()
        with open(path, encoding="utf-8") as file:
            run = json.load(file)["runs"][0]
        assert process.returncode == 1, errors
        assert run["verified"] is False, run
        assert "signal 9" in errors and "signal 9" in run["failure"], run


def an_interrupted_series_is_whole(bench):
    path = os.path.join(bench.folder, "interrupted.json")
    process = subprocess.Popen(
        [bench.program, "run", "--workload", "nop", "--batch", "1",
         "--seconds", "0.05", "--warmup", "0", "--repeat", "10000",
         "--modes", "private", "--json", path, "--quiet"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            if os.path.exists(path + ".partial") and \
                    os.path.getsize(path + ".partial") > 2000:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 130
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    with open(path, encoding="utf-8") as file:
        runs = json.load(file)["runs"]
    assert 0 < len(runs) < 10000 and all(run["verified"] for run in runs)


def what_is_no_file_is_not_replaced(bench):
    """A link stays one, and so does a pipe; what it is about to name is
    written all the same."""
    options = ["run", "--workload", "nop", *SHORT, "--modes", "private"]
    target = os.path.join(bench.folder, "target.json")
    link = os.path.join(bench.folder, "link.json")
    os.symlink(target, link)
    for content in None, "older":
        if content:
            with open(target, "w", encoding="utf-8") as file:
                file.write(content)
        assert bench.run(*options, "--json", link).returncode == 0
        assert os.path.islink(link)
        with open(target, encoding="utf-8") as file:
            assert json.load(file)["runs"]
        os.unlink(target)
    pipe = os.path.join(bench.folder, "pipe")
    os.mkfifo(pipe)
    # Open for both, so that neither side waits for the other.
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        assert bench.run(*options, "--csv", pipe).returncode == 0
        assert os.read(reader, 9) == b"workload,"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


def what_is_lost_is_told(bench):
    """No room for the results, or for what is printed."""
    full = os.path.join(bench.folder, "full")
    os.symlink("/dev/full", full)
    for kind in ("--csv", "--json"):
        done = bench.run("run", "--workload", "nop", "--batch", "1", *SHORT,
                         "--modes", "private", "--quiet", kind, full)
        assert done.returncode == 1, done
        assert "No space left" in done.stderr, done
        assert done.stderr.count("\n") == 1, done
    micro = os.path.join(os.path.dirname(bench.program), "lend-bench-micro")
    for line in ([bench.program, "list"],
                 [micro, "--slices", "1", "--ms", "1", "yield-1"]):
        with open(full, "w", encoding="utf-8") as output:
            done = subprocess.run(
                line, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S,
                check=False)
        assert done.returncode == 1, done
        assert "standard output" in done.stderr, done
        assert done.stderr.count("\n") == 1, done


def bad_command_lines(bench):
    for line, value in BAD.items():
        done = bench.run(*line.split())
        assert done.returncode == 2, (line, done)
        assert done.stdout == "", (line, done)
        assert done.stderr.count("\n") == 1, (line, done)
        assert done.stderr.startswith("lend-bench: "), (line, done)
        assert value in done.stderr, (line, done)


def help_is_there(bench):
    for line in ("--help", "run --help", "list --help"):
        done = bench.run(*line.split())
        assert done.returncode == 0 and done.stderr == "", done
        assert done.stdout.startswith("usage: lend-bench"), done
    for parameters in bench.workloads().values():
        for parameter in parameters:
            assert "--" + parameter in bench.run("run", "--help").stdout


CASES = (help_is_there, bad_command_lines, repeats_are_interleaved,
         progress_is_one_line, what_is_disturbed_is_measured_again,
         options_of_any_workload, what_others_use_does_not_count,
         every_workload_in_every_mode, what_is_wrong_is_found,
         scheduling_is_there_too, what_hangs_is_ended,
         an_interrupted_series_is_whole, what_is_no_file_is_not_replaced,
         what_is_lost_is_told, a_death_is_told)


def main():
    word = sys.argv[2] if len(sys.argv) > 2 else ""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(sys.argv[1], folder)
        for case in CASES:
            if word in case.__name__:
                case(bench)
                print("ok  ", case.__name__, flush=True)


if __name__ == "__main__":
    main()
