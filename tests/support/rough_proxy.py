# SPDX-License-Identifier: Apache-2.0
"""A proxy before a private PostgreSQL on a rough network: what happens there happens to connections that are open, for a while.

Beside what proxy.py does: each direction of a connection has a queue of what is on its way, so that a slow or stalled one
holds up no other. A connection is chosen by how its application name begins ("" is every one)."""
import collections
import selectors
import socket
import struct
import time

from proxy import CLOSE, RESET, TO_CLIENT, TO_SERVER, Proxy, _Pair

NEVER = float("inf")
HELD_S = 3600


class NotifyFilter:
    """Takes the notifications out of what a server sends, message by message."""

    def __init__(self):
        self.rest = b""
        self.dropped = 0

    def pass_on(self, data, drops):
        """What of it may go on now; an incomplete message waits for its end."""
        self.rest += data
        out, at = [], 0
        while len(self.rest) - at >= 5:
            end = at + 1 + struct.unpack_from(">I", self.rest, at + 1)[0]
            if end > len(self.rest):
                break
            if drops and self.rest[at:at + 1] == b"A":
                self.dropped += 1
            else:
                out.append(self.rest[at:end])
            at = end
        self.rest = self.rest[at:]
        return b"".join(out)


class RoughPair(_Pair):
    def __init__(self, client, server):
        super().__init__(client, server)
        # what is on its way: (when it is due, the bytes); None instead of bytes is the end of the stream
        self.lanes = {TO_SERVER: collections.deque(), TO_CLIENT: collections.deque()}
        self.filter = NotifyFilter()
        self.armed = None
        self.ended = 0
        self.is_orphan = False  # the client is gone, what it has sent is still on its way

    def is_called(self, prefix):
        return (self.name or "").startswith(prefix)


class RoughProxy(Proxy):
    def __init__(self, port):
        self.delays, self.stalls, self.losses, self.deaf, self.holds = {}, set(), {}, set(), set()
        self.refuses = False
        self.orders = collections.deque()
        self.pairs = set()
        self.dropped = self.late = 0
        super().__init__(port)

    def repoint(self, port):
        """Where new connections go from now on."""
        self.target = ("127.0.0.1", port)

    # ---- the weather: each of these from any thread; lift() ends it ----

    def delay(self, prefix, seconds):
        self.delays[prefix] = seconds

    def stall(self, prefix):
        self.stalls.add(prefix)

    def lose(self, prefix, ways):
        self.losses[prefix] = ways

    def deafen(self, prefix):
        """No notification arrives."""
        self.deaf.add(prefix)

    def hold_back(self, prefix):
        """What is sent to the server stays on its way, until release_late."""
        self.holds.add(prefix)

    def release_late(self, prefix, seconds):
        """The clients of these connections are reset; what they had sent arrives so much later, as by a connection that dies slowly."""
        self.holds.discard(prefix)
        return self._order("orphan", prefix, seconds)

    def refuse(self, on):
        self.refuses = on

    def end_now(self, prefix, how):
        """How many connections are to end."""
        return self._order("end", prefix, how)

    def end_after(self, prefix, way, count, how):
        """The next connection of this name by which so many more bytes have passed that way."""
        return self._order("arm", prefix, way, count, how)

    def lift(self, prefix):
        """All weather of this name is over."""
        self.delays.pop(prefix, None)
        self.losses.pop(prefix, None)
        self.stalls.discard(prefix)
        self.deaf.discard(prefix)

    def clear(self):
        self.delays, self.stalls, self.losses, self.deaf, self.holds = {}, set(), {}, set(), set()
        self.refuses = False

    def matching(self, prefix):
        return [pair for pair in list(self.pairs) if pair.is_called(prefix)]

    def _order(self, verb, prefix, *more):
        self.orders.append((verb, prefix, *more))
        return len(self.matching(prefix))

    # ---- the thread ----

    def _run(self):
        while self.running:
            for key, _ in self.selector.select(self._rest()):
                if key.data is None:
                    self._accept()
                elif key.fileobj.fileno() >= 0:
                    self._take(*key.data)
            while self.orders:
                self._obey(*self.orders.popleft())
            for pair in list(self.pairs):
                self._flush(pair)
        for pair in list(self.pairs):
            self._end(pair, RESET)

    def _rest(self):
        due = min((lane[0][0] for pair in self.pairs for lane in pair.lanes.values() if lane), default=NEVER)
        return min(0.05, max(0, due - time.monotonic()))

    def _accept(self):
        client, _ = self.listener.accept()
        if self.refuses:
            client.close()
            return
        try:
            server = socket.create_connection(self.target, 5)
        except OSError:
            client.close()
            return
        pair = RoughPair(client, server)
        for side in (client, server):
            side.settimeout(20)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(client, selectors.EVENT_READ, (pair, TO_SERVER))
        self.selector.register(server, selectors.EVENT_READ, (pair, TO_CLIENT))
        self.pairs.add(pair)

    def _obey(self, verb, prefix, *more):
        for pair in self.matching(prefix):
            if verb == "end":
                self._end(pair, *more)
                self.cuts += 1
            elif verb == "orphan":
                self._orphan(pair, *more)
            else:
                pair.armed = list(more)
                return

    def _orphan(self, pair, seconds):
        way = pair.lanes[TO_SERVER]
        held = [data for due, data in way if due - time.monotonic() > HELD_S / 2 and data]
        if not held or pair.is_orphan:
            self._end(pair, RESET)
            return
        pair.is_orphan = True
        client = pair.sockets[TO_SERVER][0]
        self._forget(client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        due = time.monotonic() + seconds
        pair.lanes = {TO_SERVER: collections.deque([*((due, data) for data in held), (due + 1, None)]),
                      TO_CLIENT: collections.deque()}
        self.late += 1

    def _forget(self, side):
        try:
            self.selector.unregister(side)
        except (KeyError, ValueError):
            pass

    def _take(self, pair, way):
        source = pair.sockets[way][0]
        try:
            data = source.recv(65536)
        except OSError:
            self._end(pair, RESET)
            return
        if not data:
            self.selector.unregister(source)
            pair.ended += 1
            if not pair.swallows:
                pair.lanes[way].append((time.monotonic(), None))
            elif pair.ended == 2:
                self._end(pair, CLOSE)
            return
        if way == TO_SERVER:
            pair.learn_name(data)
        else:
            data = self._heard(pair, data)
        if any(way in ways and pair.is_called(prefix) for prefix, ways in list(self.losses.items())):
            pair.swallows = True  # a stream with a hole in it is of no use to anybody
        if pair.is_orphan:
            return  # nobody is there to hear it
        if not pair.swallows:
            late = max((s for prefix, s in list(self.delays.items()) if pair.is_called(prefix)), default=0)
            if way == TO_SERVER and any(pair.is_called(prefix) for prefix in list(self.holds)):
                late = HELD_S
            pair.lanes[way].append((time.monotonic() + late, data))

    def _heard(self, pair, data):
        before = pair.filter.dropped
        data = pair.filter.pass_on(data, any(pair.is_called(prefix) for prefix in list(self.deaf)))
        self.dropped += pair.filter.dropped - before
        return data

    def _flush(self, pair):
        now = time.monotonic()
        if any(pair.is_called(prefix) for prefix in list(self.stalls)):
            for way, lane in pair.lanes.items():  # looked at again soon
                pair.lanes[way] = collections.deque((max(due, now + 0.05), data) for due, data in lane)
            return
        for way, lane in pair.lanes.items():
            while lane and lane[0][0] <= now and pair in self.pairs:
                _, data = lane.popleft()
                if data is None:
                    self._end(pair, CLOSE)
                elif data:
                    self._send(pair, way, data)

    def _send(self, pair, way, data):
        how = None
        if pair.armed is not None and pair.armed[0] == way:
            pair.armed[1] -= len(data)
            if pair.armed[1] < 0:
                data, how = data[:pair.armed[1]], pair.armed[2]
                self.cuts += 1
        try:
            pair.sockets[way][1].sendall(data)
        except OSError:
            how = RESET
        if how is not None:
            self._end(pair, how)

    def _end(self, pair, how):
        if pair in self.pairs:
            self.pairs.discard(pair)
            for side in pair.sockets[TO_SERVER]:
                self._forget(side)
            pair.end(how)
