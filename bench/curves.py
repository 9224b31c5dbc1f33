# SPDX-License-Identifier: Apache-2.0
"""Curves of one kind of load each: what bench/scaling.sh runs."""
import argparse
import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "compare"))

import plot  # noqa: E402
from world import ROOT, World, commit  # noqa: E402

# name of a curve: what varies, its values, the workloads, and the settings of each point
CURVES = {
    "in-flight": ("in flight, one process", [1, 4, 16, 64, 256, 1024, 4096], ["blind", "rmw", "read"],
                  lambda x: ["--in-flight", x]),
    "processes": ("processes, 16 in flight each", [1, 2, 4, 8, 16, 32, 64], ["blind", "rmw", "read"],
                  lambda x: ["--processes", x, "--in-flight", 16]),
    "value-bytes": ("bytes of a value, 64 in flight", [16, 100, 1000, 10000, 100000], ["blind", "read"],
                    lambda x: ["--value-bytes", x, "--in-flight", 64, "--keys", min(100000, max(1000, 200000000 // (x + 1000)))]),
    "keys": ("keys, 64 in flight", [10000, 100000, 1000000, 10000000], ["blind", "read", "rmw"],
             lambda x: ["--keys", x, "--in-flight", 64]),
    "theta": ("theta of zipf, 64 in flight", [0.5, 0.8, 0.99, 1.2, 1.5], ["blind", "rmw", "read"],
              lambda x: ["--distribution", "zipf", "--theta", x, "--in-flight", 64]),
}


def sketch(x):
    """A smaller one of the same shape, to see that it works."""
    return x[:: max(1, len(x) // 2)][:2]


def batch_chart(points):
    """How large batches are, against what is in flight."""
    of = {}
    for p in points:
        if p["curve"] == "in-flight" and p["requests_a_batch"] is not None:
            of.setdefault(p["workload"], []).append((p["x"], p["requests_a_batch"]))
    return plot.chart("Requests a batch", "in flight", "requests", of, True, True)


def main():
    parser = argparse.ArgumentParser(prog="bench/scaling.sh", description="curves of throughput and latency against load, keys and sizes")
    parser.add_argument("--seconds", type=int, default=4, help="of each point, after a warm-up of 1 s")
    parser.add_argument("--curve", action="append", choices=sorted(CURVES), help="only this one")
    parser.add_argument("--keys-most", type=int, default=10000000, help="leaves out what takes more keys than this")
    parser.add_argument("--short", action="store_true", help="two points a curve, 1 s each, and a few keys")
    parser.add_argument("--to", type=pathlib.Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    if given.short:
        given.seconds, given.keys_most = 1, min(given.keys_most, 100000)
    given.to.mkdir(parents=True, exist_ok=True)
    points, revision = [], commit()
    with World() as world, open(given.to / "scaling.jsonl", "w", encoding="utf-8") as lines:
        for curve in given.curve or CURVES:
            what, values, workloads, settings = CURVES[curve]
            for workload in workloads:
                for x in sketch(values) if given.short else values:
                    if curve == "keys" and x > given.keys_most:
                        print(f"{curve}, {workload}, {x}: left out (--keys-most)", file=sys.stderr)
                        continue
                    told = world.bench(workload, "--seconds", given.seconds, "--warmup", 1, *settings(x))
                    told.pop("histogram")
                    told.update(curve=curve, x=x, commit=revision)
                    points.append(told)
                    lines.write(json.dumps(told) + "\n")
                    lines.flush()
                    print(f"{what}: {workload} {x}: {told['throughput_per_s']:.0f}/s, p50 {told['latency_ms']['p50']:.3f} ms", file=sys.stderr, flush=True)
            throughput, latency = {}, {}
            for p in points:
                if p["curve"] == curve:
                    throughput.setdefault(p["workload"], []).append((p["x"], p["throughput_per_s"]))
                    latency.setdefault(p["workload"] + " p50", []).append((p["x"], p["latency_ms"]["p50"]))
                    latency.setdefault(p["workload"] + " p99", []).append((p["x"], p["latency_ms"]["p99"]))
            log_x = curve != "theta"
            for name, chart in (("throughput", plot.chart("Throughput", what, "a second", throughput, log_x, True)),
                                ("latency", plot.chart("Latency", what, "ms", latency, log_x, True))):
                (given.to / f"scaling-{curve}-{name}.svg").write_text(chart, encoding="utf-8")
    if any(p["curve"] == "in-flight" for p in points):
        (given.to / "scaling-batches.svg").write_text(batch_chart(points), encoding="utf-8")
    print(f"{len(points)} points: {given.to / 'scaling.jsonl'}")


main()
