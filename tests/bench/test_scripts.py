#!/usr/bin/env python3
"""The scripts that measure refuse what makes no sense, and leave no process.

usage: test_scripts.py BENCH_FOLDER BUILD_FOLDER

Goal:   a value that can not be used is told in a line before anything is
        measured; a signal ends a script with its processes, without a
        traceback, and what was measured is in the result file.
Method: each script in a session of its own, which is looked for other
        processes while it measures and after it has ended.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

TIMEOUT_S = 60
REFUSED = {
    'overhead.py': (
        '--rounds 0', '--seconds 0', '--seconds nan', '--connections -5',
        '--workers 0', '--pipeline 0', '--pipeline 1,', '--cpus 0',
        '--cpus 0,9999', '--warmup -1', '--json /nowhere/at/all',
        '--json /'),
    'requests.py': (
        '--rounds 0', '--looks 0', '--turns x', '--seconds inf',
        '--connections 0', '--workers 1,0', '--turn-seconds 0',
        '--json /nowhere/at/all'),
    'micro.py': (
        '--rounds 0', '--slices 0', '--ms 0', '--workers 1,,2', '--mode frob',
        '--json /nowhere/at/all'),
    'idle.py': ('--connections -1', '--seconds -1', '--workers 0'),
    'claim_cost.py': ('--rounds 0',),
}
# What takes minutes, so that it is ended while it measures.
LONG = {
    'overhead.py': '--seconds 600 --connections 4',
    'requests.py': '--seconds 600 --connections 4 --workers 1 --ordinary',
    'micro.py': '--ms 10000 --slices 1000 --go no yield-1',
    'idle.py': '--seconds 600 --connections 10',
}
WITH_RESULTS = ('overhead.py', 'requests.py', 'micro.py')


def session_of(pid):
    """The session of a process that lives, or None."""
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything.
    state, _, _, session = text.rpartition(')')[2].split()[:4]
    return None if state in 'ZX' else int(session)


def others_in(session):
    return [int(path.name) for path in pathlib.Path('/proc').iterdir()
            if path.name.isdigit() and int(path.name) != session
            and session_of(path.name) == session]


def wait_for(condition):
    give_up = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < give_up, 'waited in vain'
        time.sleep(0.01)


def refuses(bench, build):
    for script, lines in REFUSED.items():
        for line in lines:
            done = subprocess.run(
                [sys.executable, bench / script, '--build', build,
                 *line.split()],
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=TIMEOUT_S, check=False)
            assert done.returncode == 2 and not done.stdout, (line, done)
            assert 'Traceback' not in done.stderr, (line, done)
            assert line.split()[0] in done.stderr, (line, done)


def where_it_is(script):
    """Of one that does not end: its processes, and its stack."""
    states = []
    for pid in [script.pid, *others_in(script.pid)]:
        process = pathlib.Path(f'/proc/{pid}')
        lines = (process / 'status').read_text(encoding='utf-8').splitlines()
        states += [(process / 'cmdline').read_bytes(), *(
            line for line in lines
            if line.startswith(('State', 'SigPnd', 'ShdPnd', 'SigCgt')))]
    script.send_signal(signal.SIGABRT)
    return states, script.communicate()[1]


def is_ended(command, number, results):
    script = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, start_new_session=True, text=True)
    try:
        wait_for(lambda: script.poll() is not None or others_in(script.pid))
        os.kill(script.pid, number)
        try:
            _, errors = script.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            assert False, (command, where_it_is(script))
        assert script.returncode == 128 + number, (command, script.returncode,
                                                   errors)
        assert 'Traceback' not in errors, (command, errors)
        assert not others_in(script.pid), command
    finally:
        for pid in others_in(script.pid):
            os.kill(pid, signal.SIGKILL)
        script.kill()
        script.wait()
    if results:
        with open(results, encoding='utf-8') as file:
            assert isinstance(json.load(file), list), command


def ends(bench, build, folder):
    for script, line in LONG.items():
        for number in (signal.SIGINT, signal.SIGTERM):
            command = [sys.executable, '-X', 'faulthandler', bench / script,
                       '--build', build, *line.split()]
            results = None
            if script in WITH_RESULTS:
                results = os.path.join(folder, f'{script}.{number}')
                command += ['--json', results]
            is_ended(command, number, results)


# Starts a process; at the n-th line of that comes a signal. Ends with 0 if
# there are not so many.
SIGNALLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import command_line
lines = 0
def trace(frame, event, _argument):
    global lines
    if frame.f_code is not command_line.start.__code__:
        return None
    if event == 'line':
        lines += 1
        if lines == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGTERM)
    return trace
command_line.end_at_signals()
sys.settrace(trace)
command_line.start(['sleep', '600'])
sys.settrace(None)
sys.exit(lines >= int(sys.argv[2]))
"""


# A signal comes in a callback, where nobody takes the exception.
IN_CALLBACK = """
import os, signal, sys, time, weakref
sys.path.insert(0, sys.argv[1])
import command_line
command_line.end_at_signals()
def callback(_reference):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0)
thing = {1}
reference = weakref.ref(thing, callback)
del thing
time.sleep(600)
"""


def no_signal_is_lost(bench):
    done = subprocess.run([sys.executable, '-c', IN_CALLBACK, bench],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=TIMEOUT_S, check=False)
    assert done.returncode == 128 + signal.SIGTERM and not done.stderr, done
    for line in range(1, 100):
        status = subprocess.run(
            [sys.executable, '-c', SIGNALLED, bench, str(line)],
            stdin=subprocess.DEVNULL, timeout=TIMEOUT_S,
            check=False).returncode
        if status == 0:
            break
        assert status == 128 + signal.SIGTERM, (line, status)
    assert 5 < line < 99, line


def main():
    bench, build = (pathlib.Path(path) for path in sys.argv[1:3])
    refuses(bench, build)
    print('ok   what makes no sense is refused')
    no_signal_is_lost(bench)
    print('ok   no signal is lost')
    with tempfile.TemporaryDirectory() as folder:
        ends(bench, build, folder)
    print('ok   nobody is left behind')


if __name__ == '__main__':
    main()
