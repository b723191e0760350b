#!/usr/bin/env python3
"""Prove that `lend-bench report` hides nothing that failed, mixes nothing that
does not belong together, and believes no file that is no result.

usage: test_report_honesty.py PROGRAM [ARGUMENT...] -- [SEED]

PROGRAM ARGUMENT... is what `report FILE... --out DIR` is appended to.
"""
import copy
import os

import report_page
import synthetic
from report_page import (SVG, XHTML, Case, classes, number, panel_name,
                         text_of)
from synthetic import make_run, quartiles


class TestHonesty(Case):
    def test_bad_runs_are_listed_and_in_no_figure(self):
        runs = synthetic.runs_of(self.rng, "nop",
                                 {"borrowed": 100, "private": 90}, 7)
        for place, changes in ((2, {"errors": 3}), (5, {"verified": False}),
                               (8, {"operations": 0}),
                               (11, {"failure": "it <hung>"})):
            runs[place].update(changes, cpu_ns_per_op=1e9)
        page = self.page(synthetic.result(runs))
        box, = [element for element in page.root.iter(XHTML + "div")
                if "bad-runs" in classes(element)]
        self.assertIn("4 of 14 runs failed", text_of(box))
        for part in ("3 errors", "not verified", "no operation", "it <hung>",
                     "runs[2]", "runs[5]", "runs[8]", "runs[11]"):
            self.assertIn(part, text_of(box))
        self.assertNotIn("runs[3]", text_of(box))
        for mode in ("borrowed", "private"):
            row = page.table("nop", "Cost")[panel_name(runs[0]), mode]
            mine = [run for run in runs if run["mode"] == mode]
            left = [run["cpu_ns_per_op"] for run in mine
                    if run["cpu_ns_per_op"] < 1e9]
            self.assertEqual(row[0], f"{len(left)} of {len(mine)}")
            self.assertEqual(row[2], number(quartiles(left)[1]))

    def test_a_group_that_always_failed_is_shown_without_figures(self):
        runs = [make_run("nop", "borrowed", 0, 10, errors=1),
                make_run("nop", "private", 0, 10)]
        page = self.page(synthetic.result(runs))
        row = page.table("nop", "Cost")[panel_name(runs[0]), "borrowed"]
        self.assertEqual(row, ["0 of 1"] + ["–"] + ["–"] + ["– .. –"]
                         + ["–"] * 3)

    def test_few_repeats_have_no_interval(self):
        runs = synthetic.runs_of(self.rng, "nop",
                                 {"borrowed": 100, "private": 90}, 5)
        page = self.page(synthetic.result(runs))
        row = page.table("nop", "Cost")[panel_name(runs[0]), "borrowed"]
        self.assertRegex(row[6], r"\] min\.\.max n=5$")
        plot, = page.plots("nop", "CPU time per operation, mode")
        lines = [line for line in plot.iter(SVG + "line")
                 if "interval" in classes(line)]
        self.assertEqual(["unsure" in classes(line) for line in lines],
                         [True])
        self.assertIn("too few to tell", text_of(page.root))

    def test_worst_is_named(self):
        runs = (synthetic.runs_of(self.rng, "fine",
                                  {"borrowed": 50, "private": 100}, 9)
                + synthetic.runs_of(self.rng, "awful",
                                    {"borrowed": 300, "private": 100}, 9,
                                    latencies=True))
        page = self.page(synthetic.result(runs))
        worst, = [element for element in page.root.iter(XHTML + "section")
                  if "worst" in classes(element)]
        first = text_of(worst.find(XHTML + "ul")[0])
        self.assertIn("awful", first)
        self.assertIn("that is a loss", first)
        self.assertNotIn("fine", first)
        self.assertIn("The longest tail: p99.9", text_of(worst))

    def test_a_loss_that_is_shown_is_worse_than_one_that_may_be(self):
        runs = []
        for repeat, guess in enumerate((0.5, 0.7, 4, 5, 6, 7, 8)):
            runs += [make_run("steady", "private", repeat, 100),
                     make_run("steady", "borrowed", repeat, 120 + repeat),
                     make_run("wild", "private", repeat, 100),
                     make_run("wild", "borrowed", repeat, 100 * guess)]
        page = self.page(synthetic.result(runs))
        worst, = [element for element in page.root.iter(XHTML + "section")
                  if "worst" in classes(element)]
        first = text_of(worst.find(XHTML + "ul")[0])
        self.assertIn("worst in steady", first)
        self.assertIn("1.230, interval 1.200 to 1.260", first)
        self.assertIn("Of 2 comparisons, 1 shows a loss and 0 a gain", first)

    def test_hosts_are_kept_apart(self):
        def one(cpu_ns, changes, started):
            return synthetic.result(
                [make_run("nop", "borrowed", 0, cpu_ns)],
                host=synthetic.host(**changes), started=started)
        page = self.page(one(10, {}, "1"), one(20, {}, "2"),
                         one(90, {"kernel": "5.0"}, "3"))
        self.assertEqual(len(page.machines), 2)
        self.assertIn("2 machines.", text_of(page.root))
        name = "2 workers, 2 rings, depth 64", "borrowed"
        self.assertEqual(page.table("nop", "Cost", 0)[name][:3],
                         ["2 of 2", "100,000", "15.0"])
        self.assertEqual(page.table("nop", "Cost", 1)[name][:3],
                         ["1 of 1", "100,000", "90.0"])

    def test_private_with_other_rings_is_compared(self):
        runs = []
        for repeat in range(7):
            runs += [make_run("few", "borrowed", repeat, 120, rings=1),
                     make_run("few", "private", repeat, 100)]
        page = self.page(synthetic.result(runs))
        rows = page.table("few", "Cost")
        self.assertIn("1.200 [1.200 .. 1.200] n=7",
                      rows["2 workers, 1 ring, depth 64", "borrowed"])
        plot, = page.plots("few", "CPU time per operation, every")
        self.assertIn("n = 7, 2 rings", text_of(plot))

    def test_names_do_no_harm(self):
        nasty = "</td><script>alert(1)</script>&\"'\x07"
        runs = [make_run(nasty, nasty, 0, 10, variant=nasty,
                         extra={nasty: 1}, values=[100, 200])]
        page = self.page(synthetic.result(
            runs, started=nasty, command=[nasty],
            host=synthetic.host(cpu=nasty)))
        self.assertIsNone(page.root.find(f".//{XHTML}script"))
        self.assertNotIn("\x07", page.source)

    def test_figures_far_apart(self):
        runs = []
        for repeat in range(7):
            runs += [make_run("nop", mode, repeat, cpu_ns, cpu_seconds=1)
                     for mode, cpu_ns in (("private", 1e-12),
                                          ("borrowed", 1e18),
                                          ("shared", 0))]
        page = self.page(synthetic.result(runs))
        self.assertNotRegex(page.source, r"\b(nan|inf)\b")
        row = page.table("nop", "Cost")[panel_name(runs[0]), "borrowed"]
        self.assertEqual(row[6], "1e+30 [1e+30 .. 1e+30] n=7")
        row = page.table("nop", "Cost")[panel_name(runs[0]), "shared"]
        self.assertEqual(row[6], "–")

    def test_extras(self):
        runs = [make_run("stall", mode, repeat, 10,
                         extra={"kicks": repeat + add, "never": 0,
                                "unknown": None})
                for repeat in range(3)
                for mode, add in (("borrowed", 1000), ("private", 0))]
        rows = self.page(synthetic.result(runs)).table("stall", "Further")
        name = panel_name(runs[0])
        self.assertEqual(rows[name, "kicks"],
                         ["1,001 (1,000 .. 1,002)", "1 (0.500 .. 1.50)"])
        self.assertIn((name, "always 0: never"), rows)
        self.assertNotIn((name, "unknown"), rows)


class TestRefusals(Case):
    def refuse(self, paths, *parts, status=2):
        done = self.call("report", *paths, "--out", "out")
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"\Alend-bench: [^\n]*\n\Z")
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertFalse(os.path.exists(
            os.path.join(self.folder, "out", "index.html")))

    def test_bad_results(self):
        whole = synthetic.result(
            [make_run("nop", "borrowed", repeat, 10, values=[5, 700])
             for repeat in range(2)])

        def without(*path):
            changed = copy.deepcopy(whole)
            place = changed
            for step in path[:-1]:
                place = place[step]
            del place[path[-1]]
            return changed

        def with_(value, *path):
            changed = copy.deepcopy(whole)
            place = changed
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value
            return changed

        run, buckets = ("runs", 1), ("runs", 1, "latency_ns", "buckets")
        for result, *parts in (
                (without("schema"), "schema", "missing"),
                (with_("lend-bench/9", "schema"), "lend-bench/9"),
                (with_(1, "schema"), "schema", "number"),
                (without("host"), "host"),
                (without("host", "kernel"), "host.kernel", "missing"),
                (with_("two", "host", "cpus"), "host.cpus", "string"),
                (with_({}, "command"), "command", "object"),
                (with_([1], "command"), "command", "[0]"),
                (without("runs"), "runs", "missing"),
                (with_([], "runs"), "runs", "none"),
                (with_(3, *run), "runs[1]: is a number"),
                (without(*run, "mode"), "runs[1].mode", "missing"),
                (with_("x" * 300, *run, "mode"), "runs[1].mode", "200"),
                (with_(None, *run, "workers"), "runs[1].workers", "null"),
                (with_(1.5, *run, "depth"), "runs[1].depth", "1.5"),
                (with_(-1, *run, "seconds"), "runs[1].seconds", "-1"),
                (with_(1e19, *run, "seconds"), "runs[1].seconds", "1e+18"),
                (with_(1e-99, *run, "cpu_ns_per_op"),
                 "runs[1].cpu_ns_per_op", "1e-99"),
                (with_("yes", *run, "verified"), "runs[1].verified"),
                (without(*run, "verified"), "runs[1].verified"),
                (with_([], *run, "loans"), "runs[1].loans", "array"),
                (with_("x", *run, "loans", "seized"),
                 "runs[1].loans.seized", "string"),
                (with_("x", *run, "extra"), "runs[1].extra"),
                (with_("x", *run, "extra", "a"), "runs[1].extra.a"),
                (with_([1], *run, "latency_ns"), "latency_ns", "array"),
                (with_(3, *run, "latency_ns", "count"), "buckets", "2", "3"),
                (with_(9999, *run, "latency_ns", "min"), "min", "max"),
                (with_([[1, 2, 3]], *buckets), "buckets", "[0]"),
                (with_([[9, 1], [9, 1]], *buckets), "buckets", "[1]"),
                (with_([[9, "1"]], *buckets), "buckets", "[0]"),
                (with_(0, *run, "repeat"), "runs[0] and runs[1]"),
                ([whole], "array"),
        ):
            with self.subTest(parts=parts):
                self.refuse([self.write("bad.json", result)], "bad.json",
                            *parts)

    def test_what_is_no_json(self):
        for text, where in (("", ":1:0:"), ("{\n \"a\" 1}", ":2:"),
                            ("{\"a\": 1, \"a\": 2}", "duplicate"),
                            ("{} {}", ":1:"), ("\xff", ":1:"),
                            ("{\"a\": 1e999}", "overflow"),
                            ("[" * 5000, "depth"),
                            ("{\"a\": NaN}", ":1:")):
            with self.subTest(text=text[:20]):
                self.refuse([self.write("bad.json", text)], "bad.json",
                            where)

    def test_files_that_are_not_there(self):
        self.refuse(["absent.json"], "absent.json: No such file")
        self.refuse(["."], "Is a directory")

    def test_the_same_results_twice(self):
        path = self.write("a.json", synthetic.result(
            [make_run("nop", "borrowed", 0, 10)]))
        self.refuse([path, path], "a.json: the same results")

    def test_a_bad_file_leaves_the_old_page(self):
        self.page(synthetic.result([make_run("nop", "borrowed", 0, 10)]))
        index = os.path.join(self.folder, "out", "index.html")
        with open(index, encoding="utf-8") as file:
            before = file.read()
        bad = self.write("bad.json", "{")
        self.assertEqual(self.call("report", bad, "--out",
                                   "out").returncode, 2)
        with open(index, encoding="utf-8") as file:
            self.assertEqual(file.read(), before)
        self.assertEqual(os.listdir(os.path.dirname(index)), ["index.html"])

    def test_a_page_that_can_not_be_written(self):
        path = self.write("a.json", synthetic.result(
            [make_run("nop", "borrowed", 0, 10)]))
        self.write("file", "")
        for out in ("file", "no/where"):
            done = self.call("report", path, "--out", out)
            self.assertEqual(done.returncode, 1)
            self.assertIn(out, done.stderr)

    def test_command_lines(self):
        path = self.write("a.json", synthetic.result(
            [make_run("nop", "borrowed", 0, 10)]))
        for arguments, part in ((("--out", "out"), "which file"),
                                ((path,), "where to"),
                                ((path, "--format", "pdf"), "pdf"),
                                ((path, "--wat"), "wat")):
            done = self.call("report", *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(part, done.stderr)
        done = self.call("report", "--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("usage: lend-bench report", done.stdout)


if __name__ == "__main__":
    report_page.main()
