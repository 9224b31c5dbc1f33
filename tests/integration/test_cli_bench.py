# SPDX-License-Identifier: Apache-2.0
"""verdict bench: each workload runs and is checked, and the check can fail. Nothing here is timed."""
import json
import pathlib
import re
import subprocess

import pytest
from cli import cluster, environment, verdict  # noqa: F401 (fixtures)

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
WORKLOADS = re.findall(r"^\| `(\w+)` \|", PAGE.split("## bench")[1], re.M)
SHORT = ("--seconds", "2", "--warmup", "0", "--keys", "3000", "--json")


def test_help_names_the_documented_workloads(verdict):
    told = verdict("bench", "--help").good().stdout
    assert WORKLOADS and re.findall(r"^  (\w+)  +\S", told.split("-- ")[0].split("told.")[1], re.M)[: len(WORKLOADS)] == WORKLOADS
    verdict("bench").wrong("one workload is needed", "verdict bench --help")
    verdict("bench", "blnd").wrong("one workload is needed")


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("shape", [("1", "1"), ("2", "16")])
def test_a_run_is_checked(verdict, cluster, workload, shape):
    told = json.loads(verdict("bench", workload, "--processes", shape[0], "--in-flight", shape[1], *SHORT, dsn=cluster).good().stdout)
    assert told["workload"] == workload and told["checked"] is True
    assert told["done"] > 0 and told["checks"] > 0
    assert 0 < told["latency_ms"]["p50"] <= told["latency_ms"]["p99"] <= told["latency_ms"]["max"]


def test_more_processes_than_keys(verdict, cluster):
    told = json.loads(verdict("bench", "blind", "--processes", "4", "--in-flight", "8", *SHORT, "--keys", "2", dsn=cluster).good().stdout)
    assert told["checked"] is True and told["checks"] == 4


def test_money_from_nowhere_is_noticed(program, verdict, cluster):
    """Somebody pays in while the transfers run: the sum is wrong, and the run says so."""
    process = subprocess.Popen([program("cli/verdict"), "bench", "rmw", "--in-flight", "4", "--seconds", "3", "--keys", "50", "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(VERDICT_DSN=cluster))
    paid = 0
    while process.poll() is None:
        verdict("exec", "add bench/rmw/0000000007 5", dsn=cluster).good()
        paid += 1
    out, err = process.communicate()
    assert process.returncode == 1, err
    assert json.loads(out)["checked"] is False and paid > 1
