# SPDX-License-Identifier: Apache-2.0
"""What is measured beside what, and the ratios; run.py writes the report of it, guard holds it to bounds.

Everything runs on one private server (fsync on), by turns, each several times; what counts is the ratio of the medians. With
snapshots means: beside it, a snapshot of up to 5 s is always open.
"""
import statistics
import sys

# title, workload of ours, rivals (name, variant), processes, in flight, what is compared
CASES = [
    ("one-key commits, 4 x 256 in flight", "blind", [("bare", None), ("notify", None)], 4, 256, "throughput"),
    ("one-key commits, one in flight", "blind", [("bare", None), ("notify", None)], 1, 1, "p50"),
    ("2 reads + 2 writes, 64 in flight", "rmw", [("serializable", "pipelined"), ("serializable", "statements")], 1, 64, "throughput"),
    ("point reads, 64 in flight", "read", [("any", None)], 1, 64, "throughput"),
]
WORDS = {
    "verdict": "Verdict",
    "bare": "the bare pipeline: the same statements, and nothing of what makes them right (the ceiling)",
    "notify": "one INSERT and one NOTIFY a request, statuses stamped in place, one statement at a time",
    "serializable pipelined": "PostgreSQL SERIALIZABLE with retries, two round trips a transaction",
    "serializable statements": "PostgreSQL SERIALIZABLE with retries, statement by statement",
    "any": "`= ANY` of 64 on one connection, in one snapshot",
}


def name_of(rival):
    name, variant = rival
    return f"{name} {variant}" if variant else name


def measure(world, who, workload, processes, in_flight, seconds):
    shape = ["--processes", processes, "--in-flight", in_flight, "--seconds", seconds, "--warmup", 1]
    if who == "verdict":
        return world.bench(workload, *shape)
    name, _, variant = who.partition(" ")
    return world.rival(name, *shape, *(["--variant", variant] if variant else []))


def figure(told, what):
    return told["throughput_per_s"] if what == "throughput" else told["latency_ms"]["p50"]


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def compare(world, seconds, rounds, with_snapshots=True):
    """[{title, snapshots, compared, figures: {who: median}, runs: {who: [told…]}}…]"""
    found = []
    for title, workload, rivals, processes, in_flight, what in CASES:
        for snapshots in (False, True) if with_snapshots else (False,):
            runs = {who: [] for who in ["verdict", *map(name_of, rivals)]}
            for _ in range(rounds):
                for who, told in runs.items():
                    if snapshots:
                        with world.snapshots():
                            told.append(measure(world, who, workload, processes, in_flight, seconds))
                    else:
                        told.append(measure(world, who, workload, processes, in_flight, seconds))
                    say(f"{title}{', snapshots' if snapshots else ''}: {who} {figure(told[-1], what):.6g}")
            found.append({"title": title, "snapshots": snapshots, "compared": what,
                          "figures": {who: statistics.median(figure(t, what) for t in told) for who, told in runs.items()}, "runs": runs})
    return found


def both(found, title, rival, snapshots=False):
    """Verdict's figure and the rival's, both in the same case. rival "without": Verdict's own, without snapshots."""
    case = next(c for c in found if c["title"].startswith(title) and c["snapshots"] is snapshots)
    if rival == "without":
        return case["figures"]["verdict"], next(c for c in found if c["title"] == case["title"] and not c["snapshots"])["figures"]["verdict"]
    return case["figures"]["verdict"], case["figures"][rival]


def ratio(found, title, rival, snapshots=False):
    ours, other = both(found, title, rival, snapshots)
    return ours / other


def costs(told):
    """Processor time of one operation, in µs: PostgreSQL's, the resolver's, the workers'; None where there is none or it is not known.
    Unlike a throughput it hardly depends on who else uses the machine."""
    done = max(1, sum(t["done"] for t in told))
    return [None if any(t["cpu_s"][who] is None for t in told) else 1e6 * sum(t["cpu_s"][who] for t in told) / done
            for who in ("postgresql", "resolver", "workers")]


def cost(told):
    return sum(c for c in costs(told) if c is not None)


def cost_ratio(found, title, rival, snapshots=False):
    """How many times ours the rival's cost is: what the throughput would be if nobody ever waited."""
    case = next(c for c in found if c["title"].startswith(title) and c["snapshots"] is snapshots)
    other = next(c for c in found if c["title"] == case["title"] and not c["snapshots"])["runs"]["verdict"] if rival == "without" else case["runs"][rival]
    return cost(other) / cost(case["runs"]["verdict"])


# what, rival, with snapshots, the bar (least, or most for a latency), and the guard's bounds, which allow for a busy machine:
# of the ratio, and of the ratio of costs
BARS = [
    ("one-key commits, 4 x 256", "bare", False, 0.65, 0.55, 0.45),
    ("one-key commits, 4 x 256", "notify", False, 15, 8, 7),
    ("one-key commits, 4 x 256", "without", True, 0.8, 0.55, 0.6),
    ("one-key commits, one in flight", "bare", False, 1.4, 2, 0.45),
    ("2 reads + 2 writes", "serializable statements", False, 8, 1.2, 2.8),
    ("2 reads + 2 writes", "serializable pipelined", False, None, 0.9, 2.4),
    ("point reads", "any", False, 0.6, 0.35, 0.42),
]


def is_latency(title):
    return "one in flight" in title
