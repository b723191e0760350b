#!/usr/bin/env python3
"""Prove that the figures and plots of `lend-bench report` are those of the
results.

usage: test_report.py PROGRAM [ARGUMENT...] -- [SEED]

PROGRAM ARGUMENT... is what `report FILE... --out DIR` is appended to.
"""
import html.parser
import re

import report_page
import synthetic
from report_page import (SVG, XHTML, Case, classes, number, panel_name, ratio,
                         text_of, value_of)
from synthetic import good, interval, key, quartiles, ratios


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


if __name__ == "__main__":
    report_page.main()
