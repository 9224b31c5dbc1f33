# SPDX-License-Identifier: Apache-2.0
"""What somebody learns who may only connect to the database, or who has the password of an application's account: of what is said on
channels, and of the sessions of others. (What he may try to change: resolver_rogue_test, resolver_guard_test, test_roles.)"""
import re

import pytest

import fault_world as fw
import resolver_world as rw
from waiting import wait_until

KEY, VALUE = "key-of-an-account", "value-of-an-account"


@pytest.fixture
def world(database, program, tmp_path):
    """A leader, and accounts of an application, of another one, and of nobody."""
    for name, role in (("own", "verdict_follower"), ("other", "verdict_follower"), ("nobody", None)):
        database.execute(f"DO $$ BEGIN CREATE ROLE strangers_{name} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        if role:
            database.execute(f"GRANT {role} TO strangers_{name}")
    one = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    one.lead()
    yield one
    one.close()


@pytest.fixture
def worker(world, program):
    made = fw.Worker(program, world.database.dsn(user="strangers_own"))
    yield made
    made.kill()


def commits(worker, count):
    numbers = worker.adds(count)
    worker.wait_all()
    assert {worker.told[number]["code"] for number in numbers} == {0}


def test_what_a_listener_hears(world):
    """On every channel, as an account without any right: that something is decided, and how; no key, no value, no client id, and a
    token only when it is of no use any more."""
    client, heard = world.client(), []
    with world.database.connect(user="strangers_nobody") as ear:
        ear.add_notify_handler(heard.append)
        channels = [f"verdict_{name}" for name in ("doorbell", "lease", "verdicts", f"reply_{client.reply:016x}")]
        for channel in channels:
            ear.execute(f"LISTEN {channel}")
        world.client().session.execute("SELECT pg_notify('verdict_verdicts', 'observe')")
        at = client.snapshot()
        for number in range(3):
            key = f"{KEY}-{number % 2}".encode()
            client.commit([(rw.SET, key, VALUE.encode())], reads=[rw.key_range(key)], at=at)
        world.nodes["a"].stop()
        wait_until(lambda: ear.execute("SELECT 1") and "verdict_lease" in {one.channel for one in heard}, lambda: str(heard))
    text = "".join(one.payload for one in heard)
    assert f"verdict_reply_{client.reply:016x}" in {one.channel for one in heard}
    for secret in (KEY, VALUE, KEY.encode().hex(), str(client.id), client.id.hex):
        assert secret not in text
    assert {one.code for one in client.verdicts.values()} == {rw.COMMITTED, rw.CONFLICT}


def seen(session, whose):
    """What the server shows of the sessions of an account."""
    rows = session.execute("SELECT query FROM pg_stat_activity WHERE usename = %s AND application_name LIKE 'verdict-%%'", (whose,)).fetchall()
    return [query for query, in rows]


def test_sessions_of_another_account(world, worker):
    """He sees that they are there, and neither what they do nor can he end them."""
    commits(worker, 4)
    with world.database.connect(user="strangers_other") as stranger:
        queries = seen(stranger, "strangers_own")
        assert queries and set(queries) == {"<insufficient privilege>"}
        with pytest.raises(Exception, match="must be"):
            stranger.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'strangers_own'")
    commits(worker, 4)


def test_sessions_of_ones_own_account(world, worker):
    """Who has the same account sees the statements without what they carry, and may end the sessions: the workers come back, and are
    told what was decided."""
    commits(worker, 4)
    client, reply = world.database.execute("SELECT client::text, reply FROM clients")[0]
    with world.database.connect(user="strangers_own") as stranger:
        text = "\n".join(seen(stranger, "strangers_own"))
        assert "commit_requests" in text or "register" in text or "LISTEN" in text
        assert client not in text and client.replace("-", "") not in text and not re.search(r"\\x[0-9a-f]{8}", text)
        assert f"{reply:016x}" not in text or "LISTEN" in text
        for _ in range(3):
            numbers = worker.adds(4)
            stranger.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'strangers_own'"
                             " AND pid <> pg_backend_pid()")
            worker.wait_all()
            assert {worker.told[number]["code"] for number in numbers} == {0}
