# SPDX-License-Identifier: Apache-2.0
"""How each kind of fault of fault_schedule.py is injected into a field: a method a kind ("leader-kill": leader_kill), called
with the event's target and parameters. It returns when the fault is over, with a few words on who had it; Missed
says that it could not be. What a fault takes down it brings up again, so that the field can be healed at any time."""
import contextlib
import os
import signal
import time

import psycopg

from fault_field import JUMP, Missed
from proxy import RESET, TO_CLIENT, TO_SERVER
from rough_proxy import RoughProxy
from waiting import wait_until

REFUSE = """
    CREATE OR REPLACE FUNCTION public.refuse_notify() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF current_query() LIKE '%pg_notify%' THEN
        RAISE 'too many notifications in the NOTIFY queue' USING ERRCODE = '54000'; END IF;
      RETURN NEW; END $$;
    GRANT EXECUTE ON FUNCTION public.refuse_notify() TO public;
    DROP TRIGGER IF EXISTS refuse_notify ON verdict.commit_requests;
    CREATE TRIGGER refuse_notify BEFORE INSERT ON verdict.commit_requests FOR EACH ROW EXECUTE FUNCTION public.refuse_notify()"""
ALLOW = "DROP TRIGGER IF EXISTS refuse_notify ON verdict.commit_requests"
PERSISTENCE_S = 20


class Faults:
    def __init__(self, field):
        self.field = field
        self.kills = []  # when leaders were killed

    def inject(self, event):
        """Another fault may be in the way (a server that is down): then it is tried again."""
        method = getattr(self, event.kind.replace("-", "_"))
        end = time.monotonic() + PERSISTENCE_S
        while True:
            try:
                return method(event.target, **event.parameters)
            except (Missed, psycopg.Error, ValueError, ProcessLookupError) as error:
                if time.monotonic() > end or self.field.stopping.is_set() or getattr(error, "for_good", False):
                    raise Missed(str(error).strip().splitlines()[0]) from error
            self.field.rest(0.2)

    # ---- programs ----

    def leader_kill(self, target, back):
        with self.field.take(target) as node:
            node.kill()
            if target == "leader":
                self.kills.append(time.monotonic())
            self.field.rest(back)
            node.start()
            return node.name

    def leader_freeze(self, target, seconds):
        with self.field.take(target) as node:
            node.freeze(seconds)
            return node.name

    def leader_term(self, target, back):
        with self.field.take(target) as node:
            node.term()
            self.field.rest(back)
            node.start()
            return node.name

    standby_kill, standby_freeze, standby_term = leader_kill, leader_freeze, leader_term

    def leader_late(self, target):
        (takeover,), = self.field.execute("SELECT pg_get_functiondef('take_office'::regproc)")
        harmless = takeover.replace("PERFORM pg_terminate_backend(a.pid)", "PERFORM a.pid")
        if harmless == takeover:
            raise RuntimeError("take_office ends no sessions")
        self.field.execute(harmless)
        try:
            with self.field.take(target) as node:
                node.route.each("stall", "")
                try:
                    wait_until(lambda: self.field.leader() is not node, "nobody else takes office")
                finally:
                    node.route.each("lift", "")
                return node.name
        finally:
            self.field.insist(takeover)

    @contextlib.contextmanager
    def _all_nodes(self):
        with contextlib.ExitStack() as locks:
            for node in self.field.resolvers:
                locks.enter_context(node.lock)
            yield self.field.resolvers

    def resolvers_kill(self, _, back):
        with self._all_nodes() as nodes:
            for node in nodes:
                node.kill()
            self.field.rest(back)
            for node in nodes:
                node.start()
        return ""

    def worker_kill(self, target):
        with self.field.take(target) as worker:
            worker.kill()
            worker.start()
            return worker.name

    def worker_freeze(self, target, seconds):
        with self.field.take(target) as worker:
            worker.send(signal.SIGSTOP)
            try:
                self.field.rest(seconds)
            finally:
                worker.send(signal.SIGCONT)
            return worker.name

    def worker_term(self, target):
        with self.field.take(target) as worker:
            worker.ask_to_stop()
            worker.stopped()
            worker.start()
            return worker.name

    # ---- PostgreSQL ----

    def _down(self, end, back):
        def run():
            with self.field.outage():
                end(self.field.primary)
                self.field.rest(back)
                self.field.primary.start()
        self.field.on_ground(run)
        return ""

    def pg_crash(self, _, back):
        return self._down(lambda server: server.crash(), back)

    def pg_immediate(self, _, back):
        return self._down(lambda server: server.stop("immediate"), back)

    def pg_fast(self, _, back):
        return self._down(lambda server: server.stop("fast"), back)

    def _backends(self, whose, more=""):
        return [pid for pid, in self.field.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE %s " + more
            + " ORDER BY backend_start", [f"verdict-{whose}%"])]

    def backend_kill(self, _, whose):
        def run():
            pids = self._backends(whose)
            if not pids:
                raise Missed(f"nobody is a {whose}")
            server = self.field.primary
            crashes = server.log().count("all server processes terminated; reinitializing")
            with self.field.outage():
                server.signal_backend(pids[0], signal.SIGKILL)
                wait_until(lambda: server.log().count("all server processes terminated; reinitializing") > crashes,
                           "the server does not notice that a backend was killed")
                self.field.insist("SELECT 1")
            return f"{pids[0]}"
        return self.field.on_ground(run)

    def backend_terminate(self, _, whose, count):
        pids = self._backends(whose)[:count]
        if not pids:
            raise Missed(f"nobody is a {whose}")
        self.field.execute("SELECT pg_terminate_backend(p) FROM unnest(%s::integer[]) AS p", [pids])
        return f"{len(pids)}"

    def backend_cancel(self, _, whose, times):
        hit = 0
        for _ in range(times):
            pids = self._backends(whose, "AND state = 'active'")
            hit += len(pids)
            self.field.execute("SELECT pg_cancel_backend(p) FROM unnest(%s::integer[]) AS p", [pids])
            self.field.rest(0.01)
        return f"{hit} statements"

    def snapshot_hold(self, _, count, seconds):
        with contextlib.ExitStack() as sessions:
            for _ in range(count):
                session = sessions.enter_context(self.field.connect())
                session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                session.execute("SELECT count(*) FROM kv")
            self.field.rest(seconds)
        return ""

    def _move_clock(self, by, seconds):
        self.field.move_clock(by)
        try:
            wait_until(lambda: abs(self.field.clock_is_off_by() - self.field.offset) < 0.9, "PostgreSQL's clock does not move")
            self.field.rest(seconds)
        finally:
            self.field.move_clock(-by)
        return ""

    def clock_forward(self, _, by, seconds):
        return self._move_clock(by, seconds)

    clock_back = clock_forward

    # ---- the network ----

    def _network(self, target, connection):
        return self.field.routes_of(target)[0], "" if connection == "all" else connection

    def net_cut(self, target, connection, how):
        route, prefix = self._network(target, connection)
        count = route.each("end_now", prefix, how)
        if count == 0:
            raise Missed("no such connection")
        return f"{count}"

    def net_cut_after(self, target, connection, way, bytes, how):
        route, prefix = self._network(target, connection)
        cuts = route.cuts
        if route.each("end_after", prefix, way, bytes, how) == 0:
            raise Missed("no such connection")
        end = time.monotonic() + 5
        while route.cuts == cuts and time.monotonic() < end and not self.field.stopping.is_set():
            self.field.rest(0.02)
        return "" if route.cuts > cuts else "not that many came"

    def net_delay(self, target, connection, delay, seconds):
        return self._weather(target, connection, seconds, "delay", delay)

    def net_stall(self, target, connection, seconds):
        return self._weather(target, connection, seconds, "stall")

    def net_swallow(self, target, connection, way, seconds, end):
        ways = (TO_SERVER, TO_CLIENT) if way == "both" else (way,)
        said = self._weather(target, connection, seconds, "lose", ways)
        if end:
            route, prefix = self._network(target, connection)
            route.each("end_now", prefix, RESET)
        return said

    def _weather(self, target, connection, seconds, verb, *arguments):
        route, prefix = self._network(target, connection)
        route.each(verb, prefix, *arguments)
        try:
            self.field.rest(seconds)
        finally:
            route.each("lift", prefix)
        return ""

    def net_late(self, target, hold, late):
        route, name = self.field.routes_of(target)[0], "verdict-follower"
        route.each("hold_back", name)
        self.field.rest(hold)
        if route.each("release_late", name, late) == 0:
            raise Missed("no such connection")
        self.field.rest(late)
        return f"{sum(proxy.late for proxy in route.proxies)} so far"

    def net_refuse(self, target, connection, seconds):
        route, prefix = self._network(target, connection)
        route.each("refuse", True)
        route.each("end_now", prefix, RESET)
        try:
            self.field.rest(seconds)
        finally:
            route.each("refuse", False)
        return ""

    # ---- notifications ----

    def notify_drop(self, target, seconds):
        routes = self.field.routes_of(target)
        before = sum(route.dropped for route in routes)
        for route in routes:
            route.each("deafen", "")
        try:
            self.field.rest(seconds)
        finally:
            for route in routes:
                route.each("lift", "")
        return f"{sum(route.dropped for route in routes) - before} of them"

    def notify_refuse(self, _, seconds):
        self.field.execute(REFUSE)
        try:
            self.field.rest(seconds)
        finally:
            self.field.insist(ALLOW)
        return ""

    def notify_laggards(self, _, seconds):
        with self._all_nodes() as nodes:
            for faults in ("sweep.queue_fills:*:fail", None):
                for node in nodes:
                    node.kill()
                    node.start(faults)
                if faults:
                    self.field.rest(seconds)
        return ""

    def _listen(self, session):
        session.execute("LISTEN verdict_doorbell")
        session.execute("BEGIN")  # inside a transaction it reads nothing, so the queue's tail stays
        session.execute("SELECT 1")

    def notify_listener(self, _, seconds):
        with contextlib.closing(self.field.connect()) as session:
            self._listen(session)
            self.field.rest(seconds)
        return ""

    def notify_fill(self, _, seconds):
        free = os.statvfs(self.field.folder)
        if free.f_bavail * free.f_frsize < 25 << 30:
            raise Missed("less than 25 GB are free on the disk", for_good=True)
        with contextlib.closing(self.field.connect()) as frozen, contextlib.closing(self.field.connect()) as filler:
            self._listen(frozen)
            try:
                while not self.field.stopping.is_set():
                    filler.execute("SELECT pg_notify('elsewhere', repeat('x', 7000) || g) FROM generate_series(1, 1000) g")
            except psycopg.errors.ProgramLimitExceeded:
                self.field.rest(seconds)
        wait_until(lambda: self.field.insist("SELECT pg_notification_queue_usage()")[0][0] < 0.1, "the queue does not recover")
        return ""

    # ---- standbys ----

    def _cancel_waits(self, seconds):
        """How many waits for a standby were broken off."""
        end, count = time.monotonic() + seconds, 0
        while time.monotonic() < end and not self.field.stopping.is_set():
            count += len(self.field.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))
            self.field.rest(0.02)
        return count

    def _await_nobody_more(self):
        server = self.field.primary
        server.execute("ALTER SYSTEM RESET synchronous_standby_names")
        server.execute("SELECT pg_reload_conf()")

    def syncrep_cancel(self, _, seconds):
        def run():
            with self.field.outage():
                try:
                    self.field.primary.await_a_standby_that_never_comes()
                    return f"{self._cancel_waits(seconds)} waits"
                finally:
                    self._await_nobody_more()
        return self.field.on_ground(run)

    def _fail_over(self, is_told_lost):
        field = self.field
        with field.outage(), field.shut_doors():
            field.primary.crash()
            field.spare.promote()
            field.swap_places()
            return field.declare_loss(is_told_lost)

    def promote_sync(self, _, after, severed):
        return self.field.on_ground(lambda: self._promote_sync(after, severed))

    def _promote_sync(self, after, severed):
        primary, standby, cancelled = self.field.primary, self.field.spare, 0
        with contextlib.closing(RoughProxy(primary.port)) as stream:
            try:
                primary.standby(place=standby, start=False, through=stream.port)
                with self.field.outage():  # every commit waits
                    primary.await_a_standby_that_never_comes("standby1")
                    standby.start()
                    wait_until(lambda: primary.execute("SELECT sync_state FROM pg_stat_replication") == [("sync",)],
                               "no standby in step")
                self.field.rest(after)
                if severed:
                    with self.field.outage():
                        stream.lose("", (TO_SERVER, TO_CLIENT))
                        cancelled = self._cancel_waits(severed)
            except Exception:
                standby.stop("immediate")
                self._await_nobody_more()
                raise
        return f"at version {self._fail_over(False)}, {cancelled} waits cancelled"

    def promote_lagging(self, _, after, lag):
        return self.field.on_ground(lambda: self._promote_lagging(after, lag))

    def _promote_lagging(self, after, lag):
        primary, standby = self.field.primary, self.field.spare
        try:
            primary.standby(place=standby)
            wait_until(lambda: primary.execute("SELECT state FROM pg_stat_replication") == [("streaming",)], "no standby streams")
            self.field.rest(after)
            standby.execute("ALTER SYSTEM SET primary_conninfo = 'host=/nonexistent'")
            standby.execute("SELECT pg_reload_conf()")
            wait_until(lambda: primary.execute("SELECT count(*) FROM pg_stat_replication") == [(0,)], "the stream is not cut")
            self.field.rest(lag)
        except Exception:
            standby.stop("immediate")
            raise
        return f"at version {self._fail_over(True)}"

    def restore(self, _, age):
        return self.field.on_ground(lambda: self._restore(age))

    def _restore(self, age):
        field, server, backup = self.field, self.field.primary, self.field.primary.folder / "backup"
        server.copy_to(backup)
        field.rest(age)
        with field.outage(), field.shut_doors():
            server.crash()
            server.replace_data(backup)
            server.start()
            wait_until(lambda: server.execute("SELECT NOT pg_is_in_recovery()") == [(True,)], "the recovery does not end")
            version = field.declare_loss(True)
        return f"at version {version}, which jumps by {JUMP} or more"

    # ---- the end ----

    def heal(self):
        """Nothing is wrong any more."""
        for route in self.field.routes():
            route.each("clear")
        self.field.on_ground(self._await_nobody_more)
        self.field.insist(ALLOW)
