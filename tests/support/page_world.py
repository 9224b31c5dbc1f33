# SPDX-License-Identifier: Apache-2.0
"""Nodes that answer HTTP, work for them, and a browser that looks at their pages."""
import os
import signal
import subprocess

from cli import environment
from http_ask import port_of
from resolver_world import World, key_range

CURIOUS_KEY = b"<script>document.title='taken'</script><img src=x onerror=alert(1)>\xff"


class PageWorld(World):
    def __init__(self, database, program, folder, browser):
        super().__init__(database, program("resolver/verdict-resolver"), folder)
        self.verdict = program("cli/verdict")
        self.browser = browser
        self.loads = []

    def serving(self, name, lease_ttl="10s"):
        """A node that answers HTTP, on a port of its own."""
        node = self.node(name, settings={"http-listen": "127.0.0.1:0", "lease-ttl": lease_ttl})
        node.origin = f"http://127.0.0.1:{port_of(node)}"
        return node

    def page(self, node):
        return self.browser.open(f"{node.origin}/")

    def load(self, workload, *arguments, seconds=600):
        """A `verdict bench` that goes on beside, until unload()."""
        self.loads.append((workload, subprocess.Popen(
            [self.verdict, "bench", workload, "--seconds", str(seconds), "--warmup", "0", *map(str, arguments)],
            env=environment(VERDICT_DSN=self.dsn), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)))  # its workers are of its group, and end with it

    def unload(self, workload=None):
        for name, load in [one for one in self.loads if workload in (None, one[0])]:
            os.killpg(load.pid, signal.SIGKILL)
            load.wait()
            self.loads.remove((name, load))

    def conflict(self, key, times):
        """Commits that read a key which has been written since."""
        client = self.client()
        before = client.snapshot()
        client.commit([(0, key, b"")], writes=[key_range(key)], at=before)
        for _ in range(times):
            assert client.commit([(0, b"of no use", b"")], reads=[key_range(key)], at=before).code == 1020

    def close(self):
        self.unload()
        super().close()
