# SPDX-License-Identifier: Apache-2.0
"""verdict bench: each workload runs and is checked, and the check can fail (test_cli_bench_long.py has the others). Nothing here is
timed."""
import json
import os
import pathlib
import re
import signal

import pytest
import bench_runs
from cli import cluster, verdict  # noqa: F401 (fixtures)
from waiting import rest_of, wait_until

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8").split("## bench")[1]
WORKLOADS = re.findall(r"^\| `(\w+)` \| [a-z]", PAGE.split("| field")[0], re.M)
FIELDS = {name for row in re.findall(r"^\| (`.*?) \|", PAGE.split("| field of bench")[1], re.M) for name in re.findall(r"`(\w+)`", row)}
SHORT = ("--warmup", "0", "--keys", "3000", "--json")
# 1 MB at a time is slow to check with a sanitizer
SHORTER = {"large": ("--warmup", "0", "--keys", "200", "--json"), "hot_add": ("--warmup", "0", "--json"), "hot_rmw": ("--warmup", "0", "--json")}


def test_help_names_the_documented_workloads(verdict):
    told = verdict("bench", "--help").good().stdout
    assert WORKLOADS and re.findall(r"^  (\w+)  +\S", told.split("-- ")[0].split("told.")[1], re.M)[: len(WORKLOADS)] == WORKLOADS
    verdict("bench").wrong("one workload is needed", "verdict bench --help")
    verdict("bench", "blnd").wrong("one workload is needed")


@pytest.mark.parametrize("given, says", [
    (("--in-fligt", "3"), "in-fligt"),
    (("--value-bytes", "7"), "8 bytes at least"),
    (("--keys", "1"), "two keys"),
    (("--distribution", "pareto"), "distribution"),
    (("--distribution", "zipf", "--theta", "much"), "theta much"),
    (("--theta", "0"), "theta 0"),
])
def test_wrong_use(verdict, given, says):
    verdict("bench", "blind", *given).wrong(says)


def test_a_counter_has_its_size(verdict):
    verdict("bench", "hot_add", "--value-bytes", "9").wrong("a size of their own")


def test_no_store(verdict, tmp_path):
    verdict("bench", "blind", dsn=f"host={tmp_path} dbname=none").wrong("none|connect")


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_run_is_checked(verdict, cluster, workload):
    with_zipf = ("--distribution", "zipf") if workload in ("read", "mixed", "churn") else ()
    shape = ("--processes", "1", "--in-flight", "2") if workload == "large" else ("--processes", "2", "--in-flight", "8")
    for seconds in bench_runs.LONGER:
        told = json.loads(verdict("bench", workload, *shape, "--seconds", seconds, *with_zipf, *SHORTER.get(workload, SHORT), dsn=cluster).good().stdout)
        if told["done"] > 0:
            break
    assert set(told) == FIELDS - {"p50", "p95", "p99", "p999", "max", "postgresql", "resolver", "workers"}
    assert told["workload"] == workload and told["checked"] is True and told["interrupted"] is False
    assert told["done"] > 0 and told["checks"] > 0 and told["seconds"] == seconds
    assert 0 < told["latency_ms"]["p50"] <= told["latency_ms"]["p99"] <= told["latency_ms"]["max"]
    ends, counts = zip(*told["histogram"])
    assert list(ends) == sorted(ends) and (sum(counts) == told["done"] or workload == "range")
    assert told["latency_ms"]["max"] <= ends[-1] * 1.0001
    for who in ("postgresql", "resolver", "workers"):
        assert told["memory_bytes"][who] is not None and told["cpu_s"][who] is not None, (who, told["memory_bytes"], told["cpu_s"])
    writes = workload not in ("read", "range")
    assert (told["commits"] > 0) is writes and (told["wal_bytes_a_commit"] is not None) is writes


def test_more_processes_than_keys(verdict, cluster):
    told = json.loads(verdict("bench", "blind", "--processes", "4", "--in-flight", "8", "--seconds", "1", "--warmup", "0", "--keys", "2",
                              "--json", dsn=cluster).good().stdout)
    assert told["checked"] is True and told["checks"] == 4


@pytest.mark.parametrize("workload", ["rmw", "mixed", "hot_add", "churn"])
def test_a_wrong_answer_is_noticed(program, verdict, cluster, workload):
    bench_runs.with_a_stranger(program, verdict, cluster, workload)


def test_interrupted(program, verdict, cluster):
    """Ctrl-C ends the load; what was done until then is checked and reported."""
    verdict("exec", "clear_range bench/rmw/ bench/rmw0", dsn=cluster).good()
    process = bench_runs.begin(program, cluster, "rmw", "--processes", "2", "--in-flight", "4", "--seconds", "600", *SHORT)

    def many_have_changed():
        assert process.poll() is None
        rows = re.findall(r" = (.*)", verdict("exec", "getrange bench/rmw/ bench/rmw0 limit 200", dsn=cluster).stdout)
        return sum(row != max(set(rows), key=rows.count) for row in rows) > 30
    wait_until(many_have_changed, "no accounts change")
    os.kill(process.pid, signal.SIGINT)
    out, err = rest_of(process)
    told = json.loads(out)
    assert process.returncode == 130, err
    assert told["interrupted"] is True and told["checked"] is True and told["done"] > 0
    assert 0 < told["seconds"] < 600
