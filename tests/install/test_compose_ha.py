# SPDX-License-Identifier: Apache-2.0
"""The compose cluster with a primary and a synchronous standby: the standby is promoted under load, and nothing that was
acknowledged is lost."""
import pytest
from compose_cluster import Cluster, Load, docker, run, skip_without_docker
from waiting import wait_until


@pytest.fixture
def cluster(tmp_path):
    skip_without_docker()
    # a uid that the images have never heard of
    cluster = Cluster(tmp_path, "ha", VERDICT_USER="12345:12345", VERDICT_TRANSFERS="1000000", VERDICT_ROUNDS="1")
    try:
        cluster("up", "--no-build")
        yield cluster
    finally:
        cluster.end()


def is_safe(cluster, server):
    return run("docker", "exec", cluster.container(server), "test", "-e", "/var/lib/verdict/safe", code=None).returncode == 0


def test_promote_under_load(cluster):
    assert docker("exec", cluster.container("postgres-b"), "id", "-u") == "12345"
    load = Load(cluster)
    load.goes_on()

    # What the standby does not get is not acknowledged; so when the primary dies, it has all that was.
    cluster.cut("postgres-b")
    load.stands_still()
    cluster.kill("postgres-a")
    cluster.mend("postgres-b")
    cluster("promote")
    load.goes_on()
    assert (is_safe(cluster, "postgres-a"), is_safe(cluster, "postgres-b")) == (True, False)

    # Who misses what was acknowledged is not promoted.
    cluster("alone")
    load.goes_on()
    cluster.start("postgres-a")
    wait_until(lambda: cluster.is_healthy("postgres-a"), "postgres-a does not copy postgres-b", step_s=0.3)
    assert "postgres-a may lack commits" in cluster("promote", code=2).stderr
    cluster("rejoin")
    load.goes_on()
    load.end()

    status = cluster("status").stdout
    assert "postgres-a: standby, may be promoted" in status and "postgres-b: primary, commits wait for postgres-a" in status
    assert cluster.money() == ["100", "100000"]
