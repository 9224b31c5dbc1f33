# SPDX-License-Identifier: Apache-2.0
"""The checker is checked: histories that are correct pass, and each way to break one is called by its name."""
import json
import subprocess

import pytest

from generated import World


@pytest.fixture
def check(program):
    def run(*arguments):
        done = subprocess.run([program("tests/history/check"), "--json", *map(str, arguments)], text=True, timeout=300,
                              capture_output=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        told = json.loads(done.stdout)
        assert told["ok"] == (done.returncode == 0) == (told["anomalies"] == 0)
        return told
    return run


@pytest.mark.parametrize("losses", [0, 1, 2])
def test_correct_histories_pass(check, tmp_path, losses):
    reads = committed = unknown = 0
    for seed in range(40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        told = check(*World(seed).run(200, losses).write_files(folder))
        assert told["ok"], (seed, told["explained"])
        reads += told["reads"]
        committed += told["committed"]
        unknown += told["unknown_committed"]
    assert reads > 4000 and committed > 2000 and unknown > 50
