# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: made, installed, used as systemd would use them, installed again, removed and purged, on a spare machine."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from service_manager import ServiceManager
from spare_machine import SpareMachine
from waiting import PATIENCE_S

BUILD = pathlib.Path(os.environ["VERDICT_BUILD"])
PACKAGES = ("libverdict0", "libverdict-dev", "verdict")
UNITS = ("verdict-resolver.service", "verdict-resolver@.service")
CONF = "/etc/verdict/resolver.conf"


def here(*command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Name → file."""
    folder = tmp_path_factory.mktemp("packages")
    here("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", folder)
    made = {path.name.split("_")[0]: path for path in folder.glob("*.deb")}
    assert sorted(made) == sorted(PACKAGES)
    return made


@pytest.fixture(scope="module")
def machine(packages):
    if os.getuid() != 0:
        pytest.skip("skipped: only root can install")
    spare = SpareMachine()
    try:
        spare.run("dpkg", "--install", *packages.values())
        yield spare
    finally:
        spare.close()


def files_of(package):
    """Path → (mode, owner) of what is no folder."""
    rows = (line.split(None, 5) for line in here("dpkg-deb", "--contents", package).splitlines())
    return {row[5].split(" -> ")[0].removeprefix("."): (row[0], row[1]) for row in rows if row[0][0] != "d"}


def field(package, name):
    return here("dpkg-deb", "--field", package, name).strip()


def test_what_is_in_them(packages):
    names = {package: set(files_of(path)) for package, path in packages.items()}
    for end in ("/libverdict.so.0", "/libverdict-events.so.0"):
        assert any(name.endswith(end) for name in names["libverdict0"]), end
    for end in ("/include/verdict/verdict.h", "/libverdict.so", "/libverdict.a", "/verdict.pc", "/VerdictConfig.cmake",
                "/include/verdict/events.h", "/libverdict-events.so", "/libverdict-events.a", "/verdict-events.pc"):
        assert any(name.endswith(end) for name in names["libverdict-dev"]), end
    assert {"/usr/bin/verdict", "/usr/bin/verdict-resolver", CONF, "/usr/lib/sysusers.d/verdict.conf", "/usr/lib/tmpfiles.d/verdict.conf",
            *(f"/usr/lib/systemd/system/{unit}" for unit in UNITS)} <= names["verdict"]
    for package, path in packages.items():
        assert {f"/usr/share/doc/{package}/{name}" for name in ("copyright", "changelog.gz")} <= names[package]
        assert all(owner == "root/root" and (mode[0] == "l" or mode[8] != "w") for mode, owner in files_of(path).values()), files_of(path)
    assert files_of(packages["verdict"])[CONF][0] == "-rw-r-----"
    assert not set.intersection(*names.values())


def test_what_they_need(packages):
    library, programs = field(packages["libverdict0"], "Depends"), field(packages["verdict"], "Depends")
    for needed in ("libc6", "libpq5", "libevent-core-2.1", "libprotobuf-c1"):
        assert needed in library, library
    version = field(packages["verdict"], "Version")
    for needed in ("libpq5", "libssl3", "libjansson4", "libedit2", "systemd", f"libverdict0 (= {version})"):
        assert needed in programs, programs
    assert field(packages["libverdict-dev"], "Depends") == f"libverdict0 (= {version})"


def test_they_are_what_cmake_installs(packages, tmp_path):
    prefix = tmp_path / "opt"
    for component in ("library", "development", "programs"):
        here("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)
    installed = {"/" + str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_symlink() or path.is_file()}
    packed = set().union(*(files_of(path) for path in packages.values()))
    assert installed == {name.removeprefix("/usr") for name in packed}
    unit = (prefix / "lib/systemd/system" / UNITS[0]).read_text()
    assert f"ExecStart={prefix}/bin/verdict-resolver --config {prefix}{CONF}\n" in unit
    (prefix / CONF[1:]).write_text("schema = mine\n")
    here("cmake", "--install", BUILD, "--prefix", prefix, "--component", "programs")
    assert (prefix / CONF[1:]).read_text() == "schema = mine\n"


def test_what_an_installation_leaves(machine):
    assert machine.run("stat", "-c", "%a %U %G", "/etc/verdict", CONF).split("\n")[:2] == ["750 root verdict", "640 root verdict"]
    assert machine.run("stat", "-c", "%a %U %G", "/run/verdict").strip() == "750 verdict verdict"
    account = machine.run("getent", "passwd", "verdict").strip().split(":")
    assert account[6].endswith("nologin") and 0 < int(account[2]) < 1000
    machine.run("cat", CONF, user="verdict")
    machine.run("cat", CONF, user="nobody", code=1)
    known = machine.run("ldconfig", "-p")
    assert "libverdict.so.0" in known and "libverdict-events.so.0" in known
    assert re.search("libverdict.so.0 => (/usr)?/lib/", machine.run("ldd", "/usr/bin/verdict"))
    assert "PATH" not in machine.run("readelf", "--dynamic", "/usr/bin/verdict")
    assert machine.run("verdict", "--version") and machine.run("pkg-config", "--modversion", "verdict", "verdict-events")
    assert not pathlib.Path(CONF).exists() and not pathlib.Path("/run/verdict").exists(), "this machine was meant to be spared"


def test_units(machine):
    names = [UNITS[0], UNITS[1].replace("@", "@billing")]
    assert machine.run("systemd-analyze", "verify", *(f"/usr/lib/systemd/system/{unit}" for unit in UNITS)) == ""
    for name in names:
        # exposure from 0 to 10, in tenths: what it has is its network and a user
        machine.run("systemd-analyze", "security", "--offline=true", "--threshold=15", name)


class Service:
    """What systemd does with a unit of type notify, as far as a test needs it."""

    def __init__(self, machine, unit, instance=""):
        lines = machine.run("cat", f"/usr/lib/systemd/system/{unit}").splitlines()
        self.unit = dict(line.replace("%i", instance).split("=", 1) for line in lines if "=" in line and line[0] != "#")
        assert self.unit["Type"] == "notify" and int(self.unit["WatchdogSec"].removesuffix("min")) >= 1
        self.manager = ServiceManager()
        sanitizers = {name: value for name, value in os.environ.items() if "SAN_OPTIONS" in name}
        command = ["env", "-i", *(f"{name}={value}" for name, value in {**self.manager.environment, **sanitizers}.items()),
                   "/bin/sh", "-c", f"cd {self.unit['WorkingDirectory']} && umask {self.unit['UMask']} && exec {self.unit['ExecStart']}"]
        self.process = subprocess.Popen(machine.command(*command, user=self.unit["User"]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def end(self):
        """What it said, and what it ended with."""
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        self.manager.told()
        self.manager.close()
        return said, self.process.returncode

    def stop(self):
        self.process.terminate()
        return self.end()


def settings(machine, name, text):
    machine.shell(f"umask 027 && cat > /etc/verdict/{name}.conf <<'END'\n{text}\nEND\nchgrp verdict /etc/verdict/{name}.conf")


@pytest.mark.parametrize("unit,instance", [(UNITS[0], ""), (UNITS[1], "billing")])
def test_the_service(machine, database, unit, instance):
    dsn = database.dsn(tcp=True)
    assert machine.run("verdict", "migrate", VERDICT_DSN=dsn)
    kept = machine.run("cat", CONF)
    settings(machine, instance or "resolver", f"dsn = {dsn}\nnode = one")
    service = Service(machine, unit, instance)
    try:
        service.manager.wait_told("READY=1")
        service.manager.wait_told("WATCHDOG=1", 3)
        service.manager.wait_told("STATUS=leading: ")
        assert "committed" in machine.run("verdict", "exec", "set a 1", VERDICT_DSN=dsn, user="verdict")
        assert '"leader":"one"' in machine.run("verdict", "status", "--json", VERDICT_DSN=dsn).replace(" ", "")
    finally:
        said, code = service.stop()
        machine.shell(f"cat > {CONF} <<'END'\n{kept}END")
    assert code == 0, said
    told = service.manager.all
    assert told.count("READY=1") == 1 and told.index("STOPPING=1") > told.index("READY=1")


def test_a_wrong_setting_is_not_tried_again(machine):
    settings(machine, "typo", "shema = x")
    service = Service(machine, UNITS[1], "typo")
    said, code = service.end()
    assert code == int(service.unit["RestartPreventExitStatus"]), said
    assert "/etc/verdict/typo.conf:1: " in said and "did you mean" in said
    assert "READY=1" not in service.manager.all


def test_again_and_gone(machine, packages):
    """Installed over itself, removed, installed, purged: what the administrator changed is kept, until the purge."""
    machine.shell(f"echo '# mine' >> {CONF}; chown root:root {CONF}; chmod 0600 {CONF}")
    mine = machine.run("cat", CONF)
    for step in ((), ("--remove", "verdict")):
        if step:
            machine.run("dpkg", *step)
            machine.run("test", "-e", "/usr/bin/verdict-resolver", code=1)
        machine.run("dpkg", "--install", *packages.values())
        assert machine.run("cat", CONF) == mine
        assert machine.run("stat", "-c", "%a %U %G", CONF).strip() == "600 root root"
    left = re.findall(r"^/etc/verdict/(\w+)\.conf$", machine.shell("ls -d /etc/verdict/*"), re.M)
    machine.shell("rm -f " + " ".join(f"/etc/verdict/{name}.conf" for name in left if name != "resolver"))
    said = machine.run("dpkg", "--purge", *PACKAGES)
    assert "not empty" not in said and "warning" not in said, said
    machine.shell("! ls -d /etc/verdict /run/verdict /usr/include/verdict /usr/bin/verdict* /usr/share/doc/*verdict* 2>/dev/null")
    machine.run("getent", "passwd", "verdict")
    machine.run("dpkg", "--install", *packages.values())
    machine.run("systemd-sysusers", "verdict.conf")


if shutil.which("lintian") is not None:  # too big to be asked for
    def test_lintian(packages):
        here("lintian", "--fail-on", "error", "--allow-root", *packages.values())
