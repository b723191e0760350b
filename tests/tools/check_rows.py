#!/usr/bin/env python3
"""Prove that what doc/testing.md says of tests is true.

usage: check_rows.py [TREE]

Each program and case that the table under "Rows" names is there; a row has at
least one, and each program of tests/api runs in all three ring modes. And each
operation of the table of operations (rows LEND_OPERATION... in src/io) is
tested in both of its forms, and with its opcode masked if it asks for that.
"""
import os
import re
import sys

MODES = ("borrowed", "private", "shared")
ROW = re.compile(r"^\| ([A-Z]\d+) \| [^|]+ \| ([^|]+) \|$", re.M)
ITEM = re.compile(r"`([^`]+)`(?:: ([^;`]+))?")
OPERATION = re.compile(r"^LEND_OPERATION(_[A-Z_]+)?\(\s*\w+,\s*(\w+)", re.M)


def read(root, *parts):
    path = os.path.join(root, *parts)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return file.read()


def unit_path(root, name):
    """unit-mem-heap_trim: tests/unit/mem/test_heap_trim.c"""
    layer, _, file = name.partition("-")
    return ("tests", "unit", layer, f"test_{file}.c")


def source_of(root, program):
    """The text of a program's source, by the name that its test has."""
    kind, _, name = program.partition("-")
    places = {
        "api": ("tests", "api", f"test_{name}.c"),
        "unit": unit_path(root, name),
        "posix": ("tests", "posix", f"test_{name}.c"),
        "stress": ("tests", "stress", f"stress_{name}.c"),
        "fault": ("tests", "fault", "fault.c"),
        "codegen": ("tests", "codegen", f"check_{name}.py"),
        "sim": ("tests", "sim", f"program_{name}.c"),
    }
    return read(root, *places[kind]) if kind in places else None


def has_case(program, text, case):
    if program.startswith("unit-"):
        return re.search(rf"^Test\(\w+,\s*{re.escape(case)}\b", text, re.M)
    return f'"{case}"' in text


def configurations(text, name):
    match = re.search(rf"^{name} = \[(.*?)^\]", text, re.M | re.S)
    return match.group(1) if match else ""


def check_modes(root, program, text):
    """An api program is in one of the lists, or has a list of its own."""
    name = program.removeprefix("api-")
    for tests in ("api_tests", "api_tests_few"):
        if f"'{name}'" in configurations(text, tests):
            used = configurations(text, tests.replace("tests", "configs"))
            break
    else:
        match = re.search(rf"^{name} = executable\(.*?^ *foreach config : "
                          rf"(\[.*?^\]|\w+)", text, re.M | re.S)
        if not match:
            return [f"{program}: it is in no list of tests/api/meson.build"]
        used = match.group(1)
        if not used.startswith("["):
            used = configurations(text, used)
    return [f"{program}: it does not run in mode {mode}" for mode in MODES
            if f"'{mode}:" not in used]


def check_table(root):
    document = read(root, "doc", "testing.md")
    part = re.search(r"^## Rows$(.*?)^## ", document, re.M | re.S)
    meson = read(root, "tests", "api", "meson.build")
    rows = ROW.findall(part.group(1)) if part else []
    if not rows:
        yield "doc/testing.md: there is no table of rows"
    for row, tests in rows:
        items = ITEM.findall(tests)
        if not items:
            yield f"{row}: no test is named"
        for program, cases in items:
            text = source_of(root, program)
            if text is None:
                yield f"{row}: there is no program {program}"
                continue
            for case in filter(None, (c.strip() for c in cases.split(","))):
                if not has_case(program, text, case):
                    yield f"{row}: {program} has no case {case}"
            if program.startswith("api-"):
                for what in check_modes(root, program, meson):
                    yield f"{row}: {what}"


def check_operations(root):
    folder = os.path.join(root, "tests", "api")
    tests = "\n".join(read(folder, name) for name in sorted(os.listdir(folder))
                      if name.endswith(".c"))
    masked = read(folder, "test_operations_masked.c")
    count = 0
    for name in sorted(os.listdir(os.path.join(root, "src", "io"))):
        if not name.endswith(".c"):
            continue
        text = read(root, "src", "io", name)
        for kind, operation in OPERATION.findall(text):
            count += 1
            if not re.search(rf"\bSYNC\({operation},|\blend_{operation}\(",
                             tests):
                yield f"{operation}: its synchronous form is not tested"
            if not re.search(rf"\b(ASYNC|STARTED)\(\s*{operation},|"
                             rf"\blend_{operation}_async\(", tests):
                yield f"{operation}: its asynchronous form is not tested"
            if kind in ("_COPIES", "_EMULATED", "_BY_ASYNC") and \
                    f'{{ "{operation}", ' not in masked:
                yield f"{operation}: it is not tested with its opcode masked"
    if count < 30:
        yield f"src/io: {count} operations were found, which is too few"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    failed = 0
    for what in (*check_table(root), *check_operations(root)):
        failed += 1
        print(what)
    print(f"{failed} complaints")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
