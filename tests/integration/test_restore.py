# SPDX-License-Identifier: Apache-2.0
"""The example of docs/operations.md: a base backup and an archive of the WAL, and a restore to a point in time. What was committed up
to the point is there and nothing else; whoever worked on goes on, and no version comes twice (rule 3's jump)."""
import json
import os
import pathlib
import re
import shutil

import pytest

import fault_world as fw
import resolver_world as rw
from cli import verdict  # noqa: F401 (fixture)
from waiting import wait_until

JUMP = 10 ** 13
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"


@pytest.fixture
def server(servers):
    """One that archives its WAL."""
    one = servers()
    archive = one.folder / "archive"
    archive.mkdir()
    one._give(archive)
    return one.restart(archive_mode="on", archive_command=f"cp %p {archive}/%f")


def settings_of_the_page():
    """name = value, as the example shows them."""
    return dict(re.findall(r"^    (\w+) = (.*?)(?:  +#.*)?$", PAGE.read_text(encoding="utf-8"), re.M))


def restore(server, backup, **settings):
    """As the page says: the folder of data is the backup, with these settings and recovery.signal."""
    shutil.rmtree(server.data)
    shutil.move(backup, server.data)
    for name, text in (("postgresql.auto.conf", "".join(f"{name} = '{value}'\n" for name, value in settings.items())), ("recovery.signal", "")):
        with open(server.data / name, "a", encoding="utf-8") as file:
            file.write(text)
        server._give(server.data / name)


def versions(done):
    return [int(found) for found in re.findall(r"version=(\d+)", done.stdout)]


def commits(*workers):
    """Each of them does, at last."""
    for worker in workers:
        wait_until(lambda one=worker: {answer["code"] for answer in one.wait(one.adds(1))} == {0}, "it does not commit")


def test_to_a_point_in_time(server, program, verdict, migrate, tmp_path):
    shown = settings_of_the_page()
    assert set(shown) >= {"archive_mode", "archive_command", "restore_command", "recovery_target_time", "recovery_target_action"}
    database = server.migrated(migrate)
    backup = server.folder / "backup"
    world = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    workers = []
    try:
        world.lead("a")
        workers.append(fw.Worker(program, database.dsn()))
        commits(*workers)
        server.copy_to(backup)
        before = versions(verdict("exec", "set kept 1", dsn=database.dsn()).good())
        moment = server.execute("SELECT clock_timestamp()")[0][0]
        lost = versions(verdict("exec", "set regretted 1; clear kept", dsn=database.dsn()).good())
        workers.append(fw.Worker(program, database.dsn(), first=1000000))
        commits(*workers)
        segment = server.execute("SELECT pg_walfile_name(pg_switch_wal())")[0][0]
        wait_until(lambda: (server.folder / "archive" / segment).exists(), "the WAL is not archived")
        server.stop()
        restore(server, backup, restore_command=f"cp {server.folder}/archive/%f %p", recovery_target_time=moment.isoformat(),
                recovery_target_action=shown["recovery_target_action"].strip("'"))
        server.start(wait=False)
        wait_until(lambda: server.process.poll() is not None or not database_in_recovery(server), "it does not end its recovery")
        # who ran all the time goes on: the resolver, and workers whose registration is older or younger than the moment
        world.nodes["a"].wait_says("the server, its timeline or the database is not the one before, so versions jump ahead")
        commits(*workers)
        after = verdict("exec", "get kept; get regretted; set more 1", dsn=database.dsn()).good()
        assert after.lines[:2] == ["kept = 1", "regretted absent"]
        assert versions(after)[-1] >= max(before + lost) + JUMP
        status = json.loads(verdict("status", "--json", dsn=database.dsn()).good().stdout)
        assert status["leader"] == "a" and status["serves"]
        for worker in workers:
            assert {answer["code"] for answer in worker.told.values()} <= {0, 1007, 1020, 1021}
    finally:
        for worker in workers:
            worker.kill()
        world.close()
    world.no_errors()


def database_in_recovery(server):
    try:
        return server.execute("SELECT pg_is_in_recovery()")[0][0]
    except Exception:  # noqa: BLE001 (it starts)
        return True
