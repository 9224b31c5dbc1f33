# SPDX-License-Identifier: Apache-2.0
"""A machine to be spoiled: this one's files with a layer of our own over them, in a mount namespace of its own. What is installed
there is nowhere else, and gone at the end; no network and no package is needed. Processes, ports, and /tmp are this machine's.
That takes root; a test says so and is skipped where it may not be."""
import os
import pathlib
import subprocess
import tempfile

import pytest

SET_UP = """
set -e
mount -t tmpfs -o mode=0755 verdict-test "$1"
mkdir "$1/changed" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/changed,workdir=$1/work" verdict-test "$1/root"
for each in proc dev tmp; do mount --rbind /$each "$1/root/$each"; done
mount -t tmpfs -o mode=0755 verdict-test "$1/root/run"
echo ready
exec sleep infinity
"""


class SpareMachine:
    def __init__(self):
        self.layer = pathlib.Path(tempfile.mkdtemp(prefix="vdspare-"))
        self.root = self.layer / "root"
        self.keeper = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", SET_UP, "sh", str(self.layer)],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.keeper.stdout.readline() != "ready\n":
            said = self.keeper.stderr.read().strip()
            self.close()
            pytest.skip(f"skipped: a layer over this machine's files takes the right to mount one: {said}")

    def command(self, *command, user=None):
        """The same command, as it is started there; as a service of that account would be, if there is one."""
        drop = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs",
                                        "--bounding-set=-all", "--inh-caps=-all"]
        return ["nsenter", f"--target={self.keeper.pid}", "--mount", "chroot", str(self.root), *drop, *map(str, command)]

    def run(self, *command, code=0, user=None, **environment):
        """Runs it to its end there; all that it said."""
        done = subprocess.run(self.command(*command, user=user), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=300, check=False, cwd="/", env={**os.environ, **environment})
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def shell(self, script, **more):
        return self.run("sh", "-ec", script, **more)

    def close(self):
        self.keeper.kill()
        self.keeper.communicate()
        self.layer.rmdir()  # whose mounts went with the namespace
