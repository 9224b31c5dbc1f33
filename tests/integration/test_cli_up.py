# SPDX-License-Identifier: Apache-2.0
"""verdict up and down: the life of a private cluster."""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request

import psycopg
import pytest
from cli import environment, folder, lives, read_pid, up, verdict  # noqa: F401 (fixtures)
from waiting import PATIENCE_S, rest_of, wait_until


def members(home):
    """Every process of a cluster, by name."""
    return {path.stem: read_pid(path) for path in home.glob("*.pid") if path.stem != "up"}


def leader_of(verdict, dsn):
    done = verdict("status", "--json", dsn=dsn)
    return done.json_lines[0]["leader"] if done.code == 0 else None


def test_from_nothing_to_serving_and_back(up, verdict, folder):
    cluster = up(TMPDIR=str(folder))
    assert cluster.dsn.startswith("postgresql://app:") and "@127.0.0.1:" in cluster.dsn
    status = verdict("status", "--json", dsn=cluster.dsn).good().json_lines[0]
    assert status["serves"] and status["leader"].startswith("resolver-")
    wait_until(lambda: len(verdict("status", "--json", dsn=cluster.dsn).json_lines[0]["nodes"]) == 3, "three nodes")
    home, = folder.glob("verdict-*")
    processes = members(home)
    assert sorted(processes) == ["postgres", "resolver-1", "resolver-2", "resolver-3"]
    assert cluster.stop(signal.SIGINT) == 130
    assert not any(lives(pid) for pid in processes.values())
    assert not home.exists()


def test_ctrl_c_of_a_terminal_stops_in_order(up, folder):
    """The whole group gets SIGINT; yet resolvers end first, and well."""
    home = folder / "home"
    cluster = up("--dir", home, "--nodes", 2, TZ="UTC")
    assert cluster.stop(signal.SIGINT, whole_group=True) == 130

    def when(log, what):
        line, = [line for line in (home / log).read_text().splitlines() if what in line]
        return line[:23]  # 2026-01-31 10:00:00.123
    ends = [when(f"{node}.log", "has stopped") for node in ("resolver-1", "resolver-2")]
    assert max(ends) <= when("postgres.log", "received fast shutdown request")
    assert all("exit_code=0" in (home / f"{node}.log").read_text() for node in ("resolver-1", "resolver-2"))


def test_with_a_folder_data_stay(up, verdict, folder):
    home = folder / "home"
    first = up("--dir", home, "--nodes", 1)
    epoch = verdict("status", "--json", dsn=first.dsn).good().json_lines[0]["epoch"]
    assert first.stop(signal.SIGTERM) == 0
    assert home.exists() and members(home) == {}
    second = up("--dir", home, "--nodes", 1)
    assert second.dsn.split("@")[0] == first.dsn.split("@")[0]
    assert verdict("status", "--json", dsn=second.dsn).good().json_lines[0]["epoch"] == epoch + 1


def test_each_resolver_answers_http(up, folder):
    """On a port of its own, from the one that is given on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1] % 40000 + 20000  # below those that the system gives to others
    cluster = up("--dir", folder / "home", "--nodes", 2, "--http-base-port", port)
    for i in (0, 1):
        def answer():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port + i}/status", timeout=PATIENCE_S) as told:
                    return json.load(told)
            except OSError:
                return None
        assert wait_until(answer, "it answers")["node"] == f"resolver-{i + 1}"
    assert cluster.stop(signal.SIGTERM) == 0


def test_in_the_background_and_down(verdict, folder):
    home = folder / "home"
    done = verdict("up", "--dir", home, "--detach", "--nodes", 1).good()
    assert len(done.lines) == 1 and done.stderr == ""
    try:
        verdict("status", dsn=done.lines[0]).good()
        assert (home / "dsn").read_text() == done.stdout
        verdict("up", "--dir", home).wrong("in use by process", "verdict down")
        verdict("up", "--dir", home, "--detach").wrong("in use by process")
        processes = members(home)
    finally:
        down = verdict("down", "--dir", home)
    assert down.good().stdout == "" and down.stderr == ""
    assert not any(lives(pid) for pid in processes.values())
    verdict("down", "--dir", home).good()


def test_what_ends_by_itself_is_started_again(up, verdict, folder):
    home = folder / "home"
    cluster = up("--dir", home, "--nodes", 2)
    old = leader_of(verdict, cluster.dsn)
    killed = read_pid(home / f"{old}.pid")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: leader_of(verdict, cluster.dsn) not in (None, old), "the other one leads")
    wait_until(lambda: read_pid(home / f"{old}.pid") not in (0, killed), "the killed one is back")
    os.kill(read_pid(home / "postgres.pid"), signal.SIGKILL)
    wait_until(lambda: leader_of(verdict, cluster.dsn) is None, "it is noticed")
    wait_until(lambda: leader_of(verdict, cluster.dsn), "all of it is back")


def test_nothing_survives_a_killed_up(up, verdict, folder):
    home = folder / "home"
    cluster = up("--dir", home, "--nodes", 1)
    processes = members(home)
    cluster.stop(signal.SIGKILL)
    wait_until(lambda: not any(lives(pid) for pid in processes.values()), "its children end with it")
    again = up("--dir", home, "--nodes", 1)
    verdict("status", dsn=again.dsn).good()


@pytest.mark.parametrize("which", ["leader", "standby"])
def test_a_resolver_stops_although_the_database_is_gone(up, verdict, folder, which):
    home = folder / "home"
    cluster = up("--dir", home, "--nodes", 2, VERDICT_HANDOVER_TIMEOUT="500ms")
    leader = leader_of(verdict, cluster.dsn)
    standby = "resolver-1" if leader == "resolver-2" else "resolver-2"
    pid = read_pid(home / f"{leader if which == 'leader' else standby}.pid")
    os.kill(cluster.process.pid, signal.SIGSTOP)  # it would start PostgreSQL again
    try:
        os.kill(read_pid(home / "postgres.pid"), signal.SIGKILL)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not lives(pid), "it ends")
    finally:
        os.kill(cluster.process.pid, signal.SIGCONT)


def test_secrets_stay_secret(up, folder):
    home = folder / "home"
    cluster = up("--dir", home, "--nodes", 1)
    for name in ("secrets", "dsn", "resolver.conf"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    passwords = [line.split(" = ")[1] for line in (home / "secrets").read_text().splitlines() if "password" in line]
    assert len(passwords) == 2
    for pid in members(home).values():
        told = pathlib.Path(f"/proc/{pid}/cmdline").read_text() + pathlib.Path(f"/proc/{pid}/environ").read_text()
        assert not any(password in told for password in passwords)
    for log in home.glob("*.log"):
        assert not any(password in log.read_text() for password in passwords)
    # The superuser has no way in by TCP, nor a stranger without the password.
    for user in ("verdict_admin", "app", "node"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(cluster.dsn.split("@")[1].join([f"postgresql://{user}:wrong@", ""]), connect_timeout=60)


def test_the_application_may_do_only_what_it_needs(up):
    cluster = up("--nodes", 1)
    with psycopg.connect(cluster.dsn, autocommit=True) as connection:
        connection.execute("SET search_path = verdict")
        connection.execute("SELECT * FROM kv")
        for sql in ("DELETE FROM kv", "SELECT * FROM commit_requests", "SELECT * FROM outcomes", "SELECT purge('1 h')",
                    "CREATE TABLE public.t ()", "CREATE ROLE r"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives PostgreSQL another user")
def test_as_root_only_postgresql_is_another(up, verdict, folder):
    cluster = up("--dir", folder / "home", "--nodes", 1)
    owner = {name: os.stat(f"/proc/{pid}").st_uid for name, pid in members(folder / "home").items()}
    assert owner["postgres"] == pwd.getpwnam("postgres").pw_uid and owner["resolver-1"] == 0
    cluster.stop()
    shut = folder / "shut"
    shut.mkdir(mode=0o700)
    verdict("up", "--dir", shut / "home").wrong(f"cannot enter {shut}$", f"chmod o\\+x {shut}")
    assert list(shut.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a folder of somebody else's takes root")
def test_as_root_in_a_folder_of_somebody_else(up, folder):
    other = pwd.getpwnam("nobody")
    home = folder / "home"
    home.mkdir()
    os.chown(home, other.pw_uid, other.pw_gid)
    up("--dir", home, "--nodes", 1)
    assert os.stat(f"/proc/{read_pid(home / 'postgres.pid')}").st_uid == other.pw_uid


def test_folders_and_programs_that_will_not_do(verdict, folder):
    (folder / "precious").mkdir()
    (folder / "precious" / "file").write_text("x")
    verdict("up", "--dir", folder / "precious").wrong("is not empty, and no cluster of Verdict lives there")
    assert [p.name for p in (folder / "precious").iterdir()] == ["file"]
    (folder / "file").write_text("x")
    verdict("up", "--dir", folder / "file").wrong("is not a folder")
    verdict("up", "--dir", folder / "no" / "where").wrong("cannot make .*: No such file or directory")
    verdict("up", "--dir", folder / "home", "--pg-bin", folder).wrong("no initdb and postgres in", "--pg-bin")
    assert not (folder / "home").exists()
    verdict("up", "--detach").wrong("--detach needs --dir")
    verdict("up", "--nodes", "0").wrong("--nodes: 0 is out of range")
    verdict("up", "now").wrong("\"now\"")
    verdict("down").wrong("--dir is missing")
    verdict("down", "--dir", folder / "precious").wrong("no cluster of Verdict lives in", "verdict up --dir")
    verdict("down", "--dir", folder / "nowhere").wrong("No such file or directory")


def test_a_start_that_fails_says_why_and_leaves_nothing(up, verdict, folder):
    """Resolvers that cannot run: a setting in the environment that they do not take."""
    home = folder / "home"
    done = verdict("up", "--dir", home, "--nodes", 1, VERDICT_LEASE_TTL="nonsense")
    done.wrong("resolver-1 ended with status 2: .*VERDICT_LEASE_TTL")
    assert members(home) == {}
    done = verdict("up", "--dir", home, "--nodes", 1, "--detach", VERDICT_LEASE_TTL="nonsense")
    done.wrong("resolver-1 ended with status 2: .*VERDICT_LEASE_TTL")
    up("--dir", home, "--nodes", 1)


def test_ctrl_c_while_it_starts(program, folder):
    process = subprocess.Popen([program("cli/verdict"), "up", "--dir", str(folder / "home")], env=environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: (folder / "home" / "data.new").exists(), "initdb runs")
    process.send_signal(signal.SIGINT)
    out, _ = rest_of(process)
    assert process.returncode == 130 and out == ""
    assert members(folder / "home") == {}


def test_a_folder_of_any_name(up, verdict, folder):
    """What divides a list for PostgreSQL or libpq, what a shell takes apart, and more than a socket's path may have."""
    sockets = []
    for name in ('a, "b" \'c\' $d\\', "long" * 30):
        cluster = up("--dir", folder / name, "--nodes", 1)
        port = cluster.dsn.rsplit(":", 1)[1].split("/")[0]
        sockets += pathlib.Path("/tmp").glob(f"verdict-*/.s.PGSQL.{port}")
        verdict("exec", "set a 1", dsn=cluster.dsn).good()
        assert cluster.stop() == 130
    assert sockets and not any(path.parent.exists() for path in sockets)


def test_names_that_postgresql_does_not_take(verdict, folder):
    verdict("up", "--dir", folder / "new\nline").wrong("control characters")
    verdict("up", "--dir", "/".join([str(folder), *["long" * 60] * 4])).wrong("PostgreSQL takes about", "shorter path")
    assert list(folder.iterdir()) == []


def test_programs_in_a_folder_of_any_name(verdict, folder):
    home, programs = folder / "home", folder / "it's \"here\""
    (home / "data").mkdir(parents=True)
    (home / "up.pid").touch()
    (home / "data" / "PG_VERSION").write_text("15\n")
    programs.mkdir()
    for name in ("initdb", "postgres"):
        (programs / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 99.1'\n")
        (programs / name).chmod(0o755)
    verdict("up", "--dir", home, "--pg-bin", programs).wrong("is of PostgreSQL 15, the programs in .* are of 99")


def test_a_folder_that_is_removed_beneath_it(up, folder):
    home = folder / "home"
    cluster = up("--dir", home, "--nodes", 1)
    processes = members(home)
    while home.exists():  # PostgreSQL may write meanwhile
        shutil.rmtree(home, ignore_errors=True)
    _, err = cluster.process.communicate(timeout=PATIENCE_S)
    assert cluster.process.returncode == 2 and f"{home} was removed" in err, err
    assert not any(lives(pid) for pid in processes.values()) and not home.exists()


def test_down_of_a_temporary_one(up, verdict, folder):
    cluster = up("--nodes", 1, TMPDIR=str(folder))
    home, = folder.glob("verdict-*")
    verdict("down", "--dir", home).good()
    assert cluster.process.wait(PATIENCE_S) == 0 and not home.exists()


def test_what_cannot_be_told_is_not_begun(program, folder):
    home = folder / "home"
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program("cli/verdict"), "up", "--dir", home, "--nodes", "1", "--detach"], stdout=full, text=True,
                              stderr=subprocess.PIPE, env=environment(), timeout=PATIENCE_S, check=False)
    assert done.returncode == 2 and "standard output cannot be written" in done.stderr
    assert (home / "data").exists() and members(home) == {}


def test_several_at_once_in_a_new_folder(program, folder):
    home = folder / "home"
    several = [subprocess.Popen([program("cli/verdict"), "up", "--dir", home, "--nodes", "1", "--detach"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) for _ in range(4)]
    told = [process.communicate(timeout=PATIENCE_S)[1] for process in several]
    subprocess.run([program("cli/verdict"), "down", "--dir", home], timeout=PATIENCE_S, check=True)
    assert sorted(process.returncode for process in several) == [0, 2, 2, 2], told
    assert all("is in use by process" in err for process, err in zip(several, told) if process.returncode), told


def test_numbers_of_the_dead_are_nobodys(verdict, postgres, folder):
    """A file's number may be another process by now. Who is asked to end is who holds the lock, or works in the data."""
    home = folder / "home"
    (home / "data").mkdir(parents=True)
    stranger = subprocess.Popen(["sleep", "600"])
    (home / "up.pid").write_text(f"{stranger.pid}\n")
    lock = ("import fcntl, sys, time; file = open(sys.argv[1], 'r+'); fcntl.lockf(file, fcntl.LOCK_EX); print(flush=True); "
            "time.sleep(600)")
    holder = subprocess.Popen([sys.executable, "-c", lock, home / "up.pid"], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        other = (pathlib.Path(postgres.data) / "postmaster.pid").read_text()
        (home / "data" / "postmaster.pid").write_text(other)
        verdict("up", "--dir", home).wrong(f"in use by process {holder.pid}$")
        verdict("down", "--dir", home).good()
        assert holder.wait(PATIENCE_S) == -signal.SIGTERM
        verdict("down", "--dir", home).good()
        assert stranger.poll() is None and lives(int(other.split()[0]))
    finally:
        for process in (stranger, holder):
            process.kill()
            process.wait()
