# SPDX-License-Identifier: Apache-2.0
"""A cluster of containers as deploy/cluster.sh makes it, for tests: a project, secrets and volumes of its own, all gone at the end."""
import json
import os
import pathlib
import shutil
import subprocess
import threading
import time

import pytest
from waiting import PATIENCE_S, wait_until

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = ROOT / "deploy" / "cluster.sh"
TEXTS = "$(find /usr/share/common-licenses -type f)"


def run(*command, code=0, **more):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S * 2,
                          check=False, **more)
    assert code is None or done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def docker(*arguments, **more):
    return run("docker", *arguments, **more).stdout.strip()


def skip_without_docker():
    if shutil.which("docker") is None or run("docker", "info", code=None).returncode != 0:
        pytest.skip("no Docker daemon answers")
    if run("docker", "compose", "version", code=None).returncode != 0 and shutil.which("docker-compose") is None:
        pytest.skip("neither docker compose nor docker-compose is installed")


class Cluster:
    def __init__(self, folder, kind, **settings):
        self.kind = kind
        self.project = f"verdict-test-{kind}-{os.getpid()}"
        self.secrets = folder / "secrets"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("VERDICT_", "PG", "COMPOSE_"))}
        self.environment |= {"COMPOSE_PROJECT_NAME": self.project, "VERDICT_SECRETS": str(self.secrets),
                             "VERDICT_IMAGE": "verdict-test-verdict", "VERDICT_POSTGRES_IMAGE": "verdict-test-postgres", **settings}

    def __call__(self, *arguments, code=0):
        return run(PROGRAM, "--with", self.kind, *arguments, code=code, env=self.environment)

    def end(self):
        self("down", "-v", "--timeout", "0", "--remove-orphans", code=None)

    def container(self, service, number=1):
        found = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.project}", "--filter", f"label=com.docker.compose.service={service}",
                       "--filter", f"label=com.docker.compose.container-number={number}", "--filter", "label=com.docker.compose.oneoff=False")
        assert found, f"there is no container of {service}, {number}"
        return found

    def containers(self):
        return docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.project}").split()

    def kill(self, service, number=1):
        docker("kill", self.container(service, number))

    def start(self, service, number=1):
        docker("start", self.container(service, number))

    def cut(self, service):
        docker("network", "disconnect", f"{self.project}_verdict", self.container(service))

    def mend(self, service):
        docker("network", "connect", "--alias", service, f"{self.project}_verdict", self.container(service))

    def inside(self, *command, code=0):
        return run("docker", "exec", self.container("observer"), *command, code=code).stdout

    def status(self):
        """As verdict status --json says; None if it cannot."""
        done = run("docker", "exec", self.container("observer"), "verdict", "status", "--json", code=None)
        return json.loads(done.stdout) if done.stdout.startswith("{") else None

    def leader(self, other_than=None):
        """Who leads, once somebody does."""
        def serves():
            status = self.status()
            return status if status and status["serves"] and status["leader"] != other_than else None
        return wait_until(serves, "no leader", step_s=0.1)["leader"]

    def is_healthy(self, service):
        return docker("inspect", "-f", "{{.State.Health.Status}}", self.container(service)) == "healthy"

    # ---- what must come out ----

    def percent(self):
        """How much of the words is counted."""
        done = run("docker", "exec", self.container("observer"), "sh", "-c", f'wordcount progress --rounds "$ROUNDS" {TEXTS}', code=None).stdout.split()
        return int(done[0]) * 100 // int(done[1]) if len(done) == 2 else 0

    def words(self):
        """(counted by the workers, counted by coreutils), each {word: number}."""
        def table(text):
            return {word: int(number) for number, word in (line.split() for line in text.splitlines())}
        ours = table(self.inside("wordcount", "report"))
        theirs = table(self.inside("sh", "-c", f"for f in {TEXTS}; do cat $f; echo; done | LC_ALL=C tr -cs A-Za-z '\\n' | LC_ALL=C tr A-Z a-z"
                                   " | sed '/^$/d' | LC_ALL=C sort | uniq -c"))
        rounds = int(self.environment["VERDICT_ROUNDS"])
        return ours, {word: number * rounds for word, number in theirs.items()}

    def money(self):
        return self.inside("bank", "total").split()


class Load:
    """`verdict submit` in the observer's container. Each line adds 1 to a counter and sets a key of its own, so that the store tells
    how often each was applied; each verdict is kept as it comes."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.sent = 0
        self.verdicts = []
        self.stopped = threading.Event()
        self.process = subprocess.Popen(["docker", "exec", "-i", cluster.container("observer"), "verdict", "submit", "--retry", "--timeout", "0"],
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.threads = [threading.Thread(target=target, daemon=True) for target in (self._feed, self._read)]
        for thread in self.threads:
            thread.start()

    def _feed(self):
        while not self.stopped.wait(0.01):
            line = {"id": self.sent, "ops": [["add", "load/sum", 1], ["set", f"load/key/{self.sent}", "x"]]}
            self.process.stdin.write(json.dumps(line) + "\n")
            self.process.stdin.flush()
            self.sent += 1
        self.process.stdin.close()

    def _read(self):
        for line in self.process.stdout:
            self.verdicts.append(json.loads(line))

    def goes_on(self):
        """Something that is sent from now on is committed."""
        sent = self.sent
        wait_until(lambda: len(self.verdicts) > sent, lambda: f"{len(self.verdicts)} verdicts of {self.sent} sent")

    def stands_still(self):
        """What was sent waits, and no verdict comes any more."""
        def quiet():
            known = len(self.verdicts)
            time.sleep(1.5)
            return known == len(self.verdicts) < self.sent
        wait_until(quiet, "verdicts go on coming")

    def end(self):
        """All verdicts, and what the store holds, agree: each line was committed once."""
        self.stopped.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)
        assert self.process.wait(PATIENCE_S) == 0, self.process.stderr.read()
        assert {verdict["verdict"] for verdict in self.verdicts} == {"committed"}
        assert sorted(int(verdict["id"]) for verdict in self.verdicts) == list(range(self.sent))
        assert len({(verdict["version"], verdict["order"]) for verdict in self.verdicts}) == self.sent
        rows = self.cluster.inside("verdict", "exec", "getrange load/key/ load/key0").splitlines()
        keys = [line for line in rows if line.startswith("load/key/")]
        assert len(keys) == self.sent, "a commit that was acknowledged is not there, or one that was not is"
        checks = self.cluster.inside("verdict", "exec", f"require_value load/sum {little_endian(self.sent)}")
        assert checks.startswith("committed"), f"{self.sent} commits: {self.cluster.inside('verdict', 'exec', 'get load/sum')}"


def little_endian(number):
    return "".join(f"\\x{byte:02x}" for byte in number.to_bytes(8, "little"))
