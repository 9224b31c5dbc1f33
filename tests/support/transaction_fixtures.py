# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that use transactions under a leader; a test file imports those that it needs."""
import pytest

import resolver_world
from transaction_world import Failed, Worker


@pytest.fixture(scope="module")
def world(postgres, migrate, program, tmp_path_factory):
    """One database with a leader for all tests here: each uses keys of its own."""
    fresh = postgres.migrated(migrate)
    made = resolver_world.World(fresh, program("resolver/verdict-resolver"), tmp_path_factory.mktemp("nodes"))
    made.lead()
    yield made
    made.close()
    made.no_errors()
    fresh.drop()


@pytest.fixture
def workers(program, world):
    made = []

    def make(**options):
        made.append(Worker(program, world.database.dsn(), **options))
        assert made[-1].opening == "ready"
        return made[-1]
    yield make
    for one in made:
        try:
            one.close()
        finally:
            one.kill()


@pytest.fixture
def worker(workers):
    return workers()


@pytest.fixture
def key(request):
    """A prefix of this test's own."""
    return request.node.name.encode() + b"/"


def refused(code, call, *arguments, **more):
    with pytest.raises(Failed) as caught:
        call(*arguments, **more)
    assert caught.value.code == code, caught.value
    return caught.value
