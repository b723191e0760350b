#!/usr/bin/env python3
"""Prove that `lend-bench report` says what the results say.

usage: test_report.py PROGRAM [ARGUMENT...] -- [SEED]

PROGRAM ARGUMENT... is what `report FILE... --out DIR` is appended to.
"""
import contextlib
import copy
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml

import synthetic
from synthetic import good, interval, key, make_run, quartiles, ratios

XHTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
PROGRAM = []
SEED = 0


def number(value):
    """Three digits, as the page writes them; this is a second opinion."""
    if value == 0:
        return "0"
    if value >= 999.5:
        return f"{value:,.0f}"
    if value < 0.001:
        return f"{value:.2g}"
    for decimals, least in ((0, 99.95), (1, 9.995), (2, 0.9995),
                            (3, 0.09995), (4, 0)):
        if value >= least:
            return f"{value:.{decimals}f}"
    raise ValueError(value)


def ratio(value):
    return f"{value:.3f}" if 0.1 <= value < 9.9995 else number(value)


def value_of(text):
    return float(text.replace(",", ""))


def text_of(element):
    return "".join(element.itertext())


def classes(element):
    return element.get("class", "").split()


class Balance(html.parser.HTMLParser):
    """Is each element closed, for those who read it as HTML?"""
    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = set()
        self.attributes = []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag


class Page:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.source = file.read()
        self.root = xml.fromstring(self.source)
        self.machines = [element for element in
                         self.root.iter(XHTML + "section")
                         if "machine" in classes(element)]

    def section(self, workload, machine=0):
        for element in self.machines[machine].iter(XHTML + "section"):
            if "workload" in classes(element) \
                    and element.find(XHTML + "h3").text == workload:
                return element
        raise AssertionError(f"no section of {workload}")

    def table(self, workload, caption, machine=0):
        """{(panel, first cell): [other cells]} of a table."""
        for table in self.section(workload, machine).iter(XHTML + "table"):
            found = table.find(XHTML + "caption")
            if found is None or not found.text.startswith(caption):
                continue
            rows = {}
            for body in table.iter(XHTML + "tbody"):
                panel = None
                for row in body.iter(XHTML + "tr"):
                    cells = [text_of(cell) for cell in row]
                    if "panel" in classes(row):
                        panel = cells[0]
                    else:
                        rows[panel, cells[0]] = cells[1:]
            return rows
        return {}

    def plots(self, workload, caption, machine=0):
        return [figure.find(SVG + "svg")
                for figure in self.section(workload, machine)
                .iter(XHTML + "figure")
                if figure.find(XHTML + "figcaption").text
                .startswith(caption)]


def panel_name(run):
    def counted(count, noun):
        return f"{count} {noun}" + ("" if count == 1 else "s")
    name = (f"{counted(run['workers'], 'worker')}, "
            f"{counted(run['rings'], 'ring')}, depth {run['depth']}")
    return name + (", " + run["variant"].replace(",", ", ")
                   if run["variant"] else "")


class Case(unittest.TestCase):
    def setUp(self):
        self.rng = synthetic.random_from(SEED)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, result):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            if isinstance(result, str):
                file.write(result)
            else:
                json.dump(result, file)
        return path

    def call(self, *arguments):
        return subprocess.run([*PROGRAM, *arguments], capture_output=True,
                              encoding="utf-8", timeout=60, check=False,
                              cwd=self.folder)

    def page(self, *results):
        paths = [self.write(f"r{place}.json", result)
                 for place, result in enumerate(results)]
        done = self.call("report", *paths, "--out", "out")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return Page(os.path.join(self.folder, "out", "index.html"))


class TestFigures(Case):
    def setUp(self):
        super().setUp()
        modes = {"borrowed": 103, "private": 100, "shared": 130}
        slow = {mode: 40 * cpu for mode, cpu in modes.items()}
        self.runs = (
            synthetic.runs_of(self.rng, "nop", modes, 31,
                              variant="batch=1,length=22,size=333,rate=4444")
            + synthetic.runs_of(self.rng, "nop", modes, 8, workers=1,
                                variant="batch=128")
            + synthetic.runs_of(self.rng, "echo", slow, 9, latencies=True))
        self.shown = self.page(synthetic.result(self.runs))
        self.groups = {}
        for run in self.runs:
            self.groups.setdefault(key(run), []).append(run)

    def test_page_is_well_formed_and_needs_nothing(self):
        reader = Balance()
        reader.feed(self.shown.source)
        reader.close()
        self.assertEqual(reader.open, [])
        self.assertFalse(reader.seen & {"script", "link", "img", "iframe"})
        for name, value in reader.attributes:
            self.assertNotIn(name, ("src", "onload", "style"))
            if name == "href":
                self.assertRegex(value, "^#")
        self.assertNotRegex(self.shown.source, r"url\(|@import")
        ids = [value for name, value in reader.attributes if name == "id"]
        self.assertEqual(len(ids), len(set(ids)))
        for name, value in reader.attributes:
            if name == "href":
                self.assertIn(value[1:], ids)

    def test_top_says_where_and_how(self):
        top = text_of(self.shown.machines[0].find(XHTML + "dl"))
        for part in ("Example <CPU> & co, 2 CPUs", "6.18.1", "gcc 12.2.0",
                     "0.1.0", "2026-01-02T03:04:05Z",
                     "lend-bench run --json 'it'\\''s here.json'"):
            self.assertIn(part, top)
        self.assertIn(f"All {len(self.runs)} runs were verified",
                      text_of(self.shown.root))

    def test_cost_table(self):
        for config, runs in self.groups.items():
            rows = self.shown.table(config[0], "Cost")
            row = rows[panel_name(runs[0]), config[-1]]
            cpu = [run["cpu_ns_per_op"] for run in runs]
            low, median, high = quartiles(cpu)
            self.assertEqual(row[0], f"{len(runs)} of {len(runs)}")
            self.assertEqual(row[1], "100,000")
            self.assertEqual(row[2], number(median))
            self.assertEqual(row[3], f"{number(low)} .. {number(high)}")
            spread = (high - low) / median
            self.assertEqual(row[4], f"{spread * 100:.1f} %"
                             if spread < 0.0995 else f"{spread:.0%}"
                             .replace("%", " %"))
            self.assertEqual(row[5], "0.125")
            if config[-1] == "private":
                self.assertEqual(row[6], "–")
                continue
            found = ratios(runs, self.groups[config[:-1] + ("private",)],
                           lambda run: run["cpu_ns_per_op"])
            median, low, high = interval(found)
            self.assertEqual(row[6], f"{ratio(median)} [{ratio(low)} .. "
                             f"{ratio(high)}] n={len(runs)}")

    def test_latency_table(self):
        self.assertEqual(self.shown.table("nop", "Latency"), {})
        rows = self.shown.table("echo", "Latency")
        self.assertEqual(len(rows), 3)
        for (_, mode), row in rows.items():
            runs = [run for run in self.runs
                    if run["workload"] == "echo" and run["mode"] == mode]
            self.assertEqual(row[0], number(400 * len(runs)))
            self.assertEqual(row[1:6], [
                number(synthetic.percentile(runs, fraction) / 1000)
                for fraction in synthetic.FRACTIONS])
            self.assertEqual(row[6], number(
                max(run["latency_ns"]["max"] for run in runs) / 1000))

    def test_few_beyond_a_percentile_are_marked(self):
        for cell in self.shown.section("echo").iter(XHTML + "table"):
            if not cell.find(XHTML + "caption").text.startswith("Latency"):
                continue
            rows = [row for row in cell.iter(XHTML + "tr")
                    if len(row) == 8 and "panel" not in classes(row)][1:]
            for row in rows:  # 3600 operations: 36 beyond p99, 4 p99.9
                self.assertEqual([classes(cell) for cell in row][2:7],
                                 [[], [], [], ["weak"], ["weak"]])

    def test_loans(self):
        for row in self.shown.table("echo", "Loan events").values():
            self.assertEqual(row, [number(place / 0.5) for place in range(7)])

    def scale(self, plot):
        """From a place on the x axis to a value, by the ticks alone."""
        lines = [float(line.get("x1")) for line in plot.iter(SVG + "line")
                 if "grid" in classes(line)]
        ticks = [(float(text.get("x")), value_of(text.text))
                 for text in plot.iter(SVG + "text")
                 if classes(text) == ["tick"]
                 and text.get("text-anchor") == "middle"]
        self.assertEqual(lines, [place for place, _ in ticks])
        (x0, v0), (x1, v1) = ticks[0], ticks[-1]
        return lambda x: v0 + (x - x0) / (x1 - x0) * (v1 - v0)

    def test_every_repeat_is_a_dot_at_its_place(self):
        plots = {plot.get("aria-label"): plot
                 for workload in ("nop", "echo")
                 for plot in self.shown.plots(workload, "CPU time per "
                                              "operation, every repeat")}
        self.assertEqual(len(plots), 3)
        for config, runs in self.groups.items():
            plot = plots["CPU time per operation, " + panel_name(runs[0])]
            if "(logarithmic)" in text_of(plot):
                continue  # tested with the curves
            value = self.scale(plot)
            mark = "m-" + config[-1]
            dots = [self.centre(dot) for dot in plot
                    if "dot" in classes(dot) and mark in classes(dot)]
            self.assertEqual(len(dots), len(runs))
            step = abs(value(1) - value(0))
            for (x, _), run in zip(dots, runs):
                self.assertAlmostEqual(value(x), run["cpu_ns_per_op"],
                                       delta=step)
            heights = [y for _, y in dots]
            self.assertEqual(heights, sorted(heights))
            medians = [line for line in plot.iter(SVG + "line")
                       if classes(line) == ["median", mark]]
            self.assertEqual(len(medians), 1)
            self.assertAlmostEqual(
                value(float(medians[0].get("x1"))),
                quartiles([run["cpu_ns_per_op"] for run in runs])[1],
                delta=step)

    @staticmethod
    def centre(mark):
        if mark.tag == SVG + "circle":
            return float(mark.get("cx")), float(mark.get("cy"))
        if mark.tag == SVG + "rect":
            return (float(mark.get("x")) + float(mark.get("width")) / 2,
                    float(mark.get("y")) + float(mark.get("height")) / 2)
        x, y = re.match(r"M([\d.]+) ([\d.]+)", mark.get("d")).groups()
        return float(x), float(y)

    def test_ratios_are_plotted(self):
        plot, = self.shown.plots("nop", "CPU time per operation, mode")
        value = self.scale(plot)
        found = sorted((value(float(line.get("x1"))),
                        value(float(line.get("x2"))))
                       for line in plot.iter(SVG + "line")
                       if "interval" in classes(line))
        wanted = []
        for config, runs in self.groups.items():
            for mode, against in (("borrowed", "private"),
                                  ("shared", "private"),
                                  ("borrowed", "shared")):
                if config[0] == "nop" and config[-1] == mode:
                    wanted.append(interval(ratios(
                        runs, self.groups[config[:-1] + (against,)],
                        lambda run: run["cpu_ns_per_op"]))[1:])
        self.assertEqual(len(found), 6)
        step = abs(value(1) - value(0))
        for one, other in zip(found, sorted(wanted)):
            self.assertAlmostEqual(one[0], other[0], delta=step)
            self.assertAlmostEqual(one[1], other[1], delta=step)
        self.assertEqual(len(self.shown.plots("echo", "p99.9 of")), 1)
        self.assertEqual(self.shown.plots("nop", "p99.9 of"), [])

    def test_curves_pass_through_the_percentiles(self):
        plot, = self.shown.plots("echo", "Latency")
        ticks = [(float(text.get("y")) - 4, synthetic.math.log(
                     value_of(text.text.split()[0])
                     * {"ns": 1, "µs": 1e3, "ms": 1e6}[text.text.split()[1]]))
                 for text in plot.iter(SVG + "text")
                 if text.get("text-anchor") == "end"]
        (y0, v0), (y1, v1) = ticks[0], ticks[-1]

        def value(y):
            return synthetic.math.exp(v0 + (y - y0) / (y1 - y0) * (v1 - v0))

        places = {text.text: float(text.get("x"))
                  for text in plot.iter(SVG + "text")
                  if text.get("text-anchor") == "middle"
                  and classes(text) == ["tick"]}
        for mode in ("borrowed", "private", "shared"):
            solid = [path for path in plot.iter(SVG + "path")
                     if classes(path) == ["curve", "m-" + mode]]
            thin = [path for path in plot.iter(SVG + "path")
                    if classes(path) == ["curve", "m-" + mode, "thin"]]
            self.assertEqual((len(solid), len(thin)), (1, 1))
            points = [tuple(map(float, point)) for path in solid + thin
                      for point in re.findall(r"[ML]([-\d.]+) ([-\d.]+)",
                                              path.get("d"))]
            self.assertEqual(points, sorted(points, key=lambda p: p[0]))
            runs = [run for run in self.runs
                    if run["workload"] == "echo" and run["mode"] == mode]
            for name in ("50", "90", "99"):
                wanted = synthetic.percentile(runs, float(name) / 100)
                x = places[name]
                before = max(p for p in points if p[0] <= x)
                after = min(p for p in points if p[0] >= x)
                # A bucket is 1 %, and a step of half a point is left out.
                self.assertLessEqual(value(before[1]) / wanted, 1.03)
                self.assertGreaterEqual(value(after[1]) / wanted, 0.97)
                self.assertLessEqual(after[0] - before[0], 12)

    def test_nothing_lies_outside_of_a_plot(self):
        plots = list(self.shown.root.iter(SVG + "svg"))
        self.assertEqual(len(plots), 7)
        for plot in plots:
            width, height = map(float, plot.get("viewBox").split()[2:])
            for mark in plot:
                for name, text in mark.items():
                    if name in ("x", "x1", "x2", "cx"):
                        self.assertTrue(0 <= float(text) <= width, text)
                    if name in ("y", "y1", "y2", "cy"):
                        self.assertTrue(0 <= float(text) <= height, text)
                for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)",
                                       mark.get("d", "")):
                    self.assertTrue(0 <= float(x) <= width, x)
                    self.assertTrue(0 <= float(y) <= height, y)
            axis, = [line for line in plot.iter(SVG + "line")
                     if "axis" in classes(line)]
            for mark in plot:
                if "dot" in classes(mark) or "interval" in classes(mark):
                    x = (float(mark.get("x1")) if mark.get("x1")
                         else self.centre(mark)[0])
                    self.assertTrue(float(axis.get("x1")) <= x
                                    <= float(axis.get("x2")))


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


class TestText(Case):
    def test_the_same_figures_as_text(self):
        runs = synthetic.runs_of(self.rng, "echo",
                                 {"borrowed": 100, "private": 90}, 9,
                                 latencies=True)
        runs[0]["errors"] = 1
        path = self.write("a.json", synthetic.result(runs))
        done = self.call("report", path, "--format", "text")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("FAILED, in no figure:", done.stdout)
        for mode in ("borrowed", "private"):
            mine = [run for run in runs
                    if run["mode"] == mode and good(run)]
            line = re.search(rf"^  {mode} .*$", done.stdout, re.M).group()
            median = quartiles([run["cpu_ns_per_op"] for run in mine])[1]
            self.assertIn(f" {number(median)} ", line)
            self.assertIn(
                f" {number(synthetic.percentile(mine, 0.99) / 1000)} ", line)
        by_mode = {mode: [run for run in runs if run["mode"] == mode]
                   for mode in ("borrowed", "private")}
        median, low, high = interval(ratios(
            by_mode["borrowed"], by_mode["private"],
            lambda run: run["cpu_ns_per_op"]))
        self.assertIn(f"borrowed / private, CPU: {ratio(median)} "
                      f"[{ratio(low)} .. {ratio(high)}], 8 pairs",
                      done.stdout)


def main():
    global SEED
    split = sys.argv.index("--")
    PROGRAM.extend([os.path.abspath(sys.argv[1]), *sys.argv[2:split]])
    rest = sys.argv[split + 1:]
    SEED = int(rest[0]) if rest else int(time.time())
    print(f"seed {SEED}", flush=True)
    with contextlib.suppress(KeyError):
        del os.environ["POSIXLY_CORRECT"]
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
