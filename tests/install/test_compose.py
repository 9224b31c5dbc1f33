# SPDX-License-Identifier: Apache-2.0
"""The compose cluster with a PostgreSQL of its own, as its user would start it: whatever is killed, cut off, scaled or rolled, every
transaction counts once."""
import stat

import pytest
from compose_cluster import Cluster, Load, docker, skip_without_docker
from waiting import wait_until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    skip_without_docker()
    cluster = Cluster(tmp_path_factory.mktemp("compose"), "postgres", VERDICT_ROUNDS="12", VERDICT_TRANSFERS="1000")
    try:
        cluster("up", "--no-build", "--scale", "worker=0")
        yield cluster
    finally:
        cluster.end()


def test_counts(cluster):
    load = Load(cluster)
    load.goes_on()

    cluster("scale", "worker=2")
    wait_until(lambda: cluster.percent() > 0, "the workers count nothing")
    cluster.kill("worker")
    left = cluster.percent()
    assert left < 90, f"the count was nearly over ({left} %) before a worker was killed: raise VERDICT_ROUNDS"
    first = cluster.leader()
    cluster.kill(first)
    second = cluster.leader(other_than=first)
    load.goes_on()

    cluster.start(first)
    cluster("scale", "worker=4")
    cluster.cut(second)
    cluster.leader(other_than=second)
    load.goes_on()
    cluster.mend(second)

    cluster.kill("postgres")
    cluster.start("postgres")
    load.goes_on()
    cluster("scale", "worker=3")

    before = {name: cluster.container(name) for name in ("resolver-1", "resolver-2", "resolver-3")}
    cluster("roll")
    for name, container in before.items():
        assert cluster.container(name) != container and cluster.is_healthy(name)
    load.goes_on()
    load.end()

    wait_until(lambda: cluster.percent() == 100, lambda: f"the words are counted to {cluster.percent()} %", step_s=0.3)
    ours, theirs = cluster.words()
    assert ours == theirs
    assert cluster.money() == ["100", "100000"]
    assert "serving" in cluster("status").stdout or cluster.status()["serves"]


def test_secrets_stay_secret(cluster):
    files = sorted(cluster.secrets.glob("*.pgpass"))
    assert [file.name for file in files] == ["admin.pgpass", "resolver.pgpass", "worker.pgpass"]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in [*files, cluster.secrets / "cluster"])
    assert stat.S_IMODE(cluster.secrets.stat().st_mode) == 0o700
    words = [file.read_text().strip().split(":")[-1] for file in files]
    assert len(set(words)) == len(words) and min(map(len, words)) >= 32
    running = docker("ps", "-q", "--filter", f"label=com.docker.compose.project={cluster.project}").split()
    seen = docker("inspect", *cluster.containers()) + cluster("logs").stdout + "".join(docker("top", name) for name in running)
    assert not [word for word in words if word in seen]


@pytest.mark.parametrize("service", ["resolver-1", "observer", "postgres"])
def test_containers_may_do_little(cluster, service):
    name = cluster.container(service)
    assert docker("exec", name, "id", "-u") == "10001"
    assert "CapBnd:\t0000000000000000" in docker("exec", name, "cat", "/proc/1/status")
    docker("exec", name, "sh", "-c", "! touch /usr/bin/x 2>/dev/null")
    docker("exec", name, "sh", "-c", "! command -v cc gcc ld make")


def test_nothing_is_reached_from_outside(cluster):
    assert not "".join(docker("port", name) for name in cluster.containers())
    assert docker("network", "inspect", "-f", "{{.Internal}}", f"{cluster.project}_verdict") == "true"
