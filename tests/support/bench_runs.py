# SPDX-License-Identifier: Apache-2.0
"""Runs of `verdict bench` beside which something happens."""
import json
import subprocess

from cli import environment

# for each workload, what a stranger does again and again while it runs: it must be noticed
STRANGERS = {
    "blind": "clear_range bench/blind/ bench/blind0",
    "read": "set bench/read/0000000007 x",
    "range": "clear bench/range/0000000007",
    "rmw": "add bench/rmw/0000000007 5",
    "mixed": "clear_range bench/mixed/ bench/mixed0",
    "hot_add": "add bench/hot_add/0000000000 5",
    "hot_rmw": "add bench/hot_rmw/0000000000 5",
    "large": "clear_range bench/large/ bench/large0",
    "churn": "clear_range bench/churn/ bench/churn0",
}
# so many that not all of them are written again between what the stranger does last and the end
KEYS = {"blind": 3000, "large": 3000, "churn": 20000, "hot_add": 1, "hot_rmw": 1}


# seconds of a run: the first will do, but on a machine on which nothing gets done in it
LONGER = (1, 4, 16, 64)


def begin(program, cluster, *arguments):
    return subprocess.Popen([program("cli/verdict"), "bench", *map(str, arguments)], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment(VERDICT_DSN=cluster))


def with_a_stranger(program, verdict, cluster, workload):
    """Somebody else writes what the workload takes for its own, until it ends: it says so, and ends with 1."""
    for seconds in LONGER:
        process = begin(program, cluster, workload, "--in-flight", 2, "--seconds", seconds, "--warmup", 0, "--json", "--keys", KEYS.get(workload, 40))
        while process.poll() is None:
            verdict("exec", STRANGERS[workload], dsn=cluster).good()
        out, err = process.communicate()
        if process.returncode != 0:
            break
    assert process.returncode == 1, err
    assert json.loads(out)["checked"] is False
