# SPDX-License-Identifier: Apache-2.0
"""Minutes of load, and whether the last one is as the first: what bench/endurance.sh runs."""
import argparse
import contextlib
import json
import pathlib
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "compare"))

from compare import measure  # noqa: E402
from world import World  # noqa: E402

TABLES = ("kv", "commit_requests", "outcomes", "watermark", "clients", "tombstones", "lease")


def sizes(world):
    """Bytes of each table with its indexes."""
    return {t: world.database.execute(f"SELECT pg_total_relation_size('{t}')")[0][0] for t in TABLES}


def resolver_bytes(world):
    with open(f"/proc/{world.resolver.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


def spell(world, given, minutes, snapshots):
    """Piece after piece, each beside one of the bare pipeline: what the machine does meanwhile is in both."""
    pieces = []
    rounds = max(2, round(minutes * 60 / (given.piece * 2)))
    for i in range(rounds):
        with world.snapshots() if snapshots else contextlib.nullcontext():
            ours = measure(world, "verdict", given.workload, given.processes, given.in_flight, given.piece)
            bare = None if given.alone else measure(world, "bare", given.workload, given.processes, given.in_flight, given.piece)
        piece = {"snapshots": snapshots, "piece": i, "throughput_per_s": ours["throughput_per_s"], "p99_ms": ours["latency_ms"]["p99"],
                 "bare_per_s": bare and bare["throughput_per_s"], "resolver_bytes": resolver_bytes(world),
                 "postgresql_bytes": ours["memory_bytes"]["postgresql"], "tables": sizes(world)}
        pieces.append(piece)
        print(json.dumps(piece), flush=True)
    return pieces


def first_and_last(pieces, count):
    return pieces[:count], pieces[-count:]


def tell(pieces, given, snapshots):
    """The last minute over the first, also as shares of the bare pipeline, and what grew; whether that is good."""
    count = min(max(1, round(60 / (given.piece * 2))), len(pieces) // 2)
    first, last = first_and_last(pieces, count)

    def mean(part, field):
        return statistics.mean(p[field] for p in part)
    share = mean(last, "throughput_per_s") / mean(first, "throughput_per_s")
    beside = None if given.alone else share / (mean(last, "bare_per_s") / mean(first, "bare_per_s"))
    grown = {t: last[-1]["tables"][t] / max(1, first[-1]["tables"][t]) for t in TABLES}
    memory = last[-1]["resolver_bytes"] / first[-1]["resolver_bytes"]
    print(f"{'with' if snapshots else 'without'} snapshots: last over first {share:.2f}"
          + ("" if beside is None else f", {beside:.2f} beside the bare pipeline")
          + f"; resolver's memory x {memory:.2f}; tables " + ", ".join(f"{t} x {g:.2f}" for t, g in grown.items() if abs(g - 1) > 0.01))
    return beside if beside is not None else share


def main():
    parser = argparse.ArgumentParser(prog="bench/endurance.sh", description="minutes of load: the last minute beside the first")
    parser.add_argument("--minutes", type=float, default=10, help="of each half: without snapshots, and with")
    parser.add_argument("--workload", default="blind", choices=["blind"])
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--piece", type=int, default=10, help="seconds of one measurement")
    parser.add_argument("--alone", action="store_true", help="without the bare pipeline by turns, which tells what the machine does meanwhile")
    parser.add_argument("--bound", type=float, default=0.95, help="ends with 1 if the last minute is below this share of the first")
    given = parser.parse_args()
    shares = []
    with World() as world:
        for snapshots in (False, True):
            shares.append(tell(spell(world, given, given.minutes, snapshots), given, snapshots))
    sys.exit(0 if min(shares) >= given.bound else 1)


main()
