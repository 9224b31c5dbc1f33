# SPDX-License-Identifier: Apache-2.0
"""verdict status --watch: a screen on a terminal, which is afterwards as it was before, whatever ended it; lines elsewhere."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest
from cli import cluster, environment, verdict  # noqa: F401 (fixtures)
from waiting import PATIENCE_S, wait_until

TAKEN, GIVEN = "\x1b[?1049h", "\x1b[?1049l"
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"


class Screen:
    """The program on a terminal of its own, whose size we set and whose state we can ask for."""

    def __init__(self, program, dsn, *arguments, rows=30, columns=100, term="xterm", **env):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns, tell=False)
        self.before = termios.tcgetattr(self.slave)
        self.raw = ""
        slave = self.slave

        def own_the_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            [program("cli/verdict"), "status", "--watch", "--interval", "100ms", *arguments], stdin=slave, stdout=slave,
            stderr=subprocess.PIPE, text=True, preexec_fn=own_the_terminal,
            env=environment(VERDICT_DSN=dsn, TERM=term, LC_ALL="C.UTF-8", **env))

    def resize(self, rows, columns, tell=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def read(self, timeout_s=0.05):
        while select.select([self.master], [], [], timeout_s)[0]:
            self.raw += os.read(self.master, 65536).decode(errors="replace")
            timeout_s = 0
        return self.raw

    def frames(self):
        """What was drawn, each as a list of lines; each is whole when it has cleared what is below."""
        text = self.read().split(TAKEN)[-1].split(GIVEN)[0]
        drawn = [frame for frame in text.split("\x1b[H")[2:] if "\x1b[J" in frame]
        return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", frame).split("\n") for frame in drawn]

    def shows(self, pattern, fresh=False):
        """Waits for a frame (one that comes from now on) with a line that matches; the frame."""
        seen = len(self.frames()) if fresh else 0

        def look():
            whole = self.frames()[seen:]
            return next((frame for frame in whole if any(re.search(pattern, line) for line in frame)), None)
        return wait_until(look, lambda: f"{pattern} is not shown; there is {self.raw[-2000:]!r}")

    def end(self, code, *, is_given_back=True):
        stderr = self.process.communicate(timeout=PATIENCE_S)[1]
        raw = self.read()
        assert self.process.returncode == code, stderr
        if is_given_back:
            assert raw.count(TAKEN) == raw.count(GIVEN) == 1 and raw.rindex(GIVEN) > raw.rindex("\x1b[H")
            assert raw.rindex(SHOWN) > raw.rindex(HIDDEN)
        assert termios.tcgetattr(self.slave) == self.before
        return stderr

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def screen(program):
    made = []

    def start(dsn, *arguments, **more):
        made.append(Screen(program, dsn, *arguments, **more))
        return made[-1]
    yield start
    for one in made:
        one.close()


def test_what_it_shows(screen, cluster, verdict):
    """Rates too, once commits come; q ends it as the last look went."""
    one = screen(cluster)
    frame = one.shows(r"^leader +\S+, for ")
    assert frame[0].startswith("verdict status, schema verdict, at ") and len(frame) <= 30
    assert all(any(line.startswith(label) for line in frame) for label in
               ("term", "lease", "nodes", "watermark", "queue", "snapshots", "server", "a second", "commits/s"))
    wait_until(lambda: verdict("exec", "set watched 1", dsn=cluster).good() and any(
        re.match(r"a second +[1-9.]\S* committed, ", line) for frame in one.frames() for line in frame), "no rate is shown")
    one.shows(r"^commits/s +.*[▁▂▃▄▅▆▇█]")
    os.write(one.master, b"q")
    assert one.end(0) == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_interrupted(screen, cluster, number):
    one = screen(cluster)
    one.shows("^leader")
    if number == signal.SIGINT:
        os.write(one.master, b"\x03")  # as it comes from a keyboard
    else:
        one.process.send_signal(number)
    assert one.end(130) == ""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT])
def test_it_dies(screen, cluster, number, request):
    """The terminal is given back, and the signal does what it always does."""
    one = screen(cluster, **request.config.reports.deaths_are_meant())
    one.shows("^leader")
    one.process.send_signal(number)
    assert one.process.wait(PATIENCE_S) == -number
    assert one.read().count(GIVEN) == 1 and termios.tcgetattr(one.slave) == one.before


def test_it_is_stopped_and_comes_back(screen, cluster):
    one = screen(cluster)
    one.shows("^leader")
    os.write(one.master, b"\x1a")
    wait_until(lambda: GIVEN in one.read(), "the screen is not given back")
    assert termios.tcgetattr(one.slave) == one.before
    one.process.send_signal(signal.SIGCONT)
    wait_until(lambda: one.read().count(TAKEN) == 2, "the screen is not taken again")
    one.shows("^leader")
    os.write(one.master, b"q")
    one.process.communicate(timeout=PATIENCE_S)
    assert one.process.returncode == 0 and one.read().count(GIVEN) == 2 and termios.tcgetattr(one.slave) == one.before


def test_it_follows_the_size(screen, cluster):
    """No line is wider and no frame higher than the terminal, and it is drawn anew at once."""
    one = screen(cluster, "--interval", "1h", rows=40, columns=120)
    one.shows("^leader")
    for rows, columns in ((8, 30), (3, 10), (50, 200)):
        drawn = len(one.frames())
        one.resize(rows, columns)
        wait_until(lambda: len(one.frames()) > drawn, "nothing is drawn")  # noqa: B023
        frame = one.frames()[-1]
        assert len(frame) <= rows and all(len(line) <= columns for line in frame)
        assert len(frame) == rows or rows > 8


def test_the_database_goes_away(screen, verdict, servers, migrate):
    """It says so, and goes on when it is back."""
    server = servers()
    database = server.migrated(migrate)
    one = screen(database.dsn(), "--timeout", "500ms")
    one.shows("^leader +none yet")
    server.stop("immediate")
    frame = one.shows("^TROUBLE +")
    assert any(line.startswith("leader") for line in frame)
    server.start()
    wait_until(lambda: "TROUBLE" not in "".join(one.frames()[-1]), "the trouble does not end")
    os.write(one.master, b"q")
    assert one.end(1) == ""  # nobody serves


def test_a_first_look_that_fails(screen):
    """Is told as every verb tells it, without a screen."""
    one = screen("host=/nonexistent")
    stderr = one.end(2, is_given_back=False)
    assert TAKEN not in one.raw and "No such file or directory" in stderr and "hint: " in stderr


@pytest.mark.parametrize("arguments, term", [(("--json",), "xterm"), ((), "dumb")])
def test_no_screen(screen, cluster, arguments, term):
    one = screen(cluster, *arguments, term=term)
    wait_until(lambda: len(re.findall(r'"leader"|^leader', one.read(), re.M)) >= 3, "there are no lines")
    one.process.send_signal(signal.SIGINT)
    one.end(130, is_given_back=False)
    assert "\x1b" not in one.raw


def test_no_terminal(program, cluster):
    process = subprocess.Popen([program("cli/verdict"), "status", "--watch", "--interval", "50ms"], stdout=subprocess.PIPE, text=True,
                               env=environment(VERDICT_DSN=cluster, TERM="xterm"))
    lines = [process.stdout.readline() for _ in range(25)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "\x1b" not in "".join(lines)
    assert sum(line.startswith("leader") for line in lines) >= 2
