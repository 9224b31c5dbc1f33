# SPDX-License-Identifier: Apache-2.0
"""verdict bench, what takes longer: the check of each workload fails when the store is not what it was told, and batches are counted."""
import json

import bench_runs
import pytest
from cli import cluster, verdict  # noqa: F401 (fixtures)


@pytest.mark.parametrize("workload", bench_runs.STRANGERS)
def test_a_wrong_answer_is_noticed(program, verdict, cluster, workload):
    bench_runs.with_a_stranger(program, verdict, cluster, workload)


def test_batches_are_counted(verdict, cluster):
    """One in flight is one a batch; it takes until a few renewals were seen."""
    for seconds in (8, 16, 32, 64):
        told = json.loads(verdict("bench", "blind", "--in-flight", "1", "--seconds", seconds, "--warmup", "0", "--json", dsn=cluster).good().stdout)
        if told["requests_a_batch"] is not None:
            break
    assert told["requests_a_batch"] == 1
