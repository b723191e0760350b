#!/usr/bin/env python3
"""Prove that the shell scripts parse, and are plain POSIX where they say so.

usage: check_shell.py [TREE]

shellcheck says more than a shell does, and is used where it is installed.
"""
import os
import shutil
import subprocess
import sys

SCRIPTS = {"dev": ("dash", "sh"), ".ci/run": ("bash",)}


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    failed = 0
    for script, shells in SCRIPTS.items():
        path = os.path.join(root, script)
        commands = [[shell, "-n", path] for shell in shells
                    if shutil.which(shell)]
        if shutil.which("shellcheck"):
            commands.append(["shellcheck", path])
        for command in commands:
            failed += subprocess.run(command, check=False).returncode != 0
        if not os.access(path, os.X_OK):
            failed += 1
            print(f"{script} is not executable")
        print(f"{script}: {', '.join(command[0] for command in commands)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
