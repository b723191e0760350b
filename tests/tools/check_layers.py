#!/usr/bin/env python3
"""Prove that includes point down and that each door is the only one.

usage: check_layers.py [TREE]

doc/architecture.md, section 3, says what the layers and the doors are; this
is the same in a form that can fail. What is found is printed as file:line.
"""
import os
import re
import sys

# A folder may include folders of a lower number, and itself. Equal numbers
# do not know each other.
LAYERS = {
    "src/base": 0,
    "src/mem": 1,
    "src/uring": 2,
    "arbiter": 3,
    "src/actor": 3,
    "src/rt": 4,
    "src/io": 5,
    "src/sync": 6,
    "src/net": 7,
    "src/http": 8,
    "src/posix": 9,
}

# The folder that a public header belongs to. One that is not named here belongs
# where the highest header that it includes belongs; if it includes none of
# these, it holds plain values (like base.h) and everyone may include it.
PUBLIC = {
    "ring.h": "src/uring",
    "arbiter.h": "arbiter",
    "claim.h": "arbiter",
    "op.h": "arbiter",
    "actor.h": "src/actor",
    "mailbox.h": "src/actor",
    "runtime.h": "src/rt",
    "report.h": "src/rt",
    "blocking.h": "src/rt",
    "io.h": "src/io",
    "process.h": "src/io",
    "signal.h": "src/io",
    "sync.h": "src/sync",
    "channel.h": "src/sync",
    "net.h": "src/net",
    "http.h": "src/http",
    "lend.h": "a program",  # the umbrella is for users only
}

# These are users of the library: they see what a stranger sees.
PROGRAMS = ("src/cli", "examples")

LIBRARY = ("src", "arbiter", "include")
SEARCHED = LIBRARY + ("tests", "bench", "examples")
SOURCE = (".c", ".h", ".S", ".def", ".inc")
LINES_MAX = 500

# The headers of libc that a public header may need; folders as "name/".
LIBC = set("""
    assert complex ctype errno fcntl fenv float inttypes iso646 limits locale
    math netdb poll pthread sched semaphore setjmp signal spawn stdalign
    stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string
    strings sys/ threads time uchar unistd wchar wctype arpa/ net/ netinet/
    linux/
""".split())

# (what, pattern, the files that may, the folders where it is looked for)
DOORS = (
    ("enters io_uring",
     re.compile(r"\b(io_uring_(enter2?|setup(_buf_ring)?|free_buf_ring"
                r"|register\w*|unregister\w*|submit\w*|queue_\w+"
                r"|wait_cqes?\w*|sqring_wait|peek_cqe|peek_batch_cqe"
                r"|get_events|get_probe\w*)"
                r"|(__NR|SYS)_io_uring_\w+)\b"),
     re.compile(r"src/uring/sys\.\w+"), LIBRARY + ("examples",)),
    ("is thread-local",
     re.compile(r"\b(thread_local|_Thread_local|__thread)\b"),
     re.compile(r"src/rt/current\.[ch]"), LIBRARY),
    ("tells a sanitizer or valgrind about fibers",
     re.compile(r"\b(__sanitizer_(start|finish)_switch_fiber"
                r"|__tsan_\w*_fiber(_name)?|__tsan_set_fiber_name"
                r"|VALGRIND_STACK_\w+)\b"),
     re.compile(r"src/actor/fiber_sanitize\.h"), LIBRARY),
)
CK_DOOR = "src/base/ck.h"
PREP = re.compile(r"\bio_uring_prep_\w+")
PREP_LAYER_MIN = 3

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
# A comment, or a literal, which may look like the start of one.
NOT_CODE = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*\""""
                      r"""|'(?:\\.|[^'\\\n])*'""", re.S)


def without_comments(text, literals_too=True):
    """The code alone, on the same lines as before."""
    def blank(match):
        found = match.group()
        if found[0] in "\"'" and not literals_too:
            return found
        return " " + "\n" * found.count("\n")
    return NOT_CODE.sub(blank, text)


class Tree:
    def __init__(self, root):
        self.root = root
        self.found = []
        self.files = {}  # path -> [(line, "<" or '"', name)]

    def complain(self, path, line, text):
        self.found.append((path, line, text))

    def check(self):
        for top in SEARCHED:
            for folder, _, names in os.walk(os.path.join(self.root, top)):
                for name in sorted(names):
                    if name.endswith(SOURCE):
                        full = os.path.join(folder, name)
                        self.read(os.path.relpath(full, self.root))
        for path in self.files:
            for include in self.files[path]:
                self.check_include(path, *include)
        self.check_cycles()
        return sorted(self.found)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            text = file.read()
        count = text.count("\n")
        if in_folder(path, LIBRARY) and count > LINES_MAX:
            self.complain(path, LINES_MAX + 1,
                          f"{count} lines, {LINES_MAX} are allowed: make it "
                          "two files with a noun each")
        if in_folder(path, LIBRARY) and folder_of(path) is None:
            self.complain(path, 1, "this folder has no layer: give it one in "
                          "tests/tools/check_layers.py")

        includes = []
        visible = without_comments(text, literals_too=False)
        for number, line in enumerate(visible.split("\n"), 1):
            match = INCLUDE.match(line)
            if match:
                includes.append((number, match.group(1), match.group(2)))
        self.files[path] = includes

        for number, line in enumerate(without_comments(text).split("\n"), 1):
            self.check_doors(path, number, line)

    def check_doors(self, path, number, line):
        for what, pattern, door, searched in DOORS:
            match = pattern.search(line)
            if match and in_folder(path, searched) \
                    and not door.fullmatch(path):
                name = door.pattern.replace("\\", "").replace("w+", "*")
                self.complain(path, number,
                              f"{match.group()} {what}: only {name} may")
        match = PREP.search(line)
        layer = LAYERS.get(folder_of(path))
        if match and layer is not None and layer < PREP_LAYER_MIN \
                and not path.startswith("src/uring/sys."):
            self.complain(path, number,
                          f"{match.group()} below layer {PREP_LAYER_MIN}")

    def check_include(self, path, number, kind, name):
        if name.endswith(".c"):
            self.complain(path, number, f"includes a source file, {name}")
        if re.match(r"ck_\w+\.h$", name) and path != CK_DOOR \
                and in_folder(path, LIBRARY + ("examples", "tests")):
            self.complain(path, number, f"<{name}>: only {CK_DOOR} may "
                          "include Concurrency Kit")

        here = folder_of(path)
        target = self.resolve(path, kind, name)
        if here == "include/lend":
            self.check_public(path, number, kind, name)
        if here is None or target is None:
            return
        if here in PROGRAMS:
            if folder_of(target) not in (here, "include/lend"):
                self.complain(path, number, f"{name}: a program includes "
                              "public headers, <lend/...>, only")
            return
        self.check_direction(path, number, here, target)

    def check_public(self, path, number, kind, name):
        if name == "liburing.h" and path == "include/lend/claim.h":
            return
        known = name.split("/")[0] + "/" if "/" in name else name[:-2]
        if kind == '"' or (not name.startswith("lend/")
                           and known not in LIBC):
            self.complain(path, number, f"{name}: a public header includes "
                          "<lend/...> and libc's headers only"
                          + (" (liburing.h: claim.h only)"
                             if name == "liburing.h" else ""))

    def check_direction(self, path, number, here, target):
        there = folder_of(target)
        if here == "include/lend":
            here = self.public_folder(path)
        if there == "include/lend":
            there = self.public_folder(target)
        if there is None or here == there or here not in LAYERS:
            return
        if there not in LAYERS:
            self.complain(path, number,
                          f"{target} belongs to {there}, not below {here}")
        elif LAYERS[there] == LAYERS[here]:
            self.complain(path, number, f"{target}: {here} and {there} do "
                          "not know each other")
        elif LAYERS[there] > LAYERS[here]:
            self.complain(path, number,
                          f"{target} is up: {here} is layer {LAYERS[here]}, "
                          f"{there} is layer {LAYERS[there]}")

    def public_folder(self, path, trail=()):
        name = os.path.basename(path)
        if name in PUBLIC:
            return PUBLIC[name]
        below = [self.public_folder(other, (*trail, path))
                 for _, kind, text in self.files.get(path, ())
                 if (other := self.resolve(path, kind, text)) in self.files
                 and other not in (*trail, path)]
        return max((folder for folder in below if folder in LAYERS),
                   key=LAYERS.get, default=None)

    def resolve(self, path, kind, name):
        """The file of this tree that an include means, if it is one."""
        roots = ["include", "src", "."]
        if kind == '"':
            roots.insert(0, os.path.dirname(path))
        for root in roots:
            candidate = os.path.normpath(os.path.join(root, name))
            if os.path.isfile(os.path.join(self.root, candidate)):
                return candidate
        # Generated, or wrong and then the compiler says so. Where it would
        # be is known all the same.
        for root in ("src", "include", "."):
            candidate = os.path.normpath(os.path.join(root, name))
            if "/" in name and folder_of(candidate) is not None:
                return candidate
        return None

    def check_cycles(self):
        done = set()

        def visit(path, trail):
            if path in trail:
                loop = trail[trail.index(path):] + [path]
                self.complain(path, 1, "include cycle: " + " -> ".join(loop))
                return
            if path in done:
                return
            for _, kind, name in self.files.get(path, ()):
                target = self.resolve(path, kind, name)
                if target in self.files:
                    visit(target, trail + [path])
            done.add(path)

        for path in sorted(self.files):
            visit(path, [])


def in_folder(path, tops):
    return path.split("/")[0] in tops


def folder_of(path):
    """The layer, the program's folder or include/lend that a path is in."""
    for folder in (*LAYERS, *PROGRAMS, "include/lend"):
        if path.startswith(folder + "/"):
            return folder
    return None


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    tree = Tree(root)
    found = tree.check()
    for path, line, text in found:
        print(f"{path}:{line}: {text}")
    print(f"{len(tree.files)} files, {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
