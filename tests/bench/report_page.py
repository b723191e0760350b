"""What the tests of `lend-bench report` have in common: running it, reading its
page, and a second opinion on how numbers are written.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml

import synthetic

XHTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
PROGRAM = []
SEED = [0]


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
        self.rng = synthetic.random_from(SEED[0])
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


def main():
    """Run the cases of the calling program: PROGRAM [ARGUMENT...] -- [SEED]"""
    split = sys.argv.index("--")
    PROGRAM.extend([os.path.abspath(sys.argv[1]), *sys.argv[2:split]])
    rest = sys.argv[split + 1:]
    SEED[0] = int(rest[0]) if rest else int(time.time())
    print(f"seed {SEED[0]}", flush=True)
    unittest.main(argv=sys.argv[:1])
