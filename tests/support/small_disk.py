# SPDX-License-Identifier: Apache-2.0
"""A disk that can be filled: a tmpfs of a few megabytes, mounted where a test wants it. That takes root; a test says so and is
skipped where it may not be."""
import contextlib
import os
import pathlib
import subprocess

import pytest


class SmallDisk:
    def __init__(self, folder, megabytes):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "verdict-test", str(self.folder)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"skipped: a small disk takes the right to mount one: {done.stderr.strip()}")
        self.ballast = self.folder / "ballast"

    def free_bytes(self):
        there = os.statvfs(self.folder)
        return there.f_bfree * there.f_frsize

    def fill(self, leave_bytes=0):
        """What is free goes into one file, but for so much. More than that may come free again as others remove theirs."""
        with open(self.ballast, "ab", buffering=0) as file:
            with contextlib.suppress(OSError):
                while self.free_bytes() > leave_bytes:
                    file.write(b"\0" * min(1 << 20, self.free_bytes() - leave_bytes))

    def is_full(self):
        return self.free_bytes() == 0

    def relieve(self):
        self.ballast.unlink(missing_ok=True)

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.folder)], stdin=subprocess.DEVNULL, check=False)
        with contextlib.suppress(OSError):
            self.folder.rmdir()


@contextlib.contextmanager
def small_disk(folder, megabytes):
    disk = SmallDisk(folder, megabytes)
    try:
        yield disk
    finally:
        disk.unmount()
