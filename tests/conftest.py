# SPDX-License-Identifier: Apache-2.0
"""What every pytest here can ask for.

postgres    one private PostgreSQL a session, shared: do not stop it and do not set its parameters
database    a fresh database with a migrated schema `verdict` on it
empty_database  a fresh database with nothing in it
servers     makes further servers with parameters of their own, to be killed, restarted, promoted:
            servers(synchronous_commit="off"); gone at the end of the test
program     the path of a program of the build: program("resolver/verdict-resolver")

A sanitizer's report from any program that was started fails the test in which it came (support/reports.py).

Run by ctest (VERDICT_BUILD is set then), or by hand: /usr/bin/python3 -m pytest tests/integration
"""
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "support"))

import private_pg  # noqa: E402
import reports  # noqa: E402


def build_folder():
    if os.environ.get("VERDICT_BUILD"):
        return pathlib.Path(os.environ["VERDICT_BUILD"])
    for preset in ("dev", "asan", "release"):
        folder = HERE.parent / "build" / preset
        if folder.is_dir():
            return folder
    raise RuntimeError("nothing is built: cmake --workflow --preset dev, or set VERDICT_BUILD")


def pytest_configure(config):
    config.reports = reports.Reports()


@pytest.fixture(autouse=True)
def no_reports(request):
    """The first to be set up, so that it looks when the test and its other fixtures are done."""
    yield
    text = request.config.reports.fresh()
    if text:
        pytest.fail(f"a sanitizer reports\n{text}", pytrace=False)


def pytest_sessionfinish(session, exitstatus):
    """A report that came after the last test, from what a file's tests share, fails the run. A run in which something was
    skipped and nothing failed ends with 77: ctest shows it as skipped, not as passed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    text = session.config.reports.fresh()
    session.config.reports.close()
    if text:
        print(f"\na sanitizer reports, after the last test\n{text}")
        session.exitstatus = 1
        return
    if exitstatus == 0 and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = 77


@pytest.fixture(scope="session")
def program():
    def path(name):
        found = build_folder() / name
        if not found.exists():
            raise RuntimeError(f"{found} is not built")
        return str(found)
    return path


@pytest.fixture(scope="session")
def migrate(program):
    """migrate(dsn, schema="verdict", *more): runs the migrations; the finished process, which is good."""
    def run(dsn, schema="verdict", *more, check=True):
        done = subprocess.run([program("tests/integration/pg_migrate"), dsn, schema, *more], text=True, timeout=120,
                              capture_output=True, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"pg_migrate: {done.stdout}{done.stderr}")
        return done
    return run


@pytest.fixture(scope="session")
def postgres():
    server = private_pg.Server()
    try:
        yield server.init().start()
    finally:
        server.destroy()


@pytest.fixture
def database(postgres, migrate):
    fresh = postgres.migrated(migrate)
    yield fresh
    fresh.drop()


@pytest.fixture
def empty_database(postgres):
    fresh = postgres.database()
    yield fresh
    fresh.drop()


@pytest.fixture
def servers():
    made = []

    def make(**params):
        server = private_pg.Server(params=params)
        made.append(server)
        return server.init().start()
    yield make
    for server in made:
        server.destroy()
