#!/usr/bin/env python3
"""Prove that a claim on a ring one holds has no lock, no fence and no call.

usage: check_claim_code.py TREE COMPILER [--library LIBRARY] [--objdump OBJDUMP]
                           [-FLAG]...

Goal:   from its entry to its successful return, the machine code of a claim and
        its commit has no locked instruction, no exchange with memory, no fence
        and no call; on arm64, no barrier and no exclusive or atomic
        instruction (a store with release order, stlr, is one the processor has
        for that, and is allowed).
Method: compile claim_one.c and claim_many.c, disassemble them, and follow each
        function from its entry along all branches that make no call: slow
        paths and failed assertions are calls. What is left and reaches a return is the fast
        path; there must be one. With --library: each instruction of the
        library that its debug information says was inlined from
        arbiter/claim.h, wherever that is.
        Then the same with claim.h mutated: a full fence, an exchange, a call.
        Each must be complained of, or the proof proves nothing.

Exits with 77 (skipped) when a tool is missing.
"""
import os
import re
import shutil
import sys
import tempfile

from compiled import functions, run

# One a file, or the compiler makes of what they have in common a function.
FUNCTIONS = ("claim_one", "claim_many")

# What the slow paths of claim.h call.
SLOW = re.compile(r"<(lend__claim_(slow|settle|commit_staged)"
                  r"|lend__panic)(@plt)?>$")

# (what it is, what of claim.h, what instead)
MUTATIONS = (
    ("a fence",
     "atomic_signal_fence(memory_order_seq_cst)",
     "atomic_thread_fence(memory_order_seq_cst)"),
    ("an exchange",
     "atomic_store_explicit(&borrower->in_use, 1, memory_order_relaxed)",
     "(void)atomic_exchange_explicit(&borrower->in_use, 1, "
     "memory_order_seq_cst)"),
    ("a call",
     "static inline void lend__claim_leave",
     "static __attribute__((noinline)) void lend__claim_leave"),
)

INSTRUCTION = re.compile(r"^\s+([0-9a-f]+):\t(\S+)\s*(.*)$")
TARGET = re.compile(r"\b([0-9a-f]+) <([^>+]+)(?:\+0x[0-9a-f]+)?>")


class X86:
    PREFIX = re.compile(r"^(lock|rep\w*|bnd|notrack|data16)$")
    FENCE = re.compile(r"^(lock|[mls]fence|cpuid|serialize|iret\w*)$")
    CALL = re.compile(r"^(call|syscall|sysenter|int\d?)")
    RETURN = re.compile(r"^ret")
    JUMP = re.compile(r"^jmp")
    BRANCH = re.compile(r"^(j[a-z]+|loop\w*)$")
    STOP = re.compile(r"^(ud[012]|hlt|int3)")

    @classmethod
    def forbidden(cls, name, operands):
        return bool(cls.FENCE.match(name)) or \
            (name.startswith("xchg") and "(" in operands)


class Arm64:
    PREFIX = re.compile(r"^$")
    FENCE = re.compile(r"^(dmb|dsb|isb|sb$|ldx|ldax|stx|stlx|cas|swp"
                       r"|ld(add|clr|eor|set|smax|smin|umax|umin)"
                       r"|st(add|clr|eor|set|smax|smin|umax|umin))")
    CALL = re.compile(r"^(blr?|svc)$")
    RETURN = re.compile(r"^ret")
    JUMP = re.compile(r"^br?$")
    BRANCH = re.compile(r"^(b\.\w+|cbn?z|tbn?z)$")
    STOP = re.compile(r"^(brk|udf|hlt)$")

    @classmethod
    def forbidden(cls, name, _operands):
        return bool(cls.FENCE.match(name))


class Complaint(Exception):
    pass


def parse(machine, line):
    """(address, name, operands), or None"""
    match = INSTRUCTION.match(line)
    if not match:
        return None
    name, operands = match.group(2), match.group(3)
    # Other prefixes say nothing here; lock is what is looked for.
    while machine.PREFIX.match(name) and name != "lock" and operands:
        name, _, operands = operands.partition(" ")
    return int(match.group(1), 16), name, operands.strip()


def parsed(machine, disassembly):
    """{name: [(address, name, operands)]}"""
    return {
        name: [instruction for line in lines
               if (instruction := parse(machine, line))]
        for name, lines in functions(disassembly).items()
    }


def successors(machine, function, code, i):
    """Places in @code that may follow; None: the function returns."""
    _, name, operands = code[i]
    if machine.RETURN.match(name):
        return None
    if machine.CALL.match(name) or machine.STOP.match(name):
        return []
    follow = []
    if machine.JUMP.match(name) or machine.BRANCH.match(name):
        target = TARGET.search(operands)
        # Another function's, or a computed jump: not the fast path.
        if target and target.group(2) == function:
            address = int(target.group(1), 16)
            follow += [k for k, (a, _, _) in enumerate(code) if a == address]
    if not machine.JUMP.match(name) and i + 1 < len(code):
        follow.append(i + 1)
    return follow


def fast_path(machine, function, code):
    """(the places of the fast path, the length of the shortest way)"""
    edges = {i: successors(machine, function, code, i)
             for i in range(len(code))}
    distance, ends, queue = {0: 1}, [], [0]
    for i in queue:
        if edges[i] is None:
            ends.append(i)
            continue
        for k in edges[i]:
            if k not in distance:
                distance[k] = distance[i] + 1
                queue.append(k)
    reaches_end, grown = set(ends), True
    while grown:
        more = {i for i in distance if edges[i]
                and any(k in reaches_end for k in edges[i])} - reaches_end
        reaches_end |= more
        grown = bool(more)
    if not ends:
        raise Complaint(f"{function}: every way to its return makes a call")
    return sorted(reaches_end), min(distance[i] for i in ends)


def check_function(machine, objdump, path, function):
    found = parsed(machine, run([objdump, "-d", "--no-show-raw-insn", path]))
    code = found[function]
    places, shortest = fast_path(machine, function, code)
    for i in places:
        _, name, operands = code[i]
        if machine.forbidden(name, operands):
            raise Complaint(f"{function}: {name} {operands}")
    told = f"{function}: fast path {len(places)} of {len(code)} " \
        f"instructions, the shortest way {shortest}"
    ordered = [code[i][1] for i in places
               if re.match(r"^(stlr|ldar|ldapr)", code[i][1])]
    if ordered:
        told += ", ordered: " + " ".join(ordered)
    return told


def check_compiled(root, compiler, flags, machine, objdump, folder):
    """What is to be told of it. Headers in @folder come first."""
    told = []
    for function in FUNCTIONS:
        target = os.path.join(folder, function + ".o")
        run([*compiler, "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-fPIC",
             "-fno-strict-aliasing", *flags, "-I", folder, "-I", root,
             "-I", os.path.join(root, "src"),
             "-I", os.path.join(root, "include"), "-c",
             os.path.join(root, "tests", "codegen", function + ".c"),
             "-o", target])
        told.append(check_function(machine, objdump, target, function))
    return told


def check_mutations(root, compiler, flags, machine, objdump, folder):
    with open(os.path.join(root, "arbiter", "claim.h"),
              encoding="utf-8") as file:
        header = file.read()
    os.mkdir(os.path.join(folder, "arbiter"))
    for what, old, new in MUTATIONS:
        if old not in header:
            sys.exit(f"claim.h has no {old!r} to mutate into {what}")
        with open(os.path.join(folder, "arbiter", "claim.h"), "w",
                  encoding="utf-8") as file:
            file.write(header.replace(old, new))
        try:
            check_compiled(root, compiler, flags, machine, objdump, folder)
        except Complaint as complaint:
            print(f"{what} is noticed: {complaint}")
        else:
            sys.exit(f"{what} on the fast path is not noticed")


def from_claim(frames):
    """Is this of claim.h, or of what that has inlined from other headers?
    Innermost first. A slow path that was inlined is of a source file."""
    for frame in frames:
        if "arbiter/claim.h:" in frame:
            return True
        if not re.search(r"\.h:\d+", frame):
            return False
    return False


def check_library(machine, objdump, library):
    """Each instruction that comes from claim.h, wherever it was inlined."""
    count, sites, symbol = 0, set(), None
    frames, in_location = [], False
    for line in run([objdump, "-d", "-l", "--inlines", "--no-show-raw-insn",
                     library]).split("\n"):
        start = re.match(r"^[0-9a-f]+ <([^>]+)>:$", line)
        if start:
            symbol, frames = start.group(1), []
            continue
        instruction = parse(machine, line)
        if not instruction:
            # A location is some lines; the first one starts it anew.
            if re.match(r"^(inlined by )?/?\S+:\d+", line):
                if not line.startswith("inlined by "):
                    frames = []
                frames.append(line)
            continue
        if not from_claim(frames):
            continue
        count += 1
        sites.add(symbol)
        _, name, operands = instruction
        if machine.forbidden(name, operands):
            raise Complaint(f"{library}: {symbol}: {name} {operands}")
        # What a compiler moves out of a function lies behind branches that it
        # was told are unlikely: slow paths and failed assertions, which it
        # may make functions of.
        if machine.CALL.match(name) and not SLOW.search(operands) \
                and not symbol.endswith(".cold"):
            raise Complaint(f"{library}: {symbol}: {name} {operands}")
    if not count:
        print("skipped: the library has no debug information, or does not "
              "inline")
        sys.exit(77)
    return f"{library}: {count} instructions in {len(sites)} functions come " \
        f"from claim.h: {', '.join(sorted(sites))}"


def main():
    words = sys.argv[1:]
    root, compiler = words[0], words[1].split()
    flags, library, objdump = [], None, "objdump"
    rest = iter(words[2:])
    for word in rest:
        if word == "--library":
            library = next(rest)
        elif word == "--objdump":
            objdump = next(rest)
        else:
            flags.append(word)
    for tool in (compiler[0], objdump):
        if not shutil.which(tool):
            print(f"skipped: {tool} is not installed")
            return 77
    target = run([*compiler, "-dumpmachine"])
    machine = Arm64 if target.startswith("aarch64") else X86
    with tempfile.TemporaryDirectory(prefix="lend-codegen-") as folder:
        try:
            print(*check_compiled(root, compiler, flags, machine, objdump,
                                  folder), sep="\n")
            if library:
                print(check_library(machine, objdump, library))
        except Complaint as complaint:
            sys.exit(str(complaint))
        check_mutations(root, compiler, flags, machine, objdump, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
