# SPDX-License-Identifier: Apache-2.0
"""deploy/cluster.sh before it comes to a container: which program it calls, what it refuses, and the secrets that it makes. `docker`
and `docker-compose` are stand-ins that note their arguments."""
import os
import pathlib
import stat
import subprocess

import pytest

PROGRAM = pathlib.Path(__file__).parents[2] / "deploy" / "cluster.sh"
NOTE = 'echo "$(basename "$0") $*" >>"$NOTES"\n'


@pytest.fixture
def cluster(tmp_path):
    """Calls it; the stand-in for docker ends with 1 where what it is asked begins with one of `fails`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("docker", "docker-compose"):
        (folder / name).write_text(f'#!/bin/sh\n{NOTE}for f in $FAILS; do case "$1" in $f) exit 1 ;; esac; done\n'
                                   'case "$*" in *json*) echo \'{"leader": "resolver-2"}\' ;; *State.Health*) echo healthy ;; ps*) echo id ;; esac\n', encoding="utf-8")
        (folder / name).chmod(0o755)

    def call(*arguments, code=0, fails="", text="", **environment):
        notes = tmp_path / "notes"
        notes.write_text("")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("VERDICT_", "COMPOSE_"))}
        done = subprocess.run([PROGRAM, *arguments], text=True, input=text, capture_output=True, timeout=60, check=False,
                              env={**kept, "PATH": f"{folder}:{os.environ['PATH']}", "NOTES": str(notes), "FAILS": fails,
                                   "VERDICT_SECRETS": str(tmp_path / "secrets"), **environment})
        assert done.returncode == code, done.stdout + done.stderr
        done.notes = notes.read_text().splitlines()
        return done
    call.secrets = tmp_path / "secrets"
    return call


def ups(done):
    return [line for line in done.notes if " up " in line]


def test_help(cluster):
    shown = cluster("--help").stdout
    for verb in ("up", "status", "logs", "scale", "roll", "promote", "rejoin", "alone", "password", "compose", "down"):
        assert f"\n  {verb} " in shown
    assert "SPDX" not in shown and "set -euo" not in shown


def test_docker_compose_if_it_answers_or_else_docker_hyphen_compose(cluster):
    assert ups(cluster("up"))[0].startswith("docker compose -f ")
    assert ups(cluster("up", fails="compose"))[0].startswith("docker-compose -f ")


def test_the_files_of_each_kind(cluster):
    def files(*arguments, **environment):
        line = ups(cluster(*arguments, **environment))[0].split()
        return [pathlib.Path(line[i + 1]).name for i, word in enumerate(line) if word == "-f"]
    assert files("up") == ["compose.yml", "compose.postgres.yml"]
    assert files("--with", "ha", "up") == ["compose.yml", "compose.ha.yml"]
    assert files("up") == ["compose.yml", "compose.ha.yml"]  # remembered
    assert files("--with=own", "up", VERDICT_DSN="host=there") == ["compose.yml"]


@pytest.mark.parametrize("arguments, environment, says", [
    (["status"], {"FAILS": "info"}, "no Docker daemon answers"),
    (["status"], {}, "there is no cluster"),
    (["fly"], {}, "unknown verb fly"),
    (["--with", "mysql", "up"], {}, "--with mysql"),
    (["--with"], {}, "--with needs"),
    ([], {}, "which verb"),
    (["--with", "own", "up"], {}, "VERDICT_DSN is not set"),
    (["up"], {"VERDICT_DSN": "host=there password=secret"}, "holds a password"),
    (["up"], {"VERDICT_DSN": "postgres://me:secret@there/app"}, "holds a password"),
    (["up"], {"VERDICT_DSN": "host=there"}, "admin.pgpass is missing"),
    (["password", "root"], {}, "the accounts are"),
])
def test_what_is_refused(cluster, arguments, environment, says):
    fails = environment.pop("FAILS", "")
    done = cluster(*arguments, code=2, fails=fails, **environment)
    lines = done.stderr.splitlines()
    assert says in lines[0] and lines[0].startswith("cluster: ") and all(line.startswith("hint: ") for line in lines[1:]) and len(lines) <= 2
    assert "secret" not in done.stderr.replace("secrets", "") and not ups(done)


def test_only_a_pair_is_promoted(cluster):
    cluster("up")
    for verb in ("promote", "rejoin", "alone"):
        assert "no standby" in cluster(verb, code=2).stderr


def test_secrets_are_made_once(cluster):
    def secrets():
        return {file.name: file.read_text() for file in cluster.secrets.glob("*.pgpass")}
    cluster("up")
    first = secrets()
    assert sorted(first) == ["admin.pgpass", "resolver.pgpass", "worker.pgpass"] and len(set(first.values())) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in cluster.secrets.iterdir()} == {0o600}
    assert stat.S_IMODE(cluster.secrets.stat().st_mode) == 0o700
    done = cluster("up")
    assert secrets() == first
    assert not [note for note in done.notes for word in first.values() if word.strip().split(":")[-1] in note]


def test_a_password_of_ones_own(cluster):
    cluster("password", text="a:b\\c\n")
    assert (cluster.secrets / "resolver.pgpass").read_text() == "*:*:*:*:a\\:b\\\\c\n"
    cluster("password", "worker", text="other\n")
    assert (cluster.secrets / "worker.pgpass").read_text() == "*:*:*:*:other\n"
    assert (cluster.secrets / "admin.pgpass").read_text() == (cluster.secrets / "resolver.pgpass").read_text()
    cluster("up", VERDICT_DSN="host=there")


def test_what_up_was_told_is_remembered(cluster):
    cluster("password", text="x\n")
    cluster("up", VERDICT_DSN="host=there application_name='a b$c'", VERDICT_LEASE_TTL="4s")
    kept = (cluster.secrets / "cluster").read_text()
    shown = subprocess.run(["bash", "-c", f'{kept}\nprintf "%s|%s" "$VERDICT_DSN" "$VERDICT_LEASE_TTL"'], text=True, capture_output=True, check=True,
                           env={"PATH": os.environ["PATH"], "VERDICT_LEASE_TTL": "5s"}).stdout
    assert shown == "host=there application_name='a b$c'|5s"


def test_the_leader_is_rolled_last(cluster):
    cluster("up")
    rolled = [line.split()[-1] for line in ups(cluster("roll"))]
    assert rolled == ["resolver-1", "resolver-3", "resolver-2"]
    assert [line.split()[-1] for line in ups(cluster("roll", "resolver-2"))] == ["resolver-2"]


def test_scale(cluster):
    cluster("up")
    assert "--scale worker=4 worker" in ups(cluster("scale", "worker=4"))[0]
    assert "only worker=N" in cluster("scale", "resolver-1=4", code=2).stderr
    assert "how many" in cluster("scale", code=2).stderr
