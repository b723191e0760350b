#!/usr/bin/env python3
"""Goal:   `lend trace` shows what happened: in a recorded run each loan has a
        begin and an end, a stall is followed by what was done about it, and
        what it says is what the file holds. Damaged files are refused in one
        line.
Method: record a server with a handler that computes for long while others
        ask; read the file here, too, from the description in <lend/trace.h>,
        and compare.
"""
import json
import os
import random
import re
import signal
import struct
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

import trace_format
from harness import Client, Skipped, case, equal, main, true, wait_for

HEADER = struct.Struct("8s8I3Q64x")
RING = struct.Struct("2I4Q24x")
TRACK = struct.Struct("2I2Q8x")
RECORD = struct.Struct("2Q2B3HQ32s")
NOBODY, ARBITER, VERSION = 0xffff, 0xffffffff, 1
(NONE, HOLDER, GRANT, RECALL, SEIZE, RETURN, REVOKE, BIND, WAIT, WAITED, FLUSH,
 REFUSED, OVERFLOW, HELP, STALL, STALLED, KICK, STEAL, PARK, UNPARK) = range(20)
NAMES = ("none holder grant recall seize return revoke bind wait waited flush "
         "refused overflow help stall stalled kick steal park unpark").split()
# Long enough for another worker to notice, though the machine may stop that
# one for a while.
STALL_MS = 300


class Event:
    def __init__(self, track, fields):
        (self.number, self.time_ns, self.event, self.why, self.ring,
         self.worker, self.by, self.argument, name) = fields
        self.track = track
        self.name = name.split(b"\0")[0].decode("ascii")


class Trace:
    """A file, read without any help of the program's."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        (magic, version, header_size, record_size, rings, self.workers,
         tracks, self.depth, self.mode, self.started_ns, self.written_ns,
         self.unix_ns) = HEADER.unpack_from(data)
        equal((magic, version, header_size, record_size),
              (b"LENDTRC\0", VERSION, HEADER.size, RECORD.size))
        place = header_size
        self.rings = []
        for _ in range(rings):
            self.rings.append(RING.unpack_from(data, place))
            place += RING.size
        self.events, self.lost = [], 0
        for _ in range(tracks):
            worker, _, count, lost = TRACK.unpack_from(data, place)
            place += TRACK.size
            self.lost += lost
            for number in range(lost + 1, lost + 1 + count):
                event = Event(worker, RECORD.unpack_from(data, place))
                equal(event.number, number)
                self.events.append(event)
                place += RECORD.size
        equal(place, len(data))
        self.events.sort(key=lambda event: (event.time_ns, event.number))

    def of(self, *kinds):
        return [event for event in self.events if event.event in kinds]


def ask_for(server, seconds):
    """Keep-alive requests of a few clients at a time."""
    end = time.monotonic() + seconds

    def run():
        with Client(server.address) as client:
            while time.monotonic() < end:
                equal(client.ask("GET", "/plaintext").status, 200)
                time.sleep(0.003)
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    return threads


def record(lend, path, *options, spins=1):
    """A run with a few stalls, to its end."""
    with lend.serve("--demo", "--trace", path, *options) as server:
        threads = ask_for(server, 0.3 + spins * (STALL_MS / 1e3 + 0.05))
        for _ in range(spins):
            time.sleep(0.05)
            with Client(server.address) as client:
                spin = f"/spin?us={STALL_MS * 1000}"
                equal(client.ask("GET", spin).status, 200)
        for thread in threads:
            thread.join()
        server.stop()
        wait_for(lambda: any(path in line for line in server.lines),
                 "the line about the trace")
    return Trace(path)


def mode_of(lend):
    return lend.options[lend.options.index("--mode") + 1]


def check_loans(trace):
    """What was granted is returned, seized or held; and in that order."""
    holders = [None] * len(trace.rings)
    counts = [[0] * 4 for _ in trace.rings]
    for event in trace.of(GRANT, RECALL, SEIZE, RETURN):
        equal(event.track, ARBITER)
        counts[event.ring][event.event - GRANT] += 1
        if event.event == GRANT:
            equal(holders[event.ring], None, "two hold it")
            holders[event.ring] = event.worker
        else:
            equal(holders[event.ring], event.worker, "not the holder")
        if event.event in (SEIZE, RETURN):
            holders[event.ring] = None
    for index, ring in enumerate(trace.rings):
        equal(ring[0], index)
        held = ring[1] != NOBODY
        equal(ring[2:], tuple(counts[index]), f"ring {index}")
        granted, _, seized, returned = counts[index]
        equal(granted, returned + seized + held, f"ring {index}")
        equal(holders[index], ring[1] if held else None)


# ---- the forms ----

def check_text(lend, path, trace):
    status, output, lines = lend.run("trace", path)
    equal((status, lines), (0, []))
    head, *rows = output.splitlines()
    true(head.startswith(f"# mode {mode_of(lend)}, "), head)
    equal(len(rows), len(trace.events))
    before = 0
    for row, event in zip(rows, trace.events):
        ms, who, name, _ = re.fullmatch(
            r" *([\d.]+)  (arbiter|worker \d+) +(\w+) +(.*)", row).groups()
        true(float(ms) >= before, row)
        before = float(ms)
        equal(round(float(ms) * 1e6), event.time_ns - trace.started_ns)
        if rows.count(row) == 1 and event.track == ARBITER:
            equal((who, name), ("arbiter", NAMES[event.event]))
    names = sorted(row[26:35].split()[0] for row in rows)
    equal(names, sorted(NAMES[event.event] for event in trace.events))
    return output


def check_nesting(slices):
    """Of one thread: each ends before the one around it does."""
    stack = []
    for start, end in sorted(slices, key=lambda item: (item[0], -item[1])):
        while stack and stack[-1] <= start:
            stack.pop()
        true(not stack or end <= stack[-1], f"{start} to {end} in {stack}")
        stack.append(end)


def check_chrome(lend, path, trace):
    status, output, lines = lend.run("trace", "--format", "chrome", path)
    equal((status, lines), (0, []))
    trace_format.check(output)
    chrome = json.loads(output)
    events = chrome["traceEvents"]
    equal(chrome["otherData"]["mode"], mode_of(lend))
    equal(chrome["otherData"]["lost"], trace.lost)
    threads, loans = {}, []
    for event in events:
        if event["ph"] != "X":
            continue
        start = round(event["ts"] * 1000)
        end = start + round(event["dur"] * 1000)
        true(start >= 0, event)
        threads.setdefault((event["pid"], event["tid"]), []).append(
            (start, end))
        if event["cat"] == "loan":
            loans.append((event["tid"] - 1, start, end, event))
    for slices in threads.values():
        check_nesting(slices)
    waits = {}
    for event in events:
        if event["ph"] in "be":
            waits.setdefault(event["id"], []).append(event["ph"])
    true(all(ends == ["b", "e"] for ends in waits.values()), f"{waits}")
    if not trace.lost:
        equal(len(waits), len(trace.of(WAIT)))
        equal(len(loans), len(trace.of(GRANT)))
    starts = {(ring, start): event for ring, start, _, event in loans}
    for grant in trace.of(GRANT):
        slice_ = starts.get((grant.ring, grant.time_ns - trace.started_ns))
        true(slice_, "a grant without a slice")
        equal(slice_["name"], f"worker {grant.worker}")
    ends = {(ring, end): event["args"]["ended"]
            for ring, _, end, event in loans}
    for end in trace.of(SEIZE, RETURN):
        equal(ends.get((end.ring, end.time_ns - trace.started_ns)),
              NAMES[end.event])
    return events


def check_svg(lend, path):
    picture = path + ".svg"
    status, output, lines = lend.run("trace", path, "--output", picture)
    equal((status, output, lines), (0, "", []))
    true(os.path.getsize(picture) < 400000, "too big")
    root = ElementTree.parse(picture).getroot()
    equal(root.tag, "{http://www.w3.org/2000/svg}svg")
    texts = ["".join(node.itertext()) for node in root.iter()]
    width, height = float(root.get("width")), float(root.get("height"))
    shapes = [node for part in root.iter("{http://www.w3.org/2000/svg}defs")
              for node in part.iter()]
    for node in root.iter("{http://www.w3.org/2000/svg}rect"):
        if node.get("x") and node not in shapes:
            true(0 <= float(node.get("x")) <= width, "outside")
            true(0 <= float(node.get("y")) <= height, "outside")
            true(float(node.get("width")) >= 0, "negative")
    return texts


# ---- the cases ----

def rescues(trace):
    """Stalls whose ring was recalled, seized and lent again, in that order."""
    found = []
    for end in trace.of(STALLED):
        start_ns = end.time_ns - end.argument
        inside = [event for event in trace.events
                  if start_ns <= event.time_ns <= end.time_ns]
        for recall in inside:
            if recall.event != RECALL or recall.worker != end.worker:
                continue
            later = [event for event in trace.events
                     if event.time_ns >= recall.time_ns and
                     event.ring == recall.ring and
                     event.event in (GRANT, SEIZE, RETURN)]
            if [event.event for event in later[:2]] != [SEIZE, GRANT]:
                continue
            # Whoever seizes may be late himself: then the stall is over.
            if later[0].time_ns <= end.time_ns:
                found.append((recall, later[0], later[1], end))
    return found


@case
def a_stall_is_shown_in_every_form(lend):
    path = lend.path("run.trace")
    trace = record(lend, path)
    equal(trace.lost, 0)
    check_loans(trace)
    long = [event for event in trace.of(STALLED)
            if event.argument >= STALL_MS * 0.9e6 and
            event.name.startswith("http connection")]
    true(long, "the stall was not recorded")
    text = check_text(lend, path, trace)
    true(f"actor {long[0].name}" in text, "not in the text")
    chrome = check_chrome(lend, path, trace)
    true([event for event in chrome
          if event["name"] == f"stall: {long[0].name}" and
          event["dur"] >= STALL_MS * 0.9e3], "not in the Chrome trace")
    texts = check_svg(lend, path)
    true(any(text.startswith(long[0].name + ": ") for text in texts),
         "not in the picture")
    if mode_of(lend) != "borrowed":
        equal(trace.of(RECALL, SEIZE), [])


@case
def a_revocation_is_recalled_seized_and_lent_in_this_order(lend):
    if mode_of(lend) != "borrowed":
        raise Skipped("no loan is taken back in this mode")
    if "--rings" in lend.options:
        raise Skipped("with so few rings a worker seldom computes with one")
    for attempt in range(5):
        path = lend.path(f"stall-{attempt}.trace")
        trace = record(lend, path, "--workers", "2", spins=3)
        check_loans(trace)
        found = rescues(trace)
        for recall, seize, grant, end in found:
            true(seize.worker == recall.worker == end.worker, "whose")
            equal(seize.by, recall.by)
            true(seize.by != end.worker, "it helped itself")
            true(recall.time_ns <= seize.time_ns, "order")
            true(grant.time_ns >= seize.time_ns, "order")
        if found:
            return
    raise AssertionError("no stall led to a rescue in 15")


@case
def sigusr2_writes_it_meanwhile(lend):
    path = lend.path("now.trace")
    with lend.serve("--demo", "--trace", path) as server:
        threads = ask_for(server, 0.5)
        time.sleep(0.2)
        equal(server.get("/plaintext").status, 200)
        server.signal(signal.SIGUSR2)
        wait_for(lambda: any(path in line for line in server.lines),
                 "the line about the trace")
        trace = Trace(path)
        for thread in threads:
            thread.join()
        equal(trace.lost, 0)
        check_loans(trace)
        true(trace.of(FLUSH), "nothing was flushed")
        true(abs(trace.unix_ns / 1e9 - time.time()) < 60, "the clock")
        if mode_of(lend) == "private":
            true(all(ring[1] == ring[0] for ring in trace.rings), "holders")
        size = os.path.getsize(path)
        server.stop()
    true(os.path.getsize(path) > size, "not written at the end")
    check_loans(Trace(path))


@case
def what_is_lost_is_told(lend):
    path = lend.path("short.trace")
    trace = record(lend, path, "--trace-events", "30")
    # Rounded up to a power of two.
    for track in {event.track for event in trace.events}:
        count = len([1 for event in trace.events if event.track == track])
        true(count <= 32, f"{count} events")
    true(trace.lost > 0, "nothing was lost")
    output = check_text(lend, path, trace)
    true(f"; {trace.lost} older ones are lost" in output, output[:200])
    check_chrome(lend, path, trace)
    check_svg(lend, path)


@case
def a_part_can_be_shown(lend):
    path = lend.path("part.trace")
    trace = record(lend, path)
    middle = (trace.events[len(trace.events) // 2].time_ns -
              trace.started_ns) / 1e6
    whole = lend.run("trace", path)[1].splitlines()[1:]
    part = lend.run("trace", path, "--from", f"{middle - 5:.3f}", "--to",
                    f"{middle + 5:.3f}")[1].splitlines()[1:]
    wanted = [row for row in whole
              if middle - 5 <= float(row.split()[0]) <= middle + 5]
    true(0 < len(part) < len(whole), f"{len(part)} of {len(whole)}")
    true(abs(len(part) - len(wanted)) <= 2, "another part")
    output = lend.run("trace", path, "--format=svg", "--from",
                      f"{middle:.3f}")[1]
    ElementTree.fromstring(output)
    status, output, lines = lend.run("trace", path, "--from", "99999999")
    equal((status, output, len(lines)), (2, "", 1), f"{lines}")
    true("there is nothing between" in lines[0], lines[0])


def last_moments(lend, admin):
    """What happened in the last tenth of a second, and nothing older."""
    answer = admin.ask("GET", "/trace?ms=100")
    equal((answer.status, answer["Content-Type"]), (200, "application/json"))
    chrome = answer.json()
    trace_format.check(json.dumps(chrome))
    equal(chrome["otherData"]["mode"], mode_of(lend))
    moments = [event["ts"] for event in chrome["traceEvents"]
               if event["ph"] == "i"]
    if moments:
        true(max(moments) - min(moments) <= 100e3, "more than 100 ms")
    return moments


@case
def the_admin_address_shows_what_is_going_on(lend):
    with lend.serve("--demo", "--admin", "127.0.0.1:0",
                    "--trace-events", "4096") as server:
        threads = ask_for(server, 0.6)
        time.sleep(0.2)
        with Client(server.admin) as admin:
            wait_for(lambda: last_moments(lend, admin), "something happens")
            answer = admin.ask("GET", "/trace?format=svg")
            equal(answer["Content-Type"], "image/svg+xml")
            ElementTree.fromstring(answer.body)
            answer = admin.ask("GET", "/trace?format=text&ms=50")
            true(answer.body.startswith(b"# mode "), answer.body[:80])
            for query in ("ms=0", "ms=60001", "ms=", "ms=1x", "format=png"):
                equal(admin.ask("GET", "/trace?" + query).status, 400, query)
        for thread in threads:
            thread.join()
        server.stop()
    with lend.serve("--admin", "127.0.0.1:0") as server:
        with Client(server.admin) as admin:
            equal(admin.ask("GET", "/trace").status, 404)
        server.stop()


def refused(lend, *arguments):
    status, output, lines = lend.run("trace", *arguments)
    equal((status, output), (2, ""), f"{arguments}")
    equal(len(lines), 1, f"{arguments}: {lines}")
    true(lines[0].startswith("lend: "), lines[0])
    return lines[0]


@case
def bad_files_are_one_line_and_status_2(lend):
    path, bad = lend.path("good.trace"), lend.path("bad.trace")
    record(lend, path, "--trace-events", "64")
    with open(path, "rb") as file:
        good = file.read()

    def write(data):
        with open(bad, "wb") as file:
            file.write(data)
    true("No such file" in refused(lend, lend.path("none")), "missing")
    true("is not a file" in refused(lend, lend.folder), "a folder")
    true("is not a file" in refused(lend, "/dev/null"), "a device")
    for data in (b"", b"LEND", b"{}\n", b"\0" * 4096):
        write(data)
        true("it is not a trace" in refused(lend, bad), "not a trace")
    for size in (8, 100, HEADER.size, HEADER.size + 10, len(good) // 2,
                 len(good) - 1):
        write(good[:size])
        true("cut off" in refused(lend, bad), f"{size} bytes")
    write(good + b"x")
    true("follows its end" in refused(lend, bad), "longer")
    write(good[:8] + struct.pack("I", 2) + good[12:])
    true("version 2" in refused(lend, bad), "version")
    seed = int(os.environ.get("LEND_TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    source = random.Random(seed)
    for _ in range(60):
        data = bytearray(good)
        for _ in range(source.choice((1, 1, 3, 20))):
            data[source.randrange(len(data))] = source.randrange(256)
        write(data)
        form = source.choice(("text", "chrome", "svg"))
        status, output, lines = lend.run("trace", bad, "--format", form)
        true((status, len(lines)) in ((0, 0), (2, 1)),
             f"seed {seed}: {status} {lines}")
        if status == 0 and form == "chrome":
            json.loads(output)
        elif status == 0 and form == "svg":
            ElementTree.fromstring(output)


if __name__ == "__main__":
    sys.exit(main())
