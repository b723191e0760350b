#!/usr/bin/env python3
"""Prove that the queue of a lane has its barriers on arm64.

usage: check_queue_code.py TREE COMPILER OBJDUMP [-FLAG]...

Goal:   the fences of base/ck.h, which are no instructions on x86, so that no
        test of threads there misses them, are barriers where stores and loads
        overtake each other: what each of them is for is in doc/memory-order.md,
        and tests/model/queue.pml.
Method: compile queue.c, disassemble it, and look at the last barrier before the
        store, the exchange or the end that must not be early. Then the same with ck.h
        mutated, without one of the fences, or with the slot behind that of a push;
        each must be complained of.

Exits with 77 (skipped) when a tool is missing.
"""
import os
import re
import shutil
import sys
import tempfile

from compiled import functions, run

EXCHANGE = r"(ldxr|ldaxr|cas)"

# (function, what must not be early, the barriers of which one comes last)
RULES = (
    # The tail, which is a word; the slot, an address, comes before.
    ("queue_push", r"str\s+w", ("ish", "sy")),
    ("queue_find_room", r"ret", ("ishld", "ish", "sy")),
    ("queue_pop", EXCHANGE, ("ishst", "ish", "sy")),
    ("queue_pop_some", EXCHANGE, ("ish", "sy")),
)

# Of ck.h: each is the fence of the function of the same place in RULES.
FENCES = ("ck_pr_fence_release();", "ck_pr_fence_acquire();",
          "ck_pr_fence_store_atomic();", "ck_pr_fence_load_atomic();")

# The slot behind the fence of a push.
SLOT = "	queue->slots[tail & ring->mask].value = element;\n"
TAIL = "	ck_pr_store_uint(&ring->p_tail, tail + 1);\n"

# An installed CK may be that of x86, where fences are nothing.
MEMORY_MODEL = """#include_next <ck_md.h>
#undef CK_MD_TSO
#undef CK_MD_RMO
#define CK_MD_RMO
"""


def disassemble(root, compiler, objdump, flags, folder):
    """{function: [instruction with its operands]}"""
    target = os.path.join(folder, "queue.o")
    run([compiler, "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-I", folder,
         "-I", os.path.join(root, "src"), "-I", os.path.join(root, "include"),
         *flags, "-c", os.path.join(root, "tests", "codegen", "queue.c"),
         "-o", target])
    disassembly = run([objdump, "-d", "--no-show-raw-insn", target])
    return {
        name: re.findall(r"^\s+[0-9a-f]+:\t(.*)$", "\n".join(lines), re.M)
        for name, lines in functions(disassembly).items()
    }


def complaint(code, function, early, barriers):
    """What is wrong with it, or None."""
    last = "no barrier"
    for instruction in code[function]:
        if re.match(early, instruction):
            return None if last in barriers else \
                f"{function}: {last} before {instruction}"
        barrier = re.match(r"dmb\s+(\w+)", instruction)
        if barrier:
            last = barrier.group(1)
        elif re.match(r"st[rpu]", instruction):
            # It is behind the barrier, as the slot must not be.
            last = last.removesuffix(", then a store") + ", then a store"
    sys.exit(f"{function}: there is no {early}")


def main():
    root, compiler, objdump, *flags = sys.argv[1:]
    for tool in (compiler, objdump):
        if not shutil.which(tool):
            print(f"skipped: {tool} is not installed")
            return 77
    with open(os.path.join(root, "src", "base", "ck.h"),
              encoding="utf-8") as file:
        header = file.read()
    with tempfile.TemporaryDirectory(prefix="lend-queue-") as folder:
        with open(os.path.join(folder, "ck_md.h"), "w",
                  encoding="utf-8") as file:
            file.write(MEMORY_MODEL)
        code = disassemble(root, compiler, objdump, flags, folder)
        for rule in RULES:
            wrong = complaint(code, *rule)
            if wrong:
                print(f"FAIL: {wrong}")
                return 1
        os.mkdir(os.path.join(folder, "base"))
        for text in (*FENCES, SLOT, TAIL):
            if header.count(text) != 1:
                sys.exit(f"ck.h has not one {text} to change")
        mutations = [(rule, f"there is no {fence}", header.replace(fence, ""))
                     for rule, fence in zip(RULES, FENCES)]
        mutations.append((RULES[0], "the slot is behind the fence",
                          header.replace(SLOT, "").replace(TAIL,
                                                           SLOT + TAIL)))
        for rule, mistake, mutated in mutations:
            with open(os.path.join(folder, "base", "ck.h"), "w",
                      encoding="utf-8") as file:
                file.write(mutated)
            code = disassemble(root, compiler, objdump, flags, folder)
            wrong = complaint(code, *rule)
            if not wrong:
                print(f"FAIL: it is not noticed that {mistake}")
                return 1
            print(f"noticed: {wrong}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
