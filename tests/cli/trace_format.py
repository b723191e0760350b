"""The rules of the Trace Event Format, as viewers of such files rely on them.

check() raises for the first event that breaks one. Run as a program, it checks
itself: each rule is broken once in a file that is otherwise good.
"""
import copy
import json
import sys

NUMBERS = (int, float)
METADATA = {"process_name": str, "process_labels": str, "thread_name": str,
            "process_sort_index": int, "thread_sort_index": int}


class Broken(Exception):
    pass


def require(what, rule, event):
    if not what:
        raise Broken(f"{rule}: {json.dumps(event)[:200]}")


def is_number(value):
    return (isinstance(value, NUMBERS) and not isinstance(value, bool) and
            value == value and abs(value) != float("inf"))


def nanoseconds(us):
    """Times have three digits behind the point, so this is exact."""
    return round(us * 1000)


def check_metadata(event, names):
    kind = METADATA.get(event.get("name"))
    require(kind, "metadata has a known name", event)
    key = event["name"].replace("process_", "").replace("thread_", "")
    require(isinstance(event.get("args", {}).get(key), kind),
            "metadata has its argument", event)
    require(event["name"].startswith("process_") or
            isinstance(event.get("tid"), int), "a thread has a number", event)
    if key == "name":
        place = (event["pid"], event.get("tid")
                 if event["name"] == "thread_name" else None)
        require(place not in names, "a name is given once", event)
        require(event["args"]["name"], "a name is not empty", event)
        names.add(place)


def check_slices(slices):
    """Complete events of one thread: each lies within those around it."""
    slices.sort(key=lambda one: (one[0], -one[1]))
    around = []
    for begin, end, event in slices:
        while around and around[-1] <= begin:
            around.pop()
        require(not around or end <= around[-1],
                "slices of a thread nest", event)
        if end > begin:
            around.append(end)


def check_flow(event, opened):
    """Nestable asynchronous events: one begin and one end, in this order."""
    require(isinstance(event.get("cat"), str) and event["cat"],
            "an asynchronous event has a category", event)
    require(isinstance(event.get("id"), (int, str)) and
            not isinstance(event.get("id"), bool),
            "an asynchronous event has a number", event)
    if isinstance(event["id"], int):
        require(0 <= event["id"] < 1 << 53,
                "its number survives JavaScript", event)
    key = (event["pid"], event["cat"], event["id"])
    time = nanoseconds(event["ts"])
    if event["ph"] == "b":
        require(key not in opened, "a number is one event's at a time", event)
        opened[key] = (time, event["name"])
        return
    require(key in opened, "an end has a begin before it", event)
    began, name = opened.pop(key)
    require(name == event["name"], "begin and end have one name", event)
    require(began <= time, "it ends after it began", event)


def check_duration(event, stack):
    time = nanoseconds(event["ts"])
    require(not stack or stack[-1][0] <= time,
            "begins and ends of a thread are in order", event)
    if event["ph"] == "B":
        stack.append((time, event["name"]))
        return
    require(stack, "an end has a begin", event)
    _, name = stack.pop()
    require(event.get("name", name) == name, "the inner one ends first", event)


def check(text):
    """Return: how many events of each phase there are."""
    def no_constant(value):
        raise Broken(f"{value} is no number")

    data = json.loads(text, parse_constant=no_constant)
    events = data["traceEvents"] if isinstance(data, dict) else data
    require(isinstance(events, list), "events are a list", None)
    require(not isinstance(data, dict) or
            data.get("displayTimeUnit", "ms") in ("ms", "ns"),
            "the unit is one of two", data.get("displayTimeUnit")
            if isinstance(data, dict) else None)
    names, slices, opened, stacks = set(), {}, {}, {}
    used, counts = {}, {}
    for event in events:
        require(isinstance(event, dict), "an event is an object", event)
        phase = event.get("ph")
        counts[phase] = counts.get(phase, 0) + 1
        require(isinstance(event.get("pid"), int), "it has a process", event)
        if phase == "M":
            check_metadata(event, names)
            continue
        require(phase in ("X", "B", "E", "i", "b", "e"), "a known phase", event)
        require(isinstance(event.get("tid"), int), "it has a thread", event)
        require(is_number(event.get("ts")) and event["ts"] >= 0,
                "it has a time", event)
        require(phase == "E" or
                isinstance(event.get("name"), str) and event["name"],
                "it has a name", event)
        place = (event["pid"], event["tid"])
        used.setdefault(place, event)
        if phase == "X":
            require(is_number(event.get("dur")) and event["dur"] >= 0,
                    "a slice has a length", event)
            begin = nanoseconds(event["ts"])
            slices.setdefault(place, []).append(
                (begin, begin + nanoseconds(event["dur"]), event))
        elif phase == "i":
            require(event.get("s", "t") in ("t", "p", "g"),
                    "an instant has a scope", event)
        elif phase in "be":
            check_flow(event, opened)
        else:
            check_duration(event, stacks.setdefault(place, []))
    for thread in slices.values():
        check_slices(thread)
    require(not opened, "what begins ends", list(opened)[:1])
    require(not any(stacks.values()), "what begins ends", None)
    for (pid, tid), event in used.items():
        require((pid, None) in names, "a process has a name", event)
        require((pid, tid) in names, "a thread has a name", event)
    return counts


GOOD = [
    {"ph": "M", "pid": 1, "name": "process_name", "args": {"name": "p"}},
    {"ph": "M", "pid": 1, "tid": 1, "name": "thread_name",
     "args": {"name": "t"}},
    {"ph": "X", "pid": 1, "tid": 1, "ts": 1.0, "dur": 9.0, "name": "out"},
    {"ph": "X", "pid": 1, "tid": 1, "ts": 2.0, "dur": 8.0, "name": "in"},
    {"ph": "X", "pid": 1, "tid": 1, "ts": 10.0, "dur": 1.0, "name": "next"},
    {"ph": "i", "s": "t", "pid": 1, "tid": 1, "ts": 5.5, "name": "now"},
    {"ph": "b", "pid": 1, "tid": 1, "id": 7, "cat": "c", "ts": 1.0,
     "name": "wait"},
    {"ph": "e", "pid": 1, "tid": 1, "id": 7, "cat": "c", "ts": 3.0,
     "name": "wait"},
    {"ph": "B", "pid": 1, "tid": 1, "ts": 20.0, "name": "a"},
    {"ph": "B", "pid": 1, "tid": 1, "ts": 21.0, "name": "b"},
    {"ph": "E", "pid": 1, "tid": 1, "ts": 22.0, "name": "b"},
    {"ph": "E", "pid": 1, "tid": 1, "ts": 23.0},
]

# Which event, what of it, and its new value; None: without it.
BREAKS = [
    (0, "args", None), (0, "name", "no_name"), (1, "tid", None),
    (1, "tid", 2), (2, "pid", None), (2, "ts", -1), (2, "dur", None),
    (2, "dur", -1.0), (2, "dur", 8.5), (3, "dur", 8.001), (3, "ts", 0.5),
    (4, "ts", 9.999), (5, "s", "x"), (5, "ph", "I?"), (5, "name", ""),
    (6, "id", None), (6, "id", 8), (6, "cat", ""), (6, "ts", 3.5),
    (7, "name", "other"), (7, "ph", "b"), (8, "ph", "E"), (10, "name", "a"),
    (10, "ts", 20.5), (11, "ph", "B"),
]


def self_check():
    check(json.dumps({"traceEvents": GOOD}))
    check(json.dumps(GOOD))
    for index, key, value in BREAKS:
        events = copy.deepcopy(GOOD)
        if value is None:
            del events[index][key]
        else:
            events[index][key] = value
        try:
            check(json.dumps(events))
        except Broken:
            continue
        sys.exit(f"passed, though broken: {events[index]}")
    print(f"{len(BREAKS)} broken files were noticed")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as file:
            print(check(file.read()))
    else:
        self_check()
