# SPDX-License-Identifier: Apache-2.0
"""A connection while its server is crashed, restarted, promoted; and commits whose wait for a standby is broken off."""
import signal
import subprocess
import time

import pytest
from waiting import rest_of, wait_until


@pytest.fixture
def probe(program):
    running = []

    def start(dsn, *arguments):
        process = subprocess.Popen([program("tests/integration/pg_probe"), dsn, *arguments], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        running.append(process)
        return process
    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def identify(probe):
    def run(dsn):
        output = rest_of(probe(dsn, "identify"))[0]
        assert output.startswith("pid="), output
        return {name: int(value) for name, value in (part.split("=") for part in output.split())}
    return run


def pid_of(process):
    return int(process.stdout.readline().split()[1])


def wait_event(server, pid, event):
    wait_until(lambda: server.execute("SELECT wait_event FROM pg_stat_activity WHERE pid = %s", [pid]) == [(event,)], event)


def test_a_private_server_is_safe(servers):
    server = servers()
    assert server.execute("SELECT current_setting('fsync'), current_setting('jit'), current_setting('full_page_writes')") \
        == [("on", "on", "on")]
    folder = server.folder
    server.destroy()
    assert not folder.exists()


def test_identity_over_restart_crash_and_promotion(servers, identify):
    server = servers(wal_level="replica")
    first = identify(server.dsn())
    assert first["timeline"] == 1 and first["in_recovery"] == 0 and first["synchronous"] == 0
    assert first["version"] == int(server.execute("SHOW server_version_num")[0][0])
    assert first["system"] == server.execute("SELECT system_identifier FROM pg_control_system()")[0][0]

    server.restart()
    second = identify(server.dsn())
    server.crash()
    server.start()
    third = identify(server.dsn())
    assert first["system"] == second["system"] == third["system"]
    assert first["database"] == third["database"]
    assert first["postmaster_start"] < second["postmaster_start"] < third["postmaster_start"]

    standby = server.standby()
    behind = identify(standby.dsn())
    assert behind["in_recovery"] == 1 and behind["timeline"] == 0
    server.crash()
    standby.promote()
    promoted = identify(standby.dsn())
    assert promoted["in_recovery"] == 0 and promoted["timeline"] == 2
    assert promoted["system"] == first["system"]


def test_target_session_attrs_finds_the_primary(servers, identify):
    primary = servers()
    standby = primary.standby()
    dsn = f"host={standby.folder},{primary.folder} port={standby.port},{primary.port} user=postgres dbname=postgres "
    assert identify(dsn)["in_recovery"] == 1
    assert identify(dsn + "target_session_attrs=read-write")["in_recovery"] == 0
    dsn = f"host={primary.folder},{standby.folder} port={primary.port},{standby.port} user=postgres dbname=postgres "
    assert identify(dsn)["in_recovery"] == 0
    assert identify(dsn + "target_session_attrs=prefer-standby")["in_recovery"] == 1
    standby.stop()
    assert identify(dsn + "target_session_attrs=prefer-standby")["in_recovery"] == 0


def test_crash_of_the_server(servers, probe):
    server = servers()
    process = probe(server.dsn(), "ask", "SELECT 1", "SELECT pg_sleep(60)", "SELECT 2")
    pid = pid_of(process)
    assert process.stdout.readline().startswith("0 ok")
    wait_event(server, pid, "PgSleep")
    server.crash()
    rest = rest_of(process)[0].splitlines()
    assert [line.split()[:2] for line in rest[:2]] == [["1", "lost"], ["2", "lost"]]
    assert rest[2].startswith("closed: ")
    assert len(rest) == 3


def test_crash_of_another_backend(servers, probe):
    server = servers()
    process = probe(server.dsn(), "ask", "SELECT pg_sleep(60)", "SELECT 2")
    pid = pid_of(process)
    wait_event(server, pid, "PgSleep")
    with server.connect() as victim:
        server.signal_backend(victim.info.backend_pid, signal.SIGKILL)
    rest = rest_of(process)[0].splitlines()
    assert [line.split()[:2] for line in rest[:2]] == [["0", "lost"], ["1", "lost"]]
    assert len(rest) == 3
    server.wait_ready()


def test_a_broken_wait_for_a_standby_is_a_warning(servers, probe, identify):
    server = servers(synchronous_standby_names="absent")
    assert identify(server.dsn())["synchronous"] == 1
    with server.connect(options="'-c synchronous_commit=local'") as connection:
        connection.execute("CREATE TABLE t (n int)")
    process = probe(server.dsn(), "ask", "INSERT INTO t VALUES (1)", "SELECT 1")
    pid = pid_of(process)
    wait_event(server, pid, "SyncRep")
    server.execute("SELECT pg_cancel_backend(%s)", (pid,))
    lines = rest_of(process)[0].splitlines()
    assert lines[0].startswith("0 ok sqlstate= warned=1 tag=INSERT 0 1 WARNING 01000 canceling wait for synchronous replication")
    assert lines[1].startswith("1 ok sqlstate= warned=0")

    process = probe(server.dsn(), "ask", "INSERT INTO t VALUES (2)", "SELECT 1")
    pid = pid_of(process)
    wait_event(server, pid, "SyncRep")
    server.execute("SELECT pg_terminate_backend(%s)", (pid,))
    lines = rest_of(process)[0].splitlines()
    assert lines[0].startswith("0 lost sqlstate= warned=1")
    assert lines[1].startswith("1 lost sqlstate= warned=")
    assert server.execute("SELECT n FROM t ORDER BY n") == [(1,), (2,)]


def test_a_frozen_server_does_not_hold_the_probe_for_ever(servers, probe):
    """SIGSTOP of the backend, SIGCONT: nothing is lost, nothing comes twice."""
    server = servers()
    with server.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(7)")
        process = probe(server.dsn(), "ask", "SELECT pg_advisory_lock(7)", "SELECT 2")
        pid = pid_of(process)
        wait_event(server, pid, "advisory")
        server.signal_backend(pid, signal.SIGSTOP)
        holder.execute("SELECT pg_advisory_unlock(7)")
        time.sleep(0.2)
        assert process.poll() is None
        server.signal_backend(pid, signal.SIGCONT)
    lines = rest_of(process)[0].splitlines()
    assert [line.split()[:2] for line in lines] == [["0", "ok"], ["1", "ok"]]
