#!/usr/bin/env python3
"""Write a compilation database with one command for each file.

The simulation compiles the library's files once more, in its own way; clang-tidy
would look at both, and in company version 14 finds faults that are not there.
The first command of a file is the library's. Options that only gcc knows are
left out: to clang-tidy they are errors.

usage: one_command_a_file.py BUILD FOLDER
       reads BUILD/compile_commands.json, writes FOLDER/compile_commands.json
"""
import json
import os
import re
import sys


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    build, folder = sys.argv[1:]
    with open(os.path.join(build, "compile_commands.json"),
              encoding="utf-8") as file:
        commands = json.load(file)
    first = {}
    for command in commands:
        command["command"] = re.sub(r" '?-mmem(set|cpy)-strategy=\S+", "",
                                    command["command"])
        first.setdefault((command["directory"], command["file"]), command)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "compile_commands.json"), "w",
              encoding="utf-8") as file:
        json.dump(list(first.values()), file, indent=1)


main()
