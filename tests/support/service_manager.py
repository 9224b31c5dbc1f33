# SPDX-License-Identifier: Apache-2.0
"""Who a service of type notify talks to: a stand-in for systemd at the other end of NOTIFY_SOCKET."""
import contextlib
import os
import secrets
import socket
import unittest.mock

from waiting import wait_until


class ServiceManager:
    def __init__(self, watchdog_us=200_000):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = f"verdict-test-{secrets.token_hex(8)}"
        self.socket.bind(f"\0{self.name}")
        self.socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": f"@{self.name}", "WATCHDOG_USEC": str(watchdog_us)}
        self.all = []

    def starting(self):
        """What is started in the block is a service of its. (A PostgreSQL would be one, too.)"""
        return unittest.mock.patch.dict(os.environ, self.environment)

    def told(self):
        """All that it was told so far, in order."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.all.append(self.socket.recv(4096).decode())
        return self.all

    def wait_told(self, begin, times=1):
        wait_until(lambda: sum(one.startswith(begin) for one in self.told()) >= times, lambda: f"not told {begin}: {self.all}")

    def close(self):
        self.socket.close()
