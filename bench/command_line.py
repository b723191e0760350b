"""What the command lines of these programs have in common: values that are
refused before anything is measured, and an end by a signal that leaves no
process behind.
"""
import argparse
import atexit
import math
import pathlib
import signal
import subprocess
import sys
import time

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def count(text):
    """At least one."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a number from 1')
    return value


def counts(text):
    return [count(part) for part in text.split(',')]


def duration(text, least=0.0):
    """Seconds, 0 too."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    # Nothing compares with what is not a number.
    if not least <= value <= 86400:
        raise argparse.ArgumentTypeError(
            f'"{text}" is not a number of seconds from {least:g} to 86400')
    return value


def window(text):
    """Seconds in which something is to happen."""
    return duration(text, 0.001)


def result_file(text):
    """A path that can be written to; better to know than after all is
    measured."""
    path = pathlib.Path(text)
    try:
        # Others, as pipes, do not like to be opened twice.
        if path.is_file() or not path.exists():
            path.open('a', encoding='utf-8').close()
        elif path.is_dir():
            raise IsADirectoryError(None, 'it is a directory')
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f'"{text}" can not be written: {error.strerror}') from error
    return path


# What was started; whether something is just now, and which signals came.
started = []
starting = []
came = []


def stop(signum, _frame):
    came.append(signum)
    if starting:
        return
    # One is enough: what cleans up is not to be disturbed.
    for each in ENDS:
        signal.signal(each, signal.SIG_IGN)
    # An exception, so that every context manager stops its process.
    sys.exit(128 + came[0])


def try_again(event):
    """In a callback, as of an import, an exception goes nowhere."""
    if came and isinstance(event.exc_value, SystemExit):
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    else:
        sys.__unraisablehook__(event)


def kill_started():
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def end_at_signals():
    """Under nohup(1) a terminal that goes is still nothing to end for."""
    atexit.register(kill_started)
    sys.unraisablehook = try_again
    for each in ENDS:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, stop)


def start(argv, **options):
    """A process that does not outlive this one: an exception from a signal
    in the middle of this would leave one that nobody knows of."""
    starting.append(None)
    try:
        process = subprocess.Popen(argv, **options)
        started[:] = [each for each in started if each.poll() is None]
        started.append(process)
    finally:
        # One that comes before this is looked at after it, one that comes
        # after it looks after itself.
        starting.clear()
        if came:
            stop(came[0], None)
    return process


# A signal that comes just before a call that waits is seen when that has
# waited. So nothing here waits for long at once.

def sleep(seconds):
    """As time.sleep()."""
    give_up = time.monotonic() + seconds
    while (left := give_up - time.monotonic()) > 0:
        time.sleep(min(left, 1))


def communicate(process, timeout):
    """As its communicate()."""
    give_up = time.monotonic() + timeout
    while True:
        left = give_up - time.monotonic()
        try:
            return process.communicate(timeout=max(0, min(left, 1)))
        except subprocess.TimeoutExpired:
            if left <= 1:
                raise


def run(argv, timeout, **options):
    """As subprocess.run(), with the output as text."""
    process = start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True, **options)
    try:
        out, err = communicate(process, timeout)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return subprocess.CompletedProcess(argv, process.returncode, out, err)
