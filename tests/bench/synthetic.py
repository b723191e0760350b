"""Results that lend-bench could have written, and what follows from them.

Everything here is computed from the single runs, by other means than the
program under test: an independent opinion.
"""
import math
import random
import statistics

LOANS = ("granted", "recalled", "seized", "returned", "waits", "helped",
         "revoked_claims")
FRACTIONS = (0.5, 0.9, 0.99, 0.999, 0.9999)


def host(**changes):
    return {"cpu": "Example <CPU> & co", "cpus": 2, "kernel": "6.18.1",
            "compiler": "gcc 12.2.0", "lend": "0.1.0", **changes}


def result(runs, **changes):
    for order, run in enumerate(runs):
        run["order"] = order
    return {"schema": "lend-bench/1", "started": "2026-01-02T03:04:05Z",
            "host": host(),
            "command": ["lend-bench", "run", "--json", "it's here.json"],
            "runs": runs, **changes}


def latency(values):
    """Values in buckets of about 1 %."""
    buckets = {}
    for value in values:
        upper = math.ceil(1.01 ** math.ceil(math.log(value, 1.01)))
        buckets[upper] = buckets.get(upper, 0) + 1
    pairs = [[upper, buckets[upper]] for upper in sorted(buckets)]
    return {"count": len(values), "min": min(values), "max": max(values),
            "mean": sum(values) / len(values), "buckets": pairs}


def make_run(workload, mode, repeat, cpu_ns, values=None, **changes):
    operations = changes.pop("operations", 50000)
    run = {"workload": workload, "mode": mode, "workers": 2, "rings": 2,
           "depth": 64, "variant": "", "repeat": repeat, "order": 0,
           "seconds": 0.5, "operations": operations, "errors": 0,
           "verified": True, "cpu_seconds": cpu_ns * operations / 1e9,
           "ops_per_s": operations / 0.5, "cpu_ns_per_op": cpu_ns,
           "enters_per_op": 0.125,
           "loans": {name: place for place, name in enumerate(LOANS)},
           "extra": {}, **changes}
    if values:
        run["latency_ns"] = latency(values)
    return run


def runs_of(rng, workload, modes, repeats, latencies=False, **changes):
    """Interleaved repeats with a drift that all modes share."""
    runs = []
    for repeat in range(repeats):
        drift = rng.lognormvariate(0, 0.3)
        for mode in rng.sample(sorted(modes), len(modes)):
            cpu_ns = modes[mode] * drift * rng.lognormvariate(0, 0.02)
            values = [max(1, int(rng.lognormvariate(11, 0.6)))
                      for _ in range(400)] if latencies else None
            runs.append(make_run(workload, mode, repeat, cpu_ns, values,
                                 **changes))
    return runs


def good(run):
    return run["verified"] and run["errors"] == 0 and run["operations"] > 0


def quartiles(values):
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def interval(values):
    """The median and the ends of the interval that order gives it."""
    values = sorted(values)
    count = len(values)
    inner = 0
    for k in range(1, (count - 1) // 2 + 1):
        if 2 * sum(math.comb(count, i) for i in range(k + 1)) / 2 ** count \
                <= 0.05:
            inner = k
    return statistics.median(values), values[inner], values[-1 - inner]


def key(run):
    return tuple(run[name] for name in
                 ("workload", "workers", "rings", "depth", "variant", "mode"))


def tail(run):
    return percentile([run], 0.999)


def percentile(runs, fraction):
    pairs = sorted(pair for run in runs
                   for pair in run["latency_ns"]["buckets"])
    wanted = math.ceil(round(fraction * sum(count for _, count in pairs), 6))
    seen = 0
    for upper, count in pairs:
        seen += count
        if seen >= wanted:
            break
    return min(upper, max(run["latency_ns"]["max"] for run in runs))


def ratios(above, below, measure):
    """Of each good run in @above to the one of the same repeat."""
    partners = {run["repeat"]: run for run in below if good(run)}
    return [measure(run) / measure(partners[run["repeat"]])
            for run in above if good(run) and run["repeat"] in partners]


def random_from(seed):
    return random.Random(seed)
