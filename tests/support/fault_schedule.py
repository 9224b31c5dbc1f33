# SPDX-License-Identifier: Apache-2.0
"""What goes wrong when: a schedule of faults, drawn from a seed alone.

schedule(seed, minutes, ...) is a pure function: the same arguments and the same VERSION give the same list of events. An event
says when (seconds after the load has begun), what (a kind), to whom (a role: who has it is found out when the time comes), and
with which parameters. Kinds come in rounds: each (at least) once in a round, in a drawn order, about a third of them at the same
moment as the one before. Whoever changes what is drawn, or in which order, raises VERSION."""
import random

VERSION = 3
APART_S = 3.2  # on average, where there is time
BRIEF_S = 180  # runs up to this long have brief faults


class Event:
    def __init__(self, at, kind, target, parameters):
        self.at, self.kind, self.target, self.parameters = at, kind, target, parameters

    def __str__(self):
        words = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.at:8.2f} {self.kind:18} {self.target:10} {words}".rstrip()

    def __eq__(self, other):
        return vars(self) == vars(other)


class Draw:
    """The random source, with the words in which kinds describe what they want."""

    def __init__(self, rng, resolvers, workers, is_brief):
        self.rng, self.resolvers, self.workers = rng, resolvers, workers
        self.is_brief = is_brief

    def seconds(self, least, most):
        """A duration; a brief run has only the shorter half of what is possible."""
        return round(self.rng.uniform(least, least + (most - least) * (0.4 if self.is_brief else 1)), 2)

    def number(self, least, most):
        return self.rng.randint(least, most)

    def of(self, *choices):
        return self.rng.choice(choices)

    def worker(self):
        return f"worker{self.rng.randrange(self.workers)}"

    def resolver(self):
        return self.of("leader", "leader", "standby")

    def program(self):
        """Whose connections."""
        return self.of("leader", "standby", self.worker(), self.worker())

    def connection(self, target):
        """Which of them: the application name begins with this."""
        ours = ("verdict-keeper", "verdict-resolver", "") if target in ("leader", "standby") else (
            "verdict-follower", "verdict-inbox", "")
        return self.of(*ours)


def _process(target, **more):
    return lambda draw: (target if isinstance(target, str) else target(draw), {name: make(draw) for name, make in more.items()})


def _network(**more):
    def draw_event(draw):
        target = draw.program()
        return target, {"connection": draw.connection(target) or "all", **{name: make(draw) for name, make in more.items()}}
    return draw_event


def _back(least=0.0, most=1.5):
    """How long something stays away."""
    return lambda draw: draw.seconds(least, most)


# kind → (what it does, how its target and parameters are drawn)
KINDS = {
    "leader-kill": ("kill -9 of the leader; it is started again after `back` s", _process("leader", back=_back())),
    "leader-freeze": ("SIGSTOP for `seconds`, then SIGCONT", _process("leader", seconds=_back(0.3, 6))),
    "leader-late": ("its sessions cannot be ended, and what it sends stalls until another one leads: then it arrives",
                    _process("leader")),
    "leader-term": ("SIGTERM, its end is awaited, it is started again", _process("leader", back=_back())),
    "standby-kill": ("the same of one that does not lead", _process("standby", back=_back())),
    "standby-freeze": ("the same of one that does not lead", _process("standby", seconds=_back(0.3, 6))),
    "standby-term": ("the same of one that does not lead", _process("standby", back=_back())),
    "resolvers-kill": ("kill -9 of all resolvers at once", _process("resolvers", back=_back())),
    "worker-kill": ("kill -9 of a worker; another one comes in its place", _process(Draw.worker)),
    "worker-freeze": ("SIGSTOP for `seconds`, then SIGCONT", _process(Draw.worker, seconds=_back(0.3, 8))),
    "worker-term": ("a worker ends what it has begun and closes; another one comes in its place", _process(Draw.worker)),
    "pg-crash": ("kill -9 of the whole server, started after `back` s", _process("server", back=_back(0, 3))),
    "pg-immediate": ("an immediate stop, started after `back` s", _process("server", back=_back(0, 3))),
    "pg-fast": ("a fast stop, started after `back` s", _process("server", back=_back(0, 3))),
    "backend-kill": ("kill -9 of one backend: the server recovers from a crash",
                     _process("server", whose=lambda d: d.of("keeper", "resolver", "follower", "inbox"))),
    "backend-terminate": ("pg_terminate_backend of up to `count` of ours",
                          _process("server", whose=lambda d: d.of("keeper", "resolver", "follower", "inbox", ""),
                                   count=lambda d: d.of(1, 1, 2, 100))),
    "backend-cancel": ("pg_cancel_backend of what runs in our sessions, `times` times",
                       _process("server", whose=lambda d: d.of("keeper", "resolver", "resolver", "follower"),
                                times=lambda d: d.number(5, 40))),
    "net-cut": ("connections are reset or closed", _network(how=lambda d: d.of("reset", "close"))),
    "net-cut-after": ("a connection is cut after `bytes` more bytes that way",
                      _network(way=lambda d: d.of("to server", "to client"), bytes=lambda d: d.number(0, 6000),
                               how=lambda d: d.of("reset", "close"))),
    "net-delay": ("each packet takes `delay` s more, for `seconds`", _network(delay=_back(0.005, 0.4), seconds=_back(0.5, 8))),
    "net-stall": ("nothing passes for `seconds`, then everything", _network(seconds=_back(0.5, 10))),
    "net-swallow": ("what is sent is lost for `seconds`; then, if `end`, the connections are reset",
                    _network(way=lambda d: d.of("to server", "to client", "both"), seconds=_back(0.5, 10),
                             end=lambda d: True if d.is_brief else d.of(True, False))),
    "net-late": ("a connection that submits is lost, and what it had sent in the last `hold` s arrives `late` s later",
                 _process(Draw.worker, hold=_back(0.05, 0.6), late=lambda d: d.of(
                     round(d.rng.uniform(0, 0.3), 3), d.seconds(0.3, 6)))),
    "net-refuse": ("connections are reset, and new ones refused for `seconds`", _network(seconds=_back(0.3, 5))),
    "notify-drop": ("NOTIFYs do not arrive for `seconds`, while the connections live on",
                    _process(lambda d: d.of("leader", "standby", "workers"), seconds=_back(0.5, 8))),
    "notify-refuse": ("a submit with a NOTIFY fails for `seconds`, as if the notify queue were full",
                      _process("server", seconds=_back(0.5, 5))),
    "notify-laggards": ("resolvers are restarted, and take the notify queue for a quarter full for `seconds`",
                        _process("resolvers", seconds=_back(1.5, 6))),
    "notify-listener": ("a listener in an open transaction holds the notify queue for `seconds`",
                        _process("server", seconds=_back(1, 15))),
    "snapshot-hold": ("`count` snapshots stay open for `seconds`",
                      _process("server", count=lambda d: d.number(1, 3), seconds=lambda d: round(d.rng.uniform(2, 4), 2)
                               if d.is_brief else d.seconds(5, 20))),
    "clock-forward": ("PostgreSQL's clock jumps forward by `by` s, and back after `seconds`",
                      _process("server", by=lambda d: d.number(1, 60), seconds=_back(0.5, 6))),
    "clock-back": ("PostgreSQL's clock jumps back by `by` s, and forward after `seconds`",
                   _process("server", by=lambda d: -d.number(1, 60), seconds=_back(0.5, 6))),
    "syncrep-cancel": ("every commit waits for a standby that does not come, and these waits are cancelled, for `seconds`",
                       _process("server", seconds=_back(0.5, 5))),
    "promote-sync": ("the server is killed and its synchronous standby promoted; for `severed` s before, nothing "
                     "reached the standby, and waits for it were cancelled",
                     _process("server", after=_back(0.5, 4), severed=lambda d: d.of(0, d.seconds(0.3, 3)))),
    "promote-lagging": ("the server is killed and an asynchronous standby promoted that lacks the last `lag` s",
                        _process("server", after=_back(0.3, 3), lag=_back(0.3, 3))),
    "restore": ("the server is killed, and a base backup that is `age` s old is restored",
                _process("server", age=_back(0.3, 6))),
    "notify-fill": ("the notify queue is filled (8 GB), and freed after `seconds`", _process("server", seconds=_back(2, 10))),
}
OFTEN = {"leader-kill": 3}  # so many times in a round, unless the run is a brief one
SLOW = {"notify-fill": 20 * 60}  # only in runs of at least so many seconds, and once


def schedule(seed, minutes, resolvers=3, workers=3, only=None):
    """The events in order of time."""
    span = minutes * 60
    draw = Draw(random.Random(f"{VERSION} {seed}"), resolvers, workers, span <= BRIEF_S)
    kinds = [kind for kind in KINDS if kind in (only or KINDS)]
    usual = [kind for kind in kinds if kind not in SLOW for _ in range(1 if draw.is_brief else OFTEN.get(kind, 1))]
    rounds = max(1, round(span / (APART_S * len(usual)))) if usual else 0
    events = []
    for number in range(rounds):
        events += _round(draw, usual, number * span / rounds, span / rounds)
    for kind in kinds:
        if kind in SLOW and (span >= SLOW[kind] or kinds == [kind]):
            events.append(_event(draw, kind, draw.rng.uniform(0.2, 0.7) * span))
    return sorted(events, key=lambda event: event.at)


def _round(draw, kinds, begin, length):
    order = draw.rng.sample(kinds, len(kinds))
    gaps = [0.03 if draw.rng.random() < 0.3 else draw.rng.uniform(0.4, 1.6) for _ in order]
    scale = length / sum(gaps)
    at, events = begin, []
    for kind, gap in zip(order, gaps):
        events.append(_event(draw, kind, at))
        at += gap * scale
    return events


def _event(draw, kind, at):
    target, parameters = KINDS[kind][1](draw)
    return Event(round(at, 2), kind, target, parameters)
