#!/usr/bin/env python3
"""
Goal:   check_layers.py finds each thing it is for, at the right place, and
        keeps quiet about code that is as it should be.
Method: small trees in a temporary folder, each with one thing wrong.
"""
import os
import tempfile
import unittest

import check_layers


def complaints(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        return check_layers.Tree(root).check()


class Layers(unittest.TestCase):
    def assert_fine(self, files):
        self.assertEqual(complaints(files), [])

    def assert_found(self, files, path, line, words):
        found = complaints(files)
        self.assertEqual([(p, n) for p, n, _ in found], [(path, line)], found)
        self.assertIn(words, found[0][2])

    def test_includes_that_point_down_are_fine(self):
        self.assert_fine({
            "src/base/list.h": "",
            "src/mem/slab.h": '#include "base/list.h"\n',
            "arbiter/loan.h": '#include "mem/slab.h"\n',
            "arbiter/loan.c": '#include "arbiter/loan.h"\n'
                              "#include <lend/claim.h>\n",
            "src/rt/worker.c": '#include "arbiter/loan.h"\n',
            "include/lend/base.h": "#include <stdint.h>\n",
            "include/lend/claim.h": "#include <liburing.h>\n"
                                    "#include <lend/base.h>\n",
            "examples/01_hello.c": "#include <lend/lend.h>\n",
            "tests/unit/rt/test_worker.c": '#include "rt/worker.h"\n',
        })

    def test_include_up(self):
        self.assert_found({
            "src/base/list.h": '/* two\nlines */\n#include "mem/slab.h"\n',
            "src/mem/slab.h": "",
        }, "src/base/list.h", 3, "is up")

    def test_include_up_by_a_relative_path(self):
        self.assert_found({
            "src/base/list.h": '#include "../mem/slab.h"\n',
            "src/mem/slab.h": "",
        }, "src/base/list.h", 1, "is up")

    def test_include_up_of_a_header_that_is_generated(self):
        self.assert_found({"src/base/a.c": '#include "http/table.h"\n'},
                          "src/base/a.c", 1, "is up")

    def test_include_up_through_a_public_header(self):
        self.assert_found({
            "src/io/file.c": "#include <lend/http.h>\n",
            "include/lend/http.h": "",
        }, "src/io/file.c", 1, "is up")

    def test_library_does_not_include_the_umbrella(self):
        self.assert_found({
            "src/http/server.c": "#include <lend/lend.h>\n",
            "include/lend/lend.h": "",
        }, "src/http/server.c", 1, "a program")

    def test_arbiter_and_actor_do_not_know_each_other(self):
        for here, there in (("arbiter/loan.c", "actor/fiber.h"),
                            ("src/actor/fiber.c", "arbiter/loan.h")):
            self.assert_found({here: f'#include "{there}"\n'}, here, 1,
                              "do not know each other")

    def test_folder_without_a_layer(self):
        self.assert_found({"src/util/misc.c": "\n"},
                          "src/util/misc.c", 1, "no layer")

    def test_program_includes_public_headers_only(self):
        for path in ("examples/01_hello.c", "src/cli/main.c"):
            self.assert_found({path: '#include "base/list.h"\n',
                               "src/base/list.h": ""}, path, 1, "public")

    def test_public_header_includes_a_private_one(self):
        self.assert_found({"include/lend/op.h": '#include "base/list.h"\n',
                           "src/base/list.h": ""},
                          "include/lend/op.h", 1, "public header")

    def test_public_header_includes_a_foreign_library(self):
        self.assert_found({"include/lend/net.h": "#include <openssl/ssl.h>\n"},
                          "include/lend/net.h", 1, "public header")

    def test_public_header_other_than_claim_includes_liburing(self):
        self.assert_found({"include/lend/ring.h": "#include <liburing.h>\n"},
                          "include/lend/ring.h", 1, "claim.h only")

    def test_public_headers_point_down_too(self):
        self.assert_found({
            "include/lend/arbiter.h": "#include <lend/io.h>\n",
            "include/lend/io.h": "",
        }, "include/lend/arbiter.h", 1, "is up")

    def test_public_header_without_an_entry_is_where_its_includes_are(self):
        files = {"include/lend/pending.h": "#include <lend/io.h>\n",
                 "include/lend/io.h": "#include <lend/base.h>\n",
                 "include/lend/base.h": "",
                 "src/net/stream.c": "#include <lend/pending.h>\n"}
        self.assert_fine(files)
        files["src/rt/timers.c"] = "#include <lend/pending.h>\n"
        self.assert_found(files, "src/rt/timers.c", 1, "is up")

    def test_cycle(self):
        found = complaints({"src/base/a.h": '#include "base/b.h"\n',
                            "src/base/b.h": '#include "base/a.h"\n'})
        self.assertEqual(len(found), 1, found)
        self.assertIn("cycle", found[0][2])

    def test_source_that_includes_a_source(self):
        for path in ("src/base/a.c", "tests/unit/base/test_a.c"):
            self.assert_found({path: '#include "base/b.c"\n',
                               "src/base/b.c": ""}, path, 1, "source file")

    def test_long_file(self):
        limit = check_layers.LINES_MAX
        for path in ("src/base/a.c", "arbiter/a.c", "include/lend/a.h"):
            self.assert_fine({path: "\n" * limit})
            self.assert_found({path: "\n" * (limit + 1)}, path, limit + 1,
                              "lines")
        self.assert_fine({"tests/unit/test_a.c": "\n" * (limit + 1)})


class Doors(unittest.TestCase):
    def assert_only(self, text, door, others):
        self.assertEqual(complaints({door: text}), [])
        for path in others:
            found = complaints({path: text})
            self.assertEqual([(p, n) for p, n, _ in found], [(path, 1)],
                             (text, found))

    def test_io_uring_is_entered_in_sys_only(self):
        for call in ("io_uring_enter(fd, 1, 0, 0, NULL)",
                     "io_uring_setup(8, &p)", "io_uring_submit(ring)",
                     "io_uring_submit_and_wait(ring, 1)",
                     "io_uring_register_files(ring, fds, 1)",
                     "io_uring_queue_init_params(8, ring, &p)",
                     "io_uring_wait_cqe(ring, &cqe)",
                     "syscall(__NR_io_uring_enter, fd)",
                     "syscall(SYS_io_uring_setup, 8)"):
            self.assert_only(f"x = {call};\n", "src/uring/sys.c",
                             ("src/uring/ring.c", "arbiter/pool.c",
                              "src/rt/idle.c", "examples/01_hello.c"))

    def test_what_only_looks_like_entering_is_fine(self):
        text = ("struct io_uring_params p; /* io_uring_enter() */\n"
                'f("io_uring_setup");\n'
                "lend__sys_io_uring_enter(ring); io_uring_get_sqe(r);\n")
        self.assertEqual(complaints({"src/rt/idle.c": text}), [])

    def test_tests_may_enter_io_uring(self):
        self.assertEqual(complaints(
            {"tests/kernel/facts.c": "io_uring_submit(&ring);\n"}), [])

    def test_prep_helpers_from_layer_3_up(self):
        text = "io_uring_prep_nop(sqe);\n"
        for path in ("arbiter/op.c", "src/io/file.c"):
            self.assertEqual(complaints({path: text}), [])
        for path in ("src/base/a.c", "src/mem/a.c", "src/uring/ring.c"):
            self.assertEqual(len(complaints({path: text})), 1, path)

    def test_concurrency_kit_comes_in_through_ck_h_only(self):
        self.assert_only("#include <ck_ring.h>\n", "src/base/ck.h",
                         ("src/rt/runq.c", "arbiter/pool.c",
                          "tests/unit/base/test_ck.c"))

    def test_thread_locals_are_in_current_c_only(self):
        for word in ("thread_local", "_Thread_local", "__thread"):
            self.assert_only(f"static {word} int x;\n", "src/rt/current.c",
                             ("src/rt/worker.c", "arbiter/claim.c"))

    def test_fibers_are_announced_in_fiber_sanitize_h_only(self):
        for call in ("__sanitizer_start_switch_fiber(a, b, c)",
                     "__tsan_switch_to_fiber(f, 0)",
                     "__tsan_create_fiber(0)",
                     "VALGRIND_STACK_REGISTER(a, b)"):
            self.assert_only(f"{call};\n", "src/actor/fiber_sanitize.h",
                             ("src/actor/fiber.c", "src/mem/stack.c"))


if __name__ == "__main__":
    unittest.main()
