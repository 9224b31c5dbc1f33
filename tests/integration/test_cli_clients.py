# SPDX-License-Identifier: Apache-2.0
"""verdict clients and verdict purge: who is registered, without its secret, and who is forgotten."""
import hashlib
import re

import pytest
from cli import verdict  # noqa: F401 (fixture)

HOURS = (1, 5, 30)


@pytest.fixture
def clients(database):
    """{hours of silence: id}. The n-th has n verdicts, one of them given up, and n requests in the queue."""
    made = {}
    for n, hours in enumerate(HOURS, 1):
        made[hours], = database.execute(
            "INSERT INTO clients (client, generation, reply, low_water, registered_at, seen_at) VALUES (gen_random_uuid(), %s, %s, %s,"
            " clock_timestamp() - %s * interval '1 hour' - interval '1 minute', clock_timestamp() - %s * interval '1 hour')"
            " RETURNING client", (n, n, 10 - n, hours, hours))[0]
        database.execute("INSERT INTO outcomes SELECT %s, 11, 10 + %s, 1, decode(repeat('00', 16 * (%s - 1)), 'hex')", (made[hours], n, n))
        database.execute("INSERT INTO tombstones VALUES (%s, 50)", (made[hours],))
        database.execute("INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload)"
                         " SELECT %s, 100 + g, %s, 0, 1, 'x' FROM generate_series(1, %s) g", (made[hours], n, n))
    return made


@pytest.fixture
def account(database):
    """A role of one role of the schema: its connection string."""
    made = []

    def make(role):
        name = f"cli_{role}"
        database.execute(f"CREATE ROLE {name} LOGIN IN ROLE verdict_{role}")
        made.append(name)
        return database.dsn(user=name)
    yield make
    for name in made:
        database.execute(f"DROP ROLE {name}")


def name_of(client):
    return hashlib.sha256(client.bytes).hexdigest()[:16]


def test_what_is_told_of_each(verdict, clients, account):
    told = verdict("clients", "--json", dsn=account("observer")).good()
    for client in clients.values():
        assert str(client) not in told.stdout and client.hex not in told.stdout
    lines = told.json_lines
    assert [line["client"] for line in lines] == [name_of(clients[hours]) for hours in HOURS]
    for n, (hours, line) in enumerate(zip(HOURS, lines), 1):
        assert line["follower"] == f"{n:016x}" and line["low_water"] == 10 - n
        assert (line["verdicts"], line["given_up"], line["queued"]) == (n, 1, n)
        assert 0 <= line["seen_ms"] - hours * 3600_000 < 600_000
        assert 60_000 <= line["registered_ms"] - hours * 3600_000 < 660_000


def test_order_and_limits(verdict, clients, database):
    def listed(*arguments):
        done = verdict("clients", "--json", *arguments, dsn=database.dsn()).good()
        return [next(hours for hours, client in clients.items() if name_of(client) == line["client"]) for line in done.json_lines]
    assert listed("--sort", "queued") == [30, 5, 1] == listed("--sort", "verdicts")
    assert listed("--sort", "low-water") == [1, 5, 30] == listed("--sort", "since")
    assert listed("--older-than", "3h") == [5, 30]
    assert listed("--sort", "verdicts", "--limit", "1") == [30]
    shown = verdict("clients", "--limit", "2", dsn=database.dsn()).good()
    assert len(shown.lines) == 3 and "3 in all, 2 are shown" in shown.stderr
    verdict("clients", "--sort", "size", dsn=database.dsn()).wrong("--sort")
    verdict("clients", "--limit", "0", dsn=database.dsn()).wrong("--limit")


def test_followers_see_nobody(verdict, clients, account):
    verdict("clients", dsn=account("follower")).wrong("permission denied", "not a member of the role")


def test_purge(verdict, clients, database, account):
    before = database.execute("SELECT count(*) FROM clients"), database.execute("SELECT count(*) FROM outcomes")
    told = verdict("purge", "--dry-run", dsn=account("resolver")).good()
    assert name_of(clients[30]) in told.stdout and told.lines[-1] == "1 client would be forgotten, with 3 verdicts"
    assert before == (database.execute("SELECT count(*) FROM clients"), database.execute("SELECT count(*) FROM outcomes"))
    done = verdict("purge", "--older-than", "3h", "--json", dsn=database.dsn(user="cli_resolver")).good().json_lines
    assert {line["client"]: (line["verdicts"], line["queued"]) for line in done} == {name_of(clients[5]): (2, 2), name_of(clients[30]): (3, 3)}
    for table in ("clients", "outcomes", "tombstones"):
        assert database.execute(f"SELECT client FROM {table}") == [(clients[1],)]
    assert verdict("purge", "--older-than", "3h", dsn=database.dsn()).good().stdout == "0 clients forgotten, with 0 verdicts\n"


def test_a_purge_of_many(verdict, database):
    """More than one call of the function takes."""
    database.execute("INSERT INTO clients (client, generation, reply, seen_at) SELECT gen_random_uuid(), 1, 1, '-infinity'"
                     " FROM generate_series(1, 2500)")
    lines = verdict("purge", dsn=database.dsn()).good().lines
    assert len(lines) == 2502 and lines[-1] == "2500 clients forgotten, with 0 verdicts"
    assert len({line.split()[0] for line in lines}) == 2502 and re.search("for ever", lines[1])


def test_who_may_not_purge(verdict, clients, account, database):
    verdict("purge", dsn=account("observer")).wrong("permission denied", "not a member of the role")
    verdict("purge", "--older-than", "1s", dsn=database.dsn()).wrong("--older-than")
    assert database.execute("SELECT count(*) FROM clients") == [(3,)]
