# SPDX-License-Identifier: Apache-2.0
"""A range of 1,000,000 rows is read with the memory of a small one."""
import contextlib
import subprocess

import pytest

from cli import environment
from transaction_fixtures import world  # noqa: F401 (a fixture)

ROWS = 1_000_000
VALUE_BYTES = 100
GROWTH_KB = 16 * 1024  # of 120 MB that are read; a sanitizer's own bookkeeping is in it


@pytest.fixture(scope="module")
def filled(world):
    """Put there behind the library's back, which takes seconds, not minutes."""
    world.database.execute("INSERT INTO kv SELECT convert_to('long/' || lpad(i::text, 8, '0'), 'UTF8'), convert_to(repeat('v', %s), 'UTF8') "
                           "FROM generate_series(1, %s) AS i", (VALUE_BYTES, ROWS))
    return world.database.dsn()


def resident_kb(pid):
    """The largest that it was so far; of the process, not of whoever forked it (as getrusage would say)."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM")), 0)
    return 0


def peak_kb(program, dsn, script):
    """Of a `verdict exec` while it prints: its largest resident set, and how many lines it printed."""
    peak = lines = 0
    with subprocess.Popen([program("cli/verdict"), "exec", script], stdout=subprocess.PIPE,
                          env=environment(VERDICT_DSN=dsn, ASAN_OPTIONS="quarantine_size_mb=1")) as process:
        for chunk in iter(lambda: process.stdout.read1(1 << 20), b""):
            lines += chunk.count(b"\n")
            peak = max(peak, resident_kb(process.pid))
    assert process.returncode == 0 and peak > 0
    return peak, lines


@pytest.mark.parametrize("how", ["", "reverse", "snapshot"])
def test_memory_does_not_grow_with_the_range(program, filled, how):
    take = "option long_snapshot; getrange long/ long0"  # a slow machine takes longer than others may be old
    small, few = peak_kb(program, filled, f"{take} limit 10000 {how}")
    large, many = peak_kb(program, filled, f"{take} {how}")
    print(f"{how or 'forward'}: {few - 1} rows {small} kB, {many - 1} rows {large} kB")
    assert (few, many) == (10001, ROWS + 1)
    assert large - small < GROWTH_KB
