# SPDX-License-Identifier: Apache-2.0
"""Compares Verdict with what does the same work without it, on one private server, and writes a report: Markdown and SVG.

    bench/compare/run.sh [--seconds S] [--rounds N] [--quick] [--to FOLDER]

--quick: one round of 2 s, without curves, and the report to standard output only.
"""
import argparse
import datetime
import json
import pathlib
import subprocess

import compare
import plot
from world import ROOT, World, commit, facts, program

CURVE = [1, 4, 16, 64, 256]


def curves(world, seconds):
    """{workload: {who: [told…]}} against what is in flight, in four processes for commits and one for the rest."""
    found = {}
    for workload, rivals, processes in (("blind", ["verdict", "bare", "notify"], 4),
                                        ("rmw", ["verdict", "serializable pipelined", "serializable statements"], 1),
                                        ("read", ["verdict", "any"], 1)):
        found[workload] = {who: [] for who in rivals}
        for in_flight in CURVE:
            for who in rivals:
                if who.startswith("serializable") and in_flight > 100:
                    continue  # a connection each
                told = compare.measure(world, who, workload, processes, in_flight, seconds)
                found[workload][who].append(told)
                compare.say(f"curve of {workload}, {processes} x {in_flight}: {who} {told['throughput_per_s']:.6g}/s")
    return found


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def costs(told):
    """All, PostgreSQL's, the resolver's, the workers'."""
    each = compare.costs(told)
    return ["-" if e is None else f"{e:.1f}" for e in [compare.cost(told) or None, *each]]


WINDOW_BAR = 1000000
ELSEWHERE = [  # work, bar, the command that measures it
    ("leader killed with -9 under load", "commits go on within 300 ms (p99 of 50)", "bench/failover.sh 50"),
    ("planned hand-over under load", "100 ms; only committed, conflict or too_old", "bench/failover.sh --planned 50"),
    ("ten minutes of load, also beside snapshots", "the last minute 0.95 of the first", "bench/endurance.sh"),
]


def window(quick):
    """Requests a second of the conflict window and of what it is compared with, one thread, by its own clock: ranges of some keys,
    read a moment ago."""
    told = subprocess.run([program("bench/micro/bench_window"), "--json", "--workload", "6",
                           "--requests", "200000" if quick else "2000000"], text=True, capture_output=True, check=True).stdout
    return {each["what"]: each["requests_per_s"] for each in json.loads(told)}


def bars(cases, windows):
    """What must be reached, what was, and what it is held against."""
    lines = ["## What must be reached", "",
             "CPU says how much processor time the other one takes for the same, ours being 1: what the ratio of throughputs would be if nobody "
             "ever waited for the disk or for others. Of what leaves the processor idle (one in flight) it says little.", "",
             "| work | bar | reached | ours | the other | CPU |", "|---|---|---|---|---|---|"]
    for title, rival, snapshots, bar, *_ in compare.BARS:
        if bar is None or not any(c["snapshots"] is snapshots for c in cases):
            continue
        least, share = not compare.is_latency(title), compare.ratio(cases, title, rival, snapshots)
        ours, other = compare.both(cases, title, rival, snapshots)
        unit = "/s" if least else " ms p50"
        lines.append(f"| {title}{' beside snapshots of 5 s' if snapshots else ''} | {'at least' if least else 'at most'} {bar} of {rival}"
                     f"{' snapshots' if rival == 'without' else ''} | {share:.2f}: {'met' if (share >= bar if least else share <= bar) else '**not met**'} | "
                     f"{number(ours)}{unit} | {number(other)}{unit} | {compare.cost_ratio(cases, title, rival, snapshots):.2f} |")
    plain = max(rate for what, rate in windows.items() if what != "window")
    met = "met" if windows["window"] >= WINDOW_BAR else "**not met**"
    lines.append(f"| window, one thread, a read and a write range a request, 5 s of history | at least {WINDOW_BAR:,}/s | {windows['window']:,.0f}/s: {met} | "
                 f"{windows['window']:,.0f}/s | {plain:,.0f}/s | |")
    lines += [f"| {work} | {bar} | `{command}` measures it | | | |" for work, bar, command in ELSEWHERE]
    return lines + ["", f"The window's other is the better of {' and '.join(sorted(set(windows) - {'window'}))} (`bench_window`), held to the same answers.", ""]


def report(cases, windows, known, revision, seconds, rounds, charts):
    lines = ["# Beside what", "",
             "Written by `bench/compare/run.sh`: everything on one private server, by turns, the median of "
             f"{rounds} runs of {seconds} s each (commit {revision}, {datetime.date.today().isoformat()}). What counts is the ratio; absolute figures are those of this machine, "
             "as busy as it was.", "", *bars(cases, windows), "## On what, and beside what", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in known.items()]
    lines += ["", "| compared with | what it is |", "|---|---|"] + [f"| {who} | {words} |" for who, words in compare.WORDS.items() if who != "verdict"]
    for case in cases:
        unit = "/s" if case["compared"] == "throughput" else "p50, ms"
        lines += ["", f"## {case['title']}{', beside snapshots of 5 s' if case['snapshots'] else ''}", "",
                  f"| | {unit} | Verdict : it | p50, ms | p99, ms | retries | CPU µs each | PostgreSQL | resolver | workers |", "|---|---|---|---|---|---|---|---|---|---|"]
        for who, told in case["runs"].items():
            middle = sorted(told, key=lambda t: compare.figure(t, case["compared"]))[len(told) // 2]
            share = case["figures"]["verdict"] / case["figures"][who]
            lines.append(f"| {who} | {number(case['figures'][who])} | {share:.2f} | {number(middle['latency_ms']['p50'])} | "
                         f"{number(middle['latency_ms']['p99'])} | {middle['retries']:,} | {' | '.join(costs(told))} |")
    if charts:
        lines += ["", "## Against load", ""] + [f"![{name}]({name}.svg)" for name in charts]
    return "\n".join(lines) + "\n"


def draw(found):
    charts = {}
    for workload, whos in found.items():
        throughput = {who: [(t["processes"] * t["in_flight"], t["throughput_per_s"]) for t in told] for who, told in whos.items()}
        latency = {who: [(t["processes"] * t["in_flight"], t["latency_ms"]["p50"]) for t in told] for who, told in whos.items()}
        charts[f"compare-{workload}-throughput"] = plot.chart(f"{workload}: throughput", "in flight", "a second", throughput, True, True)
        charts[f"compare-{workload}-latency"] = plot.chart(f"{workload}: latency, p50", "in flight", "ms", latency, True, True)
    return charts


def main():
    parser = argparse.ArgumentParser(prog="bench/compare/run.sh", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--to", type=pathlib.Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.rounds = 2, 1
    with World() as world:
        known = facts(world)
        cases = compare.compare(world, given.seconds, given.rounds)
        windows = window(given.quick)
        charts = {} if given.quick else draw(curves(world, 2))
    page = report(cases, windows, known, commit(), given.seconds, given.rounds, charts)
    if given.quick:
        print(page)
        return
    given.to.mkdir(parents=True, exist_ok=True)
    (given.to / "compare.md").write_text(page, encoding="utf-8")
    for name, svg in charts.items():
        (given.to / f"{name}.svg").write_text(svg, encoding="utf-8")
    told = {"facts": known, "commit": commit(), "window": windows, "cases": [{k: v for k, v in case.items() if k != "runs"} for case in cases]}
    (given.to / "compare.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"{given.to / 'compare.md'}: written")


main()
