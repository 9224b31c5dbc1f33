# SPDX-License-Identifier: Apache-2.0
"""Waiting for what another process does. Deadlines are there for what never comes: a machine that is slow, busy or shared may
take many times as long as an idle one, and no test may take that for a failure. (Where a failure is wanted, as by tests/mutants,
VERDICT_PATIENCE_S makes it come sooner.)"""
import concurrent.futures
import os
import threading
import time

PATIENCE_S = int(os.environ.get("VERDICT_PATIENCE_S", "120"))


def wait_until(condition, what, timeout_s=PATIENCE_S, step_s=0.01):
    """The condition's value once it is true. what: text, or a function that makes it."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not in {timeout_s} s: {what() if callable(what) else what}")
        time.sleep(step_s)


def rest_of(process):
    """All that a program still says on standard output and standard error, when it has ended; it is killed if it does not.
    For one that was read line by line: communicate() would lose what readline() has read ahead."""
    clock = threading.Timer(PATIENCE_S, process.kill)
    clock.start()
    with concurrent.futures.ThreadPoolExecutor(2) as readers:
        out, err = readers.map(lambda stream: stream and stream.read(), (process.stdout, process.stderr))
    process.wait()
    clock.cancel()
    return out, err
