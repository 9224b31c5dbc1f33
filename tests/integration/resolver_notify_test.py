# SPDX-License-Identifier: Apache-2.0
"""The notify queue is full (8 GB on PostgreSQL 15, so this takes a while): NOTIFY is a hint, and its failure is no apply error."""
import psycopg
import pytest

import resolver_world as rw
from resolver_world import SET


def test_a_full_notify_queue(servers, migrate, program, tmp_path):
    """Rule 19: commits go on without doorbell and replies; followers look."""
    server = servers()
    world = rw.World(server.migrated(migrate), program("resolver/verdict-resolver"), tmp_path)
    frozen = None
    try:
        leader = world.lead()
        client = world.client()
        assert client.commit([(SET, b"a", b"1")]).code == 0
        frozen = world.database.connect()
        frozen.execute("LISTEN somewhere")
        frozen.execute("BEGIN")  # inside a transaction it reads nothing, so the queue's tail stays
        frozen.execute("SELECT 1")
        filler = world.database.connect()
        full = False
        for _ in range(2000):
            try:
                filler.execute("SELECT pg_notify('elsewhere', repeat('x', 7000) || g) FROM generate_series(1, 1000) g")
            except psycopg.errors.ProgramLimitExceeded:
                full = True
                break
        assert full, "the queue did not fill up"
        payload = client.request([(SET, b"a", b"2")], at=client.snapshot())
        sequence = client.submit_payloads([payload], ring=False)[0]
        assert client.settle(sequence, payload)[0] == 0
        assert client.get(b"a") == b"2"
        assert leader.says("replies could not be sent")
        assert leader.says("the notify queue fills up")
        assert leader.log().count("took office") == 1
        frozen.close()
        filler.close()
        rw.wait_until(lambda: world.database.execute("SELECT pg_notification_queue_usage()")[0][0] < 0.1, "it does not recover")
        assert client.commit([(SET, b"a", b"3")], at=client.snapshot()).code == 0
    finally:
        world.close()
