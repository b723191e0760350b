"""Compilers and disassemblers, for the checks of machine code."""
import os
import re
import subprocess
import sys


def run(command):
    """What it prints."""
    # A cache of compilations may take a mutated header for the one it knows.
    environment = {**os.environ, "CCACHE_DISABLE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stderr}")
    return done.stdout


def functions(disassembly):
    """{name: [line]}, of what objdump prints"""
    found, here = {}, []
    for line in disassembly.split("\n"):
        start = re.match(r"^[0-9a-f]+ <([^>]+)>:$", line)
        if start:
            here = found.setdefault(start.group(1), [])
        else:
            here.append(line)
    return found
